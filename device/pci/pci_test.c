// SPDX-License-Identifier: BSD-2-Clause
/* The bus: what is where, which BAR answers, which line is driven. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "test/fake/guest_pci.h"

enum { BASE = 0x10000000, SMALL = 0x1000, LARGE = 0x4000, FIRST = 2, SECOND = 6, THIRD = 31 };

/* Devices 2 and 6 share a line. */
static const unsigned places[] = {FIRST, SECOND, THIRD};

static struct {
    struct pci pci;
    struct fake_pci_port port;
    struct pci_function function[3];
    struct seen {
        unsigned function, bar;
        struct access access;
        unsigned count;
    } seen;
} t;

/* Answers a read with where it was. */
static void bar_access(void *ctx, unsigned bar, struct access *access)
{
    struct pci_function *function = ctx;
    t.seen = (struct seen){(unsigned)(function - t.function), bar, *access, t.seen.count + 1};
    if (!access->is_write) {
        access->value = access->offset & 0xff;
    }
}

static const struct pci_ops ops = {.bar = bar_access};

static int set_up(void **state)
{
    (void)state;
    t.seen = (struct seen){0};
    fake_pci_port_init(&t.port);
    pci_init(&t.pci, &t.port.port, BASE, 0);
    for (unsigned i = 0; i < 3; i++) {
        const struct pci_identity identity = {0x1234, (uint16_t)(0x5600 + i), 0, 0, 0xff0000, 0};
        pci_function_init(&t.function[i], &identity, &ops, &t.function[i]);
        pci_function_add_bar(&t.function[i], 0, LARGE);
        pci_function_add_bar(&t.function[i], 3, SMALL);
        pci_add(&t.pci, places[i], &t.function[i]);
    }
    return 0;
}

/* The device that answers at an address, or none. */
enum { NOBODY = 99 };
static unsigned who(uint32_t address)
{
    unsigned count = t.seen.count;
    uint64_t value = fake_memory_read(&t.pci, address, 1);
    if (t.seen.count == count) {
        assert_int_equal(value, 0xff);
        return NOBODY;
    }
    assert_int_equal(value, t.seen.access.offset & 0xff);
    return t.seen.function;
}

static void only_what_is_plugged_in_answers(void **state)
{
    (void)state;
    for (unsigned device = 0; device < PCI_DEVICE_MAX; device++) {
        uint32_t expected = ~0u;
        for (unsigned i = 0; i < 3; i++) {
            expected = places[i] == device ? 0x56001234 + (i << 16) : expected;
        }
        assert_int_equal(fake_config_read(&t.pci, device, 0, 4), expected);
        assert_int_equal(fake_config_read(&t.pci, device, 0, 2), expected & 0xffff);
        assert_int_equal(fake_config_read(&t.pci, device, 2, 1), expected >> 16 & 0xff);
    }
}

/* Function 1..7 of a device, the other buses, and the last byte of the window. */
static void other_functions_and_buses_do_not_exist(void **state)
{
    (void)state;
    const uint64_t offsets[] = {FIRST << 15 | 1 << 12, FIRST << 15 | 7 << 12, 1 << 20 | FIRST << 15,
                                15 << 20 | FIRST << 15, 0xfffffc};
    for (unsigned i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        struct access a = {
            .offset = offsets[i] + 4, .width_bytes = 4, .value = 2, .is_write = true};
        assert_int_equal(pci_ecam_access(&t.pci, &a), OUTCOME_DONE);
        a = (struct access){.offset = offsets[i], .width_bytes = 4};
        assert_int_equal(pci_ecam_access(&t.pci, &a), OUTCOME_DONE);
        assert_int_equal(a.value, ~0u);
    }
    assert_int_equal(fake_config_read(&t.pci, FIRST, 4, 2), 0);
}

