// SPDX-License-Identifier: BSD-2-Clause

/* Plays "Interrupt Delivery" in chapter "Hardware I/O" of the seL4 manual. */

#include "standin/irq.h"
#include "standin/cspace.h"
#include "standin/inject.h"
#include "standin/ipc.h"
#include "standin/vcpu.h"

#define SGI_RESCHEDULE 0u
#define SGI_SPARE      1u

enum line_state { LINE_FREE, LINE_KERNEL, LINE_USER };

struct slot *irq_slots;
static uint8_t line_state[IRQ_COUNT];

static uint64_t index_of(uint64_t line, uint64_t core)
{
    return line < GIC_PRIVATE ? core * GIC_PRIVATE + line : (CPUS - 1) * GIC_PRIVATE + line;
}

static uint32_t line_of(uint64_t index)
{
    return (uint32_t)(index < CPUS * GIC_PRIVATE ? index % GIC_PRIVATE
                                                 : index - (CPUS - 1) * GIC_PRIVATE);
}

/* A private line can be reached from its own core only. */
static void on_core_of(uint64_t index, void (*function)(void *line))
{
    void *line = (void *)(uintptr_t)line_of(index);
    uint32_t core = (uint32_t)(index / GIC_PRIVATE);
    if (index < CPUS * GIC_PRIVATE && core != this_cpu()->id) {
        cpu_call(core, function, line);
    } else {
        function(line);
    }
}

static void mask_line(void *line)
{
    gic_mask((uint32_t)(uintptr_t)line, true);
}

static void unmask_line(void *line)
{
    gic_mask((uint32_t)(uintptr_t)line, false);
}

static void set_edge(void *line)
{
    gic_set_edge((uint32_t)(uintptr_t)line, true);
}

static void set_level(void *line)
{
    gic_set_edge((uint32_t)(uintptr_t)line, false);
}

static void finish_line(void *line)
{
    gic_finish((uint32_t)(uintptr_t)line);
}

void irq_init_core(void)
{
    uint64_t core = this_cpu()->id;
    const uint32_t lines[] = {GIC_MAINTENANCE, GIC_KERNEL_TIMER, GIC_GUEST_TIMER};
    for (unsigned i = 0; i < 3; i++) {
        line_state[index_of(lines[i], core)] = LINE_KERNEL;
        gic_mask(lines[i], lines[i] == GIC_GUEST_TIMER);
    }
    if (CPUS > 1) {
        line_state[index_of(SGI_RESCHEDULE, core)] = LINE_KERNEL;
        line_state[index_of(SGI_SPARE, core)] = LINE_KERNEL;
    }
}

void irq_signal(uint64_t index)
{
    struct cap cap = irq_slots[index].cap;
    if (cap.type == CAP_NOTIFICATION && (cap.rights & RIGHT_WRITE)) {
        notification_signal(cap_object(cap), cap.data);
    }
}

static void handle_kernel_line(uint32_t line)
{
    struct cpu *cpu = this_cpu();
    switch (line) {
    case GIC_KERNEL_TIMER:
        write_reg(cnthp_cval_el2, UINT64_MAX);
        isb();
        cpu->reprogram = true;
        break;
    case GIC_MAINTENANCE:
        vcpu_handle_maintenance();
        break;
    case GIC_GUEST_TIMER:
        vcpu_handle_timer();
        break;
    default:
        sched_reschedule();
        break;
    }
}

void irq_handle(void)
{
    uint32_t line = gic_acknowledge();
    if (line == GIC_NONE) {
        return;
    }
    uint64_t index = index_of(line, this_cpu()->id);
    switch (line_state[index]) {
    case LINE_KERNEL:
        handle_kernel_line(line);
        gic_end(line, false);
        break;
    case LINE_USER:
        switch (inject_interrupt(index)) {
        case INJECT_NOTHING:
            irq_signal(index);
            gic_end(line, true);
            break;
        case INJECT_DELAY:
            gic_end(line, true);
            break;
        default:
            gic_end(line, false);
            break;
        }
        break;
    default:
        if (line >= 16) {
            gic_mask(line, true);
        }
        gic_end(line, false);
        break;
    }
}

