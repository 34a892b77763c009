// SPDX-License-Identifier: BSD-2-Clause
#include "root/vm.h"

#include <string.h>

#include "lib/aarch64/cpu.h"
#include "lib/check.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/random.h"
#include "lib/range.h"
#include "link/map.h"
#include "root/clock.h"
#include "root/files.h"
#include "root/layout.h"
#include "root/port.h"
#include "root/reason.h"
#include "root/service.h"

enum {
    BASE_SLOTS = 512,  /* the VMM's pages, objects and page tables */
    START_SLOTS = 31,  /* pages of its start segment */
    VCPU_OBJECTS = 32, /* slots per vCPU */
    GUARD_VALUE = 0x5a5a5a5a,
    EVENT_BUDGET_US = 2000,
    EVENT_PERIOD_US = 10000,
    DRAIN_S = 10, /* for the slowest request of a disk */
};

static uint32_t frame_count(const struct vm *vm)
{
    uint64_t bytes = (uint64_t)vm->description.memory_mib << 20;
    return (uint32_t)(align_up(bytes, RAM_FRAME_BYTES) / RAM_FRAME_BYTES);
}

static uint32_t virtio_count(const struct vm *vm)
{
    const struct vm_description *d = &vm->description;
    return description_device_count(d->tree, d->node, "virtio-");
}

static bool has_balloon(const struct vm *vm)
{
    const struct vm_description *d = &vm->description;
    return description_device_count(d->tree, d->node, "virtio-balloon") != 0;
}

static uint64_t vsock_bytes(const struct vm *vm)
{
    const struct vm_description *d = &vm->description;
    bool has_vsock = description_device_count(d->tree, d->node, "virtio-vsock") != 0;
    return has_vsock ? PROCESS_VSOCK_BYTES : 0;
}

/* Bytes of the VMM's own books about its guest's balloon. */
static uint64_t balloon_bytes(const struct vm *vm)
{
    return has_balloon(vm) ? (uint64_t)frame_count(vm) * PROCESS_BALLOON_BYTES : 0;
}

static uint32_t slots_needed(const struct vm *vm)
{
    uint32_t frames = frame_count(vm);
    uint32_t tables = 2 * (frames / 512 + 8);
    return BASE_SLOTS + frames +
           (uint32_t)((balloon_bytes(vm) + vsock_bytes(vm)) >> seL4_PageBits) + tables +
           VCPU_OBJECTS * vm->description.vcpu_count + files_slots(vm->description.kernel) +
           files_slots(vm->description.initrd) + port_slots(vm->number) +
           service_slots(vm->number) +
           virtio_count(vm) * (uint32_t)(PROCESS_VIRTIO_BYTES >> seL4_PageBits);
}

static uint64_t stats_vaddr(const struct vm *vm)
{
    return ROOT_STATS_VADDR + ((uint64_t)vm->number << seL4_PageBits);
}

const uint64_t *vm_counters(const struct vm *vm)
{
    return vm->arena.block_count == 0 ? NULL : (const uint64_t *)stats_vaddr(vm);
}

static bool has_ram(const struct vm *vm)
{
    return vm->ram_arena.block_count != 0;
}

static bool make_ram(struct vm *vm)
{
    uint64_t table = has_balloon(vm) ? ROOT_RAM_VADDR + ((uint64_t)vm->number << seL4_PageBits) : 0;
    return arena_open(&vm->ram_arena, vm->description.name, (uint16_t)(CSPACE_RAM + vm->number),
                      ram_slots(frame_count(vm), table != 0), ARENA_SMALL_CHUNK_BITS) &&
           ram_make(&vm->ram, &vm->ram_arena, frame_count(vm), table);
}

/* The guest's RAM, seen by the guest at its address and by the VMM at PROCESS_RAM_VADDR. */
static bool map_ram(struct vm *vm)
{
    struct process_boot *boot = &vm->vmm.boot;
    boot->ram_base = MAP_RAM_BASE;
    boot->ram_bytes = (uint64_t)vm->description.memory_mib << 20;
    boot->ram_used = vm->ram_used;
    return ram_map(&vm->ram, &vm->guest, &vm->vmm.space);
}

/* GICv2: the guest's CPU interface is the hardware's virtual one, mapped where it expects it. */
static seL4_CPtr gicv_frame[MAP_GICC_SIZE >> seL4_PageBits];

bool vm_init(const struct board *board)
{
    for (unsigned i = 0; board->gic_version == 2 && i < sizeof gicv_frame / sizeof gicv_frame[0];
         i++) {
        gicv_frame[i] =
            memory_device_frame(board->gicv_base + ((uint64_t)i << seL4_PageBits), seL4_PageBits);
        if (gicv_frame[i] == 0) {
            return false;
        }
    }
    return true;
}

