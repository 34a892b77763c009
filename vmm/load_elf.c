// SPDX-License-Identifier: BSD-2-Clause
/* An ELF program, each segment at its physical address (p_paddr): bare-metal guests and firmware.
 */
#include "lib/check.h"
#include "lib/elf.h"
#include "vmm/load.h"

static bool recognise(const struct load_file *file)
{
    struct elf elf;
    return elf_check(&elf, file->bytes, file->size_bytes) != ELF_NO_MAGIC;
}

static struct range segment_range(const struct elf_segment *segment)
{
    return (struct range){segment->paddr, segment->memory_bytes};
}

/* lib/elf.h has checked that it does not wrap, but a physical address is what the linker was told.
 */
static bool place_segment(const struct load_file *file, struct range ram, struct range segment,
                          struct load_failure *failure)
{
    if (range_contains(ram, segment.base, segment.size_bytes)) {
        return true;
    }
    if (segment.base >= ram.base && range_last(segment) < 1ull << 48) {
        return load_refuse(failure,
                           "kernel '%s' needs 0x%lx-0x%lx, memory is 0x%lx-0x%lx: give the VM at "
                           "least %lu MiB or link it lower",
                           file->name, segment.base, range_last(segment), ram.base, range_last(ram),
                           load_needed_mib(ram, range_last(segment) + 1));
    }
    return load_refuse(failure,
                       "kernel '%s': segment at physical 0x%lx-0x%lx is outside memory, which is "
                       "0x%lx-0x%lx: link it for these addresses",
                       file->name, segment.base, range_last(segment), ram.base, range_last(ram));
}

/* Compares one segment with those before it: ELF_SEGMENTS_MAX bounds the work. */
static bool refuse_overlap(const struct load_file *file, const struct elf *elf, unsigned end,
                           struct range mine, struct load_failure *failure)
{
    struct elf_segment other;
    for (unsigned cursor = 0; elf_segment_next(elf, &cursor, &other) && cursor < end;) {
        struct range theirs = segment_range(&other);
        if (range_overlaps(theirs, mine)) {
            return load_refuse(failure,
                               "kernel '%s': segments overlap in physical memory: 0x%lx-0x%lx and "
                               "0x%lx-0x%lx",
                               file->name, theirs.base, range_last(theirs), mine.base,
                               range_last(mine));
        }
    }
    return true;
}

static bool place(const struct load_file *file, struct range ram, struct load_plan *plan,
                  struct load_failure *failure)
{
    struct elf elf;
    enum elf_error error = elf_check(&elf, file->bytes, file->size_bytes);
    if (error != ELF_OK) {
        return load_refuse(failure, "kernel '%s' %s", file->name, elf_error_text(error));
    }
    uint64_t first = UINT64_MAX, end = 0;
    struct elf_segment segment;
    for (unsigned cursor = 0; elf_segment_next(&elf, &cursor, &segment);) {
        struct range mine = segment_range(&segment);
        if (!place_segment(file, ram, mine, failure) ||
            !refuse_overlap(file, &elf, cursor, mine, failure)) {
            return false;
        }
        first = mine.base < first ? mine.base : first;
        end = mine.base + mine.size_bytes > end ? mine.base + mine.size_bytes : end;
        /* e_entry is a virtual address, but the MMU is off at the entry. */
        if (range_contains((struct range){segment.vaddr, segment.memory_bytes}, elf.entry, 4)) {
            plan->entry = (gpa_t){segment.paddr + (elf.entry - segment.vaddr)};
        }
    }
    plan->kernel = (struct range){first, end - first};
    if (!is_aligned(plan->entry.value, 4)) {
        return load_refuse(failure, "kernel '%s': entry 0x%lx is not the address of an instruction",
                           file->name, elf.entry);
    }
    return true;
}

static void copy(const struct load_file *file, const struct load_plan *plan, const struct ram *ram)
{
    (void)plan; /* segments carry their addresses */
    struct elf elf;
    enum elf_error error = elf_check(&elf, file->bytes, file->size_bytes);
    CHECK(error == ELF_OK);
    struct elf_segment segment;
    for (unsigned cursor = 0; elf_segment_next(&elf, &cursor, &segment);) {
        load_fill(ram, segment_range(&segment), segment.data, segment.file_bytes);
    }
}

const struct load_format load_elf = {
    .name = "ELF",
    .recognise = recognise,
    .place = place,
    .copy = copy,
};
