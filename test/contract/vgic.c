// SPDX-License-Identifier: BSD-2-Clause
/* The virtual interrupt interface: limits of an injection, each list register, maintenance faults.
 */
#include "lib/format.h"
#include "test/contract/contract.h"
#include "test/contract/vm.h"

enum { FIRST_IRQ = 40, SPURIOUS = 1023, IRQ_VECTOR = 5 };

/* The group that a guest takes as IRQ: with GICv2 it enables group 0, with GICv3 group 1. */
static unsigned irq_group(void)
{
    return vm_gic() == 0 ? 1 : 0;
}

static seL4_Error inject(const struct vm *vm, unsigned irq, unsigned priority, unsigned index)
{
    return seL4_ARM_VCPU_InjectIRQ(vm->vcpu, (seL4_Uint16)irq, (seL4_Uint8)priority,
                                   (seL4_Uint8)irq_group(), (seL4_Uint8)index);
}

/* A guest whose interface is open. */
static void start(struct vm *vm)
{
    struct message m;
    vm_make(vm, 0);
    REQUIRE(vm_call(vm, guest_gic_open, 0, vm_gic(), 0, &m) && vm_reported(&m));
}

static seL4_Word acknowledge(struct vm *vm)
{
    struct message m;
    REQUIRE(vm_call(vm, guest_gic_ack, 0, vm_gic(), irq_group(), &m) && vm_reported(&m));
    return m.words[0] & 0x3ff;
}

/* Ends the interrupt; the fault that comes of it, or the guest's report. */
static void end(struct vm *vm, seL4_Word irq, struct message *m)
{
    REQUIRE(vm_call(vm, guest_gic_end, irq, vm_gic(), irq_group(), m));
}

/* Takes the maintenance fault of list register `index`, and lets the guest report. */
static bool maintained(struct vm *vm, struct message *m, unsigned index)
{
    bool ok = m->label == seL4_Fault_VGICMaintenance && m->length == seL4_VGICMaintenance_Length &&
              m->words[0] == index;
    vm_resume(vm, 0);
    return vm_wait(vm, m) && vm_reported(m) && ok;
}

static void check_limits(void)
{
    struct vm vm;
    unsigned last = vm_list_registers() - 1;
    vm_make(&vm, 0);
    contract_claim("vgic.list_registers", last >= 1 && last < 64, "2 to 64");
    contract_error("vgic.inject.index_too_large", inject(&vm, FIRST_IRQ, 0, last + 1),
                   seL4_RangeError);
    contract_claim("vgic.inject.index_too_large.limit", seL4_GetMR(0) == 0 && seL4_GetMR(1) == last,
                   "0 to the last list register");
    contract_error("vgic.inject.last_index", inject(&vm, FIRST_IRQ, 0, last), seL4_NoError);
    contract_error("vgic.inject.irq_1024", inject(&vm, 1024, 0, 0), seL4_RangeError);
    contract_claim("vgic.inject.irq_1024.limit", seL4_GetMR(1) == 1023, "1023");
    contract_error("vgic.inject.priority_32", inject(&vm, FIRST_IRQ, 32, 0), seL4_RangeError);
    contract_claim("vgic.inject.priority_32.limit", seL4_GetMR(1) == 31, "31");
    contract_error("vgic.inject.priority_31", inject(&vm, FIRST_IRQ, 31, 0), seL4_NoError);
    contract_error("vgic.inject.group_2", seL4_ARM_VCPU_InjectIRQ(vm.vcpu, FIRST_IRQ, 0, 2, 0),
                   seL4_RangeError);
    contract_claim("vgic.inject.group_2.limit", seL4_GetMR(1) == 1, "1");
    contract_error("vgic.inject.no_thread",
                   seL4_ARM_VCPU_InjectIRQ(cap_new(seL4_ARM_VCPUObject, 0), FIRST_IRQ, 0, 1, 0),
                   seL4_NoError);
}

/* Each list register in turn: pending, active, ended with its own maintenance fault. */
static void check_each(void)
{
    struct vm vm;
    struct message m;
    bool acked = true, faulted = true, quiet = true;
    start(&vm);
    contract_number("vgic.ack.nothing", acknowledge(&vm), SPURIOUS);
    for (unsigned i = 0; i < vm_list_registers(); i++) {
        REQUIRE(inject(&vm, FIRST_IRQ + i, 1, i) == seL4_NoError);
        acked = acked && acknowledge(&vm) == FIRST_IRQ + i;
        end(&vm, FIRST_IRQ + i, &m);
        faulted = maintained(&vm, &m, i) && faulted;
        quiet = quiet && acknowledge(&vm) == SPURIOUS;
    }
    contract_claim("vgic.each.ack", acked, "the injected interrupt");
    contract_claim("vgic.each.maintenance", faulted, "one fault of one word, its list register");
    contract_claim("vgic.each.after", quiet, "nothing pending");
}

static void check_together(void)
{
    struct vm vm;
    struct message m;
    seL4_Word irqs[2];
    start(&vm);
    REQUIRE(inject(&vm, FIRST_IRQ, 20, 0) == seL4_NoError);
    REQUIRE(inject(&vm, FIRST_IRQ + 1, 4, 1) == seL4_NoError);
    irqs[0] = acknowledge(&vm);
    irqs[1] = acknowledge(&vm);
    contract_claim("vgic.priority.first", irqs[0] == FIRST_IRQ + 1, "the lower number");
    contract_claim("vgic.priority.active_masks", irqs[1] == SPURIOUS,
                   "a lower priority waits for the end");
    end(&vm, irqs[0], &m);
    contract_claim("vgic.priority.end", maintained(&vm, &m, 1), "its maintenance fault");
    contract_claim("vgic.priority.then", acknowledge(&vm) == FIRST_IRQ, "the other one");
    end(&vm, FIRST_IRQ, &m);
    contract_claim("vgic.priority.then.end", maintained(&vm, &m, 0), "its maintenance fault");
}

