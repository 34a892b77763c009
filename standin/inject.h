/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Faults on demand, by words in the kernel's boot arguments; README.md lists them. */

#include "standin/call.h"

enum injection { INJECT_NOTHING, INJECT_DROP, INJECT_DELAY };

void inject_init(const char *bootargs);

/* This Retype, valid otherwise, is to fail. An interrupted one is counted once. */
bool inject_retype_fails(void);
void inject_retype_again(void);

/* This address space, valid otherwise, is to get no ASID. */
bool inject_asid_fails(void);

/* The thread's budget is to be over now. */
bool inject_budget_ends(void);

/* What is to become of an interrupt for user space. */
enum injection inject_interrupt(uint64_t index);

/* At the end of each kernel entry: delivers an interrupt whose delay is over. */
void inject_tick(void);

/* When that will be; UINT64_MAX if there is none. */
uint64_t inject_next_event(void);

void inject_trace(const struct call *call, enum outcome outcome);
