// SPDX-License-Identifier: BSD-2-Clause
/* A guest's accesses through the VM's bus, a function's interrupts in the GIC; GICv2 and GICv3. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "device/virtio/virtio_pci.h"
#include "device/virtio/virtio_rng.h"
#include "link/map.h"
#include "test/fake/guest_gic.h"
#include "test/fake/guest_pci.h"
#include "test/fake/virtio_pci_driver.h"
#include "vmm/pci_host.h"

enum { DEVICE = 1, MSI = GIC_SPI_BASE + MAP_MSI_SPI, INTX = GIC_SPI_BASE + MAP_PCI_SPI + 1 };

static struct {
    struct bus bus;
    struct fake_gic gic;
    struct pci_host host;
    struct pci_function function;
    uint64_t doorbell;
} t;

static void bar_access(void *ctx, unsigned bar, struct access *access)
{
    (void)ctx, (void)bar;
    access->value = access->is_write ? access->value : 0x42;
}

static int set_up(void **state)
{
    static const struct pci_ops ops = {.bar = bar_access};
    const struct pci_identity identity = {.vendor = 0x1234, .device = 0x5678};
    enum gic_version version = *(const enum gic_version *)*state;
    memset(&t, 0, sizeof t);
    fake_gic_init(&t.gic, version, 2, GIC_SPI_MAX, 4);
    pci_host_init(&t.host, version, &t.gic.gic, &t.bus, 0);
    pci_function_init(&t.function, &identity, &ops, NULL);
    pci_function_add_bar(&t.function, 0, 4096);
    pci_function_add_msix(&t.function, 1, 4);
    pci_add(&t.host.pci, DEVICE, &t.function);
    fake_assign_all(&t.host.pci, MAP_PCI_MMIO_BASE);
    t.doorbell = version == GIC_V2 ? 0x08020040 : 0x08000040;
    return 0;
}

static uint64_t rd(uint64_t address, unsigned width)
{
    struct access a = {.value = 0, .width_bytes = (uint8_t)width};
    assert_int_equal(bus_do(&t.bus, (gpa_t){address}, &a, &(struct bus_cache){0}), OUTCOME_DONE);
    return a.value;
}

static void wr(uint64_t address, unsigned width, uint64_t value)
{
    struct access a = {.value = value, .width_bytes = (uint8_t)width, .is_write = true};
    assert_int_equal(bus_do(&t.bus, (gpa_t){address}, &a, &(struct bus_cache){0}), OUTCOME_DONE);
}

static void the_windows_are_where_the_tree_says(void **state)
{
    (void)state;
    assert_int_equal(rd(0x3f000000 + (DEVICE << 15), 4), 0x56781234);
    assert_int_equal(rd(0x3ffffffc, 4), 0xffffffff);
    assert_int_equal(rd(0x10000000, 1), 0x42);
    assert_int_equal(rd(0x3eff0000 - 8, 8), ~0ull);
    assert_int_equal(rd(0x3eff0000, 2), 0xffff);
    assert_int_equal(rd(0x3effffff, 1), 0xff);
    struct access a = {.width_bytes = 4};
    assert_int_equal(bus_do(&t.bus, (gpa_t){0x40000000}, &a, &(struct bus_cache){0}),
                     OUTCOME_UNHANDLED);
    if (t.gic.version == GIC_V2) {
        assert_int_equal(rd(0x08020008, 4), MSI << 16 | MAP_MSI_COUNT);
    } else {
        assert_int_equal(bus_do(&t.bus, (gpa_t){0x08020008}, &a, &(struct bus_cache){0}),
                         OUTCOME_UNHANDLED);
    }
}

static void a_message_becomes_an_interrupt(void **state)
{
    (void)state;
    fake_prepare(&t.gic, 1, MSI + 7);
    fake_set_edge(&t.gic, MSI + 7, true);
    fake_msix_set(&t.host.pci, DEVICE, 2, t.doorbell, MSI + 7, false);
    fake_msix_control(&t.host.pci, DEVICE, FAKE_MSIX_ENABLE);
    assert_true(pci_raise(&t.function, 2));
    assert_int_equal(fake_serve(&t.gic, 1), MSI + 7);
    assert_int_equal(fake_serve(&t.gic, 1), FAKE_NONE);
    assert_int_equal(t.host.stray.count, 0);
}

/* What the guest itself writes to the doorbell does the same. */
static void the_guest_can_write_messages_itself(void **state)
{
    (void)state;
    fake_prepare(&t.gic, 0, MSI);
    if (t.gic.version == GIC_V2) {
        wr(t.doorbell, 4, MSI);
    } else {
        fake_dist_write(&t.gic, 0, 0x40, 4, MSI);
    }
    assert_int_equal(fake_serve(&t.gic, 0), MSI);
}

