/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/image.h"
#include "root/space.h"

/*
 * The boot image's files, in RAM that the kernel does not manage: root maps all of it, read-only,
 * and gives VMMs views of the files that their descriptions name.
 */

/*
 * Finds the image through /chosen/bulkhead,image of the board's device tree, maps and opens it.
 * False: the reason says why.
 */
bool files_open(const void *board_tree, struct space *root);

/* A file's bytes, in root's address space; NULL when there is none. */
const void *files_find(enum image_type type, const char *name, uint64_t *size_bytes);

/* The description: the only file of its type. */
const void *files_description(uint64_t *size_bytes);

/*
 * Maps a guest file into a VMM, read-only, at the same distance from PROCESS_FILES_VADDR as it has
 * from the image's start. Returns its address there, 0 on failure: the reason says why.
 */
uint64_t files_map(struct space *space, const char *name, uint64_t *size_bytes);

/* How many capability slots files_map takes for this file. */
uint32_t files_slots(const char *name);
