// SPDX-License-Identifier: BSD-2-Clause
/* The ELF parser. What it accepts must be inside the file and in the order that it promises. */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1); /* a read past the end is one past this block's, too */
    CHECK(copy != NULL);
    memcpy(copy, data, size);
    struct elf elf;
    enum elf_error error = elf_check(&elf, copy, size);
    CHECK(elf_error_text(error) != NULL);
    if (error == ELF_OK) {
        struct elf_segment segment;
        uint64_t end = elf.span.base;
        unsigned count = 0;
        for (unsigned cursor = 0; elf_segment_next(&elf, &cursor, &segment); count++) {
            CHECK(segment.data >= copy && segment.file_bytes <= size &&
                  segment.data <= copy + (size - segment.file_bytes));
            CHECK(segment.file_bytes <= segment.memory_bytes && segment.memory_bytes != 0);
            CHECK(segment.vaddr >= end && segment.paddr + segment.memory_bytes > segment.paddr);
            CHECK(range_contains(elf.span, segment.vaddr, segment.memory_bytes));
            end = segment.vaddr + segment.memory_bytes;
        }
        CHECK(count >= 1 && count <= ELF_SEGMENTS_MAX && end == range_last(elf.span) + 1);
    }
    free(copy);
    return 0;
}
