// SPDX-License-Identifier: BSD-2-Clause
#include "root/process.h"

#include <string.h>

#include "lib/check.h"
#include "lib/elf.h"
#include "lib/format.h"
#include "lib/range.h"
#include "root/files.h"
#include "root/layout.h"
#include "root/reason.h"

#define PAGE_BYTES (1ull << seL4_PageBits)

static enum space_access segment_access(const struct elf_segment *segment)
{
    if (segment->executable) {
        return SPACE_READ_EXECUTE;
    }
    return segment->writable ? SPACE_READ_WRITE : SPACE_READ;
}

static bool load_segment(struct process *process, const struct elf_segment *segment)
{
    struct space *space = segment->vaddr >= PROCESS_START_VADDR ? &process->start : &process->space;
    uint64_t end = segment->vaddr + segment->memory_bytes;
    for (uint64_t page = align_down(segment->vaddr, PAGE_BYTES); page < end; page += PAGE_BYTES) {
        /* The part of the file that belongs to this page; none in zeroed memory. */
        uint64_t from = page > segment->vaddr ? page : segment->vaddr;
        uint64_t file_end = segment->vaddr + segment->file_bytes;
        uint64_t to = page + PAGE_BYTES < file_end ? page + PAGE_BYTES : file_end;
        uint64_t size = to > from ? to - from : 0;
        bool mapped = size == 0
                          ? space_map_page(space, page, segment_access(segment)) != 0
                          : space_fill_page(space, page, segment->data + (from - segment->vaddr),
                                            size, from - page, segment_access(segment));
        if (!mapped) {
            return false;
        }
    }
    return true;
}

static bool load_program(struct process *process, const char *program)
{
    uint64_t size_bytes;
    const void *file = files_find(IMAGE_PROGRAM, program, &size_bytes);
    if (file == NULL) {
        return reason_set("%s: the boot image has no program \"%s\"", process->name, program);
    }
    struct elf elf;
    enum elf_error error = elf_check(&elf, file, size_bytes);
    if (error != ELF_OK) {
        return reason_set("%s: program \"%s\" %s", process->name, program, elf_error_text(error));
    }
    struct elf_segment segment;
    for (unsigned cursor = 0; elf_segment_next(&elf, &cursor, &segment);) {
        if (!load_segment(process, &segment)) {
            return false;
        }
    }
    process->entry = elf.entry;
    return true;
}

static seL4_Word cnode_guard(unsigned bits)
{
    return seL4_CNode_CapData_new(0, seL4_WordBits - bits).words[0];
}

/* A capability of root's control endpoint by which a thread reports its faults. */
static seL4_CPtr fault_endpoint(struct process *process, unsigned index)
{
    const char *name = process->name;
    seL4_CPtr slot = arena_slot(process->space.arena);
    return slot != 0 && reason_check(cspace_mint(slot, root.control, seL4_AllRights,
                                                 BADGE_FAULT_OF(process->boot.number, index)),
                                     name, "an endpoint for its faults")
               ? slot
               : 0;
}

seL4_CPtr process_thread(struct process *process, unsigned index, uint8_t priority)
{
    struct arena *arena = process->space.arena;
    uint64_t buffer = PROCESS_IPC_VADDR + index * PROCESS_IPC_STRIDE;
    seL4_CPtr tcb = arena_object(arena, seL4_TCBObject, 0);
    seL4_CPtr frame = tcb == 0 ? 0 : space_map_page(&process->space, buffer, SPACE_READ_WRITE);
    seL4_CPtr fault = frame == 0 ? 0 : fault_endpoint(process, index);
    if (fault == 0) {
        return 0;
    }
    /* Its maximum controlled priority is its priority: it can make nobody more important. */
    seL4_Error error =
        (seL4_Error)seL4_TCB_Configure(tcb, process->cnode, cnode_guard(process->cnode_bits),
                                       process->space.vspace, 0, buffer, frame);
    if (error == seL4_NoError) {
        error = (seL4_Error)seL4_TCB_SetSchedParams(tcb, seL4_CapInitThreadTCB, priority, priority,
                                                    seL4_CapNull, fault);
    }
    if (!reason_check(error, process->name, "to set up a thread")) {
        return 0;
    }
    /* Our programs are compiled without FPU registers, so those of guests can stay where they are.
     */
    seL4_TCB_SetFlags(tcb, 0, seL4_TCBFlag_fpuDisabled);
    process->threads[index] = tcb;
    return tcb;
}

enum { CONTEXT_BITS = 9 };

