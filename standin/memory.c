// SPDX-License-Identifier: BSD-2-Clause

/* Clearing memory, and the cache maintenance of "Address Spaces and Virtual Memory". */

#include "standin/memory.h"
#include "standin/object.h"

#define STEP (256u << 10)
#define LINE 64u

/* The compiler makes calls to these. */
void *memset(void *to, int value, size_t size);
void *memcpy(void *to, const void *from, size_t size);

void *memset(void *to, int value, size_t size)
{
    uint8_t *byte = to;
    while (size-- > 0) {
        *byte++ = (uint8_t)value;
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    while (size-- > 0) {
        *target++ = *source++;
    }
    return to;
}

void memory_zero(void *start, uint64_t size)
{
    uint64_t *word = start;
    for (; size >= 64 && ((uintptr_t)word & 63) == 0; size -= 64, word += 8) {
        __asm__ volatile("stp xzr, xzr, [%0]\n stp xzr, xzr, [%0, #16]\n"
                         "stp xzr, xzr, [%0, #32]\n stp xzr, xzr, [%0, #48]" ::"r"(word)
                         : "memory");
    }
    for (; size >= 8; size -= 8) {
        *word++ = 0;
    }
}

void memory_copy(void *to, const void *from, uint64_t size)
{
    memcpy(to, from, size);
}

bool memory_clear(uint64_t address, uint64_t size)
{
    /* What the last interrupted call has cleared. Any other call forgets it, so that nothing can
       have used the memory in between. */
    static struct {
        uint64_t address, size, done;
    } last;
    uint64_t done = last.address == address && last.size == size ? last.done : 0;
    while (done < size) {
        uint64_t step = size - done < STEP ? size - done : STEP;
        memory_zero((void *)(address + done), step);
        done += step;
        if (done < size && interrupt_pending()) {
            last.address = address;
            last.size = size;
            last.done = done;
            return false;
        }
    }
    last.size = 0;
    return true;
}

void memory_maintain(uint64_t label, uint64_t address, uint64_t size)
{
    uint64_t end = address + size;
    for (uint64_t line = address & ~(LINE - 1ull); line < end; line += LINE) {
        switch (label) {
        case ARMVSpaceClean_Data:
        case ARMPageClean_Data:
            __asm__ volatile("dc cvac, %0" ::"r"(line) : "memory");
            break;
        case ARMVSpaceUnify_Instruction:
        case ARMPageUnify_Instruction:
            __asm__ volatile("dc cvau, %0" ::"r"(line) : "memory");
            break;
        default:
            /* Invalidate is Clean and Invalidate: else a neighbour's data on the line would be
             * lost. */
            __asm__ volatile("dc civac, %0" ::"r"(line) : "memory");
            break;
        }
    }
    dsb();
    if (label == ARMVSpaceUnify_Instruction || label == ARMPageUnify_Instruction) {
        __asm__ volatile("ic ialluis" ::: "memory");
        dsb();
    }
    isb();
}
