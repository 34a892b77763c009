// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/gpt_disk.h"

#include <stdlib.h>
#include <string.h>

#include "lib/crc.h"

enum { HEADER_BYTES = 92 };

static void put(uint8_t *at, uint64_t value, unsigned width)
{
    memcpy(at, &value, width);
}

static uint8_t *block(struct gpt_disk *disk, uint32_t number)
{
    return disk->bytes + (size_t)number * disk->block_bytes;
}

static uint32_t backup_table(const struct gpt_disk *disk)
{
    return disk->block_count - 1 - disk->table_blocks;
}

void gpt_disk_init(struct gpt_disk *disk, uint32_t block_count, uint32_t block_bytes,
                   uint32_t entry_count, uint32_t entry_bytes)
{
    *disk = (struct gpt_disk){
        .bytes = calloc(block_count, block_bytes),
        .block_count = block_count,
        .block_bytes = block_bytes,
        .entry_count = entry_count,
        .entry_bytes = entry_bytes,
        .table_blocks = (entry_count * entry_bytes + block_bytes - 1) / block_bytes,
    };
    disk->bytes[446 + 4] = 0xee;
    disk->bytes[510] = 0x55;
    disk->bytes[511] = 0xaa;
    gpt_disk_seal(disk);
}

void gpt_disk_fini(struct gpt_disk *disk)
{
    free(disk->bytes);
}

void gpt_disk_add(struct gpt_disk *disk, uint32_t number, const char *name, uint64_t first,
                  uint64_t last)
{
    uint8_t *entry = block(disk, 2) + (size_t)(number - 1) * disk->entry_bytes;
    memset(entry, 0, disk->entry_bytes);
    memset(entry, (int)number, 32);
    put(entry + 32, first, 8);
    put(entry + 40, last, 8);
    for (unsigned i = 0; name[i] != '\0'; i++) {
        entry[56 + 2 * i] = (uint8_t)name[i];
    }
}

void gpt_disk_sign(uint8_t *header)
{
    uint32_t bytes;
    memcpy(&bytes, header + 12, 4);
    put(header + 16, 0, 4);
    put(header + 16, crc_update(0, header, bytes < 512 ? bytes : 512), 4);
}

static void write_header(struct gpt_disk *disk, uint32_t my_block, uint32_t other, uint32_t table)
{
    uint8_t *header = block(disk, my_block);
    memset(header, 0, disk->block_bytes);
    memcpy(header, "EFI PART", 8);
    put(header + 8, 0x00010000, 4);
    put(header + 12, HEADER_BYTES, 4);
    put(header + 24, my_block, 8);
    put(header + 32, other, 8);
    put(header + 40, 2 + disk->table_blocks, 8);
    put(header + 48, backup_table(disk) - 1, 8);
    put(header + 72, table, 8);
    put(header + 80, disk->entry_count, 4);
    put(header + 84, disk->entry_bytes, 4);
    put(header + 88, crc_update(0, block(disk, table), disk->entry_count * disk->entry_bytes), 4);
    gpt_disk_sign(header);
}

void gpt_disk_seal(struct gpt_disk *disk)
{
    memcpy(block(disk, backup_table(disk)), block(disk, 2),
           (size_t)disk->table_blocks * disk->block_bytes);
    write_header(disk, 1, disk->block_count - 1, 2);
    write_header(disk, disk->block_count - 1, 1, backup_table(disk));
}
