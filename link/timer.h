/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/*
 * The link between the timer service and one client: a page of alarms. An alarm belongs to one
 * core, whose alarm thread in the service looks at it. Times are of the physical counter.
 *
 * The client stores its deadline and then looks at `armed`, the time at which the service will look
 * at this alarm next at the latest; if that is later than the deadline it signals the service. The
 * service stores armed = TIMER_NEVER, then reads the deadlines, then stores the time it armed. All
 * sequentially consistent, so no deadline is missed and few need a signal.
 */
#define TIMER_NEVER UINT64_MAX

enum {
    TIMER_NEAR_US = 60, /* a deadline that is nearer rings up to this late: do not sleep for it */
    TIMER_CLIENT_MAX = 32,
    /* A VMM's alarms: for each vCPU that waits, for each vCPU's physical timer, for its clock. */
    TIMER_ALARM_VCPU = 0,
    TIMER_ALARM_PTIMER = 8,
    TIMER_ALARM_CLOCK = 16,
    TIMER_ALARM_MAX = 17,
};

struct timer_alarm {
    _Atomic uint64_t deadline; /* the client's; the service sets TIMER_NEVER when it rings */
    _Atomic uint64_t armed;    /* the service's */
};

struct timer_link {
    struct timer_alarm alarm[TIMER_ALARM_MAX];
};

/* What root tells the service: root writes, the service reads. One page. */
enum { TIMER_ROSTER_MAGIC = 0x54494d45 /* "TIME" */, TIMER_ROSTER_VERSION = 1 };

enum { TIMER_CORE_NONE = 0xff }; /* nobody uses this alarm */

struct timer_client_info {
    _Atomic uint32_t alarms; /* how many, 0: no such client now */
    uint8_t core[TIMER_ALARM_MAX + 3];
};

struct timer_roster {
    uint32_t magic;
    uint32_t version;
    uint32_t core_count;
    _Atomic uint32_t generation; /* changes after each change of the clients */
    struct timer_client_info client[TIMER_CLIENT_MAX];
};
_Static_assert(sizeof(struct timer_roster) <= 4096, "roster is one page");

/* Client: sets an alarm. True when the service has to be signalled. */
static inline _Bool timer_alarm_set(struct timer_alarm *alarm, uint64_t deadline)
{
    atomic_store(&alarm->deadline, deadline);
    return deadline < atomic_load(&alarm->armed);
}