static bool map_gic(struct vm *vm, const struct board *board)
{
    for (unsigned i = 0; board->gic_version == 2 && i < sizeof gicv_frame / sizeof gicv_frame[0];
         i++) {
        if (!space_map_copy(&vm->guest, gicv_frame[i],
                            MAP_GICC_BASE + ((uint64_t)i << seL4_PageBits), SPACE_DEVICE)) {
            return false;
        }
    }
    return true;
}

static bool make_clock(struct vm *vm)
{
    const struct vm_description *d = &vm->description;
    return !description_has_board_clock(d->tree, d->node) ||
           clock_give(vm->number, &vm->guest, &vm->vmm);
}

/* A vCPU's kernel objects. It and its handler get their scheduling context from the VMM when it is
 * ready. */
static bool make_vcpu(struct vm *vm, unsigned i, seL4_CPtr empty_cnode)
{
    struct arena *arena = &vm->arena;
    const struct schedule *schedule = &vm->description.vcpu[i];
    seL4_CPtr tcb = arena_object(arena, seL4_TCBObject, 0);
    seL4_CPtr vcpu = arena_object(arena, seL4_ARM_VCPUObject, 0);
    seL4_CPtr handler = process_thread(&vm->vmm, 1 + i, (uint8_t)(schedule->priority + 1));
    seL4_CPtr fault = arena_object(arena, seL4_EndpointObject, 0);
    seL4_CPtr reply = arena_object(arena, seL4_ReplyObject, 0);
    seL4_CPtr wake = arena_object(arena, seL4_NotificationObject, 0);
    seL4_CPtr context = process_context(arena, schedule);
    if (tcb == 0 || vcpu == 0 || handler == 0 || fault == 0 || reply == 0 || wake == 0 ||
        context == 0) {
        return false;
    }
    /*
     * A guest's hvc is a system call to seL4. Its CSpace is an empty CNode behind a guard that no
     * address a guest would use matches: so a call or a send is a fault, which the VMM serves, and
     * not silence.
     */
    const seL4_Word guard = seL4_CNode_CapData_new(GUARD_VALUE, seL4_WordBits - 1).words[0];
    const char *name = vm->description.name;
    seL4_Error error = (seL4_Error)seL4_TCB_Configure(tcb, empty_cnode, guard, vm->guest.vspace, 0,
                                                      0, seL4_CapNull);
    if (error == seL4_NoError) {
        error = (seL4_Error)seL4_TCB_SetSchedParams(tcb, seL4_CapInitThreadTCB, 0,
                                                    schedule->priority, seL4_CapNull, fault);
    }
    if (!reason_check(error, name, "to set up a vCPU's thread") ||
        !reason_check((seL4_Error)seL4_ARM_VCPU_SetTCB(vcpu, tcb), name, "a vCPU for its thread")) {
        return false;
    }
    vm->vcpu[i] = vcpu;
    vm->vcpu_tcb[i] = tcb;
    vm->vmm.wake[i] = wake;
    vm->vmm.boot.vcpu_core[i] = schedule->core;
    const seL4_CPtr capability[VCPU_SLOTS] = {
        [VCPU_SLOT_TCB] = tcb,         [VCPU_SLOT_VCPU] = vcpu,   [VCPU_SLOT_HANDLER] = handler,
        [VCPU_SLOT_FAULT] = fault,     [VCPU_SLOT_REPLY] = reply, [VCPU_SLOT_WAKE] = wake,
        [VCPU_SLOT_CONTEXT] = context,
    };
    for (unsigned slot = 0; slot < VCPU_SLOTS; slot++) {
        if (capability[slot] != 0 && !process_give(&vm->vmm, SLOT_VCPU_BASE + i * VCPU_SLOTS + slot,
                                                   capability[slot], seL4_AllRights, 0)) {
            return false;
        }
    }
    return true;
}

static bool make_vcpus(struct vm *vm)
{
    seL4_CPtr empty_cnode = arena_object(&vm->arena, seL4_CapTableObject, 1);
    for (unsigned i = 0; i < vm->description.vcpu_count; i++) {
        if (empty_cnode == 0 || !make_vcpu(vm, i, empty_cnode)) {
            return false;
        }
    }
    for (unsigned i = 0; i < MUTEX_MAX; i++) {
        seL4_CPtr notification = arena_object(&vm->arena, seL4_NotificationObject, 0);
        if (notification == 0 ||
            !process_give(&vm->vmm, SLOT_MUTEX_BASE + i, notification, seL4_AllRights, 0)) {
            return false;
        }
    }
    vm->vmm.boot.vcpu_count = vm->description.vcpu_count;
    return true;
}

