// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "test/fake/guest_pci.h"

enum { BASE = 0x10000000, DEVICE = 3, LINE = 3, COUNT = 5 };

static struct {
    struct pci pci;
    struct fake_pci_port port;
    struct pci_function function;
    uint32_t table, pending;
} t;

static void bar_access(void *ctx, unsigned bar, struct access *access)
{
    (void)ctx, (void)bar, (void)access;
    fail_msg("the table's BAR is not the function's");
}

static int set_up(void **state)
{
    (void)state;
    static const struct pci_ops ops = {.bar = bar_access};
    const struct pci_identity identity = {.vendor = 0x1234, .device = 0x5678};
    fake_pci_port_init(&t.port);
    pci_init(&t.pci, &t.port.port, BASE, 0);
    pci_function_init(&t.function, &identity, &ops, NULL);
    pci_function_add_msix(&t.function, 4, COUNT);
    pci_add(&t.pci, DEVICE, &t.function);
    fake_assign_all(&t.pci, BASE + 0x10000);
    t.table = fake_msix_table(&t.pci, DEVICE);
    t.pending = fake_msix_pending(&t.pci, DEVICE);
    return 0;
}

static uint32_t rd(uint32_t address)
{
    return (uint32_t)fake_memory_read(&t.pci, address, 4);
}

static void set_all(bool masked)
{
    for (unsigned vector = 0; vector < COUNT; vector++) {
        fake_msix_set(&t.pci, DEVICE, vector, 0x8020040, 80 + vector, masked);
    }
}

static void expect_messages(unsigned count, uint32_t last_data)
{
    assert_int_equal(t.port.message_count, count);
    if (count != 0) {
        assert_int_equal(t.port.message[count - 1].address, 0x8020040);
        assert_int_equal(t.port.message[count - 1].data, last_data);
    }
}

static void the_capability_says_where_the_table_is(void **state)
{
    (void)state;
    unsigned capability = fake_capability(&t.pci, DEVICE, 0x11, 0);
    assert_int_equal(fake_config_read(&t.pci, DEVICE, capability + 2, 2), COUNT - 1);
    assert_int_equal(t.table, fake_bar(&t.pci, DEVICE, 4));
    assert_int_equal(t.pending, fake_bar(&t.pci, DEVICE, 4) + 0x800);
    fake_config_write(&t.pci, DEVICE, capability + 2, 2, 0xffff);
    assert_int_equal(fake_config_read(&t.pci, DEVICE, capability + 2, 2), 0xc000 | (COUNT - 1));
}

static void entries_begin_masked_and_read_back(void **state)
{
    (void)state;
    for (unsigned vector = 0; vector < COUNT; vector++) {
        assert_int_equal(rd(t.table + 16 * vector + 12), 1);
        fake_msix_set(&t.pci, DEVICE, vector, 0x1122334455667788 + vector, 0xdead0000 + vector, 0);
    }
    for (unsigned vector = 0; vector < COUNT; vector++) {
        uint32_t entry = t.table + 16 * vector;
        assert_int_equal(rd(entry), (0x55667788 + vector) & ~3u);
        assert_int_equal(rd(entry + 4), 0x11223344);
        assert_int_equal(rd(entry + 8), 0xdead0000 + vector);
        assert_int_equal(rd(entry + 12), 0);
        fake_memory_write(&t.pci, entry + 12, 4, ~0u);
        assert_int_equal(rd(entry + 12), 1);
    }
    fake_memory_write(&t.pci, t.table + 16, 8, 0x0000000108020040);
    assert_int_equal(fake_memory_read(&t.pci, t.table + 16, 8), 0x0000000108020040);
}

static void beyond_the_table_is_nothing(void **state)
{
    (void)state;
    set_all(false);
    for (uint32_t offset = COUNT * 16; offset < PCI_MSIX_BAR_BYTES; offset += 4) {
        fake_memory_write(&t.pci, t.table + offset, 4, ~0u);
        assert_int_equal(rd(t.table + offset), 0);
    }
    for (uint32_t offset = 0; offset < PCI_MSIX_BAR_BYTES - 8; offset += 3) {
        for (unsigned width = 1; width <= 8; width *= 2) {
            if (width < 4 || offset % width != 0) {
                fake_memory_write(&t.pci, t.table + offset, width, ~0ull);
                assert_int_equal(fake_memory_read(&t.pci, t.table + offset, width), 0);
            }
        }
    }
    for (unsigned vector = 0; vector < COUNT; vector++) {
        assert_int_equal(rd(t.table + 16 * vector + 8), 80 + vector);
    }
}

