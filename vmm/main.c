// SPDX-License-Identifier: BSD-2-Clause
#include <sel4/sel4.h>
#include <string.h>

#include "lib/aarch64/cpu.h"
#include "link/process_start.h"
#include "vmm/balloon.h"
#include "vmm/clock.h"
#include "vmm/console.h"
#include "vmm/machine.h"
#include "vmm/pause.h"
#include "vmm/ptimer.h"
#include "vmm/vcpu.h"
#include "vmm/virtio.h"
#include "vmm/vmm.h"

struct vmm vmm;

static void tell_root(seL4_Word message)
{
    seL4_Send(SLOT_CONTROL, seL4_MessageInfo_new(message, 0, 0, 0));
}

static void handle(seL4_Word events)
{
    if ((events & EVENT_PAUSE) != 0) {
        pause_all();
    }
    if ((events & EVENT_RESUME) != 0) {
        pause_end();
    }
    if ((events & EVENT_SERIAL) != 0) {
        console_event();
    }
    if ((events & EVENT_TIMER) != 0) {
        clock_event();
        ptimer_event();
    }
    if ((events & EVENT_BALLOON) != 0) {
        balloon_event();
    }
    if ((events & EVENT_IRQ) != 0) {
        clock_interrupt();
    }
    virtio_event(events);
}

void process_main(const struct process_boot *boot)
{
    vmm.boot = boot;
    vmm.counter_offset = counter_now(); /* the guest's time begins now */
    if (!machine_build()) {
        tell_root(CONTROL_GUEST_FAILED);
        vcpu_stop();
    }
    /* Root gives us our own budget then, before the guest has a say. */
    tell_root(CONTROL_GUEST_RUNNING);
    vcpu_start_all();
    for (seL4_Word events = virtio_early_events();; events = vcpu_wake_and_wait()) {
        handle(events);
    }
}
