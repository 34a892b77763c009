// SPDX-License-Identifier: BSD-2-Clause
/* Endpoints, reply objects and notifications: what arrives, in which order, and what is dropped. */
#include <stdatomic.h>

#include "lib/format.h"
#include "test/contract/contract.h"
#include "test/contract/thread.h"

enum { LONG_MESSAGE = seL4_MsgMaxLength };

static struct {
    seL4_CPtr endpoint, reply, notification, other;
    seL4_Word badge, label, value;
    _Atomic unsigned count, late;
} shared;

static void renew(void)
{
    shared.endpoint = cap_new(seL4_EndpointObject, 0);
    shared.reply = cap_new(seL4_ReplyObject, 0);
    shared.notification = cap_new(seL4_NotificationObject, 0);
    shared.other = cap_new(seL4_NotificationObject, 0);
    atomic_store(&shared.count, 0);
    atomic_store(&shared.late, 0);
}

/* ---- calls ---- */

/* Answers each call with its badge and its words, each plus one, in reverse order of their number.
 */
static void serve(void *argument)
{
    (void)argument;
    seL4_Word badge;
    seL4_MessageInfo_t info = seL4_Recv(shared.endpoint, &badge, shared.reply);
    for (;;) {
        seL4_Word length = seL4_MessageInfo_get_length(info);
        seL4_Word label = seL4_MessageInfo_get_label(info);
        for (int i = 0; i < (int)length; i++) {
            seL4_SetMR(i, seL4_GetMR(i) + badge);
        }
        atomic_fetch_add(&shared.count, 1);
        info = seL4_ReplyRecv(shared.endpoint, seL4_MessageInfo_new(label + 1, 0, 0, length),
                              &badge, shared.reply);
    }
}

static void check_call(void)
{
    struct thread server;
    bool same = true;
    renew();
    thread_start(&server, &(struct thread_options){.entry = serve});
    seL4_CPtr client = cap_mint(shared.endpoint, seL4_AllRights, 1000);
    for (unsigned length = 0; length <= LONG_MESSAGE; length++) {
        for (unsigned i = 0; i < length; i++) {
            seL4_SetMR((int)i, 7 * i);
        }
        seL4_MessageInfo_t info = seL4_Call(client, seL4_MessageInfo_new(length, 0, 0, length));
        same = same && seL4_MessageInfo_get_label(info) == length + 1 &&
               seL4_MessageInfo_get_length(info) == length;
        for (unsigned i = 0; i < length; i++) {
            same = same && seL4_GetMR((int)i) == 7 * i + 1000;
        }
    }
    contract_claim("ipc.call.every_length", same, "0 to 120 words there and back, with label");
    contract_number("ipc.call.count", atomic_load(&shared.count), LONG_MESSAGE + 1);
}

static void check_non_blocking(void)
{
    struct thread server;
    struct message m;
    seL4_Word badge = 99;
    renew();
    seL4_CPtr badged = cap_mint(shared.endpoint, seL4_AllRights, 4);
    seL4_NBSend(badged, seL4_MessageInfo_new(0, 0, 0, 0));
    seL4_NBRecv(shared.endpoint, &badge, shared.reply);
    contract_number("ipc.nbrecv.nothing.badge", badge, 0);
    contract_claim("ipc.nbsend.no_receiver",
                   !contract_receive(shared.endpoint, shared.reply, &m, 2), "dropped");
    seL4_Send(shared.reply, seL4_MessageInfo_new(0, 0, 0, 0));
    contract_claim("ipc.reply.no_caller", true, "returns");
    thread_start(&server, &(struct thread_options){.entry = serve});
    contract_wait_ms(2);
    seL4_NBSend(badged, seL4_MessageInfo_new(0, 0, 0, 1));
    contract_claim("ipc.nbsend.receiver_waits", contract_wait_for(&shared.count, 1, 20),
                   "delivered");
    seL4_MessageInfo_t info = seL4_Call(badged, seL4_MessageInfo_new(5, 0, 0, 1));
    contract_number("ipc.reply.after_send", seL4_MessageInfo_get_label(info), 6);
}

