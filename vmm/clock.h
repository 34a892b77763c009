/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* The guest's PL031: emulated, on the machine's real time, or the board's own. */

void clock_init(void);

/* Instead: the guest has the board's registers, and we forward its interrupt. */
void clock_pass_through(void);

/* Event thread: the alarm rang. */
void clock_event(void);

/* Event thread: the board's clock has interrupted. */
void clock_interrupt(void);

/* The guest has ended that interrupt, if the clock is the board's: it may come again. */
void clock_ended(void);
