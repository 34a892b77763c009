/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/* A disk with a GUID partition table (UEFI 2.10, 5.3), for tests. */
struct gpt_disk {
    uint8_t *bytes;
    uint32_t block_count, block_bytes, entry_count, entry_bytes, table_blocks;
};

/* Allocates it, with an empty table and its backup. */
void gpt_disk_init(struct gpt_disk *disk, uint32_t block_count, uint32_t block_bytes,
                   uint32_t entry_count, uint32_t entry_bytes);
void gpt_disk_fini(struct gpt_disk *disk);

/* Sets entry `number`, counted from 1, of the primary table. In blocks. */
void gpt_disk_add(struct gpt_disk *disk, uint32_t number, const char *name, uint64_t first,
                  uint64_t last);

/* Makes the backup the same and all checksums right. */
void gpt_disk_seal(struct gpt_disk *disk);

/* Makes a header's checksum right, over as many bytes as it says if it can. */
void gpt_disk_sign(uint8_t *header);
