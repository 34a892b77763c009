// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { FRAME = BLOCK_FRAME_BYTES, FRAMES = 3, RAM_BYTES = 2 * FRAME + FRAME / 2 };

static uint8_t ram[RAM_BYTES];
/* Not next to each other, and not in order; the last one's place is not known. */
static const struct block_guest told = {
    .vaddr = 0x3000000000, .size_bytes = RAM_BYTES, .frame = {0x300, 0x123, 0}
};
static struct guest guest;

static int open_guest(void **state)
{
    (void)state;
    guest_open(&guest, &told, ram);
    return 0;
}

/* Asks for one segment. */
static bool resolves(uint64_t offset, uint32_t length, uint32_t sectors, struct backend_segment *to)
{
    const struct block_segment segment = {.offset = offset, .length = length};
    const struct block_request request = {.sector_count = sectors, .segment_count = 1};
    struct backend_segment found[BLOCK_SEGMENT_MAX];
    bool good = guest_resolve(&guest, &request, &segment, found);
    *to = found[0];
    return good;
}

static void a_segment_is_found_in_its_frame(void **state)
{
    struct backend_segment to;
    (void)state;
    assert_true(resolves(512, 1024, 2, &to));
    assert_ptr_equal(to.bytes, ram + 512);
    assert_int_equal(to.paddr, 0x300ull * FRAME + 512);
    assert_int_equal(to.length, 1024);
    assert_true(resolves(2ull * FRAME - 512, 512, 1, &to));
    assert_ptr_equal(to.bytes, ram + 2 * FRAME - 512);
    assert_int_equal(to.paddr, 0x124ull * FRAME - 512);
    assert_true(resolves(RAM_BYTES - 512, 512, 1, &to));
    assert_int_equal(to.paddr, 0); /* by a copy, then */
}

static void what_is_not_in_the_ram_is_refused(void **state)
{
    static const struct {
        uint64_t offset;
        uint32_t length, sectors;
    } cases[] = {
        {RAM_BYTES,        512,        1   },
        {RAM_BYTES - 511,  512,        1   },
        {UINT64_MAX,       512,        1   },
        {UINT64_MAX - 511, 512,        1   },
        {0ull - 256,       512,        1   },
        {1ull << 63,       512,        1   },
        {1ull << 32,       512,        1   },
        {FRAME - 256,      512,        1   }, /* two frames, not next to each other */
        {0,                0,          0   },
        {RAM_BYTES,        0,          0   },
        {0,                UINT32_MAX, 1   },
        {0,                0xfffffe00, 1   },
        {0,                511,        1   }, /* another length than the sectors */
        {0,                1024,       1   },
        {0,                512,        2   },
        {0,                512 * 513,  513 }, /* more than one request may have */
        {0,                FRAME,      4096},
    };
    struct backend_segment to;
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(resolves(cases[i].offset, cases[i].length, cases[i].sectors, &to));
    }
}

static void their_number_is_bounded(void **state)
{
    struct block_segment segments[BLOCK_SEGMENT_MAX + 1];
    struct backend_segment to[BLOCK_SEGMENT_MAX];
    (void)state;
    for (unsigned i = 0; i <= BLOCK_SEGMENT_MAX; i++) {
        segments[i] = (struct block_segment){.offset = 4096 * i + 3, .length = 512};
    }
    struct block_request request = {.sector_count = BLOCK_SEGMENT_MAX,
                                    .segment_count = BLOCK_SEGMENT_MAX};
    assert_true(guest_resolve(&guest, &request, segments, to));
    assert_ptr_equal(to[15].bytes, ram + 4096 * 15 + 3);
    request.segment_count = request.sector_count = BLOCK_SEGMENT_MAX + 1;
    assert_false(guest_resolve(&guest, &request, segments, to));
    request.segment_count = request.sector_count = 0;
    assert_false(guest_resolve(&guest, &request, segments, to));
    request.segment_count = UINT32_MAX;
    assert_false(guest_resolve(&guest, &request, segments, to));
    /* One of many is enough. */
    request.segment_count = request.sector_count = BLOCK_SEGMENT_MAX;
    segments[7].offset = RAM_BYTES - 1;
    assert_false(guest_resolve(&guest, &request, segments, to));
}

static void lengths_that_add_up_by_wrapping_are_refused(void **state)
{
    const struct block_segment segments[] = {
        {.offset = 0, .length = 0xffffff00},
        {.offset = 0, .length = 0x300     }
    };
    const struct block_request request = {.sector_count = 1, .segment_count = 2};
    struct backend_segment to[BLOCK_SEGMENT_MAX];
    (void)state;
    assert_false(guest_resolve(&guest, &request, segments, to));
}

static void nothing_is_lent_without_an_address(void **state)
{
    const struct block_guest none = {.size_bytes = RAM_BYTES};
    struct backend_segment to;
    (void)state;
    guest_open(&guest, &none, ram);
    assert_false(guest_present(&guest));
    assert_false(resolves(0, 512, 1, &to));
    const struct block_guest huge = {.vaddr = 1, .size_bytes = UINT64_MAX};
    guest_open(&guest, &huge, ram);
    assert_int_equal(guest.size_bytes, (uint64_t)BLOCK_GUEST_FRAME_MAX * FRAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_segment_is_found_in_its_frame, open_guest),
        cmocka_unit_test_setup(what_is_not_in_the_ram_is_refused, open_guest),
        cmocka_unit_test_setup(their_number_is_bounded, open_guest),
        cmocka_unit_test_setup(lengths_that_add_up_by_wrapping_are_refused, open_guest),
        cmocka_unit_test_setup(nothing_is_lent_without_an_address, open_guest),
    };
    return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