void irq_release(uint64_t index)
{
    slot_delete(&irq_slots[index]);
    line_state[index] = LINE_FREE;
    on_core_of(index, mask_line);
    if (GIC_DEACTIVATES) {
        /* It may have been taken and not been acknowledged. */
        on_core_of(index, finish_line);
    }
}

/* Makes a handler for a line: arguments as in the API, `core` for a private line. */
static enum outcome issue(const struct call *call, uint64_t line, uint64_t core, struct cap root,
                          uint64_t node_index, uint64_t depth)
{
    uint64_t index = index_of(line, core);
    if (line_state[index] != LINE_FREE) {
        return refuse(seL4_RevokeFirst, 0);
    }
    struct slot *slot = cspace_lookup_empty(root, node_index, depth);
    if (slot == NULL) {
        return REFUSED;
    }
    if (call->label != IRQIssueIRQHandler && line >= 16) {
        on_core_of(index, call_word(call, 1) != 0 ? set_edge : set_level);
    }
    line_state[index] = LINE_USER;
    slot_insert_copy(call->slot, slot, cap_make(CAP_IRQ_HANDLER, 0, 0, index));
    on_core_of(index, unmask_line);
    return DONE;
}

enum outcome irq_control_invoke(const struct call *call)
{
    bool plain = call->label == IRQIssueIRQHandler;
    bool trigger = call->label == ARMIRQIssueIRQHandlerTrigger;
    bool on_core = CPUS > 1 && call->label == ARMIRQIssueIRQHandlerTrigger + 1;
    if (!plain && !trigger && !on_core) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (call_lacks(call, plain ? 3 : on_core ? 5 : 4, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t line = call_word(call, 0);
    uint64_t core = on_core ? call_word(call, 4) : 0;
    struct cap root = call->extra[0]->cap;
    if (line >= GIC_LINES) {
        return refuse_range(0, GIC_LINES - 1);
    }
    if (core >= CPUS) {
        return refuse(seL4_InvalidArgument, 0);
    }
    if (plain) {
        return issue(call, line, 0, root, call_word(call, 1), call_word(call, 2));
    }
    if (trigger && CPUS > 1 && line < GIC_PRIVATE) {
        return refuse(seL4_IllegalOperation, 0);
    }
    uint64_t depth = on_core ? call_word(call, 3) & 0xff : call_word(call, 3);
    enum outcome outcome = issue(call, line, core, root, call_word(call, 2), depth);
    if (outcome == DONE && on_core && line >= GIC_PRIVATE) {
        gic_set_target((uint32_t)line, (uint32_t)core);
    }
    return outcome;
}

enum outcome irq_handler_invoke(const struct call *call)
{
    uint64_t index = call->cap.data;
    switch (call->label) {
    case IRQAckIRQ:
        on_core_of(index, finish_line);
        return DONE;
    case IRQClearIRQHandler:
        slot_delete(&irq_slots[index]);
        return DONE;
    case IRQSetIRQHandler: {
        if (call_lacks(call, 0, 1)) {
            return refuse(seL4_TruncatedMessage, 0);
        }
        struct cap cap = call->extra[0]->cap;
        if (cap.type != CAP_NOTIFICATION || !(cap.rights & RIGHT_WRITE)) {
            return refuse(seL4_InvalidCapability, 0);
        }
        slot_delete(&irq_slots[index]);
        if (cap_same_object(cap, call->extra[0]->cap)) {
            slot_insert_copy(call->extra[0], &irq_slots[index], cap);
        }
        return DONE;
    }
    default:
        return refuse(seL4_IllegalOperation, 0);
    }
}