static void an_enabled_vector_sends_its_message(void **state)
{
    (void)state;
    set_all(false);
    pci_raise(&t.function, 2); /* still off: nothing, now or later */
    fake_msix_control(&t.pci, DEVICE, FAKE_MSIX_ENABLE);
    expect_messages(0, 0);
    pci_raise(&t.function, 2);
    expect_messages(1, 82);
    pci_raise(&t.function, 2);
    pci_raise(&t.function, 4);
    expect_messages(3, 84);
    pci_raise(&t.function, COUNT);
    pci_raise(&t.function, 0xffff);
    pci_raise(&t.function, 32);
    expect_messages(3, 84);
    assert_int_equal(rd(t.pending), 0);
}

static void a_masked_vector_waits(void **state)
{
    (void)state;
    set_all(true);
    fake_msix_control(&t.pci, DEVICE, FAKE_MSIX_ENABLE);
    pci_raise(&t.function, 0);
    pci_raise(&t.function, 3);
    pci_raise(&t.function, 3);
    expect_messages(0, 0);
    assert_int_equal(rd(t.pending), 0x9);
    assert_int_equal(fake_memory_read(&t.pci, t.pending, 8), 0x9);
    fake_memory_write(&t.pci, t.pending, 4, 0); /* read-only */
    fake_memory_write(&t.pci, t.table + 16 * 3 + 12, 4, 0);
    expect_messages(1, 83); /* once, for two events */
    assert_int_equal(rd(t.pending), 0x1);
    fake_memory_write(&t.pci, t.table + 8, 8, 0x00000000000000aa); /* data, and unmasked */
    expect_messages(2, 0xaa);
}

static void a_masked_function_waits(void **state)
{
    (void)state;
    set_all(false);
    fake_msix_control(&t.pci, DEVICE, FAKE_MSIX_ENABLE | FAKE_MSIX_MASK);
    pci_raise(&t.function, 1);
    pci_raise(&t.function, 4);
    expect_messages(0, 0);
    fake_msix_control(&t.pci, DEVICE, FAKE_MSIX_ENABLE);
    expect_messages(2, 84);
    fake_msix_control(&t.pci, DEVICE, FAKE_MSIX_ENABLE);
    expect_messages(2, 84);
}

static void who_may_not_master_the_bus_sends_nothing(void **state)
{
    (void)state;
    set_all(false);
    fake_msix_control(&t.pci, DEVICE, FAKE_MSIX_ENABLE);
    fake_config_write(&t.pci, DEVICE, 4, 2, 2);
    pci_raise(&t.function, 1);
    expect_messages(0, 0);
    fake_config_write(&t.pci, DEVICE, 4, 2, 6);
    expect_messages(1, 81);
}

static void turning_it_off_forgets_what_waits(void **state)
{
    (void)state;
    set_all(true);
    fake_msix_control(&t.pci, DEVICE, FAKE_MSIX_ENABLE);
    pci_raise(&t.function, 1);
    fake_msix_control(&t.pci, DEVICE, 0);
    assert_int_equal(rd(t.pending), 0);
    set_all(false);
    fake_msix_control(&t.pci, DEVICE, FAKE_MSIX_ENABLE);
    expect_messages(0, 0);
}

static void intx_is_silent_while_msix_is_on(void **state)
{
    (void)state;
    pci_set_intx(&t.function, true);
    assert_true(t.port.line[LINE]);
    fake_msix_control(&t.pci, DEVICE, FAKE_MSIX_ENABLE);
    assert_false(t.port.line[LINE]);
    assert_int_equal(fake_config_read(&t.pci, DEVICE, 6, 2) & 8, 0);
    fake_msix_control(&t.pci, DEVICE, 0);
    assert_true(t.port.line[LINE]);
}

static void a_reset_masks_and_forgets(void **state)
{
    (void)state;
    set_all(false);
    fake_msix_control(&t.pci, DEVICE, FAKE_MSIX_ENABLE | FAKE_MSIX_MASK);
    pci_raise(&t.function, 1);
    pci_reset(&t.pci);
    fake_assign_all(&t.pci, BASE + 0x10000);
    assert_int_equal(rd(t.pending), 0);
    assert_int_equal(rd(t.table + 16 + 8), 0);
    assert_int_equal(rd(t.table + 16 + 12), 1);
    pci_raise(&t.function, 1);
    fake_msix_control(&t.pci, DEVICE, FAKE_MSIX_ENABLE);
    expect_messages(0, 0);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_capability_says_where_the_table_is),
        TEST(entries_begin_masked_and_read_back),
        TEST(beyond_the_table_is_nothing),
        TEST(an_enabled_vector_sends_its_message),
        TEST(a_masked_vector_waits),
        TEST(a_masked_function_waits),
        TEST(who_may_not_master_the_bus_sends_nothing),
        TEST(turning_it_off_forgets_what_waits),
        TEST(intx_is_silent_while_msix_is_on),
        TEST(a_reset_masks_and_forgets),
    };
    return cmocka_run_group_tests_name("MSI-X", tests, NULL, NULL);
}
