/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * System calls: chapter "Kernel Services and Objects" of the seL4 manual. Registers: x0 capability
 * (out: badge), x1 message info, x2..x5 the first message words, x6 reply object, x7 the call's
 * number, x8 the destination of NBSendRecv.
 */

#include <sel4/labels.h>
#include <sel4/types.h>

#ifdef CONFIG_LIB_SEL4_USE_THREAD_LOCALS
extern __thread seL4_IPCBuffer *__sel4_ipc_buffer;
#else
extern seL4_IPCBuffer *__sel4_ipc_buffer;
#endif

static inline seL4_IPCBuffer *seL4_GetIPCBuffer(void)
{
    return __sel4_ipc_buffer;
}

static inline void seL4_SetIPCBuffer(seL4_IPCBuffer *buffer)
{
    __sel4_ipc_buffer = buffer;
}

static inline seL4_Word seL4_GetMR(int i)
{
    return seL4_GetIPCBuffer()->msg[i];
}

static inline void seL4_SetMR(int i, seL4_Word word)
{
    seL4_GetIPCBuffer()->msg[i] = word;
}

static inline seL4_Word seL4_GetBadge(int i)
{
    return seL4_GetIPCBuffer()->caps_or_badges[i];
}

static inline seL4_CPtr seL4_GetCap(int i)
{
    return seL4_GetIPCBuffer()->caps_or_badges[i];
}

static inline void seL4_SetCap(int i, seL4_CPtr cptr)
{
    seL4_GetIPCBuffer()->caps_or_badges[i] = cptr;
}

static inline seL4_Word seL4_GetUserData(void)
{
    return seL4_GetIPCBuffer()->userData;
}

static inline void seL4_SetUserData(seL4_Word data)
{
    seL4_GetIPCBuffer()->userData = data;
}

static inline void seL4_SetCapReceivePath(seL4_CPtr cnode, seL4_CPtr index, seL4_Word depth)
{
    seL4_IPCBuffer *buffer = seL4_GetIPCBuffer();
    buffer->receiveCNode = cnode;
    buffer->receiveIndex = index;
    buffer->receiveDepth = depth;
}

struct sel4_trap {
    seL4_Word dest; /* in: capability, out: badge */
    seL4_Word info;
    seL4_Word mr[4];
};

static inline void sel4_trap(long number, struct sel4_trap *trap, seL4_Word reply, seL4_Word extra)
{
    register seL4_Word x0 __asm__("x0") = trap->dest;
    register seL4_Word x1 __asm__("x1") = trap->info;
    register seL4_Word x2 __asm__("x2") = trap->mr[0];
    register seL4_Word x3 __asm__("x3") = trap->mr[1];
    register seL4_Word x4 __asm__("x4") = trap->mr[2];
    register seL4_Word x5 __asm__("x5") = trap->mr[3];
    register seL4_Word x6 __asm__("x6") = reply;
    register seL4_Word x7 __asm__("x7") = (seL4_Word)number;
    register seL4_Word x8 __asm__("x8") = extra;
    __asm__ volatile("svc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5)
                     : "r"(x6), "r"(x7), "r"(x8)
                     : "memory");
    trap->dest = x0;
    trap->info = x1;
    trap->mr[0] = x2;
    trap->mr[1] = x3;
    trap->mr[2] = x4;
    trap->mr[3] = x5;
}

static inline struct sel4_trap sel4_trap_load(seL4_CPtr dest, seL4_MessageInfo_t info)
{
    return (struct sel4_trap){
        dest, info.words[0], {seL4_GetMR(0), seL4_GetMR(1), seL4_GetMR(2), seL4_GetMR(3)}
    };
}

static inline seL4_MessageInfo_t sel4_trap_store(const struct sel4_trap *trap, seL4_Word *sender)
{
    for (int i = 0; i < 4; i++) {
        seL4_SetMR(i, trap->mr[i]);
    }
    if (sender != seL4_Null) {
        *sender = trap->dest;
    }
    return (seL4_MessageInfo_t){{trap->info}};
}

static inline void seL4_Send(seL4_CPtr dest, seL4_MessageInfo_t info)
{
    struct sel4_trap trap = sel4_trap_load(dest, info);
    sel4_trap(seL4_SysSend, &trap, 0, 0);
}

static inline void seL4_NBSend(seL4_CPtr dest, seL4_MessageInfo_t info)
{
    struct sel4_trap trap = sel4_trap_load(dest, info);
    sel4_trap(seL4_SysNBSend, &trap, 0, 0);
}

static inline void seL4_Signal(seL4_CPtr dest)
{
    struct sel4_trap trap = {.dest = dest};
    sel4_trap(seL4_SysSend, &trap, 0, 0);
}

static inline seL4_MessageInfo_t seL4_Call(seL4_CPtr dest, seL4_MessageInfo_t info)
{
    struct sel4_trap trap = sel4_trap_load(dest, info);
    sel4_trap(seL4_SysCall, &trap, 0, 0);
    return sel4_trap_store(&trap, seL4_Null);
}

