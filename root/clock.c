// SPDX-License-Identifier: BSD-2-Clause
#include "root/clock.h"

#include "lib/aarch64/cpu.h"
#include "lib/log.h"
#include "link/map.h"
#include "root/layout.h"
#include "root/reason.h"

enum {
    PL031_DR = 0x00,
    PL031_MR = 0x04,
    PL031_IMSC = 0x10,
    PL031_ICR = 0x1c,
    NOBODY = UINT32_MAX,
};

static seL4_CPtr frame, irq;
static uint32_t intid, owner = NOBODY;

static volatile uint32_t *clock_register(unsigned offset)
{
    return (volatile uint32_t *)(ROOT_RTC_VADDR + offset);
}

void clock_open(struct board *board)
{
    seL4_CPtr found =
        board->rtc_base == 0 ? 0 : memory_device_frame(board->rtc_base, seL4_PageBits);
    if (found == 0 || !space_map(&root.space, found, ROOT_RTC_VADDR, SPACE_DEVICE)) {
        log_warning("root: the board has no PL031: guests begin in 1970");
        return;
    }
    frame = found;
    intid = board->rtc_intid;
    board->epoch_s = *clock_register(PL031_DR) - counter_now() / counter_frequency_hz();
}

/* Once, and then for all VMs that have it. */
static bool take_interrupt(void)
{
    if (irq == 0 && intid != 0) {
        seL4_CPtr slot = cspace_own_slot();
        irq = cspace_irq_handler(slot, intid) == seL4_NoError ? slot : 0;
    }
    return irq != 0;
}

bool clock_give(uint32_t vm, struct space *guest, struct process *vmm)
{
    if (frame == 0 || !take_interrupt()) {
        return reason_set("%s: the board has no PL031 with an interrupt to pass through",
                          vmm->name);
    }
    if (owner != NOBODY && owner != vm) {
        return reason_set("%s: another VM has the board's PL031", vmm->name);
    }
    owner = vm;
    /* Silent, whatever the guest before has left there: its alarm would ring in this one's life. */
    *clock_register(PL031_IMSC) = 0;
    *clock_register(PL031_MR) = 0;
    *clock_register(PL031_ICR) = 1;
    seL4_CPtr badged = arena_slot(vmm->space.arena);
    return badged != 0 &&
           reason_check(cspace_mint(badged, vmm->notification, seL4_AllRights, EVENT_IRQ),
                        vmm->name, "a badge") &&
           reason_check((seL4_Error)seL4_IRQHandler_SetNotification(irq, badged), vmm->name,
                        "the clock's interrupt") &&
           process_give(vmm, SLOT_IRQ, irq, seL4_AllRights, 0) &&
           space_map_copy(guest, frame, MAP_PL031_BASE, SPACE_DEVICE);
}

void clock_take_back(uint32_t vm)
{
    if (owner == vm) {
        *clock_register(PL031_IMSC) = 0;
        owner = NOBODY;
    }
}
