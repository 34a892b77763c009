/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "link/block.h"

/*
 * The GUID partition table of a disk (UEFI specification 2.10, 5.3): protective MBR, header,
 * entries; the backup at the end of the disk when the primary one is damaged. What the disk says is
 * not believed: a guest that has the whole disk can write there. A table is good when its
 * checksums, ranges and sizes are, and no two partitions overlap; else it is as if it were not
 * there.
 *
 * It does not read by itself: gpt_wants says what, gpt_feed gets it, until gpt_wants says no more.
 */
enum {
    GPT_PARTITION_MAX = 128,
    GPT_TABLE_BYTES_MAX = 65536, /* the largest table, and read, that is looked at */
};

struct gpt_partition {
    uint64_t first_sector, sector_count;   /* of 512 bytes */
    uint32_t number;                       /* of its entry, from 1 */
    char name[BLOCK_PARTITION_NAME_BYTES]; /* what is not ASCII is no '?' but '\x7f' */
};

enum gpt_result {
    GPT_UNFINISHED = 0,
    GPT_GOOD,
    GPT_BACKUP, /* good, but the primary one is damaged */
    GPT_NONE,   /* no protective MBR: the disk has no such table */
    GPT_BAD,    /* damaged, both of them: `why` has the last reason */
    GPT_UNREADABLE,
};

struct gpt {
    enum gpt_result result;
    const char *why;
    uint32_t partition_count;
    struct gpt_partition partition[GPT_PARTITION_MAX]; /* in the order of their numbers */

    /* How far it is. */
    enum gpt_step { GPT_READ_START, GPT_READ_TABLE, GPT_READ_BACKUP, GPT_READ_BACKUP_TABLE } step;
    uint64_t block_count;
    uint32_t block_bytes;
    uint64_t table_block, usable_first, usable_last; /* in blocks */
    uint32_t entry_count, entry_bytes, table_crc;
};

void gpt_begin(struct gpt *gpt, uint64_t sector_count, uint32_t block_bytes);

/* What to read next, at most GPT_TABLE_BYTES_MAX bytes. False: gpt->result is there. */
bool gpt_wants(const struct gpt *gpt, uint64_t *sector, uint32_t *sector_count);

/* The bytes that gpt_wants asked for, or NULL when they could not be read. */
void gpt_feed(struct gpt *gpt, const uint8_t *bytes);

/* The partition; NULL when there is none, or several have this name. */
const struct gpt_partition *gpt_find_name(const struct gpt *gpt, const char *name);
const struct gpt_partition *gpt_find_number(const struct gpt *gpt, uint32_t number);
