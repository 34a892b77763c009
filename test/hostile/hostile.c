// SPDX-License-Identifier: BSD-2-Clause
/*
 * The hostile process: random system calls on random capabilities with random arguments, most of
 * which are nearly right. The sequence depends on its seed only. It shares the root task's program
 * text, so it must not write any variable: all that it has is in its own pages.
 */
#include "test/hostile/hostile.h"

#include <stdbool.h>
#include <stddef.h>

enum { LABELS = nArchInvocationLabels + 2, COMBINED_RARELY = 12 };

static uint64_t next_random(struct hostile_state *state)
{
    uint64_t x = state->random != 0 ? state->random : state->calls + 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return state->random = x;
}

static uint64_t below(struct hostile_state *state, uint64_t limit)
{
    return (next_random(state) >> 16) % limit;
}

/* Mostly one that it was given. */
static seL4_CPtr random_slot(struct hostile_state *state)
{
    uint64_t kind = below(state, 16);
    if (kind < 12) {
        return 1 + below(state, HOSTILE_SLOTS_USED - 1);
    }
    return kind < 15 ? below(state, 1 << HOSTILE_CNODE_BITS) : next_random(state);
}

static uint64_t random_word(struct hostile_state *state)
{
    uint64_t r = next_random(state);
    switch (below(state, 14)) {
    case 0:
        return 0;
    case 1:
        return r;
    case 2:
        return ~0ull >> (r & 63);
    case 3:
        return 1ull << (r & 63);
    case 4:
        return HOSTILE_WINDOW + ((r & 0xff) << 12);
    case 5:
        return (r & 0x3ff) << 12;
    case 6:
        return (r & 0x1f) << 21;
    case 7:
        return seL4_WordBits;
    case 8:
        return HOSTILE_CNODE_BITS;
    case 9:
        return r & 0x1f;
    case 10:
        return random_slot(state);
    default:
        return r & 0xf;
    }
}

/* A label that its capability knows, two times out of three. */
static uint64_t random_label(struct hostile_state *state, seL4_CPtr slot)
{
    static const struct {
        uint8_t slot, first, last;
    } known[] = {
        {HOSTILE_SELF_CNODE,    CNodeRevoke,         CNodeRotate               },
        {HOSTILE_UNTYPED,       UntypedRetype,       UntypedRetype             },
        {HOSTILE_SMALL_UNTYPED, UntypedRetype,       UntypedRetype             },
        {HOSTILE_SC,            SchedContextBind,    SchedContextYieldTo       },
        {HOSTILE_FRAME,         ARMPageMap,          ARMPageGetAddress         },
        {HOSTILE_LARGE_FRAME,   ARMPageMap,          ARMPageGetAddress         },
        {HOSTILE_DEVICE_FRAME,  ARMPageMap,          ARMPageGetAddress         },
        {HOSTILE_PAGE_TABLE,    ARMPageTableMap,     ARMPageTableUnmap         },
        {HOSTILE_VSPACE,        ARMVSpaceClean_Data, ARMVSpaceUnify_Instruction},
        {HOSTILE_OTHER_VSPACE,  ARMVSpaceClean_Data, ARMVSpaceUnify_Instruction},
        {HOSTILE_VCPU,          ARMVCPUSetTCB,       ARMVCPUAckVPPI            },
        {HOSTILE_VICTIM_TCB,    TCBReadRegisters,    TCBSetFlags               },
        {HOSTILE_ASID_POOL,     ARMASIDPoolAssign,   ARMASIDPoolAssign         },
        {HOSTILE_IRQ,           IRQAckIRQ,           IRQClearIRQHandler        },
    };
    for (unsigned i = 0; i < sizeof known / sizeof *known && below(state, 3) != 0; i++) {
        if (known[i].slot == slot) {
            return known[i].first + below(state, known[i].last - known[i].first + 1u);
        }
    }
    return below(state, 32) == 0 ? next_random(state) >> 12 : below(state, LABELS);
}

/* Retype that has a chance: into its own CNode, of a size that there is. */
static void aim_retype(struct hostile_state *state)
{
    seL4_SetCap(0, HOSTILE_SELF_CNODE);
    seL4_SetMR(0, below(state, seL4_ObjectTypeCount));
    seL4_SetMR(1, below(state, 16));
    seL4_SetMR(2, 0);
    seL4_SetMR(3, 0);
    seL4_SetMR(4, HOSTILE_SLOTS_USED + below(state, 200));
    seL4_SetMR(5, 1 + below(state, 4));
}

