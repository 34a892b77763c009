/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/range.h"

/*
 * Reads an ELF program (System V ABI, chapters 4 and 5; AArch64 supplement): the kernel and the
 * root task for boot, processes for root, guest kernels for vmm. Only what a loader needs: the
 * entry and the PT_LOAD segments. The file may be hostile and unaligned; everything is checked
 * once, in elf_check, and the iterator then hands out segments that lie inside the file.
 */

enum {
    ELF_SEGMENTS_MAX = 16, /* PT_LOAD segments */
    ELF_HEADERS_MAX = 64,  /* program headers of any type */
};

enum elf_error {
    ELF_OK,
    ELF_NO_MAGIC,          /* not an ELF file at all */
    ELF_WRONG_CLASS,       /* not 64-bit, little-endian, version 1 */
    ELF_WRONG_MACHINE,     /* not AArch64 */
    ELF_WRONG_TYPE,        /* not a program (ET_EXEC or a self-relocating ET_DYN) */
    ELF_NEEDS_INTERPRETER, /* dynamically linked */
    ELF_HEADERS_OUTSIDE,   /* program headers missing, too many, of odd size, or beyond the file */
    ELF_SEGMENT_OUTSIDE,   /* a segment's bytes are beyond the end of the file */
    ELF_SEGMENT_SIZE,      /* a segment has more bytes in the file than in memory */
    ELF_SEGMENT_WRAPS,     /* a segment's addresses go past the end of the address space */
    ELF_SEGMENT_ORDER,     /* segments overlap or do not ascend by virtual address */
    ELF_NO_SEGMENT,        /* nothing to load, or too many segments */
    ELF_ENTRY_OUTSIDE,     /* the entry is not inside an executable segment */
};

struct elf {
    const uint8_t *data;
    size_t size_bytes;
    uint64_t entry;
    uint64_t headers_offset;
    uint16_t header_count;
    struct range span; /* of virtual addresses, first segment's first byte to last one's end */
};

/* One PT_LOAD segment with memory_bytes > 0. The file_bytes at `data` go to the start of it, the
 * rest is zero. */
struct elf_segment {
    const uint8_t *data;
    uint64_t file_bytes;
    uint64_t memory_bytes;
    uint64_t vaddr;
    uint64_t paddr;
    bool readable, writable, executable;
};

/* Checks the whole file and fills *elf, which then refers to data. Reads only [data, data + size).
 */
enum elf_error elf_check(struct elf *elf, const void *data, size_t size_bytes);

/*
 * The next segment in ascending virtual address: start with *cursor = 0, ends with false.
 *     for (unsigned cursor = 0; elf_segment_next(&elf, &cursor, &segment);)
 */
bool elf_segment_next(const struct elf *elf, unsigned *cursor, struct elf_segment *segment);

/* What is wrong, as the end of a sentence that begins with the file's name: "is not an ELF file".
 */
const char *elf_error_text(enum elf_error error);
