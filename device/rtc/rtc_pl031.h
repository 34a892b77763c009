/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/access.h"
#include "lib/mutex.h"

/*
 * PrimeCell Real Time Clock PL031 (Arm DDI 0224): a counter of seconds with one alarm. After a
 * reset it shows the port's time. What a guest sets is an offset to that, so it keeps step with the
 * port.
 *
 * Threads: any thread may call any function; the clock has one lock.
 */

enum { RTC_PL031_SIZE = 0x1000 }; /* of the register window, in bytes */

#define RTC_PL031_NEVER UINT64_MAX

/* What the clock needs from whoever runs it. Called under its lock: must not call back. */
struct rtc_pl031_port {
    uint64_t (*now_s)(void *ctx); /* seconds, of the epoch if anybody knows it */
    void (*set_level)(void *ctx, bool high);
    void *ctx;
};

struct rtc_pl031 {
    struct mutex lock;
    const struct rtc_pl031_port *port; /* all below is plain state */
    struct rtc_pl031_state {
        uint64_t seen_s; /* the port's time up to which the match is decided */
        uint32_t offset_s;
        uint32_t match;
        uint32_t load;
        bool pending; /* RIS */
        bool enabled; /* IMSC */
        bool line_high;
    } state;
};

/* `port` stays the caller's and must outlive the clock; mutex_id is lock.id. Ends with a reset. */
void rtc_pl031_init(struct rtc_pl031 *rtc, const struct rtc_pl031_port *port, uint32_t mutex_id);
void rtc_pl031_reset(struct rtc_pl031 *rtc);

/*
 * A register access. Reserved and misaligned ones, and writes that are not of 32 bits, read as zero
 * and change nothing. A write may change what rtc_pl031_next_s says.
 */
enum outcome rtc_pl031_access(struct rtc_pl031 *rtc, struct access *access);

/*
 * The port's time at which rtc_pl031_tick is to be called, or RTC_PL031_NEVER if no interrupt can
 * come. Ask again after each write to a register and each tick.
 */
uint64_t rtc_pl031_next_s(struct rtc_pl031 *rtc);

/* Raises the interrupt if its time has come; harmless when called early, late or too often. */
void rtc_pl031_tick(struct rtc_pl031 *rtc);
