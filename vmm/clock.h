/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* The guest's PL031, on the machine's real time. */

void clock_init(void);

/* Event thread: the alarm rang. */
void clock_event(void);
