/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* An invocation of a capability, decoded from the caller's registers, and how it ends. */

#include "standin/cpu.h"

enum outcome {
    DONE,     /* an empty success reply is due */
    ANSWERED, /* the reply, if any, is already in the caller's registers; or it waits */
    REFUSED,  /* this_cpu()->refusal says why */
    AGAIN,    /* an interrupt is due: the caller makes the call again */
};

struct call {
    struct tcb *caller;
    struct slot *slot;
    struct cap cap;
    uint64_t label;
    uint64_t length;                          /* message words that can be read */
    const seL4_IPCBuffer *buffer;             /* the caller's, or null */
    struct slot *extra[seL4_MsgMaxExtraCaps]; /* null beyond the last */
    bool wants_reply;
    bool blocks;
    bool donates;
    bool first_phase; /* the send half of a combined call */
};

/* Message word i; i < length. */
uint64_t call_word(const struct call *call, unsigned i);

/* Answers with words, if the caller wants an answer. */
enum outcome call_answer(const struct call *call, const uint64_t *words, unsigned count);

static inline bool call_lacks(const struct call *call, unsigned words, unsigned caps)
{
    return call->length < words || (caps > 0 && call->extra[caps - 1] == NULL);
}

static inline enum outcome refuse_range(uint64_t min, uint64_t max)
{
    this_cpu()->refusal = (struct refusal){
        seL4_RangeError, {min, max}
    };
    return REFUSED;
}

/* number: of the argument, of the capability, or bytes left; 0 where the error has none. */
static inline enum outcome refuse(seL4_Error error, uint64_t number)
{
    this_cpu()->refusal = (struct refusal){
        error, {number, 0}
    };
    return REFUSED;
}

/* The lookup failure is in this_cpu()->lookup. */
static inline enum outcome refuse_lookup(bool source)
{
    return refuse(seL4_FailedLookup, source);
}

static inline void lookup_failed(uint64_t type, uint64_t word0, uint64_t word1, uint64_t word2)
{
    this_cpu()->lookup = (struct lookup_failure){
        type, {word0, word1, word2}
    };
}

enum outcome untyped_invoke(const struct call *call);
enum outcome cnode_invoke(const struct call *call);
enum outcome tcb_invoke(const struct call *call);
enum outcome sched_control_invoke(const struct call *call);
enum outcome sched_context_invoke(const struct call *call);
enum outcome irq_control_invoke(const struct call *call);
enum outcome irq_handler_invoke(const struct call *call);
enum outcome frame_invoke(const struct call *call);
enum outcome page_table_invoke(const struct call *call);
enum outcome vspace_invoke(const struct call *call);
enum outcome asid_control_invoke(const struct call *call);
enum outcome asid_pool_invoke(const struct call *call);
enum outcome vcpu_invoke(const struct call *call);