static bool map_file(struct vm *vm, const char *name, struct process_file *file)
{
    if (name[0] == '\0') {
        return true;
    }
    file->vaddr = files_map(&vm->vmm.space, name, &file->size_bytes);
    format(file->name, sizeof file->name, "%s", name);
    return file->vaddr != 0;
}

static seL4_CPtr badged_signal(struct vm *vm, seL4_Word badge)
{
    seL4_CPtr slot = arena_slot(&vm->arena);
    return slot != 0 && reason_check(cspace_mint(slot, vm->vmm.notification, seL4_CanWrite, badge),
                                     vm->description.name, "a badge")
               ? slot
               : 0;
}

static bool make_signals(struct vm *vm)
{
    vm->pause_signal = badged_signal(vm, EVENT_PAUSE);
    vm->resume_signal = badged_signal(vm, EVENT_RESUME);
    vm->balloon_signal = badged_signal(vm, EVENT_BALLOON);
    return vm->pause_signal != 0 && vm->resume_signal != 0 && vm->balloon_signal != 0;
}

/* A page of counters that the VMM writes and root reads. */
static bool map_stats(struct vm *vm)
{
    seL4_CPtr frame = space_map_page(&vm->vmm.space, PROCESS_STATS_VADDR, SPACE_READ_WRITE);
    /* Root's view dies with the VM: its slot is the VM's; the page table under it is root's
     * window's. */
    struct space view = {.arena = &vm->arena, .vspace = root.space.vspace};
    return frame != 0 && space_map_copy(&view, frame, stats_vaddr(vm), SPACE_READ);
}

static bool map_zeroes(struct vm *vm, uint64_t vaddr, uint64_t size_bytes)
{
    for (uint64_t at = 0; at < size_bytes; at += 1ull << seL4_PageBits) {
        if (space_map_page(&vm->vmm.space, vaddr + at, SPACE_READ_WRITE) == 0) {
            return false;
        }
    }
    return true;
}

/* Zeroed memory for the state of the guest's virtio devices, so that a VM without any pays nothing.
 */
static bool map_virtio(struct vm *vm)
{
    return map_zeroes(vm, PROCESS_VIRTIO_VADDR, virtio_count(vm) * PROCESS_VIRTIO_BYTES) &&
           map_zeroes(vm, PROCESS_BALLOON_VADDR, balloon_bytes(vm)) &&
           map_zeroes(vm, PROCESS_VSOCK_VADDR, vsock_bytes(vm));
}

/* Every VM and every start gets other numbers. As good as the entropy that the firmware left. */
static void draw_seed(const struct board *board, void *seed, size_t size)
{
    static struct random random;
    static bool seeded;
    uint64_t now = counter_now();
    if (!seeded) {
        random_seed(&random, board->seed, sizeof board->seed);
        seeded = true;
    }
    random_seed(&random, &now, sizeof now);
    random_draw(&random, seed, size);
}

static bool build(struct vm *vm, const struct board *board)
{
    const struct vm_description *d = &vm->description;
    struct process_boot *boot = &vm->vmm.boot;
    /* Until its guest runs the VMM is to all others the boot vCPU, whose share it has: vm_begin. */
    if (!process_create(&vm->vmm, &vm->arena, &vm->start_arena, "vmm", d->name, vm->number,
                        PROCESS_CNODE_BITS, 0, &d->vcpu[0]) ||
        !space_open(&vm->guest, &vm->arena) || !map_ram(vm) || !map_gic(vm, board) ||
        !make_clock(vm) || !make_vcpus(vm) || !make_signals(vm) || !service_attach(&vm->vmm) ||
        !port_attach(&vm->vmm) || !map_virtio(vm) || !map_file(vm, d->kernel, &boot->kernel) ||
        !map_file(vm, d->initrd, &boot->initrd)) {
        return false;
    }
    boot->gic_version = board->gic_version;
    boot->epoch_s = board->epoch_s;
    draw_seed(board, boot->seed, sizeof boot->seed);
    boot->node_offset = (uint64_t)d->node;
    boot->node_bytes = d->tree_bytes;
    return process_map_bytes(&vm->vmm, PROCESS_NODE_VADDR, d->tree, d->tree_bytes) && map_stats(vm);
}

