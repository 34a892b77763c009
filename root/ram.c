// SPDX-License-Identifier: BSD-2-Clause
#include "root/ram.h"

#include "lib/aarch64/cpu.h"
#include "lib/check.h"
#include "lib/range.h"
#include "link/map.h"
#include "link/process.h"
#include "root/process.h"
#include "root/reason.h"

/* Instead of a block's number. */
enum ram_gone {
    RAM_GONE = 0,
    RAM_SCRATCH = UINT16_MAX, /* gone, and the VMM has the scratch frame there */
};

/*
 * To take a frame and to give one back means to clear 2 MiB and to tell all cores, at root's
 * expense. A VM may do that with all of its RAM twice in a row, and then with 64 frames a second.
 */
enum { RELEASES_PER_FRAME = 2, RELEASES_PER_S = 64 };

uint32_t ram_slots(uint32_t frame_count, bool has_balloon)
{
    return frame_count + (has_balloon ? 2 : 0); /* scratch frame, table */
}

static bool map_guest(struct ram *ram, uint32_t i)
{
    return space_map(ram->guest, ram->frame + i, MAP_RAM_BASE + (uint64_t)i * RAM_FRAME_BYTES,
                     SPACE_ALL);
}

static bool map_view(struct ram *ram, uint32_t i, seL4_CPtr frame)
{
    return reason_check(cspace_copy(ram->view + i, frame, seL4_AllRights), ram->arena->name,
                        "a copy of a frame") &&
           space_map(ram->vmm, ram->view + i, PROCESS_RAM_VADDR + (uint64_t)i * RAM_FRAME_BYTES,
                     SPACE_READ_WRITE);
}

/* Makes what the balloon needs, and a slot for each frame. */
static bool make_books(struct ram *ram, uint64_t table_vaddr)
{
    struct space view = {.arena = ram->arena, .vspace = root.space.vspace};
    if (ram->count > RAM_BALLOON_FRAMES_MAX) {
        return reason_set("%s has a balloon and %u frames of memory, %u is the most",
                          ram->arena->name, ram->count, (unsigned)RAM_BALLOON_FRAMES_MAX);
    }
    if (space_map_page(&view, table_vaddr, SPACE_READ_WRITE) == 0) {
        return false;
    }
    ram->block = (uint16_t *)table_vaddr;
    ram->scratch = arena_large_frames(ram->arena, 1);
    ram->frame = arena_slots(ram->arena, ram->count);
    allowance_init(&ram->releases, RELEASES_PER_FRAME * ram->count,
                   counter_frequency_hz() / RELEASES_PER_S, counter_now());
    return ram->scratch != 0 && ram->frame != 0;
}

bool ram_make(struct ram *ram, struct arena *arena, uint32_t frame_count, uint64_t table_vaddr)
{
    *ram = (struct ram){.arena = arena, .count = frame_count};
    if (table_vaddr != 0) {
        ram->gone = frame_count;
        return make_books(ram, table_vaddr);
    }
    ram->frame = arena_large_frames(arena, frame_count);
    return ram->frame != 0;
}

static bool is_there(const struct ram *ram, uint32_t i)
{
    return ram->block == NULL || (ram->block[i] != RAM_GONE && ram->block[i] != RAM_SCRATCH);
}

static unsigned long mib(uint32_t frames)
{
    return (unsigned long)frames * (RAM_FRAME_BYTES >> 20);
}

static bool take(struct ram *ram, uint32_t i)
{
    uint16_t block = arena_take_frame(ram->arena, ram->frame + i);
    if (block == 0) {
        return false;
    }
    ram->block[i] = block;
    ram->gone--;
    return true;
}

/* All that a balloon gave away, or, in a first life, all. */
static bool take_all(struct ram *ram)
{
    uint32_t gone = ram->gone;
    for (uint32_t i = 0; i < ram->count; i++) {
        if (is_there(ram, i) || take(ram, i)) {
            continue;
        }
        if (gone < ram->count) {
            reason_set(
                "%s needs the %lu MiB that its guest had given back: %lu KiB are free beside "
                "%lu of them",
                ram->arena->name, mib(gone), (unsigned long)(memory_free_bytes() >> 10),
                mib(gone - ram->gone));
        }
        return false;
    }
    return true;
}