/* ---- combined calls ---- */

static void signal_and_receive(void *argument)
{
    (void)argument;
    seL4_Word badge;
    seL4_SetMR(0, 0);
    seL4_MessageInfo_t info = seL4_NBSendRecv(shared.notification, seL4_MessageInfo_new(0, 0, 0, 0),
                                              shared.endpoint, &badge, shared.reply);
    shared.badge = badge;
    shared.label = seL4_MessageInfo_get_label(info);
    seL4_NBSendWait(shared.reply, seL4_MessageInfo_new(77, 0, 0, 0), shared.other, &badge);
    shared.value = badge;
    atomic_fetch_add(&shared.count, 1);
}

static void check_combined(void)
{
    struct thread thread;
    renew();
    seL4_CPtr plain = shared.notification;
    shared.notification = cap_mint(plain, seL4_AllRights, 1);
    thread_start(&thread, &(struct thread_options){.entry = signal_and_receive});
    contract_claim("ipc.nbsendrecv.signal", contract_wait_signal(shared.notification, 20, NULL),
                   "sent");
    seL4_MessageInfo_t info =
        seL4_Call(cap_mint(shared.endpoint, seL4_AllRights, 8), seL4_MessageInfo_new(21, 0, 0, 0));
    contract_number("ipc.nbsendrecv.receives.badge", shared.badge, 8);
    contract_number("ipc.nbsendrecv.receives.label", shared.label, 21);
    contract_number("ipc.nbsendwait.replies", seL4_MessageInfo_get_label(info), 77);
    seL4_Signal(cap_mint(shared.other, seL4_AllRights, 0x10));
    contract_wait_for(&shared.count, 1, 20);
    contract_number("ipc.nbsendwait.waits", shared.value, 0x10);
}

/* ---- reply objects ---- */

static void call_once(void *argument)
{
    seL4_MessageInfo_t info =
        seL4_Call((seL4_CPtr)(uintptr_t)argument, seL4_MessageInfo_new(0, 0, 0, 0));
    shared.label = seL4_MessageInfo_get_label(info);
    atomic_fetch_add(&shared.count, 1);
}

static void check_reply_reuse(void)
{
    struct thread a, b;
    struct message m;
    renew();
    seL4_CPtr from_a = cap_mint(shared.endpoint, seL4_AllRights, 1);
    seL4_CPtr from_b = cap_mint(shared.endpoint, seL4_AllRights, 2);
    thread_start(&a, &(struct thread_options){.entry = call_once, .argument = (void *)from_a});
    contract_receive(shared.endpoint, shared.reply, &m, 20);
    contract_number("reply.first_caller", m.badge, 1);
    thread_start(&b, &(struct thread_options){.entry = call_once, .argument = (void *)from_b});
    contract_receive(shared.endpoint, shared.reply, &m, 20);
    contract_number("reply.reused.second_caller", m.badge, 2);
    seL4_Send(shared.reply, seL4_MessageInfo_new(40, 0, 0, 0));
    contract_wait_for(&shared.count, 1, 20);
    contract_number("reply.reused.answers_second", shared.label, 40);
    seL4_Send(shared.reply, seL4_MessageInfo_new(41, 0, 0, 0));
    contract_claim("reply.reused.first_is_cancelled", !contract_wait_for(&shared.count, 2, 5),
                   "never answered");
    REQUIRE(seL4_TCB_Resume(a.tcb) == seL4_NoError);
    contract_receive(shared.endpoint, shared.reply, &m, 20);
    contract_number("reply.cancelled.resume_calls_again", m.badge, 1);
    REQUIRE(cap_delete(shared.reply) == seL4_NoError);
    contract_claim("reply.deleted", !contract_wait_for(&shared.count, 2, 5),
                   "caller is never answered");
}

