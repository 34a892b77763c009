// SPDX-License-Identifier: BSD-2-Clause
#include "root/control.h"

#include "lib/format.h"
#include "lib/log.h"
#include "root/life.h"
#include "root/operator.h"
#include "root/service.h"

/* ---- what a VMM says of its own guest -----------------------------------------------------------
 */

static void guest_message(struct vm *vm, seL4_Word label)
{
    switch (label) {
    case CONTROL_GUEST_RUNNING:
        if (vm->state == VM_STARTING) { /* once: a new budget is a full one */
            vm_begin(vm);
            life_set_state(vm, VM_RUNNING);
        }
        break;
    case CONTROL_GUEST_OFF:
        log_info("%s: powered off", life_name(vm));
        life_end(vm, END_OFF);
        break;
    case CONTROL_GUEST_RESET:
        log_info("%s: resets", life_name(vm));
        life_end(vm, END_RESET);
        life_restart_due();
        break;
    case CONTROL_GUEST_FAILED:
        log_error("%s: its VMM gives up", life_name(vm));
        life_end(vm, END_FAILURE);
        break;
    default:
        log_warning("%s: unknown message %lu", life_name(vm), (unsigned long)label);
        break;
    }
}

/* What it asks for its own RAM. *value is what the reply says beside the result. */
static enum control_result guest_request(struct vm *vm, seL4_Word label, seL4_Word address,
                                         seL4_Word *value)
{
    bool done = true;
    *value = 0;
    if (label == CONTROL_RAM_RELEASE) {
        done = ram_release(&vm->ram, address);
    } else if (label == CONTROL_RAM_RECLAIM) {
        done = ram_reclaim(&vm->ram, address);
    } else {
        *value = vm->balloon_mib;
    }
    return done ? CONTROL_OK : CONTROL_ERROR;
}

/* ---- faults of our own processes ----------------------------------------------------------------
 */

static const char *fault_name(seL4_Word label)
{
    static const char *const names[] = {
        [seL4_Fault_CapFault] = "invalid capability",
        [seL4_Fault_UnknownSyscall] = "unknown system call",
        [seL4_Fault_UserException] = "exception",
        [seL4_Fault_Timeout] = "timeout",
        [seL4_Fault_VMFault] = "memory fault",
    };
    return label < sizeof names / sizeof names[0] && names[label] != NULL ? names[label] : "fault";
}

/* What a process's thread does, by the number that its maker gave it. */
static const char *thread_name(uint64_t number, unsigned index, char text[32])
{
    if (life_vm(number) != NULL && index > 0) {
        format(text, 32, "handler of vCPU %u", index - 1);
    } else if (number == CLIENT_TIMER && index > 0) {
        format(text, 32, "%s of core %u", index % 2 == 1 ? "alarm thread" : "listener",
               (index - 1) / 2);
    } else {
        format(text, 32, "main thread");
    }
    return text;
}

static void process_fault(uint64_t number, unsigned thread, seL4_Word label)
{
    struct vm *vm = life_vm(number);
    seL4_Word pc = seL4_GetMR(label == seL4_Fault_UnknownSyscall ? seL4_UnknownSyscall_FaultIP : 0);
    seL4_Word address = label == seL4_Fault_VMFault ? seL4_GetMR(seL4_VMFault_Addr) : 0;
    char text[32];
    log_error("%s: %s: %s at pc 0x%lx, address 0x%lx",
              vm != NULL ? life_name(vm) : service_name((uint32_t)number),
              thread_name(number, thread, text), fault_name(label), (unsigned long)pc,
              (unsigned long)address);
    if (vm != NULL) {
        life_end(vm, END_FAILURE);
    } else if (number > CLIENT_ROOT && number < CLIENT_VM) {
        life_service_fault((uint32_t)number);
    }
}

/* A VMM touched what its guest has given back: that is no fault of its own. True: it may go on. */
static bool is_memory_gone(uint64_t number, seL4_Word label)
{
    struct vm *vm = life_vm(number);
    return vm != NULL && vm_has_compartment(vm) && label == seL4_Fault_VMFault &&
           ram_fault(&vm->ram, seL4_GetMR(seL4_VMFault_Addr), seL4_GetMR(seL4_VMFault_FSR));
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

/* Acts on a message. False: there is no answer; else it is *answer, and what it says is in MRs. */
static bool handle(seL4_Word badge, seL4_Word label, seL4_MessageInfo_t *answer)
{
    uint64_t number = BADGE_NUMBER(badge);
    struct vm *vm = life_vm(number);
    *answer = seL4_MessageInfo_new(0, 0, 0, 0);
    if ((badge & ROOT_EVENT_BADGE) != 0) {
        life_reap();
        life_restart_due();
    } else if ((badge & BADGE_FAULT) != 0) {
        if (is_memory_gone(number, label)) {
            return true; /* an empty answer to a fault is "again" */
        }
        process_fault(number, BADGE_THREAD(badge), label);
    } else if (number == CLIENT_SERIAL) {
        seL4_SetMR(0, operator_request(label, seL4_GetMR(0), seL4_GetMR(1)));
        *answer = seL4_MessageInfo_new(0, 0, 0, 1);
        return true;
    } else if (vm != NULL && vm_has_compartment(vm)) {
        if (label >= CONTROL_RAM_RELEASE && label <= CONTROL_RAM_TARGET) {
            seL4_Word value;
            seL4_SetMR(0, guest_request(vm, label, seL4_GetMR(0), &value));
            seL4_SetMR(1, value);
            *answer = seL4_MessageInfo_new(0, 0, 0, 2);
            return true;
        }
        guest_message(vm, label);
    }
    return false;
}

_Noreturn void control_run(seL4_CPtr reply)
{
    seL4_Word badge;
    seL4_MessageInfo_t info = seL4_Recv(root.control, &badge, reply), answer;
    for (;;) {
        uint64_t free_bytes = memory_free_bytes();
        bool answers = handle(badge, seL4_MessageInfo_get_label(info), &answer);
        if (memory_free_bytes() > free_bytes) {
            life_offer_memory();
        }
        info = answers ? seL4_ReplyRecv(root.control, answer, &badge, reply)
                       : seL4_Recv(root.control, &badge, reply);
    }
}