/* The calls WithMRs: the first four words are in *mr0 to *mr3, not in the IPC buffer. */
static inline seL4_MessageInfo_t sel4_trap_words(long number, struct sel4_trap trap,
                                                 seL4_Word *sender, seL4_Word *mr[4],
                                                 seL4_Word reply, seL4_Word extra)
{
    for (int i = 0; i < 4; i++) {
        trap.mr[i] = mr[i] != seL4_Null ? *mr[i] : 0;
    }
    sel4_trap(number, &trap, reply, extra);
    for (int i = 0; i < 4; i++) {
        if (mr[i] != seL4_Null) {
            *mr[i] = trap.mr[i];
        }
    }
    if (sender != seL4_Null) {
        *sender = trap.dest;
    }
    return (seL4_MessageInfo_t){{trap.info}};
}

static inline seL4_MessageInfo_t seL4_CallWithMRs(seL4_CPtr dest, seL4_MessageInfo_t info,
                                                  seL4_Word *mr0, seL4_Word *mr1, seL4_Word *mr2,
                                                  seL4_Word *mr3)
{
    return sel4_trap_words(seL4_SysCall, (struct sel4_trap){.dest = dest, .info = info.words[0]},
                           seL4_Null, (seL4_Word *[4]){mr0, mr1, mr2, mr3}, 0, 0);
}

static inline void seL4_NBSendWithMRs(seL4_CPtr dest, seL4_MessageInfo_t info, seL4_Word *mr0,
                                      seL4_Word *mr1, seL4_Word *mr2, seL4_Word *mr3)
{
    sel4_trap_words(seL4_SysNBSend, (struct sel4_trap){.dest = dest, .info = info.words[0]},
                    seL4_Null, (seL4_Word *[4]){mr0, mr1, mr2, mr3}, 0, 0);
}

static inline seL4_MessageInfo_t seL4_ReplyRecvWithMRs(seL4_CPtr src, seL4_MessageInfo_t info,
                                                       seL4_Word *sender, seL4_Word *mr0,
                                                       seL4_Word *mr1, seL4_Word *mr2,
                                                       seL4_Word *mr3, seL4_CPtr reply)
{
    return sel4_trap_words(seL4_SysReplyRecv,
                           (struct sel4_trap){.dest = src, .info = info.words[0]}, sender,
                           (seL4_Word *[4]){mr0, mr1, mr2, mr3}, reply, 0);
}

static inline seL4_MessageInfo_t seL4_NBSendRecvWithMRs(seL4_CPtr dest, seL4_MessageInfo_t info,
                                                        seL4_CPtr src, seL4_Word *sender,
                                                        seL4_Word *mr0, seL4_Word *mr1,
                                                        seL4_Word *mr2, seL4_Word *mr3,
                                                        seL4_CPtr reply)
{
    return sel4_trap_words(seL4_SysNBSendRecv,
                           (struct sel4_trap){.dest = src, .info = info.words[0]}, sender,
                           (seL4_Word *[4]){mr0, mr1, mr2, mr3}, reply, dest);
}

static inline seL4_MessageInfo_t seL4_Recv(seL4_CPtr src, seL4_Word *sender, seL4_CPtr reply)
{
    struct sel4_trap trap = {.dest = src};
    sel4_trap(seL4_SysRecv, &trap, reply, 0);
    return sel4_trap_store(&trap, sender);
}

static inline seL4_MessageInfo_t seL4_NBRecv(seL4_CPtr src, seL4_Word *sender, seL4_CPtr reply)
{
    struct sel4_trap trap = {.dest = src};
    sel4_trap(seL4_SysNBRecv, &trap, reply, 0);
    return sel4_trap_store(&trap, sender);
}

static inline seL4_MessageInfo_t seL4_Wait(seL4_CPtr src, seL4_Word *sender)
{
    struct sel4_trap trap = {.dest = src};
    sel4_trap(seL4_SysWait, &trap, 0, 0);
    return sel4_trap_store(&trap, sender);
}

static inline seL4_MessageInfo_t seL4_NBWait(seL4_CPtr src, seL4_Word *sender)
{
    struct sel4_trap trap = {.dest = src};
    sel4_trap(seL4_SysNBWait, &trap, 0, 0);
    return sel4_trap_store(&trap, sender);
}

static inline seL4_MessageInfo_t seL4_Poll(seL4_CPtr src, seL4_Word *sender)
{
    return seL4_NBWait(src, sender);
}

static inline seL4_MessageInfo_t seL4_ReplyRecv(seL4_CPtr src, seL4_MessageInfo_t info,
                                                seL4_Word *sender, seL4_CPtr reply)
{
    struct sel4_trap trap = sel4_trap_load(src, info);
    sel4_trap(seL4_SysReplyRecv, &trap, reply, 0);
    return sel4_trap_store(&trap, sender);
}

static inline seL4_MessageInfo_t seL4_NBSendRecv(seL4_CPtr dest, seL4_MessageInfo_t info,
                                                 seL4_CPtr src, seL4_Word *sender, seL4_CPtr reply)
{
    struct sel4_trap trap = sel4_trap_load(src, info);
    sel4_trap(seL4_SysNBSendRecv, &trap, reply, dest);
    return sel4_trap_store(&trap, sender);
}

static inline seL4_MessageInfo_t seL4_NBSendWait(seL4_CPtr dest, seL4_MessageInfo_t info,
                                                 seL4_CPtr src, seL4_Word *sender)
{
    struct sel4_trap trap = sel4_trap_load(src, info);
    sel4_trap(seL4_SysNBSendWait, &trap, dest, 0);
    return sel4_trap_store(&trap, sender);
}

static inline void seL4_Yield(void)
{
    struct sel4_trap trap = {0};
    sel4_trap(seL4_SysYield, &trap, 0, 0);
}
