// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/gpt.h"

#include <string.h>

#include "lib/check.h"
#include "lib/crc.h"
#include "lib/range.h"

enum {
    HEADER_BYTES_MIN = 92,
    ENTRY_BYTES_MIN = 128,
    NAME_UNITS = 36,
    REVISION_1 = 0x00010000,

    MBR_PARTITION = 446, /* 5.2.1: four records of 16 bytes */
    MBR_PARTITION_BYTES = 16,
    MBR_PARTITIONS = 4,
    MBR_OS_TYPE = 4,
    MBR_SIGNATURE = 510,
    MBR_PROTECTIVE = 0xee,
};

/* 5.3.2. */
struct header {
    uint8_t signature[8];
    uint32_t revision, bytes, crc, reserved;
    uint64_t my_block, other_block, usable_first, usable_last;
    uint8_t guid[16];
    uint64_t table_block;
    uint32_t entry_count, entry_bytes, table_crc;
} __attribute__((packed));
_Static_assert(sizeof(struct header) == HEADER_BYTES_MIN, "UEFI 2.10, table 5-5");

/* 5.3.3. */
struct entry {
    uint8_t type[16], guid[16];
    uint64_t first, last, attributes;
    uint16_t name[NAME_UNITS];
};
_Static_assert(sizeof(struct entry) == ENTRY_BYTES_MIN, "UEFI 2.10, table 5-6");

void gpt_begin(struct gpt *gpt, uint64_t sector_count, uint32_t block_bytes)
{
    CHECK(block_bytes >= BLOCK_SECTOR_BYTES && block_bytes <= BLOCK_PAGE_BYTES);
    memset(gpt, 0, sizeof *gpt);
    gpt->block_bytes = block_bytes;
    gpt->block_count = sector_count / (block_bytes / BLOCK_SECTOR_BYTES);
    if (gpt->block_count < 3) {
        gpt->result = GPT_NONE; /* MBR and two headers do not fit */
        gpt->why = "the disk is too small";
    }
}

static uint32_t table_blocks(const struct gpt *gpt)
{
    return (gpt->entry_count * gpt->entry_bytes + gpt->block_bytes - 1) / gpt->block_bytes;
}

bool gpt_wants(const struct gpt *gpt, uint64_t *sector, uint32_t *sector_count)
{
    uint32_t block_sectors = gpt->block_bytes / BLOCK_SECTOR_BYTES;
    uint64_t block = 0;
    uint32_t count = 1;
    if (gpt->result != GPT_UNFINISHED) {
        return false;
    }
    switch (gpt->step) {
    case GPT_READ_START:
        count = 2;
        break;
    case GPT_READ_BACKUP:
        block = gpt->block_count - 1;
        break;
    case GPT_READ_TABLE:
    case GPT_READ_BACKUP_TABLE:
        block = gpt->table_block;
        count = table_blocks(gpt);
        break;
    }
    *sector = block * block_sectors;
    *sector_count = count * block_sectors;
    return true;
}

/* 5.2.3: one partition of this type is what tells a GPT disk from others. */
static bool has_protective_mbr(const uint8_t *mbr)
{
    for (unsigned i = 0; i < MBR_PARTITIONS; i++) {
        if (mbr[MBR_PARTITION + i * MBR_PARTITION_BYTES + MBR_OS_TYPE] == MBR_PROTECTIVE) {
            return mbr[MBR_SIGNATURE] == 0x55 && mbr[MBR_SIGNATURE + 1] == 0xaa;
        }
    }
    return false;
}

/* The CRC is over `bytes`, with its own field zero. */
static bool header_crc_good(const uint8_t *block, const struct header *header)
{
    static const uint8_t zero[4];
    size_t before = offsetof(struct header, crc), after = before + sizeof zero;
    uint32_t crc = crc_update(0, block, before);
    crc = crc_update(crc, zero, sizeof zero);
    return crc_update(crc, block + after, header->bytes - after) == header->crc;
}

/* Why the header is no good, or NULL: then the gpt knows where its table is. */
static const char *read_header(struct gpt *gpt, const uint8_t *block, uint64_t my_block)
{
    struct header header;
    memcpy(&header, block, sizeof header);
    if (memcmp(header.signature, "EFI PART", sizeof header.signature) != 0) {
        return "no header";
    }
    if (header.revision < REVISION_1 || header.bytes < sizeof header ||
        header.bytes > gpt->block_bytes) {
        return "header of unknown revision or size";
    }
    if (!header_crc_good(block, &header)) {
        return "header checksum is wrong";
    }
    if (header.my_block != my_block) {
        return "header is of another place";
    }
    if (header.usable_first > header.usable_last || header.usable_last >= gpt->block_count ||
        header.usable_first < 2) {
        return "usable blocks are not on the disk";
    }
    bool entry_good = header.entry_bytes >= ENTRY_BYTES_MIN &&
                      (header.entry_bytes & (header.entry_bytes - 1)) == 0 &&
                      header.entry_bytes <= GPT_TABLE_BYTES_MAX && header.entry_count != 0 &&
                      header.entry_count <= GPT_TABLE_BYTES_MAX / header.entry_bytes;
    if (!entry_good) {
        return "table has an impossible size";
    }
    gpt->entry_count = header.entry_count;
    gpt->entry_bytes = header.entry_bytes;
    gpt->table_crc = header.table_crc;
    gpt->table_block = header.table_block;
    gpt->usable_first = header.usable_first;
    gpt->usable_last = header.usable_last;
    struct range disk = {2, gpt->block_count - 2};
    struct range usable = {header.usable_first, header.usable_last - header.usable_first + 1};
    if (!range_contains(disk, header.table_block, table_blocks(gpt)) ||
        range_overlaps(usable, (struct range){header.table_block, table_blocks(gpt)})) {
        return "table is not where it may be";
    }
    return NULL;
}