/* What it has beside its RAM, in bytes. Links are root's own: they outlive each VM's start. */
static void log_memory(const struct vm *vm)
{
    uint64_t used[MEMORY_USES];
    uint64_t ram = (uint64_t)frame_count(vm) * RAM_FRAME_BYTES;
    uint64_t bytes = vm->arena.bytes + vm->ram_arena.bytes;
    uint64_t empty = bytes - (bytes > ram ? ram : 0);
    for (unsigned i = 0; i < MEMORY_USES; i++) {
        used[i] = vm->arena.used[i] + vm->ram_arena.used[i];
        empty -= used[i];
    }
    log_debug("%s: memory: tables %lu objects %lu slots %lu program %lu state %lu buffers %lu "
              "devices %lu records %lu empty %lu links %lu",
              vm->description.name, (unsigned long)used[MEMORY_TABLES],
              (unsigned long)used[MEMORY_OBJECTS], (unsigned long)used[MEMORY_SLOTS],
              (unsigned long)used[MEMORY_PROGRAM], (unsigned long)used[MEMORY_STATE],
              (unsigned long)used[MEMORY_BUFFERS], (unsigned long)used[MEMORY_DEVICES],
              (unsigned long)used[MEMORY_RECORDS], (unsigned long)empty,
              (unsigned long)service_link_bytes());
}

bool vm_create(struct vm *vm, const struct board *board)
{
    CHECK(vm->arena.index == 0 && !vm->draining);
    reason_clear();
    vm->ram_used = has_ram(vm);
    if ((!vm->ram_used && !make_ram(vm)) ||
        !arena_open(&vm->arena, vm->description.name, (uint16_t)(CSPACE_COMPARTMENT + vm->number),
                    slots_needed(vm), ARENA_CHUNK_BITS) ||
        !arena_open(&vm->start_arena, vm->description.name, (uint16_t)(CSPACE_START + vm->number),
                    START_SLOTS, ARENA_SMALL_CHUNK_BITS) ||
        !build(vm, board)) {
        vm_destroy(vm);
        return false;
    }
    service_open(vm->number, &vm->vmm);
    if (!port_open(vm->number, &vm->vmm, &vm->ram) || !process_run(&vm->vmm)) {
        vm_destroy(vm);
        return false;
    }
    vm->starts++;
    log_memory(vm);
    return true;
}

void vm_begin(struct vm *vm)
{
    arena_close(&vm->start_arena);
    const struct schedule *boot_vcpu = &vm->description.vcpu[0];
    const struct schedule events = {boot_vcpu->core, (uint8_t)(boot_vcpu->priority + 2),
                                    EVENT_BUDGET_US, EVENT_PERIOD_US};
    process_reschedule(&vm->vmm, &events);
}

/*
 * The registers of a vCPU stay loaded on the core on which it ran last, and the kernel forgets them
 * only when the VCPU object is deleted on that very core (docs/kernel.md). So root goes there to
 * delete it.
 */
static void delete_vcpus(struct vm *vm)
{
    for (unsigned i = 0; i < VCPU_MAX; i++) {
        if (vm->vcpu[i] == 0) {
            continue;
        }
        seL4_TCB_Suspend(vm->vcpu_tcb[i]);
        root_move(vm->description.vcpu[i].core);
        CHECK(cspace_revoke(vm->vcpu[i]) == seL4_NoError); /* the VMM's copy */
        CHECK(cspace_delete(vm->vcpu[i]) == seL4_NoError);
        vm->vcpu[i] = vm->vcpu_tcb[i] = 0;
    }
    root_move(0);
}

void vm_end(struct vm *vm)
{
    if (vm->arena.block_count == 0) {
        return;
    }
    service_close(vm->number);
    port_close(vm->number);
    process_stop(&vm->vmm);
    delete_vcpus(vm);
    clock_take_back(vm->number);
    space_close(&vm->guest);
    ram_unmap(&vm->ram);
    arena_close(&vm->start_arena);
    arena_close(&vm->arena);
    vm->vmm = (struct process){0};
    vm->guest = (struct space){0};
    vm->draining = true;
    vm->drain_until = counter_now() + DRAIN_S * counter_frequency_hz();
    vm_reap(vm);
}

bool vm_reap(struct vm *vm)
{
    if (vm->draining && !port_is_quiet(vm->number)) {
        return false;
    }
    vm->draining = false;
    if (vm->ram_unwanted) {
        ram_drop(&vm->ram);
        arena_close(&vm->ram_arena);
        vm->ram_unwanted = false;
    }
    return true;
}

void vm_destroy(struct vm *vm)
{
    vm_end(vm);
    vm->ram_unwanted = true;
    vm_reap(vm);
}

void vm_pause(struct vm *vm, bool pause)
{
    seL4_Signal(pause ? vm->pause_signal : vm->resume_signal);
}
