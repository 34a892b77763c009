// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "root/buddy.h"

/* A kernel that remembers which capability slots are filled, and refuses the n-th split. */
static struct fake {
    bool filled[BUDDY_BLOCK_MAX];
    unsigned splits;
    unsigned refuse; /* from the split with this number on all fail; 0: none */
} fake;

static struct buddy buddy;

static bool split(void *ctx, uint16_t block, unsigned bits, uint16_t low, uint16_t high)
{
    struct fake *f = ctx;
    assert_true(bits > BUDDY_BITS_MIN);
    assert_true(f->filled[block]);
    assert_false(f->filled[low]);
    assert_false(f->filled[high]);
    if (++f->splits >= f->refuse && f->refuse != 0) {
        return false;
    }
    f->filled[low] = f->filled[high] = true;
    return true;
}

static void join(void *ctx, uint16_t block, uint16_t low, uint16_t high)
{
    struct fake *f = ctx;
    assert_true(f->filled[block] && f->filled[low] && f->filled[high]);
    f->filled[low] = f->filled[high] = false;
}

static void add(uint64_t base, unsigned bits, bool is_device)
{
    fake.filled[buddy_next_index(&buddy)] = true;
    buddy_add(&buddy, base, bits, is_device);
}

static int setup(void **state)
{
    (void)state;
    fake = (struct fake){0};
    buddy = (struct buddy){.split = split, .join = join, .ctx = &fake};
    buddy_init(&buddy);
    return 0;
}

static unsigned filled_count(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < BUDDY_BLOCK_MAX; i++) {
        count += fake.filled[i];
    }
    return count;
}

static void takes_the_smallest_block_that_fits(void **state)
{
    (void)state;
    add(0x10000000, 28, false);
    add(0x40000, 16, false);
    uint16_t block = buddy_take(&buddy, 16);
    assert_int_equal(buddy.block[block].base, 0x40000);
    assert_int_equal(fake.splits, 0);
    block = buddy_take(&buddy, 16);
    assert_int_equal(buddy.block[block].base, 0x10000000);
    assert_int_equal(fake.splits, 12);
}

/* Else the kernel would clear the large block once more, for a small one. */
static void what_comes_back_is_taken_again_as_it_is(void **state)
{
    (void)state;
    add(0, 30, false);
    uint16_t large = buddy_take(&buddy, 24), small = buddy_take(&buddy, 19);
    unsigned splits = fake.splits;
    for (unsigned round = 0; round < 3; round++) {
        buddy_give(&buddy, small);
        buddy_give(&buddy, large);
        assert_int_equal(buddy_take(&buddy, 24), large);
        assert_int_equal(buddy_take(&buddy, 19), small);
    }
    assert_int_equal(fake.splits, splits);
}

static void joins_when_nothing_else_fits(void **state)
{
    (void)state;
    add(0, 24, false);
    uint16_t a = buddy_take(&buddy, 12), b = buddy_take(&buddy, 20);
    buddy_give(&buddy, a);
    buddy_give(&buddy, b);
    assert_true(filled_count() > 1);
    uint16_t all = buddy_take(&buddy, 24);
    assert_int_not_equal(all, 0);
    assert_int_equal(filled_count(), 1);
    buddy_give(&buddy, all);
    assert_int_equal(buddy_largest(&buddy), 24);
}

static void joins_what_comes_back(void **state)
{
    (void)state;
    add(0, 24, false);
    uint16_t a = buddy_take(&buddy, 12), b = buddy_take(&buddy, 20), c = buddy_take(&buddy, 23);
    assert_true(a != 0 && b != 0 && c != 0);
    assert_int_equal(buddy.free_bytes, (1u << 24) - (1u << 12) - (1u << 20) - (1u << 23));
    buddy_give(&buddy, b);
    buddy_give(&buddy, a);
    buddy_join(&buddy);
    assert_int_equal(buddy_largest(&buddy), 23);
    buddy_give(&buddy, c);
    buddy_join(&buddy);
    assert_int_equal(buddy_largest(&buddy), 24);
    assert_int_equal(buddy.free_bytes, buddy.total_bytes);
    assert_int_equal(buddy.used_blocks, 1);
    assert_int_equal(filled_count(), 1);
}

static void refuses_when_nothing_fits(void **state)
{
    (void)state;
    add(0, 20, false);
    assert_int_equal(buddy_take(&buddy, 21), 0);
    assert_int_equal(buddy_take(&buddy, BUDDY_BITS_MIN - 1), 0);
    assert_int_equal(buddy_take(&buddy, BUDDY_BITS_MAX), 0);
    assert_int_not_equal(buddy_take(&buddy, 20), 0);
    assert_int_equal(buddy_take(&buddy, 12), 0);
}

