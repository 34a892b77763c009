// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/gpt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/crc.h"
#include "test/fake/gpt_disk.h"

enum { BLOCKS = 1000 };

struct fixture {
    struct gpt gpt;
    struct gpt_disk disk;
    bool unreadable[BLOCKS]; /* by block */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    gpt_disk_init(&f->disk, BLOCKS, 512, 128, 128);
    gpt_disk_add(&f->disk, 1, "boot", 40, 99);
    gpt_disk_add(&f->disk, 2, "root", 100, 500);
    gpt_disk_add(&f->disk, 7, "data", 501, 900);
    gpt_disk_seal(&f->disk);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    gpt_disk_fini(&f->disk);
    free(f);
    return 0;
}

static enum gpt_result load(struct fixture *f)
{
    uint32_t block = f->disk.block_bytes, count;
    uint64_t sector;
    unsigned reads = 0;
    gpt_begin(&f->gpt, (uint64_t)f->disk.block_count * (block / 512), block);
    while (gpt_wants(&f->gpt, &sector, &count)) {
        assert_true(reads++ < 5);
        assert_true(count * 512 <= GPT_TABLE_BYTES_MAX && count != 0);
        assert_true((sector + count) * 512 <= (uint64_t)f->disk.block_count * block);
        bool bad = f->unreadable[sector * 512 / block];
        gpt_feed(&f->gpt, bad ? NULL : f->disk.bytes + sector * 512);
    }
    return f->gpt.result;
}

static void a_good_table_is_read(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(load(f), GPT_GOOD);
    assert_int_equal(f->gpt.partition_count, 3);
    const struct gpt_partition *root = gpt_find_name(&f->gpt, "root");
    assert_non_null(root);
    assert_int_equal(root->first_sector, 100);
    assert_int_equal(root->sector_count, 401);
    assert_ptr_equal(gpt_find_number(&f->gpt, 2), root);
    assert_int_equal(gpt_find_number(&f->gpt, 7)->first_sector, 501);
    assert_null(gpt_find_number(&f->gpt, 3));
    assert_null(gpt_find_number(&f->gpt, 0));
    assert_null(gpt_find_name(&f->gpt, "roo"));
    assert_null(gpt_find_name(&f->gpt, ""));
}

static void a_disk_with_larger_blocks(void **state)
{
    struct fixture *f = *state;
    gpt_disk_fini(&f->disk);
    gpt_disk_init(&f->disk, BLOCKS, 4096, 128, 256);
    gpt_disk_add(&f->disk, 1, "one", 100, 100);
    gpt_disk_seal(&f->disk);
    assert_int_equal(load(f), GPT_GOOD);
    assert_int_equal(gpt_find_name(&f->gpt, "one")->first_sector, 800);
    assert_int_equal(gpt_find_name(&f->gpt, "one")->sector_count, 8);
}

static void a_disk_without_a_table(void **state)
{
    struct fixture *f = *state;
    f->disk.bytes[446 + 4] = 0x83;
    assert_int_equal(load(f), GPT_NONE);
    memset(f->disk.bytes, 0, 512);
    assert_int_equal(load(f), GPT_NONE);
    for (uint64_t sectors = 0; sectors < 3; sectors++) {
        gpt_begin(&f->gpt, sectors, 512);
        assert_int_equal(f->gpt.result, GPT_NONE);
    }
}

static void the_backup_is_used_when_the_primary_is_damaged(void **state)
{
    struct fixture *f = *state;
    f->disk.bytes[512 + 70] ^= 1; /* the header */
    assert_int_equal(load(f), GPT_BACKUP);
    assert_int_equal(gpt_find_name(&f->gpt, "root")->first_sector, 100);
    f->disk.bytes[512 + 70] ^= 1;
    f->disk.bytes[1024 + 60] ^= 1; /* the table */
    assert_int_equal(load(f), GPT_BACKUP);
    f->disk.bytes[1024 + 60] ^= 1;
    f->unreadable[2] = true;
    assert_int_equal(load(f), GPT_BACKUP);
    f->disk.bytes[(BLOCKS - 1) * 512] ^= 1;
    assert_int_equal(load(f), GPT_BAD);
    assert_int_equal(f->gpt.partition_count, 0);
    f->unreadable[0] = true;
    assert_int_equal(load(f), GPT_UNREADABLE);
}