static void check_endpoint_deletion(void)
{
    struct thread thread;
    renew();
    seL4_CPtr badged = cap_mint(shared.endpoint, seL4_AllRights, 1);
    thread_start(&thread, &(struct thread_options){.entry = call_once, .argument = (void *)badged});
    contract_wait_ms(2);
    REQUIRE(atomic_load(&shared.count) == 0);
    REQUIRE(cap_revoke(shared.endpoint) == seL4_NoError);
    REQUIRE(cap_delete(shared.endpoint) == seL4_NoError);
    contract_wait_for(&shared.count, 1, 20);
    contract_error("endpoint.deleted.blocked_call", shared.label, seL4_InvalidCapability);
}

static void check_badged_cancel(void)
{
    struct thread a, b;
    struct message m;
    renew();
    seL4_CPtr from_a = cap_mint(shared.endpoint, seL4_AllRights, 1);
    seL4_CPtr from_b = cap_mint(shared.endpoint, seL4_AllRights, 2);
    thread_start(&a, &(struct thread_options){.entry = call_once, .argument = (void *)from_a});
    thread_start(&b, &(struct thread_options){.entry = call_once, .argument = (void *)from_b});
    contract_wait_ms(2);
    REQUIRE(cap_delete(from_a) == seL4_NoError);
    contract_receive(shared.endpoint, shared.reply, &m, 20);
    contract_number("endpoint.badge_deleted.other_stays", m.badge, 2);
}

/* ---- order ---- */

static void check_order(void)
{
    static const seL4_Word priorities[] = {20, 40, 30};
    struct thread threads[3];
    struct message m;
    char order[32];
    seL4_Word badges[3];
    renew();
    for (unsigned i = 0; i < 3; i++) {
        seL4_CPtr from = cap_mint(shared.endpoint, seL4_AllRights, priorities[i]);
        thread_start(&threads[i], &(struct thread_options){.entry = call_once,
                                                           .argument = (void *)from,
                                                           .priority = priorities[i]});
        contract_wait_ms(1);
    }
    for (unsigned i = 0; i < 3; i++) {
        contract_receive(shared.endpoint, shared.reply, &m, 20);
        badges[i] = m.badge;
        seL4_Send(shared.reply, seL4_MessageInfo_new(0, 0, 0, 0));
    }
    contract_wait_for(&shared.count, 3, 20);
    format(order, sizeof order, "%lu %lu %lu", badges[0], badges[1], badges[2]);
    contract_line("ipc.senders.order", order, "40 30 20");
}

/* ---- notifications ---- */

static void wait_twice(void *argument)
{
    (void)argument;
    seL4_Wait(shared.notification, &shared.badge);
    atomic_fetch_add(&shared.count, 1);
    seL4_Wait(shared.notification, &shared.value);
    atomic_fetch_add(&shared.count, 1);
}

static void check_notification(void)
{
    struct thread a, b;
    seL4_Word badge = 99;
    renew();
    seL4_CPtr one = cap_mint(shared.notification, seL4_AllRights, 1);
    seL4_CPtr six = cap_mint(shared.notification, seL4_AllRights, 6);
    seL4_Poll(shared.notification, &badge);
    contract_number("notification.poll.nothing", badge, 0);
    seL4_Signal(one);
    seL4_Signal(six);
    seL4_Signal(six);
    seL4_Poll(shared.notification, &badge);
    contract_number("notification.coalesced", badge, 7);
    seL4_Poll(shared.notification, &badge);
    contract_number("notification.cleared", badge, 0);
    seL4_Signal(one);
    seL4_Wait(shared.notification, &badge);
    contract_number("notification.wait.pending", badge, 1);

    thread_start(&a, &(struct thread_options){.entry = wait_twice});
    thread_start(&b, &(struct thread_options){.entry = wait_twice});
    contract_wait_ms(2);
    seL4_Signal(six);
    contract_wait_ms(2);
    contract_number("notification.two_waiters.woken", atomic_load(&shared.count), 1);
    contract_number("notification.waiter.badge", shared.badge, 6);
    seL4_Signal(one);
    contract_wait_ms(2);
    contract_number("notification.two_waiters.order", shared.badge, 1);
}