bool ram_map(struct ram *ram, struct space *guest, struct space *vmm)
{
    ram->guest = guest;
    ram->vmm = vmm;
    if (!take_all(ram)) {
        return false;
    }
    ram->view = arena_slots(vmm->arena, ram->count);
    for (uint32_t i = 0; ram->view != 0 && i < ram->count; i++) {
        if (!map_guest(ram, i) || !map_view(ram, i, ram->frame + i)) {
            return false;
        }
    }
    return ram->view != 0;
}

void ram_unmap(struct ram *ram)
{
    for (uint32_t i = 0; ram->guest != NULL && i < ram->count; i++) {
        if (is_there(ram, i)) {
            CHECK(seL4_ARM_Page_Unmap(ram->frame + i) == seL4_NoError);
        } else {
            ram->block[i] = RAM_GONE;
        }
    }
    ram->guest = ram->vmm = NULL;
    ram->view = 0;
    ram->wants = false;
}

void ram_drop(struct ram *ram)
{
    for (uint32_t i = 0; ram->block != NULL && i < ram->count; i++) {
        if (is_there(ram, i)) {
            arena_give_frame(ram->arena, ram->block[i]);
            ram->block[i] = RAM_GONE;
        }
    }
    *ram = (struct ram){0};
}

/* The frame that begins at a guest address, which is the VMM's word. */
static bool find(const struct ram *ram, uint64_t address, uint32_t *index)
{
    const struct range all = {MAP_RAM_BASE, (uint64_t)ram->count * RAM_FRAME_BYTES};
    if (ram->block == NULL || !is_aligned(address, RAM_FRAME_BYTES) ||
        !range_contains(all, address, RAM_FRAME_BYTES)) {
        return false;
    }
    *index = (uint32_t)((address - MAP_RAM_BASE) / RAM_FRAME_BYTES);
    return true;
}

bool ram_release(struct ram *ram, uint64_t address)
{
    uint32_t i;
    if (!find(ram, address, &i)) {
        return false;
    }
    if (!is_there(ram, i)) {
        return true;
    }
    if (!allowance_take(&ram->releases, counter_now())) {
        return false;
    }
    arena_give_frame(ram->arena, ram->block[i]);
    ram->block[i] = RAM_GONE;
    ram->gone++;
    return true;
}

static bool refuse(struct ram *ram)
{
    ram->wants = true;
    ram->refused_bytes = memory_free_bytes();
    if (log_limit_pass(&ram->refusals, 4)) {
        log_warning("%s: its guest waits for memory that it had given back: %s", ram->arena->name,
                    reason());
    }
    return false;
}

bool ram_reclaim(struct ram *ram, uint64_t address)
{
    uint32_t i;
    if (!find(ram, address, &i)) {
        return false;
    }
    if (is_there(ram, i)) {
        return true;
    }
    bool had_scratch = ram->block[i] == RAM_SCRATCH;
    if (!take(ram, i)) {
        return refuse(ram);
    }
    if (had_scratch) {
        CHECK(cspace_delete(ram->view + i) == seL4_NoError);
    }
    /* The page tables, the slots and the address spaces are there. */
    CHECK(map_view(ram, i, ram->frame + i) && map_guest(ram, i));
    return true;
}

bool ram_fault(struct ram *ram, uint64_t vaddr, uint64_t syndrome)
{
    /* Arm ARM, ISS of a data abort: fault status, "Translation fault, level 0..3". */
    enum { STATUS_MASK = 0x3c, STATUS_TRANSLATION = 0x04 };
    const struct range all = {PROCESS_RAM_VADDR, (uint64_t)ram->count * RAM_FRAME_BYTES};
    if (ram->block == NULL || !range_contains(all, vaddr, 1) ||
        (syndrome & STATUS_MASK) != STATUS_TRANSLATION) {
        return false;
    }
    uint32_t i = (uint32_t)((vaddr - PROCESS_RAM_VADDR) / RAM_FRAME_BYTES);
    if (ram->block[i] == RAM_GONE) {
        if (!map_view(ram, i, ram->scratch)) {
            return false;
        }
        ram->block[i] = RAM_SCRATCH;
    }
    return true; /* it may be there because another thread came first, or it came back meanwhile */
}

bool ram_may_ask_again(struct ram *ram)
{
    if (!ram->wants || memory_free_bytes() <= ram->refused_bytes) {
        return false;
    }
    ram->wants = false;
    return true;
}
