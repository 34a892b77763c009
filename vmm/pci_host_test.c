// SPDX-License-Identifier: BSD-2-Clause
/* A guest's accesses through the VM's bus, a function's interrupts in the GIC; GICv2 and GICv3. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "link/map.h"
#include "test/fake/guest_gic.h"
#include "test/fake/guest_pci.h"
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
    assert_int_equal(bus_do(&t.bus, (gpa_t){address}, &a), OUTCOME_DONE);
    return a.value;
}

static void wr(uint64_t address, unsigned width, uint64_t value)
{
    struct access a = {.value = value, .width_bytes = (uint8_t)width, .is_write = true};
    assert_int_equal(bus_do(&t.bus, (gpa_t){address}, &a), OUTCOME_DONE);
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
    assert_int_equal(bus_do(&t.bus, (gpa_t){0x40000000}, &a), OUTCOME_UNHANDLED);
    if (t.gic.version == GIC_V2) {
        assert_int_equal(rd(0x08020008, 4), MSI << 16 | MAP_MSI_COUNT);
    } else {
        assert_int_equal(bus_do(&t.bus, (gpa_t){0x08020008}, &a), OUTCOME_UNHANDLED);
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

static enum gic_version v2 = GIC_V2, v3 = GIC_V3;
#define ON(version, test) cmocka_unit_test_prestate_setup_teardown(test, set_up, NULL, &(version))
#define BOTH(test)        ON(v2, test), ON(v3, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(the_windows_are_where_the_tree_says),   BOTH(a_message_becomes_an_interrupt),
        BOTH(the_guest_can_write_messages_itself),   BOTH(messages_elsewhere_go_nowhere),
        BOTH(without_msix_the_line_is_an_interrupt),
    };
    return cmocka_run_group_tests_name("PCI host bridge", tests, NULL, NULL);
}
