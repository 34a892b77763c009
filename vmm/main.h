/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* The event thread once the machine is built: starts the guest and serves what comes from outside.
 */
_Noreturn void vmm_run(void);

/* Tells root that there will be no guest, and waits for the end. */
_Noreturn void vmm_give_up(void);
