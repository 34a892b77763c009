// SPDX-License-Identifier: BSD-2-Clause
#include "lib/elf.h"

#include <string.h>

/* System V ABI, figures 4-3 and 5-1: the 64-bit forms, as they lie in the file. */
struct file_header {
    uint8_t ident[16];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t headers_offset;
    uint64_t sections_offset;
    uint32_t flags;
    uint16_t size_bytes;
    uint16_t header_bytes;
    uint16_t header_count;
    uint16_t section_bytes;
    uint16_t section_count;
    uint16_t section_names;
};
_Static_assert(sizeof(struct file_header) == 64, "ELF64 file header");

struct program_header {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t file_bytes;
    uint64_t memory_bytes;
    uint64_t alignment;
};
_Static_assert(sizeof(struct program_header) == 56, "ELF64 program header");

enum {
    IDENT_CLASS = 4,
    CLASS_64 = 2,
    IDENT_DATA = 5,
    DATA_LITTLE_ENDIAN = 1,
    IDENT_VERSION = 6,
    VERSION_CURRENT = 1,
    TYPE_EXEC = 2,
    TYPE_DYN = 3,
    MACHINE_AARCH64 = 183,
    SEGMENT_LOAD = 1,
    SEGMENT_INTERPRETER = 3,
    FLAG_EXECUTE = 1,
    FLAG_WRITE = 2,
    FLAG_READ = 4,
};

static enum elf_error check_file_header(const struct file_header *header)
{
    if (memcmp(header->ident, "\177ELF", 4) != 0) {
        return ELF_NO_MAGIC;
    }
    if (header->ident[IDENT_CLASS] != CLASS_64 || header->ident[IDENT_DATA] != DATA_LITTLE_ENDIAN ||
        header->ident[IDENT_VERSION] != VERSION_CURRENT) {
        return ELF_WRONG_CLASS;
    }
    if (header->machine != MACHINE_AARCH64) {
        return ELF_WRONG_MACHINE;
    }
    if (header->type != TYPE_EXEC && header->type != TYPE_DYN) {
        return ELF_WRONG_TYPE;
    }
    return ELF_OK;
}

static struct program_header header_at(const struct elf *elf, unsigned index)
{
    struct program_header header;
    memcpy(&header, elf->data + elf->headers_offset + index * sizeof header, sizeof header);
    return header;
}

static bool is_loaded(const struct program_header *header)
{
    return header->type == SEGMENT_LOAD && header->memory_bytes != 0;
}

/* `end`, the end of the segments before this one, moves to the end of this one. */
static enum elf_error check_segment(const struct elf *elf, const struct program_header *header,
                                    uint64_t *end)
{
    struct range file = {.size_bytes = elf->size_bytes};
    if (header->file_bytes > header->memory_bytes) {
        return ELF_SEGMENT_SIZE;
    }
    if (!range_contains(file, header->offset, header->file_bytes)) {
        return ELF_SEGMENT_OUTSIDE;
    }
    /* Not even the byte after the end may wrap: users compute it. */
    if (header->vaddr > UINT64_MAX - header->memory_bytes ||
        header->paddr > UINT64_MAX - header->memory_bytes) {
        return ELF_SEGMENT_WRAPS;
    }
    if (header->vaddr < *end) {
        return ELF_SEGMENT_ORDER;
    }
    *end = header->vaddr + header->memory_bytes;
    return ELF_OK;
}

static enum elf_error check_segments(struct elf *elf)
{
    unsigned loaded = 0;
    bool entry_found = false;
    uint64_t end = 0;
    for (unsigned i = 0; i < elf->header_count; i++) {
        struct program_header header = header_at(elf, i);
        if (header.type == SEGMENT_INTERPRETER) {
            return ELF_NEEDS_INTERPRETER;
        }
        if (!is_loaded(&header)) {
            continue;
        }
        enum elf_error error = check_segment(elf, &header, &end);
        if (error != ELF_OK) {
            return error;
        }
        if (loaded++ == 0) {
            elf->span.base = header.vaddr;
        }
        struct range memory = {header.vaddr, header.memory_bytes};
        entry_found |= (header.flags & FLAG_EXECUTE) && range_contains(memory, elf->entry, 4);
    }
    if (loaded == 0 || loaded > ELF_SEGMENTS_MAX) {
        return ELF_NO_SEGMENT;
    }
    elf->span.size_bytes = end - elf->span.base;
    return entry_found ? ELF_OK : ELF_ENTRY_OUTSIDE;
}

enum elf_error elf_check(struct elf *elf, const void *data, size_t size_bytes)
{
    struct file_header header;
    if (size_bytes < sizeof header) {
        return ELF_NO_MAGIC;
    }
    memcpy(&header, data, sizeof header);
    enum elf_error error = check_file_header(&header);
    if (error != ELF_OK) {
        return error;
    }
    struct range file = {.size_bytes = size_bytes};
    if (header.header_bytes != sizeof(struct program_header) || header.header_count == 0 ||
        header.header_count > ELF_HEADERS_MAX ||
        !range_contains(file, header.headers_offset,
                        header.header_count * sizeof(struct program_header))) {
        return ELF_HEADERS_OUTSIDE;
    }
    *elf = (struct elf){
        .data = data,
        .size_bytes = size_bytes,
        .entry = header.entry,
        .headers_offset = header.headers_offset,
        .header_count = header.header_count,
    };
    return check_segments(elf);
}

bool elf_segment_next(const struct elf *elf, unsigned *cursor, struct elf_segment *segment)
{
    while (*cursor < elf->header_count) {
        struct program_header header = header_at(elf, (*cursor)++);
        if (!is_loaded(&header)) {
            continue;
        }
        *segment = (struct elf_segment){
            .data = elf->data + header.offset,
            .file_bytes = header.file_bytes,
            .memory_bytes = header.memory_bytes,
            .vaddr = header.vaddr,
            .paddr = header.paddr,
            .readable = (header.flags & FLAG_READ) != 0,
            .writable = (header.flags & FLAG_WRITE) != 0,
            .executable = (header.flags & FLAG_EXECUTE) != 0,
        };
        return true;
    }
    return false;
}

const char *elf_error_text(enum elf_error error)
{
    switch (error) {
    case ELF_OK:
        return "is a valid ELF program";
    case ELF_NO_MAGIC:
        return "is not an ELF file";
    case ELF_WRONG_CLASS:
        return "is not a 64-bit little-endian ELF file";
    case ELF_WRONG_MACHINE:
        return "is not an AArch64 ELF file";
    case ELF_WRONG_TYPE:
        return "is an ELF file, but not a program";
    case ELF_NEEDS_INTERPRETER:
        return "is dynamically linked; link it statically";
    case ELF_HEADERS_OUTSIDE:
        return "has no program headers, too many, or some outside the file";
    case ELF_SEGMENT_OUTSIDE:
        return "has a segment that lies outside the file (truncated?)";
    case ELF_SEGMENT_SIZE:
        return "has a segment with more bytes in the file than in memory";
    case ELF_SEGMENT_WRAPS:
        return "has a segment past the end of the address space";
    case ELF_SEGMENT_ORDER:
        return "has segments that overlap or do not ascend";
    case ELF_NO_SEGMENT:
        return "has nothing to load, or more segments than we take";
    case ELF_ENTRY_OUTSIDE:
        return "has its entry outside its code";
    }
    return "is wrong in an unknown way";
}