/* Every single bit of header and table is under a checksum. */
static void no_flipped_bit_passes(void **state)
{
    struct fixture *f = *state;
    memset(f->disk.bytes + (BLOCKS - 1) * 512, 0, 512); /* no backup */
    for (unsigned i = 0; i < 92 * 8 + 128 * 8 * 3; i++) {
        unsigned bit = i < 92 * 8 ? 512 * 8 + i : 1024 * 8 + i - 92 * 8;
        f->disk.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(load(f), GPT_BAD);
        f->disk.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(load(f), GPT_GOOD);
}

/* Checksums are right, but what they protect cannot be. */
static void tables_that_cannot_be_are_refused(void **state)
{
    static const struct {
        unsigned offset;
        unsigned width;
        uint64_t value;
    } cases[] = {
        {8,  4, 0xffff        }, /* revision */
        {12, 4, 91            }, /* header size */
        {12, 4, 513           },
        {12, 4, UINT32_MAX    },
        {24, 8, 2             }, /* my block */
        {40, 8, 901           }, /* first usable after last */
        {40, 8, 1             },
        {40, 8, 33            }, /* first usable in the table */
        {48, 8, BLOCKS        }, /* last usable */
        {48, 8, UINT64_MAX    },
        {72, 8, 0             }, /* table */
        {72, 8, 1             },
        {72, 8, 50            },
        {72, 8, BLOCKS - 31   },
        {72, 8, UINT64_MAX    },
        {72, 8, UINT64_MAX - 3},
        {80, 4, 0             }, /* entries */
        {80, 4, 513           },
        {80, 4, UINT32_MAX    },
        {80, 4, 0x2000000     }, /* its product with 128 is 2^32 */
        {84, 4, 0             }, /* size of an entry */
        {84, 4, 64            },
        {84, 4, 192           },
        {84, 4, 0x80000000    },
        {48, 8, 899           }, /* the last partition ends behind it */
        {40, 8, 41            }, /* the first begins before it */
    };
    struct fixture *f = *state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t saved[512];
        memset(f->disk.bytes + (BLOCKS - 1) * 512, 0, 512);
        memcpy(saved, f->disk.bytes + 512, 512);
        memcpy(f->disk.bytes + 512 + cases[i].offset, &cases[i].value, cases[i].width);
        gpt_disk_sign(f->disk.bytes + 512);
        assert_int_equal(load(f), GPT_BAD);
        memcpy(f->disk.bytes + 512, saved, 512);
        assert_int_equal(load(f), GPT_GOOD);
    }
}

static void entries_that_cannot_be_are_refused(void **state)
{
    static const struct {
        uint64_t first, last;
        enum gpt_result result;
    } cases[] = {
        {901, 966,            GPT_GOOD},
        {901, 967,            GPT_BAD }, /* behind the usable blocks */
        {950, 949,            GPT_BAD }, /* ends before it begins */
        {901, UINT64_MAX,     GPT_BAD },
        {33,  39,             GPT_BAD }, /* in the table */
        {34,  39,             GPT_GOOD},
        {34,  40,             GPT_BAD }, /* overlaps */
        {900, 910,            GPT_BAD },
        {200, 201,            GPT_BAD },
        {35,  950,            GPT_BAD },
        {0,   UINT64_MAX - 1, GPT_BAD },
    };
    struct fixture *f = *state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gpt_disk_add(&f->disk, 128, "new", cases[i].first, cases[i].last);
        gpt_disk_seal(&f->disk);
        assert_int_equal(load(f), cases[i].result);
        assert_int_equal(f->gpt.partition_count, cases[i].result == GPT_GOOD ? 4 : 0);
    }
}

static void a_name_that_two_have_names_none(void **state)
{
    struct fixture *f = *state;
    gpt_disk_add(&f->disk, 9, "root", 901, 910);
    gpt_disk_seal(&f->disk);
    assert_int_equal(load(f), GPT_GOOD);
    assert_null(gpt_find_name(&f->gpt, "root"));
    assert_non_null(gpt_find_name(&f->gpt, "data"));
}

static void names_of_full_length_and_odd_characters(void **state)
{
    struct fixture *f = *state;
    gpt_disk_add(&f->disk, 9, "123456789012345678901234567890123456", 901, 910);
    gpt_disk_add(&f->disk, 10, "\xe4\nb", 911, 912);
    gpt_disk_seal(&f->disk);
    assert_int_equal(load(f), GPT_GOOD);
    assert_non_null(gpt_find_name(&f->gpt, "123456789012345678901234567890123456"));
    assert_string_equal(gpt_find_number(&f->gpt, 10)->name, "\x7f\x7f"
                                                            "b");
}

static void a_table_with_too_many_partitions_is_refused(void **state)
{
    struct fixture *f = *state;
    gpt_disk_fini(&f->disk);
    gpt_disk_init(&f->disk, BLOCKS, 512, 256, 128);
    for (uint32_t i = 1; i <= 129; i++) {
        gpt_disk_add(&f->disk, i, "x", 100 + i, 100 + i);
        gpt_disk_seal(&f->disk);
        if (i >= 128) {
            assert_int_equal(load(f), i == 128 ? GPT_GOOD : GPT_BAD);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_good_table_is_read),
        TEST(a_disk_with_larger_blocks),
        TEST(a_disk_without_a_table),
        TEST(the_backup_is_used_when_the_primary_is_damaged),
        TEST(no_flipped_bit_passes),
        TEST(tables_that_cannot_be_are_refused),
        TEST(entries_that_cannot_be_are_refused),
        TEST(a_name_that_two_have_names_none),
        TEST(names_of_full_length_and_odd_characters),
        TEST(a_table_with_too_many_partitions_is_refused),
    };
    return cmocka_run_group_tests_name("gpt", tests, NULL, NULL);
}
