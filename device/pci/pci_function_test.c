// SPDX-License-Identifier: BSD-2-Clause
/* One function's configuration space: what reads as what, and what can be written. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "test/fake/guest_pci.h"

enum { BASE = 0x10000000, DEVICE = 5, BAR = 2, BAR_BYTES = 0x8000, VENDOR_SPECIFIC = 0x09 };

static const struct pci_identity identity = {0x1af4, 0x1044, 0x1af4, 0x40, 0x00ff01, 7};
static const uint8_t body[14] = {16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};

static struct {
    struct pci pci;
    struct fake_pci_port port;
    struct pci_function function;
    uint8_t first, second;
    struct access claimed;
    unsigned claimed_count;
} t;

static void bar_access(void *ctx, unsigned bar, struct access *access)
{
    (void)ctx, (void)bar, (void)access;
}

static void config_access(void *ctx, struct access *access)
{
    assert_ptr_equal(ctx, &t);
    t.claimed = *access;
    t.claimed_count++;
    access->value = access->is_write ? access->value : 0x78u >> (8 * access->offset);
}

static const struct pci_ops ops = {bar_access, config_access};

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    fake_pci_port_init(&t.port);
    pci_init(&t.pci, &t.port.port, BASE, 0);
    pci_function_init(&t.function, &identity, &ops, &t);
    pci_function_add_bar(&t.function, BAR, BAR_BYTES);
    pci_function_add_msix(&t.function, 1, 3);
    t.first = pci_function_add_capability(&t.function, VENDOR_SPECIFIC, body, sizeof body);
    t.second = pci_function_add_capability(&t.function, VENDOR_SPECIFIC, body, 5);
    pci_add(&t.pci, DEVICE, &t.function);
    return 0;
}

static uint32_t rd(unsigned offset, unsigned width)
{
    return fake_config_read(&t.pci, DEVICE, offset, width);
}

static void wr(unsigned offset, unsigned width, uint32_t value)
{
    fake_config_write(&t.pci, DEVICE, offset, width, value);
}

static void the_header_says_what_it_is(void **state)
{
    (void)state;
    assert_int_equal(rd(0x00, 4), 0x10441af4);
    assert_int_equal(rd(0x04, 4), 0x00100000);
    assert_int_equal(rd(0x08, 4), 0x00ff0107);
    assert_int_equal(rd(0x0c, 4), 0); /* type 0, one function */
    assert_int_equal(rd(0x2c, 4), 0x00401af4);
    assert_int_equal(rd(0x30, 4), 0); /* no ROM */
    assert_int_equal(rd(0x3c, 4), 0x0100);
    for (unsigned offset = PCI_CONFIG_BYTES; offset < 0x1000; offset += 4) {
        assert_int_equal(rd(offset, 4), 0);
    }
}

/* Every bit that can be written, and no other: ones everywhere, then zeroes everywhere. */
static void write_masks_are_respected(void **state)
{
    (void)state;
    uint32_t before[PCI_CONFIG_BYTES / 4];
    for (unsigned i = 0; i < PCI_CONFIG_BYTES / 4; i++) {
        before[i] = rd(4 * i, 4);
    }
    for (unsigned offset = 0; offset < 0x1000; offset += 4) {
        wr(offset, 4, ~0u);
    }
    for (unsigned i = 0; i < PCI_CONFIG_BYTES / 4; i++) {
        uint32_t writable = i == 0x04 / 4   ? 0x0406
                            : i == 0x14 / 4 ? 0xfffff000
                            : i == 0x18 / 4 ? ~(BAR_BYTES - 1u)
                            : i == 0x3c / 4 ? 0xff
                            : i == 0x40 / 4 ? 0xc0000000
                                            : 0;
        assert_int_equal(rd(4 * i, 4), before[i] | writable);
    }
    for (unsigned offset = 0; offset < 0x1000; offset++) {
        wr(offset, 1, 0);
    }
    for (unsigned i = 0; i < PCI_CONFIG_BYTES / 4; i++) {
        assert_int_equal(rd(4 * i, 4), before[i]);
    }
}

static void bars_tell_their_size(void **state)
{
    (void)state;
    const uint32_t sizes[PCI_BAR_MAX] = {[1] = 4096, [BAR] = BAR_BYTES};
    for (unsigned bar = 0; bar < PCI_BAR_MAX; bar++) {
        assert_int_equal(fake_bar_size(&t.pci, DEVICE, bar), sizes[bar]);
    }
}

static void capabilities_are_a_list(void **state)
{
    (void)state;
    unsigned msix = fake_capability(&t.pci, DEVICE, 0x11, 0);
    assert_int_equal(msix, 0x40);
    assert_int_equal(fake_capability(&t.pci, DEVICE, VENDOR_SPECIFIC, 0), t.first);
    assert_int_equal(fake_capability(&t.pci, DEVICE, VENDOR_SPECIFIC, t.first), t.second);
    assert_int_equal(fake_capability(&t.pci, DEVICE, VENDOR_SPECIFIC, t.second), 0);
    assert_int_equal(fake_capability(&t.pci, DEVICE, 0x05, 0), 0);
    for (unsigned i = 0; i < sizeof body; i++) {
        assert_int_equal(rd(t.first + 2 + i, 1), body[i]);
    }
    uint32_t word;
    pci_config(&t.function, t.first, &word, 1);
    assert_int_equal(word, rd(t.first, 4));
}

static void what_is_allowed_can_be_written(void **state)
{
    (void)state;
    pci_function_allow(&t.function, t.first + 4, 3);
    wr(t.first + 4, 4, 0xddccbbaa);
    assert_int_equal(rd(t.first + 4, 4), 0x05ccbbaa);
    wr(t.first + 5, 1, 0x11);
    assert_int_equal(rd(t.first + 4, 4), 0x05cc11aa);
    pci_reset(&t.pci);
    assert_int_equal(rd(t.first + 4, 4), 0x05000000);
}

static void a_claimed_register_is_the_functions(void **state)
{
    (void)state;
    uint8_t offset = (uint8_t)(t.first + 12);
    pci_function_claim(&t.function, offset);
    assert_int_equal(rd(offset, 4), 0x78);
    assert_int_equal(t.claimed.offset, 0);
    rd(offset + 3, 1);
    assert_true(t.claimed.offset == 3 && t.claimed.width_bytes == 1 && !t.claimed.is_write);
    wr(offset + 2, 2, 0xbeef);
    assert_true(t.claimed.offset == 2 && t.claimed.width_bytes == 2 && t.claimed.is_write);
    assert_int_equal(t.claimed.value, 0xbeef);
    assert_int_equal(t.claimed_count, 3);
    struct access wide = {.offset = DEVICE << 15 | (offset & ~7u), .width_bytes = 8};
    pci_ecam_access(&t.pci, &wide);
    assert_int_equal(t.claimed_count, 4);
    assert_int_equal(wide.value >> (8 * (offset & 4)) & 0xff, 0x78);
    rd(offset - 4, 4);
    rd(offset + 4, 4);
    assert_int_equal(t.claimed_count, 4);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_header_says_what_it_is),     TEST(write_masks_are_respected),
        TEST(bars_tell_their_size),           TEST(capabilities_are_a_list),
        TEST(what_is_allowed_can_be_written), TEST(a_claimed_register_is_the_functions),
    };
    return cmocka_run_group_tests_name("PCI function", tests, NULL, NULL);
}
