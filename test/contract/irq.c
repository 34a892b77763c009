// SPDX-License-Identifier: BSD-2-Clause
/*
 * Interrupts of real devices, shown with the PL031 clock of QEMU's virt machine: its match register
 * set to the present second raises its line at once, and its clear register lowers it.
 */
#include "test/contract/contract.h"

enum {
    RTC_IRQ = 34,
    RTC_DR = 0,
    RTC_MR = 1,
    RTC_IMSC = 4,
    RTC_ICR = 7,
    LEVEL = 0,
    WAIT_MS = 10,
};

static void rtc_raise(void)
{
    volatile uint32_t *rtc = memory_device(DEVICE_RTC);
    rtc[RTC_IMSC] = 1;
    rtc[RTC_MR] = rtc[RTC_DR];
}

static void rtc_lower(void)
{
    memory_device(DEVICE_RTC)[RTC_ICR] = 1;
}

static seL4_Error get(seL4_Word irq, seL4_CPtr slot)
{
    return seL4_IRQControl_GetTrigger(seL4_CapIRQControl, irq, LEVEL, seL4_CapInitThreadCNode, slot,
                                      ROOT_DEPTH);
}

static void check_handler(seL4_CPtr handler, seL4_CPtr notification)
{
    seL4_Word badge;
    contract_error("irq.get", get(RTC_IRQ, handler), seL4_NoError);
    contract_error("irq.get.again", get(RTC_IRQ, cap_slot()), seL4_RevokeFirst);
    contract_error("irq.get.slot_used", get(RTC_IRQ + 1, handler), seL4_DeleteFirst);
    contract_error("irq.get.no_such_irq", get(5000, cap_slot()), seL4_RangeError);
    contract_error("irq.set_notification.not_one",
                   seL4_IRQHandler_SetNotification(handler, seL4_CapInitThreadTCB),
                   seL4_InvalidCapability);
    rtc_raise();
    contract_claim("irq.no_notification", !contract_wait_signal(notification, WAIT_MS, NULL),
                   "nothing");
    rtc_lower();
    contract_error(
        "irq.set_notification",
        seL4_IRQHandler_SetNotification(handler, cap_mint(notification, seL4_AllRights, 0x40)),
        seL4_NoError);
    REQUIRE(seL4_IRQHandler_Ack(handler) == seL4_NoError);
    while (contract_wait_signal(notification, 1, NULL)) {
        REQUIRE(seL4_IRQHandler_Ack(handler) == seL4_NoError);
    }
    rtc_raise();
    contract_wait_signal(notification, WAIT_MS, &badge);
    contract_number("irq.signal", badge, 0x40);
    contract_claim("irq.before_ack", !contract_wait_signal(notification, WAIT_MS, NULL),
                   "no second signal, though the line is up");
    contract_error("irq.ack", seL4_IRQHandler_Ack(handler), seL4_NoError);
    contract_claim("irq.ack.line_up", contract_wait_signal(notification, WAIT_MS, NULL),
                   "signalled again");
    rtc_lower();
    REQUIRE(seL4_IRQHandler_Ack(handler) == seL4_NoError);
    contract_claim("irq.ack.line_down", !contract_wait_signal(notification, WAIT_MS, NULL),
                   "nothing");
    rtc_raise();
    contract_claim("irq.fires_again", contract_wait_signal(notification, WAIT_MS, NULL),
                   "signalled again");
    rtc_lower();
    REQUIRE(seL4_IRQHandler_Ack(handler) == seL4_NoError);
}

static void check_end(seL4_CPtr handler, seL4_CPtr notification)
{
    contract_error("irq.clear", seL4_IRQHandler_Clear(handler), seL4_NoError);
    rtc_raise();
    contract_claim("irq.clear.fires", !contract_wait_signal(notification, WAIT_MS, NULL),
                   "nothing");
    rtc_lower();
    seL4_CPtr copy = cap_copy(handler, seL4_AllRights);
    contract_error("irq.copy.ack", seL4_IRQHandler_Ack(copy), seL4_NoError);
    REQUIRE(cap_delete(handler) == seL4_NoError);
    contract_error("irq.copy.keeps", get(RTC_IRQ, handler), seL4_RevokeFirst);
    REQUIRE(cap_delete(copy) == seL4_NoError);
    contract_error("irq.get.after_delete", get(RTC_IRQ, handler), seL4_NoError);
    REQUIRE(seL4_IRQHandler_SetNotification(handler,
                                            cap_mint(notification, seL4_AllRights, 0x80)) == 0);
    REQUIRE(seL4_IRQHandler_Ack(handler) == seL4_NoError);
    while (contract_wait_signal(notification, 1, NULL)) {
        REQUIRE(seL4_IRQHandler_Ack(handler) == seL4_NoError);
    }
    rtc_raise();
    contract_claim("irq.get.after_delete.fires", contract_wait_signal(notification, WAIT_MS, NULL),
                   "signalled");
    rtc_lower();
    REQUIRE(seL4_IRQHandler_Ack(handler) == seL4_NoError);
    REQUIRE(cap_delete(handler) == seL4_NoError);
}

void irq_run(void)
{
    if (memory_device(DEVICE_RTC) == NULL) {
        contract_skip("irq.get", "no PL031");
        return;
    }
    seL4_CPtr handler = cap_slot(), notification = cap_new(seL4_NotificationObject, 0);
    check_handler(handler, notification);
    check_end(handler, notification);
}
