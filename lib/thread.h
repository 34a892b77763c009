/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <sel4/sel4.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Threads of one process. A thread has a block for its thread-local variables (the kernel's C API
 * keeps the address of the IPC buffer in one) and a stack, both the program's own memory.
 *
 * The thread pointer must be right before the first line of C runs: the compiler reads it whenever
 * it likes. So the first thread's is set by start.S, to thread_first_block, and the others' by who
 * prepares them.
 */
enum { THREAD_BLOCK_BYTES = 64 };

struct thread_block {
    _Alignas(16) uint8_t bytes[THREAD_BLOCK_BYTES];
};

extern struct thread_block thread_first_block;

/* First thread only: where its IPC buffer is. Before it, no kernel call is possible. */
void thread_begin(uintptr_t ipc_buffer);

struct thread {
    seL4_CPtr tcb;
    void (*entry)(uintptr_t argument);
    uintptr_t argument;
    struct thread_block *block;
    uintptr_t ipc_buffer; /* the address at which the thread's IPC buffer is mapped */
    void *stack;
    size_t stack_bytes;
};

/*
 * Sets a thread up that has its address space, CSpace and IPC buffer already, and resumes it: it
 * runs entry(argument), which must not return, as soon as it has a scheduling context.
 */
seL4_Error thread_start(const struct thread *thread);