static void eight_bytes_are_two_words_and_odd_accesses_nothing(void **state)
{
    (void)state;
    struct access a = {.offset = FIRST << 15, .width_bytes = 8};
    assert_int_equal(pci_ecam_access(&t.pci, &a), OUTCOME_DONE);
    assert_int_equal(a.value, 0x56001234);
    fake_set_bar(&t.pci, FIRST, 0, 0x12344000);
    fake_set_bar(&t.pci, FIRST, 3, 0x12348000);
    a.offset = FIRST << 15 | 0x18;
    assert_int_equal(pci_ecam_access(&t.pci, &a), OUTCOME_DONE);
    assert_int_equal(a.value, 0x1234800000000000);
    a = (struct access){.offset = FIRST << 15 | 0x10,
                        .width_bytes = 8,
                        .value = 0xffffffff20000000,
                        .is_write = true};
    assert_int_equal(pci_ecam_access(&t.pci, &a), OUTCOME_DONE);
    assert_int_equal(fake_bar(&t.pci, FIRST, 0), 0x20000000);
    assert_int_equal(fake_bar(&t.pci, FIRST, 1), 0);
    a.offset = FIRST << 15 | 0x18;
    a.value = 0x1234900012345678;
    assert_int_equal(pci_ecam_access(&t.pci, &a), OUTCOME_DONE);
    assert_int_equal(fake_bar(&t.pci, FIRST, 2), 0);
    assert_int_equal(fake_bar(&t.pci, FIRST, 3), 0x12349000);
    const struct access odd[] = {
        {.offset = 1,     .width_bytes = 2},
        {.offset = 2,     .width_bytes = 4},
        {.offset = 4,     .width_bytes = 8},
        {.offset = 0xffd, .width_bytes = 4}
    };
    for (unsigned i = 0; i < 4; i++) {
        a = odd[i];
        a.offset += FIRST << 15;
        a.is_write = true;
        pci_ecam_access(&t.pci, &a);
        a.is_write = false;
        a.value = 0;
        pci_ecam_access(&t.pci, &a);
        assert_true(a.value == (a.width_bytes == 8 ? ~0ull : (1ull << (8 * a.width_bytes)) - 1));
    }
}

static void a_bar_answers_while_memory_is_enabled(void **state)
{
    (void)state;
    fake_set_bar(&t.pci, FIRST, 0, BASE);
    assert_int_equal(who(BASE), NOBODY);
    fake_config_write(&t.pci, FIRST, 4, 2, 2);
    assert_int_equal(who(BASE), 0);
    assert_int_equal(t.seen.bar, 0);
    assert_int_equal(who(BASE + LARGE - 1), 0);
    assert_int_equal(t.seen.access.offset, LARGE - 1);
    assert_int_equal(who(BASE + LARGE), NOBODY);
    fake_set_bar(&t.pci, FIRST, 3, BASE + 0x2000000);
    assert_int_equal(who(BASE + 0x2000000), 0);
    assert_int_equal(t.seen.bar, 3);
    fake_memory_write(&t.pci, BASE + 0x40, 8, 0x1122334455667788);
    assert_true(t.seen.access.is_write && t.seen.access.width_bytes == 8);
    assert_int_equal(t.seen.access.value, 0x1122334455667788);
    assert_int_equal(t.seen.access.offset, 0x40);
    fake_config_write(&t.pci, FIRST, 5, 1, 0); /* the other byte of the register */
    assert_int_equal(who(BASE), 0);
    fake_config_write(&t.pci, FIRST, 4, 1, 0);
    assert_int_equal(who(BASE), NOBODY);
    assert_int_equal(who(BASE + 0x2000000), NOBODY);
}

static void a_moved_bar_answers_at_its_new_place_only(void **state)
{
    (void)state;
    fake_config_write(&t.pci, SECOND, 4, 2, 2);
    for (uint32_t at = BASE; at < BASE + 0x2eff0000; at += 0x1234000) {
        fake_set_bar(&t.pci, SECOND, 0, at);
        assert_int_equal(who(at), 1);
        assert_int_equal(who(at + LARGE - 1), 1);
        assert_int_equal(who(at + LARGE), NOBODY);
        if (at > BASE) {
            assert_int_equal(who(at - 1), NOBODY);
        }
    }
    fake_config_write(&t.pci, SECOND, 0x11, 1, 0x40); /* by bytes, too */
    assert_int_equal(fake_bar(&t.pci, SECOND, 0) & 0xff00, 0x4000);
    assert_int_equal(who(fake_bar(&t.pci, SECOND, 0)), 1);
}

static void where_bars_overlap_the_first_answers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fake_config_write(&t.pci, places[i], 4, 2, 2);
        fake_set_bar(&t.pci, places[i], 0, BASE);
        fake_set_bar(&t.pci, places[i], 3, BASE);
    }
    assert_int_equal(who(BASE), 0);
    assert_int_equal(t.seen.bar, 0);
    fake_config_write(&t.pci, FIRST, 4, 2, 0);
    assert_int_equal(who(BASE), 1);
    fake_set_bar(&t.pci, SECOND, 0, BASE + LARGE);
    assert_int_equal(who(BASE), 1);
    assert_int_equal(t.seen.bar, 3);
    assert_int_equal(who(BASE + SMALL), 2);
}