static void read_name(struct gpt_partition *partition, const struct entry *entry)
{
    unsigned length = 0;
    while (length < NAME_UNITS && entry->name[length] != 0) {
        uint16_t unit = entry->name[length];
        partition->name[length++] = unit >= ' ' && unit < 0x7f ? (char)unit : '\x7f';
    }
    partition->name[length] = '\0';
}

/* Whether the newest partition overlaps an earlier one. */
static bool newest_overlaps(const struct gpt *gpt)
{
    const struct gpt_partition *newest = &gpt->partition[gpt->partition_count - 1];
    struct range range = {newest->first_sector, newest->sector_count};
    for (const struct gpt_partition *p = gpt->partition; p < newest; p++) {
        if (range_overlaps(range, (struct range){p->first_sector, p->sector_count})) {
            return true;
        }
    }
    return false;
}

static const char *read_entry(struct gpt *gpt, const uint8_t *bytes, uint32_t number)
{
    static const uint8_t unused[sizeof((struct entry){0}.type)];
    uint32_t block_sectors = gpt->block_bytes / BLOCK_SECTOR_BYTES;
    struct entry entry;
    memcpy(&entry, bytes, sizeof entry);
    if (memcmp(entry.type, unused, sizeof unused) == 0) {
        return NULL;
    }
    if (entry.first < gpt->usable_first || entry.first > entry.last ||
        entry.last > gpt->usable_last) {
        return "a partition is outside of the usable blocks";
    }
    if (gpt->partition_count == GPT_PARTITION_MAX) {
        return "more than 128 partitions";
    }
    struct gpt_partition *partition = &gpt->partition[gpt->partition_count++];
    partition->number = number;
    partition->first_sector = entry.first * block_sectors;
    partition->sector_count = (entry.last - entry.first + 1) * block_sectors;
    read_name(partition, &entry);
    return newest_overlaps(gpt) ? "two partitions overlap" : NULL;
}

static const char *read_table(struct gpt *gpt, const uint8_t *table)
{
    const char *why = NULL;
    if (crc_update(0, table, (size_t)gpt->entry_count * gpt->entry_bytes) != gpt->table_crc) {
        return "table checksum is wrong";
    }
    gpt->partition_count = 0;
    for (uint32_t i = 0; i < gpt->entry_count && why == NULL; i++) {
        why = read_entry(gpt, table + (size_t)i * gpt->entry_bytes, i + 1);
    }
    return why;
}

/* This table is no good: the backup, or nothing. */
static void give_up(struct gpt *gpt, const char *why)
{
    gpt->why = why;
    gpt->partition_count = 0;
    if (gpt->step == GPT_READ_START || gpt->step == GPT_READ_TABLE) {
        gpt->step = GPT_READ_BACKUP;
    } else {
        gpt->result = GPT_BAD;
    }
}

static void feed_start(struct gpt *gpt, const uint8_t *bytes)
{
    if (!has_protective_mbr(bytes)) {
        gpt->result = GPT_NONE;
        gpt->why = "no protective MBR";
        return;
    }
    const char *why = read_header(gpt, bytes + gpt->block_bytes, 1);
    if (why != NULL) {
        give_up(gpt, why);
    } else {
        gpt->step = GPT_READ_TABLE;
    }
}

static void feed_backup(struct gpt *gpt, const uint8_t *bytes)
{
    const char *why = read_header(gpt, bytes, gpt->block_count - 1);
    if (why != NULL) {
        give_up(gpt, why);
    } else {
        gpt->step = GPT_READ_BACKUP_TABLE;
    }
}

static void feed_table(struct gpt *gpt, const uint8_t *bytes)
{
    const char *why = read_table(gpt, bytes);
    if (why != NULL) {
        give_up(gpt, why);
    } else {
        gpt->result = gpt->step == GPT_READ_TABLE ? GPT_GOOD : GPT_BACKUP;
    }
}

void gpt_feed(struct gpt *gpt, const uint8_t *bytes)
{
    CHECK(gpt->result == GPT_UNFINISHED);
    if (bytes == NULL) {
        /* Without the first blocks nothing says that there is a table at all. */
        bool first = gpt->step == GPT_READ_START;
        give_up(gpt, "cannot be read");
        gpt->result = first ? GPT_UNREADABLE : gpt->result;
        return;
    }
    switch (gpt->step) {
    case GPT_READ_START:
        feed_start(gpt, bytes);
        break;
    case GPT_READ_BACKUP:
        feed_backup(gpt, bytes);
        break;
    case GPT_READ_TABLE:
    case GPT_READ_BACKUP_TABLE:
        feed_table(gpt, bytes);
        break;
    }
}

const struct gpt_partition *gpt_find_name(const struct gpt *gpt, const char *name)
{
    const struct gpt_partition *found = NULL;
    for (uint32_t i = 0; i < gpt->partition_count; i++) {
        if (strcmp(gpt->partition[i].name, name) == 0) {
            if (found != NULL) {
                return NULL;
            }
            found = &gpt->partition[i];
        }
    }
    return found;
}

const struct gpt_partition *gpt_find_number(const struct gpt *gpt, uint32_t number)
{
    for (uint32_t i = 0; i < gpt->partition_count; i++) {
        if (gpt->partition[i].number == number) {
            return &gpt->partition[i];
        }
    }
    return NULL;
}
