/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* The guest's PL011 and the console link of the serial service. */

void console_init(void);

/* Event thread: the serial service has signalled: there is input, or room for output. */
void console_event(void);
