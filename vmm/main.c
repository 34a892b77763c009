// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/main.h"

#include <sel4/sel4.h>

#include "vmm/balloon.h"
#include "vmm/clock.h"
#include "vmm/console.h"
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

_Noreturn void vmm_give_up(void)
{
    tell_root(CONTROL_GUEST_FAILED);
    vcpu_stop();
}

_Noreturn void vmm_run(void)
{
    /* Root gives us our own budget then, before the guest has a say, and takes the start segment.
     */
    tell_root(CONTROL_GUEST_RUNNING);
    vcpu_start_all();
    for (seL4_Word events = virtio_early_events();; events = vcpu_wake_and_wait()) {
        handle(events);
    }
}