/* A copy, move or deletion within its CNode; what it was given is deleted now and then only. */
static void aim_cnode(struct hostile_state *state, uint64_t label)
{
    bool spare = label > CNodeCancelBadgedSends || below(state, 64) != 0;
    seL4_SetCap(0, HOSTILE_SELF_CNODE);
    seL4_SetMR(0, (spare ? HOSTILE_SLOTS_USED : 1) + below(state, 200));
    seL4_SetMR(1, seL4_WordBits);
    seL4_SetMR(2, random_slot(state));
    seL4_SetMR(3, seL4_WordBits);
    seL4_SetMR(4, next_random(state) & 15);
    seL4_SetMR(5, below(state, 2) ? 0 : random_word(state));
}

static seL4_MessageInfo_t random_message(struct hostile_state *state, seL4_CPtr service)
{
    uint64_t label = random_label(state, service);
    uint64_t length = below(state, 8) != 0 ? 8 : below(state, 128);
    uint64_t caps = below(state, 4) != 0 ? 3 : below(state, 4);
    for (int i = 0; i < 3; i++) {
        seL4_SetCap(i, random_slot(state));
    }
    for (int i = 0; i < 12; i++) {
        seL4_SetMR(i, random_word(state));
    }
    seL4_SetCapReceivePath(HOSTILE_SELF_CNODE, below(state, 256), seL4_WordBits);
    if (label == UntypedRetype && below(state, 4) != 0) {
        aim_retype(state);
    } else if (label >= CNodeRevoke && label <= CNodeRotate && below(state, 4) != 0) {
        aim_cnode(state, label);
    }
    return seL4_MessageInfo_new(label, below(state, 8), caps, length);
}

/* Any other system call, or a number that is none. Some of them never return. */
static void random_syscall(struct hostile_state *state)
{
    struct sel4_trap_words {
        seL4_Word word[9];
    } in;
    for (unsigned i = 0; i < 9; i++) {
        in.word[i] = below(state, 2) ? random_slot(state) : random_word(state);
    }
    in.word[1] = random_message(state, in.word[0]).words[0];
    in.word[7] = below(state, 16) != 0 ? (seL4_Word)-1 - below(state, 12) : random_word(state);
    register seL4_Word x0 __asm__("x0") = in.word[0];
    register seL4_Word x1 __asm__("x1") = in.word[1];
    register seL4_Word x2 __asm__("x2") = in.word[2];
    register seL4_Word x3 __asm__("x3") = in.word[3];
    register seL4_Word x4 __asm__("x4") = in.word[4];
    register seL4_Word x5 __asm__("x5") = in.word[5];
    register seL4_Word x6 __asm__("x6") = in.word[6];
    register seL4_Word x7 __asm__("x7") = in.word[7];
    register seL4_Word x8 __asm__("x8") = in.word[8];
    __asm__ volatile("svc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6),
                       "+r"(x7), "+r"(x8)
                     :
                     : "memory");
}

static void digest(struct hostile_state *state, uint64_t word)
{
    state->digest = (state->digest ^ word) * 0x100000001b3;
}

_Noreturn void hostile_main(struct hostile_state *state)
{
    __sel4_ipc_buffer = (seL4_IPCBuffer *)((uintptr_t)state + HOSTILE_BUFFER);
    while (state->calls < state->limit) {
        state->calls++;
        if (below(state, COMBINED_RARELY) == 0) {
            state->kinds[HOSTILE_OTHER_SYSCALL]++;
            random_syscall(state);
            continue;
        }
        seL4_CPtr service = random_slot(state);
        bool is_given = service > 0 && service < HOSTILE_SLOTS_USED;
        state->kinds[is_given ? service : HOSTILE_OTHER_SLOT]++;
        if (service == HOSTILE_ENDPOINT || service == HOSTILE_BADGED_ENDPOINT) {
            seL4_NBSend(service, random_message(state, service));
            continue;
        }
        seL4_MessageInfo_t answer = seL4_Call(service, random_message(state, service));
        uint64_t error = seL4_MessageInfo_get_label(answer);
        state->answers[error < seL4_NumErrors ? error : seL4_NumErrors]++;
        digest(state, answer.words[0]);
        for (int i = 0; error != seL4_NoError && i < 8; i++) {
            digest(state, seL4_GetMR(i));
        }
    }
    for (;;) {
        seL4_Wait(seL4_CapNull,
                  NULL); /* a fault, and nobody who handles it: the thread is at its end */
    }
}