/* Sizing with memory enabled puts the BAR at the very end; the window's last bytes; below it. */
static void bars_at_edges_harm_nobody(void **state)
{
    (void)state;
    const uint32_t last = BASE + 0x2eff0000 - 0x1000;
    fake_config_write(&t.pci, FIRST, 4, 2, 2);
    fake_set_bar(&t.pci, FIRST, 0, ~0u);
    assert_int_equal(fake_bar(&t.pci, FIRST, 0), 0xffffc000);
    assert_int_equal(who(BASE), NOBODY);
    fake_set_bar(&t.pci, FIRST, 0, 0);
    assert_int_equal(who(BASE), NOBODY);
    fake_set_bar(&t.pci, FIRST, 0, last);
    assert_int_equal(who(BASE + 0x2eff0000 - 1), 0);
    fake_set_bar(&t.pci, FIRST, 0, BASE - LARGE);
    assert_int_equal(who(BASE), NOBODY);
}

static void an_access_over_the_end_of_a_bar_is_nobodys(void **state)
{
    (void)state;
    fake_assign_all(&t.pci, BASE);
    unsigned count = t.seen.count;
    assert_int_equal(fake_memory_read(&t.pci, BASE + LARGE - 2, 4), 0xffffffff);
    fake_memory_write(&t.pci, BASE + LARGE - 1, 2, 0);
    assert_true(fake_memory_read(&t.pci, BASE + LARGE - 4, 8) == ~0ull);
    assert_int_equal(t.seen.count, count);
    fake_memory_read(&t.pci, BASE + LARGE - 5, 4); /* odd, but inside: the function's to judge */
    assert_int_equal(t.seen.count, count + 1);
}

static void ports_do_not_exist(void **state)
{
    (void)state;
    for (unsigned width = 1; width <= 8; width *= 2) {
        struct access a = {.offset = 0xcf8, .width_bytes = (uint8_t)width};
        assert_int_equal(pci_io_access(&t.pci, &a), OUTCOME_DONE);
        assert_true(a.value == (width == 8 ? ~0ull : (1ull << (8 * width)) - 1));
    }
}

static void lines_are_shared_and_swizzled(void **state)
{
    (void)state;
    pci_set_intx(&t.function[0], true);
    assert_true(t.port.line[FIRST % 4]);
    pci_set_intx(&t.function[1], true);
    pci_set_intx(&t.function[0], false);
    assert_true(t.port.line[SECOND % 4]);
    pci_set_intx(&t.function[1], false);
    assert_false(t.port.line[SECOND % 4]);
    assert_int_equal(t.port.changes[2], 2);
    pci_set_intx(&t.function[2], true);
    assert_true(t.port.line[THIRD % 4]);
    assert_int_equal(t.port.changes[0] + t.port.changes[1], 0);
}

static void intx_can_be_turned_off(void **state)
{
    (void)state;
    pci_set_intx(&t.function[0], true);
    assert_int_equal(fake_config_read(&t.pci, FIRST, 6, 2) & 8, 8);
    fake_config_write(&t.pci, FIRST, 4, 2, 0x400);
    assert_false(t.port.line[2]);
    assert_int_equal(fake_config_read(&t.pci, FIRST, 6, 2) & 8, 8); /* still shown */
    fake_config_write(&t.pci, FIRST, 4, 2, 0);
    assert_true(t.port.line[2]);
    pci_set_intx(&t.function[0], false);
    assert_false(t.port.line[2]);
    assert_int_equal(fake_config_read(&t.pci, FIRST, 6, 2) & 8, 0);
}

static void a_reset_takes_back_what_the_guest_did(void **state)
{
    (void)state;
    fake_assign_all(&t.pci, BASE);
    fake_config_write(&t.pci, FIRST, 0x3c, 1, 0x55);
    pci_set_intx(&t.function[0], true);
    pci_reset(&t.pci);
    assert_false(t.port.line[2]);
    assert_int_equal(who(BASE), NOBODY);
    assert_int_equal(fake_bar(&t.pci, FIRST, 0), 0);
    assert_int_equal(fake_config_read(&t.pci, FIRST, 4, 4), 0);
    assert_int_equal(fake_config_read(&t.pci, FIRST, 0x3c, 4), 0x0100);
    assert_int_equal(fake_config_read(&t.pci, FIRST, 0, 4), 0x56001234);
    fake_assign_all(&t.pci, BASE);
    assert_int_equal(who(BASE), 0);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_what_is_plugged_in_answers),
        TEST(other_functions_and_buses_do_not_exist),
        TEST(eight_bytes_are_two_words_and_odd_accesses_nothing),
        TEST(a_bar_answers_while_memory_is_enabled),
        TEST(a_moved_bar_answers_at_its_new_place_only),
        TEST(where_bars_overlap_the_first_answers),
        TEST(bars_at_edges_harm_nobody),
        TEST(an_access_over_the_end_of_a_bar_is_nobodys),
        TEST(ports_do_not_exist),
        TEST(lines_are_shared_and_swizzled),
        TEST(intx_can_be_turned_off),
        TEST(a_reset_takes_back_what_the_guest_did),
    };
    return cmocka_run_group_tests_name("PCI bus", tests, NULL, NULL);
}
