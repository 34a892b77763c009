/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "service/block/backend.h"
#include "service/block/gpt.h"

/* What one port sees: some sectors of a backend. Zero: a disk without sectors, on which all fails.
 */
struct disk {
    const struct backend *backend;
    uint64_t first_sector, sector_count;
    bool read_only;
};

/*
 * Finds what the roster says of a port, other than a RAM disk, on the device. Returns NULL, or why
 * there is no such thing: then the disk is empty. `info` may change meanwhile; gpt may be one
 * without any partition.
 */
const char *disk_open(struct disk *disk, const struct block_port_info *info,
                      const struct backend *device, const struct gpt *gpt);

/* Whether one of them can write what the other one has. */
bool disk_conflicts(const struct disk *a, const struct disk *b);

/*
 * BLOCK_OK when the disk can be asked for this: type, range, alignment, read-only. data_bytes is
 * the size of the client's data area; where the data of a direct request are is for guest_resolve
 * to say. The request is a copy that nobody changes.
 */
enum block_status disk_check(const struct disk *disk, const struct block_request *request,
                             uint64_t data_bytes);
