/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/process.h"
#include "link/serial.h"

/* The program's own main. It must not return. */
void process_main(const struct process_boot *boot);

/* Called by the first instructions. */
_Noreturn void process_start(void);

/* From now on log lines go to this link. */
void process_open_log(struct serial_link *serial);