static void check_overwrite(void)
{
    struct vm vm;
    struct message m;
    start(&vm);
    REQUIRE(inject(&vm, FIRST_IRQ, 1, 0) == seL4_NoError);
    contract_error("vgic.inject.over_pending", inject(&vm, FIRST_IRQ + 1, 1, 0), seL4_NoError);
    contract_claim("vgic.inject.over_pending.ack", acknowledge(&vm) == FIRST_IRQ + 1,
                   "the second; the first is lost");
    contract_claim("vgic.inject.over_pending.ack_again", acknowledge(&vm) == SPURIOUS,
                   "nothing pending");
    vm_flush_core(0);
    contract_error("vgic.inject.over_active", inject(&vm, FIRST_IRQ + 2, 1, 0), seL4_DeleteFirst);
    contract_error("vgic.inject.beside_active", inject(&vm, FIRST_IRQ + 2, 1, 1), seL4_NoError);
    end(&vm, FIRST_IRQ + 1, &m);
    contract_claim("vgic.inject.over_active.end", maintained(&vm, &m, 0), "its maintenance fault");
    contract_error("vgic.inject.after_end", inject(&vm, FIRST_IRQ + 3, 1, 0), seL4_NoError);
}

/* The kernel's check looks at what it last saved, not at the core: see docs/kernel.md. */
static void check_overwrite_in_core(void)
{
    struct vm vm;
    start(&vm);
    REQUIRE(inject(&vm, FIRST_IRQ, 1, 0) == seL4_NoError);
    REQUIRE(acknowledge(&vm) == FIRST_IRQ);
    contract_error("vgic.inject.over_active_in_core", inject(&vm, FIRST_IRQ + 1, 1, 0),
                   seL4_NoError);
}

static void check_groups(void)
{
    struct vm vm;
    struct message m;
    start(&vm);
    REQUIRE(inject(&vm, FIRST_IRQ, 1, 0) == seL4_NoError);
    vm_call(&vm, guest_take_irq, 0, 0, 0, &m);
    contract_claim("vgic.irq_group.exception", vm_reported(&m) && m.words[3] == IRQ_VECTOR, "IRQ");

    struct vm second;
    vm_make(&second, 0);
    REQUIRE(vm_call(&second, guest_gic_open, 0, vm_gic(), 0, &m) && vm_reported(&m));
    REQUIRE(seL4_ARM_VCPU_InjectIRQ(second.vcpu, FIRST_IRQ, 1, 0, 0) == seL4_NoError);
    REQUIRE(vm_call(&second, guest_gic_ack, 0, vm_gic(), 0, &m) && vm_reported(&m));
    contract_number("vgic.group_0.ack", m.words[0] & 0x3ff, FIRST_IRQ);
    REQUIRE(vm_call(&second, guest_gic_end, FIRST_IRQ, vm_gic(), 0, &m));
    contract_claim("vgic.group_0.end", maintained(&second, &m, 0), "its maintenance fault");
}

/*
 * GICv3: the kernel saves the active priorities of group 1, not those of group 0, which a guest can
 * write. One guest that does masks the interrupts of every other one on the core.
 */
static void check_active_priorities(void)
{
    struct vm hostile, victim;
    struct message m;
    if (vm_gic() != 0) {
        contract_skip("hazard.active_priorities_leak", "GICv2");
        return;
    }
    start(&victim);
    start(&hostile);
    REQUIRE(vm_call(&hostile, guest_write_ap0r, 1, 0, 0, &m) && vm_reported(&m));
    REQUIRE(inject(&victim, FIRST_IRQ, 1, 0) == seL4_NoError);
    contract_hazard("hazard.active_priorities_leak", acknowledge(&victim) != FIRST_IRQ);
    REQUIRE(vm_call(&hostile, guest_write_ap0r, 0, 0, 0, &m) && vm_reported(&m));
}

/* An injection while the guest runs, while it waits for a reply, and before it ever ran. */
static void check_moments(void)
{
    struct vm vm, fresh;
    struct message m;
    start(&vm);
    vm_start(&vm, guest_take_irq, 0, 0, 0);
    contract_claim("vgic.moment.no_interrupt", vm_quiet(&vm), "the guest waits");
    REQUIRE(inject(&vm, FIRST_IRQ, 1, 0) == seL4_NoError);
    vm_wait(&vm, &m);
    contract_claim("vgic.moment.running", vm_reported(&m) && m.words[3] == IRQ_VECTOR, "taken");

    vm_make(&fresh, 0);
    REQUIRE(inject(&fresh, FIRST_IRQ + 5, 1, 1) == seL4_NoError);
    REQUIRE(vm_call(&fresh, guest_gic_open, 0, vm_gic(), 0, &m) && vm_reported(&m));
    contract_claim("vgic.moment.before_first_run", acknowledge(&fresh) == FIRST_IRQ + 5, "pending");

    /* Another vCPU runs between: state is saved and comes back. */
    struct vm other;
    start(&other);
    REQUIRE(inject(&other, FIRST_IRQ + 6, 1, 0) == seL4_NoError);
    end(&fresh, FIRST_IRQ + 5, &m);
    contract_claim("vgic.switch.active_kept", maintained(&fresh, &m, 1), "ends as before");
    contract_claim("vgic.switch.pending_kept", acknowledge(&other) == FIRST_IRQ + 6, "pending");
}

void vgic_run(void)
{
    check_limits();
    check_each();
    check_together();
    check_overwrite();
    check_overwrite_in_core();
    check_groups();
    check_moments();
    check_active_priorities();
}