static void receive_bound(void *argument)
{
    (void)argument;
    for (;;) {
        seL4_MessageInfo_t info = seL4_Recv(shared.endpoint, &shared.badge, shared.reply);
        shared.label = seL4_MessageInfo_get_label(info);
        atomic_fetch_add(&shared.count, 1);
    }
}

static void check_bound(void)
{
    struct thread thread;
    renew();
    thread_make(&thread, &(struct thread_options){.entry = receive_bound});
    REQUIRE(seL4_TCB_BindNotification(thread.tcb, shared.notification) == seL4_NoError);
    REQUIRE(seL4_TCB_Resume(thread.tcb) == seL4_NoError);
    contract_wait_ms(2);
    seL4_Signal(cap_mint(shared.notification, seL4_AllRights, 0x20));
    contract_wait_for(&shared.count, 1, 20);
    contract_number("notification.bound.wakes_receive", shared.badge, 0x20);
    seL4_Send(cap_mint(shared.endpoint, seL4_AllRights, 3), seL4_MessageInfo_new(9, 0, 0, 0));
    contract_wait_for(&shared.count, 2, 20);
    contract_number("notification.bound.message", shared.label, 9);
    REQUIRE(seL4_TCB_Suspend(thread.tcb) == seL4_NoError);
    seL4_Signal(cap_mint(shared.notification, seL4_AllRights, 0x40));
    REQUIRE(seL4_TCB_Resume(thread.tcb) == seL4_NoError);
    contract_wait_for(&shared.count, 3, 20);
    contract_number("notification.bound.pending_first", shared.badge, 0x40);
}

/* ---- capability transfer ---- */

static void send_capability(void *argument)
{
    seL4_SetCap(0, shared.notification);
    seL4_Send((seL4_CPtr)(uintptr_t)argument, seL4_MessageInfo_new(0, 0, 1, 0));
    atomic_fetch_add(&shared.count, 1);
}

static void check_transfer(void)
{
    struct thread thread;
    struct message m;
    renew();
    seL4_CPtr slot = cap_slot(), from = cap_mint(shared.endpoint, seL4_AllRights, 2);
    seL4_IPCBuffer *buffer = seL4_GetIPCBuffer();
    buffer->receiveCNode = seL4_CapInitThreadCNode;
    buffer->receiveIndex = slot;
    buffer->receiveDepth = ROOT_DEPTH;
    thread_start(&thread,
                 &(struct thread_options){.entry = send_capability, .argument = (void *)from});
    contract_receive(shared.endpoint, shared.reply, &m, 20);
    contract_claim("ipc.transfer", cap_exists(slot), "arrived in the receive slot");
    seL4_CPtr slot2 = cap_slot();
    from = cap_mint(shared.endpoint, seL4_CapRights_new(1, 0, 1, 1), 2);
    buffer->receiveIndex = slot2;
    thread_start(&thread,
                 &(struct thread_options){.entry = send_capability, .argument = (void *)from});
    contract_receive(shared.endpoint, shared.reply, &m, 20);
    contract_claim("ipc.transfer.no_grant", m.badge == 2 && !cap_exists(slot2),
                   "message without capability");
    buffer->receiveCNode = seL4_CapNull;
}

void ipc_run(void)
{
    check_call();
    check_non_blocking();
    check_combined();
    check_reply_reuse();
    check_endpoint_deletion();
    check_badged_cancel();
    check_order();
    check_notification();
    check_bound();
    check_transfer();
}
