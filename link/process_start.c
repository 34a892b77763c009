// SPDX-License-Identifier: BSD-2-Clause
/* Start of every process but root: finds the boot record and opens the log. */
#include "link/process_start.h"

#include "lib/check.h"
#include "lib/thread.h"

/* Called by start.S on the first thread's stack. */
_Noreturn void process_start(void)
{
    const struct process_boot *boot = (const struct process_boot *)PROCESS_BOOT_VADDR;
    thread_begin(PROCESS_IPC_VADDR);
    CHECK(boot->magic == PROCESS_MAGIC && boot->version == PROCESS_VERSION);
    if (boot->log_link) {
        process_open_log((struct serial_link *)PROCESS_SERIAL_VADDR);
    }
    process_main(boot);
    CHECK(!"process_main never returns");
    __builtin_unreachable();
}