static void device_memory_is_taken_by_address_only(void **state)
{
    (void)state;
    add(0x8000000, 27, true);
    assert_int_equal(buddy_take(&buddy, 12), 0);
    uint16_t uart = buddy_take_at(&buddy, 0x9000000, 12);
    assert_int_equal(buddy.block[uart].base, 0x9000000);
    assert_int_equal(buddy.block[uart].bits, 12);
    assert_int_equal(buddy_take_at(&buddy, 0x9000000, 12), 0); /* taken */
    assert_int_equal(buddy_take_at(&buddy, 0x9000000, 13), 0); /* a part is taken */
    assert_int_equal(buddy_take_at(&buddy, 0x9000800, 12), 0); /* not aligned */
    assert_int_equal(buddy_take_at(&buddy, 0x1000, 12), 0);    /* nowhere */
    buddy_give(&buddy, uart);
    assert_int_not_equal(buddy_take_at(&buddy, 0x8000000, 27), 0); /* joined for it */
    assert_int_equal(filled_count(), 1);
}

static void a_refused_split_leaves_nothing_behind(void **state)
{
    (void)state;
    for (unsigned refuse = 1; refuse <= 8; refuse++) {
        setup(NULL);
        add(0, 20, false);
        fake.refuse = refuse; /* and all that follow */
        assert_int_equal(buddy_take(&buddy, 12), 0);
        assert_int_equal(buddy.free_bytes, buddy.total_bytes);
        assert_int_equal(buddy_largest(&buddy), 20);
        assert_int_equal(filled_count(), 1);
        fake.refuse = 0;
        assert_int_not_equal(buddy_take(&buddy, 12), 0);
    }
}

static void runs_out_of_block_indices_without_harm(void **state)
{
    (void)state;
    static uint16_t taken[BUDDY_BLOCK_MAX];
    unsigned count = 0;
    add(0, 40, false);
    while ((taken[count] = buddy_take(&buddy, 12)) != 0) {
        count++;
    }
    assert_true(count > BUDDY_BLOCK_MAX / 4);
    while (count > 0) {
        buddy_give(&buddy, taken[--count]);
    }
    buddy_join(&buddy);
    assert_int_equal(buddy_largest(&buddy), 40);
    assert_int_equal(filled_count(), 1);
}

/* Blocks that are out never overlap, and all comes back, whatever the order. */
static void random_use_neither_overlaps_nor_leaks(void **state)
{
    (void)state;
    enum { OUT_MAX = 64 };
    uint16_t out[OUT_MAX] = {0};
    srand(1);
    add(0x60000000, 29, false);
    add(0x40000000, 20, false);
    for (unsigned step = 0; step < 20000; step++) {
        uint16_t *slot = &out[rand() % OUT_MAX];
        if (*slot != 0) {
            buddy_give(&buddy, *slot);
            *slot = 0;
            continue;
        }
        *slot = buddy_take(&buddy, 12 + (unsigned)rand() % 12);
        for (unsigned i = 0; *slot != 0 && i < OUT_MAX; i++) {
            const struct buddy_block *a = &buddy.block[*slot], *b = &buddy.block[out[i]];
            if (out[i] != 0 && &out[i] != slot) {
                assert_true(a->base + (1ull << a->bits) <= b->base ||
                            b->base + (1ull << b->bits) <= a->base);
            }
        }
    }
    for (unsigned i = 0; i < OUT_MAX; i++) {
        if (out[i] != 0) {
            buddy_give(&buddy, out[i]);
        }
    }
    buddy_join(&buddy);
    assert_int_equal(buddy.free_bytes, buddy.total_bytes);
    assert_int_equal(filled_count(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(takes_the_smallest_block_that_fits, setup),
        cmocka_unit_test_setup(what_comes_back_is_taken_again_as_it_is, setup),
        cmocka_unit_test_setup(joins_when_nothing_else_fits, setup),
        cmocka_unit_test_setup(joins_what_comes_back, setup),
        cmocka_unit_test_setup(refuses_when_nothing_fits, setup),
        cmocka_unit_test_setup(device_memory_is_taken_by_address_only, setup),
        cmocka_unit_test_setup(a_refused_split_leaves_nothing_behind, setup),
        cmocka_unit_test_setup(runs_out_of_block_indices_without_harm, setup),
        cmocka_unit_test_setup(random_use_neither_overlaps_nor_leaks, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