static bool nothing_is_pending(void)
{
    for (unsigned bank = 0; bank < 1 + GIC_SPI_MAX / 32; bank++) {
        if (fake_read(&t.gic, 0, FAKE_PEND + 4 * bank, 4) != 0) {
            return false;
        }
    }
    return true;
}

static void messages_elsewhere_go_nowhere(void **state)
{
    (void)state;
    const struct {
        uint64_t address;
        uint32_t data;
    } strays[] = {
        {0,                       MSI           },
        {t.doorbell + 4,          MSI           },
        {t.doorbell - 4,          MSI           },
        {t.doorbell | 1ull << 32, MSI           },
        {t.doorbell ^ 0x20000,    MSI           }, /* the other version's */
        {MAP_RAM_BASE,            MSI           },
        {MAP_PCI_MMIO_BASE,       MSI           },
        {t.doorbell + 8,          MSI           },
        {~3ull,                   MSI           },
        {t.doorbell,              0             },
        {t.doorbell,              31            },
        {t.doorbell,              1023          },
        {t.doorbell,              ~0u           },
        {t.doorbell,              1u << 16 | MSI}
    };
    unsigned count = sizeof strays / sizeof strays[0];
    fake_msix_control(&t.host.pci, DEVICE, FAKE_MSIX_ENABLE);
    for (unsigned i = 0; i < count; i++) {
        fake_msix_set(&t.host.pci, DEVICE, 0, strays[i].address, strays[i].data, false);
        pci_raise(&t.function, 0);
        assert_int_equal(t.host.stray.count, i + 1);
    }
    assert_true(nothing_is_pending());
    fake_msix_set(&t.host.pci, DEVICE, 0, t.doorbell, MSI, false);
    pci_raise(&t.function, 0);
    assert_int_equal(t.host.stray.count, count);
    assert_false(nothing_is_pending());
}

static void without_msix_the_line_is_an_interrupt(void **state)
{
    (void)state;
    fake_prepare(&t.gic, 0, INTX);
    assert_false(pci_raise(&t.function, 0));
    pci_set_intx(&t.function, true);
    assert_int_equal(fake_serve(&t.gic, 0), INTX);
    assert_int_equal(fake_take(&t.gic, 0), INTX); /* still high */
    pci_set_intx(&t.function, false);
    fake_end(&t.gic, 0, INTX);
    assert_int_equal(fake_serve(&t.gic, 0), FAKE_NONE);
}

/* The device that the guest of the next test looks for. */
static struct {
    struct fake_driver d;
    struct virtio_rng rng;
    struct virtio_pci transport;
    uint8_t next;
} r;

static size_t draw(void *ctx, uint8_t *bytes, size_t count)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++) {
        bytes[i] = ++r.next;
    }
    return count;
}

static void plug_in_rng(unsigned place)
{
    static const struct virtio_rng_port source = {draw, NULL};
    memset(&r, 0, sizeof r);
    driver_init(&r.d);
    virtio_rng_init(&r.rng, &source, &r.d.ram, &r.d.port, 1);
    r.d.device = &r.rng.device;
    virtio_pci_init(&r.transport, &r.rng.device, &t.host.pci, place);
}

/* Asks for 32 bytes, and takes them when the interrupt has come to vCPU 1, which has nothing else.
 */
