// SPDX-License-Identifier: BSD-2-Clause
#include "lib/thread.h"

#include <string.h>

#include "lib/check.h"
#include "lib/start_only.h"

__thread seL4_IPCBuffer *__sel4_ipc_buffer;
#ifdef CONFIG_KERNEL_INVOCATION_REPORT_ERROR_IPC
__thread char __sel4_print_error;
#endif

struct thread_block thread_first_block;

/* What the linker says of the thread-local variables; they are all zero at first. */
static uintptr_t offset_of_buffer(void)
{
    /* AArch64 TLS variant 1: the variables follow two reserved words at the thread pointer. */
    uintptr_t offset = (uintptr_t)&__sel4_ipc_buffer - (uintptr_t)&thread_first_block;
    CHECK(offset + sizeof __sel4_ipc_buffer <= sizeof(struct thread_block));
    return offset;
}

START_ONLY void thread_begin(uintptr_t ipc_buffer)
{
    seL4_SetIPCBuffer((seL4_IPCBuffer *)ipc_buffer);
    (void)offset_of_buffer();
}

seL4_Error thread_start(const struct thread *thread)
{
    static uintptr_t offset;
    if (offset == 0) {
        offset = offset_of_buffer(); /* in the first thread, which starts all others */
    }
    memset(thread->block, 0, sizeof *thread->block);
    memcpy(thread->block->bytes + offset, &thread->ipc_buffer, sizeof thread->ipc_buffer);
    seL4_UserContext context = {
        .pc = (seL4_Word)thread->entry,
        .sp = ((seL4_Word)thread->stack + thread->stack_bytes) & ~(seL4_Word)15,
        .x0 = thread->argument,
        .tpidr_el0 = (seL4_Word)thread->block,
    };
    return (seL4_Error)seL4_TCB_WriteRegisters(thread->tcb, 1, 0,
                                               sizeof context / sizeof(seL4_Word), &context);
}

/* What the kernel's headers call when their own assertions fail (<sel4/assert.h>). */
void __assert_fail(const char *text, const char *file, int line, const char *function);
void __assert_fail(const char *text, const char *file, int line, const char *function)
{
    (void)text, (void)function;
    check_failed(file, line);
}