static seL4_Error configure(seL4_CPtr context, const struct schedule *schedule)
{
    seL4_Word refills =
        schedule->budget_us == schedule->period_us ? 0 : seL4_MaxExtraRefills(CONTEXT_BITS);
    return (seL4_Error)seL4_SchedControl_ConfigureFlags(
        root.info->schedcontrol.start + schedule->core, context, schedule->budget_us,
        schedule->period_us, refills, 0, 0);
}

seL4_CPtr process_context(struct arena *arena, const struct schedule *schedule)
{
    seL4_CPtr context = arena_object(arena, seL4_SchedContextObject, CONTEXT_BITS);
    if (context == 0) {
        return 0;
    }
    seL4_Error error = configure(context, schedule);
    if (error != seL4_NoError) {
        reason_set("%s: the kernel refused a budget of %u us in %u us on core %u: error %u",
                   arena->name, schedule->budget_us, schedule->period_us, schedule->core,
                   (unsigned)error);
        return 0;
    }
    return context;
}

bool process_give(struct process *process, seL4_Word slot, seL4_CPtr capability,
                  seL4_CapRights_t rights, seL4_Word badge)
{
    seL4_Error error =
        cspace_give(process->cnode, process->cnode_bits, slot, capability, rights, badge);
    return error == seL4_NoError || reason_set("%s: the kernel refused capability %lu: error %u",
                                               process->name, (unsigned long)slot, (unsigned)error);
}

bool process_create(struct process *process, struct arena *arena, struct arena *start,
                    const char *program, const char *name, uint32_t number, unsigned cnode_bits,
                    seL4_CPtr notification, const struct schedule *schedule)
{
    *process = (struct process){.name = name, .cnode_bits = (uint8_t)cnode_bits};
    process->boot =
        (struct process_boot){.magic = PROCESS_MAGIC, .version = PROCESS_VERSION, .number = number};
    format(process->boot.name, sizeof process->boot.name, "%s", name);

    /* 1. Address space and CSpace. */
    if (!space_open(&process->space, arena)) {
        return false;
    }
    process->start = (struct space){start, process->space.vspace};
    process->cnode = arena_object(arena, seL4_CapTableObject, cnode_bits);
    if (process->cnode == 0 || !load_program(process, program)) { /* 2. Program. */
        return false;
    }
    /* 3. First thread, and what it needs to talk to root and to wait for events. */
    process->tcb = process_thread(process, 0, schedule->priority);
    process->context = process->tcb == 0 ? 0 : process_context(arena, schedule);
    process->notification =
        notification != 0 ? notification : arena_object(arena, seL4_NotificationObject, 0);
    if (process->context == 0 || process->notification == 0) {
        return false;
    }
    return process_give(process, SLOT_THREAD, process->tcb, seL4_AllRights, 0) &&
           process_give(process, SLOT_CONTROL, root.control, seL4_CapRights_new(1, 0, 0, 1),
                        number) &&
           process_give(process, SLOT_NOTIFICATION, process->notification, seL4_AllRights, 0);
}

void process_reschedule(struct process *process, const struct schedule *schedule)
{
    CHECK(configure(process->context, schedule) == seL4_NoError);
    CHECK(seL4_TCB_SetMCPriority(process->tcb, seL4_CapInitThreadTCB, schedule->priority) ==
          seL4_NoError);
    CHECK(seL4_TCB_SetPriority(process->tcb, seL4_CapInitThreadTCB, schedule->priority) ==
          seL4_NoError);
}

bool process_map_bytes(struct process *process, uint64_t vaddr, const void *bytes,
                       uint64_t size_bytes)
{
    for (uint64_t at = 0; at < size_bytes; at += PAGE_BYTES) {
        uint64_t size = size_bytes - at < PAGE_BYTES ? size_bytes - at : PAGE_BYTES;
        if (!space_fill_page(&process->space, vaddr + at, (const uint8_t *)bytes + at, size, 0,
                             SPACE_READ)) {
            return false;
        }
    }
    return true;
}

void process_stop(struct process *process)
{
    for (unsigned i = 0; i < PROCESS_THREAD_MAX; i++) {
        if (process->threads[i] != 0) {
            CHECK(seL4_TCB_Suspend(process->threads[i]) == seL4_NoError);
        }
    }
    space_close(&process->space);
}

bool process_run(struct process *process)
{
    bool mapped =
        process_map_bytes(process, PROCESS_BOOT_VADDR, &process->boot, sizeof process->boot);
    if (!space_fill_end() || !mapped) {
        return false;
    }
    seL4_UserContext context = {.pc = process->entry};
    seL4_Error error = (seL4_Error)seL4_SchedContext_Bind(process->context, process->tcb);
    if (error == seL4_NoError) {
        error = (seL4_Error)seL4_TCB_WriteRegisters(process->tcb, 1, 0, 1, &context);
    }
    return reason_check(error, process->name, "to start its first thread");
}
