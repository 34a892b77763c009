// SPDX-License-Identifier: BSD-2-Clause
/*
 * Partition tables by a hostile guest. The input begins with a byte of options and then patches a
 * valid disk: pairs of where and what. With the option, checksums are made right again afterwards,
 * so that what they protect is reached. Whatever comes out as a partition lies on the disk, inside
 * nobody else, and only good tables give any.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/crc.h"
#include "service/block/gpt.h"
#include "test/fake/gpt_disk.h"

enum { BLOCKS = 256, OPTION_SIGN = 1, OPTION_SIGN_BACKUP = 2, OPTION_NO_PRIMARY = 4, PATCH = 11 };

/* Where patches may land: MBR and primary header and table; or the backup's blocks. */
static void patch(struct gpt_disk *disk, const uint8_t *input)
{
    uint16_t where;
    uint64_t what;
    memcpy(&where, input, sizeof where);
    memcpy(&what, input + 2, sizeof what);
    uint32_t from = (input[10] & 0x80) != 0 ? (BLOCKS - 33) * 512u : 0;
    uint32_t at = from + where % (33 * 512 - 8);
    memcpy(disk->bytes + at, &what, 1u + (input[10] & 7));
}

static void sign(struct gpt_disk *disk, uint32_t header_block, uint32_t table_block)
{
    uint8_t *header = disk->bytes + (size_t)header_block * 512;
    uint32_t count, size;
    memcpy(&count, header + 80, 4);
    memcpy(&size, header + 84, 4);
    uint64_t bytes = (uint64_t)count * size;
    if (bytes <= 32 * 512) {
        uint32_t crc = crc_update(0, disk->bytes + (size_t)table_block * 512, (size_t)bytes);
        memcpy(header + 88, &crc, 4);
    }
    gpt_disk_sign(header);
}

static void check(const struct gpt *gpt)
{
    CHECK(gpt->partition_count <= GPT_PARTITION_MAX);
    CHECK(gpt->partition_count == 0 || gpt->result == GPT_GOOD || gpt->result == GPT_BACKUP);
    for (uint32_t i = 0; i < gpt->partition_count; i++) {
        const struct gpt_partition *p = &gpt->partition[i];
        CHECK(p->sector_count != 0 && p->first_sector >= 2 && p->first_sector < BLOCKS);
        CHECK(p->sector_count <= BLOCKS - p->first_sector);
        CHECK(memchr(p->name, 0, sizeof p->name) != NULL);
        for (uint32_t j = 0; j < i; j++) {
            const struct gpt_partition *q = &gpt->partition[j];
            CHECK(p->first_sector >= q->first_sector + q->sector_count ||
                  q->first_sector >= p->first_sector + p->sector_count);
        }
        gpt_find_name(gpt, p->name);
        CHECK(gpt_find_number(gpt, p->number) != NULL);
    }
}

static void make_valid(struct gpt_disk *disk)
{
    gpt_disk_init(disk, BLOCKS, 512, 128, 128);
    gpt_disk_add(disk, 1, "boot", 40, 99);
    gpt_disk_add(disk, 3, "root", 100, 150);
    gpt_disk_seal(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct gpt gpt;
    static struct gpt_disk disk, valid;
    uint8_t options = size != 0 ? input[0] : 0;
    if (valid.bytes == NULL) {
        make_valid(&valid);
        make_valid(&disk);
    }
    memcpy(disk.bytes, valid.bytes, (size_t)BLOCKS * 512);
    for (size_t at = 1; at + PATCH <= size; at += PATCH) {
        patch(&disk, input + at);
    }
    if ((options & OPTION_SIGN) != 0) {
        sign(&disk, 1, 2);
    }
    if ((options & OPTION_SIGN_BACKUP) != 0) {
        sign(&disk, BLOCKS - 1, BLOCKS - 33);
    }
    if ((options & OPTION_NO_PRIMARY) != 0) {
        disk.bytes[512] = 0;
    }
    uint64_t sector;
    uint32_t count;
    unsigned reads = 0;
    gpt_begin(&gpt, BLOCKS, 512);
    while (gpt_wants(&gpt, &sector, &count)) {
        CHECK(reads++ < 4);
        CHECK(count != 0 && count <= GPT_TABLE_BYTES_MAX / 512);
        CHECK(sector < BLOCKS && count <= BLOCKS - sector);
        /* Exactly as much as it asked for, for the address sanitizer. */
        uint8_t *bytes = malloc(count * 512);
        memcpy(bytes, disk.bytes + sector * 512, count * 512);
        gpt_feed(&gpt, bytes);
        free(bytes);
    }
    check(&gpt);
    return 0;
}
