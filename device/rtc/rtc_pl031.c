// SPDX-License-Identifier: BSD-2-Clause
#include "device/rtc/rtc_pl031.h"

#include <string.h>

#include "lib/start_only.h"

enum {
    RTCDR = 0x000,
    RTCMR = 0x004,
    RTCLR = 0x008,
    RTCCR = 0x00c,
    RTCIMSC = 0x010,
    RTCRIS = 0x014,
    RTCMIS = 0x018,
    RTCICR = 0x01c,
    RTCID = 0xfe0, /* RTCPeriphID0..3, RTCPCellID0..3 */
};

static const uint8_t identification[] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

/* The counter has 32 bits and wraps. */
static uint32_t counter(const struct rtc_pl031_state *s)
{
    return (uint32_t)s->seen_s + s->offset_s;
}

static void update_line(struct rtc_pl031 *rtc)
{
    struct rtc_pl031_state *s = &rtc->state;
    bool high = s->pending && s->enabled;
    if (high != s->line_high) {
        s->line_high = high;
        rtc->port->set_level(rtc->port->ctx, high);
    }
}

/* Moves on to the port's time; the match is one of the values that the counter took on the way. */
static void catch_up(struct rtc_pl031 *rtc)
{
    struct rtc_pl031_state *s = &rtc->state;
    uint64_t now_s = rtc->port->now_s(rtc->port->ctx);
    if (now_s > s->seen_s) {
        uint32_t to_match_s =
            s->match - counter(s) - 1; /* one second less, so that 0 is the next */
        s->pending = s->pending || to_match_s < now_s - s->seen_s;
    }
    s->seen_s = now_s; /* a port whose time goes back takes the counter with it, without a match */
    update_line(rtc);
}

/* Counter or match was set: equal ones match at once. */
static void compare(struct rtc_pl031_state *s)
{
    s->pending = s->pending || counter(s) == s->match;
}

uint64_t rtc_pl031_next_s(struct rtc_pl031 *rtc)
{
    struct rtc_pl031_state *s = &rtc->state;
    uint64_t next_s = RTC_PL031_NEVER;
    mutex_lock(&rtc->lock);
    if (s->enabled && !s->pending) {
        uint32_t to_match_s = s->match - counter(s) - 1;
        uint64_t distance_s = (uint64_t)to_match_s + 1;
        next_s = s->seen_s > UINT64_MAX - distance_s ? RTC_PL031_NEVER : s->seen_s + distance_s;
    }
    mutex_unlock(&rtc->lock);
    return next_s;
}

void rtc_pl031_tick(struct rtc_pl031 *rtc)
{
    mutex_lock(&rtc->lock);
    catch_up(rtc);
    mutex_unlock(&rtc->lock);
}

static uint32_t read_register(const struct rtc_pl031_state *s, unsigned offset)
{
    switch (offset) {
    case RTCDR:
        return counter(s);
    case RTCMR:
        return s->match;
    case RTCLR:
        return s->load;
    case RTCCR:
        return 1; /* started, by whoever ran before the guest; nothing stops it but power */
    case RTCIMSC:
        return s->enabled;
    case RTCRIS:
        return s->pending;
    case RTCMIS:
        return s->pending && s->enabled;
    default:
        return offset >= RTCID ? identification[(offset - RTCID) / 4] : 0;
    }
}

static void write_register(struct rtc_pl031_state *s, unsigned offset, uint32_t value)
{
    switch (offset) {
    case RTCMR:
        s->match = value;
        compare(s);
        break;
    case RTCLR:
        s->load = value;
        s->offset_s = value - (uint32_t)s->seen_s;
        compare(s);
        break;
    case RTCIMSC:
        s->enabled = value & 1;
        break;
    case RTCICR:
        s->pending = s->pending && !(value & 1);
        break;
    default:
        break;
    }
}

enum outcome rtc_pl031_access(struct rtc_pl031 *rtc, struct access *access)
{
    if (access->offset >= RTC_PL031_SIZE) {
        return OUTCOME_UNHANDLED;
    }
    bool aligned = access->offset % 4 == 0 && access->width_bytes <= 4;
    mutex_lock(&rtc->lock);
    catch_up(rtc);
    if (!access->is_write) {
        uint32_t mask = access->width_bytes >= 4 ? ~0u : (1u << (8 * access->width_bytes)) - 1;
        access->value = aligned ? read_register(&rtc->state, (unsigned)access->offset) & mask : 0;
    } else if (aligned && access->width_bytes == 4) {
        write_register(&rtc->state, (unsigned)access->offset, (uint32_t)access->value);
        update_line(rtc);
    }
    mutex_unlock(&rtc->lock);
    return OUTCOME_DONE;
}

void rtc_pl031_reset(struct rtc_pl031 *rtc)
{
    mutex_lock(&rtc->lock);
    bool line_high = rtc->state.line_high;
    rtc->state = (struct rtc_pl031_state){
        .seen_s = rtc->port->now_s(rtc->port->ctx),
        .line_high = line_high,
    };
    update_line(rtc);
    mutex_unlock(&rtc->lock);
}

START_ONLY void rtc_pl031_init(struct rtc_pl031 *rtc, const struct rtc_pl031_port *port,
                               uint32_t mutex_id)
{
    memset(rtc, 0, sizeof *rtc);
    rtc->lock.id = mutex_id;
    rtc->port = port;
    rtc_pl031_reset(rtc);
}