static void expect_entropy(struct virtio_pci_driver *p, unsigned intid, bool by_line)
{
    const struct fake_buffer buffer = {driver_alloc(&r.d, 32, 1), 32, true};
    uint16_t id;
    uint32_t written;
    uint8_t first = (uint8_t)(r.next + 1);
    assert_int_not_equal(driver_add(&r.d, 0, &buffer, 1), FAKE_NO_ID);
    virtio_pci_kick(p, 0);
    assert_int_equal(fake_take(&t.gic, 1), intid);
    if (by_line) {
        assert_int_equal(rd(p->isr, 1), VIRTIO_ISR_QUEUE);
    }
    fake_end(&t.gic, 1, intid);
    assert_int_equal(fake_serve(&t.gic, 1), FAKE_NONE);
    assert_true(driver_take(&r.d, 0, &id, &written));
    assert_int_equal(written, 32);
    const uint8_t *bytes = driver_at(&r.d, buffer.address, 32);
    assert_int_equal(bytes[0], first);
    assert_int_equal(bytes[31], (uint8_t)(first + 31));
}

/* All that an operating system does, from an empty bus number to random bytes by interrupt. */
static void a_guest_finds_and_drives_an_entropy_device(void **state)
{
    (void)state;
    enum { PLACE = 7, LINE_INTID = GIC_SPI_BASE + MAP_PCI_SPI + PLACE % 4 };
    struct virtio_pci_driver p;
    unsigned place = 0;
    plug_in_rng(PLACE);
    while (fake_config_read(&t.host.pci, place, 0, 4) != 0x10441af4) {
        assert_true(++place < PCI_DEVICE_MAX);
    }
    assert_int_equal(place, PLACE);
    fake_assign_all(&t.host.pci, MAP_PCI_MMIO_BASE + 0x100000);
    virtio_pci_find(&p, &t.host.pci, place);

    for (unsigned vector = 0; vector < 2; vector++) {
        fake_prepare(&t.gic, 1, MSI + 5 + vector);
        fake_set_edge(&t.gic, MSI + 5 + vector, true);
        fake_msix_set(&t.host.pci, place, vector, t.doorbell, MSI + 5 + vector, false);
    }
    fake_msix_control(&t.host.pci, place, FAKE_MSIX_ENABLE);
    for (unsigned packed = 0; packed < 2; packed++) {
        assert_true(virtio_pci_set_up(&p, &r.d, packed ? VIRTIO_F_RING_PACKED : 0));
        virtio_pci_write(&p, VP_CONFIG_VECTOR, 2, 0);
        virtio_pci_set_queue(&p, 0, VP_QUEUE_VECTOR, 2, 1);
        virtio_pci_go(&p);
        for (unsigned i = 0; i < 40; i++) {
            expect_entropy(&p, MSI + 6, false);
        }
    }
    /* A driver that breaks the rules hears of it by the other vector. */
    const struct fake_buffer outside = {t.doorbell, 4, true};
    assert_int_not_equal(driver_add(&r.d, 0, &outside, 1), FAKE_NO_ID);
    virtio_pci_kick(&p, 0);
    assert_int_equal(fake_serve(&t.gic, 1), MSI + 5);
    assert_true(virtio_pci_read(&p, VP_STATUS, 1) & VIRTIO_NEEDS_RESET);

    fake_msix_control(&t.host.pci, place, 0);
    fake_prepare(&t.gic, 1, LINE_INTID);
    assert_true(virtio_pci_set_up(&p, &r.d, 0));
    virtio_pci_go(&p);
    expect_entropy(&p, LINE_INTID, true);
    assert_int_equal(t.host.stray.count, 0);
}

static int tear_down_rng(void **state)
{
    (void)state;
    driver_fini(&r.d);
    return 0;
}

static enum gic_version v2 = GIC_V2, v3 = GIC_V3;
#define ON(version, test) cmocka_unit_test_prestate_setup_teardown(test, set_up, NULL, &(version))
#define BOTH(test)        ON(v2, test), ON(v3, test)
#define RNG(version)                                                                               \
    cmocka_unit_test_prestate_setup_teardown(a_guest_finds_and_drives_an_entropy_device, set_up,   \
                                             tear_down_rng, &(version))

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(the_windows_are_where_the_tree_says),
        BOTH(a_message_becomes_an_interrupt),
        BOTH(the_guest_can_write_messages_itself),
        BOTH(messages_elsewhere_go_nowhere),
        BOTH(without_msix_the_line_is_an_interrupt),
        RNG(v2),
        RNG(v3),
    };
    return cmocka_run_group_tests_name("PCI host bridge", tests, NULL, NULL);
}
