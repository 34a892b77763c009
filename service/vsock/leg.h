/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/vsock.h"
#include "service/vsock/host.h"

/*
 * One end of a connection: a channel of a client's link, and what is on its other side. A leg in
 * LEG_SHUT is over for us: CLOSE is sent, the rings are the client's alone, and only its CLOSE is
 * waited for.
 */
enum leg_phase {
    LEG_FREE,
    LEG_ASKING, /* has asked; `far_port` has the offer */
    LEG_LINKED, /* with another leg, or with the host */
    LEG_SHUT,
};

enum { LEG_HOST = 0xff }; /* as far_port: the control plane */

struct leg {
    uint8_t phase;                 /* enum leg_phase */
    uint8_t far_port, far_channel; /* ASKING: far_port only */
    bool ended, told_end;          /* the client sends no more; and the other side knows */
    bool deaf;                     /* the client takes no more */
    bool closed;                   /* the client has sent CLOSE; LINKED: bytes of it are left */
    uint32_t offer;                /* ASKING */
    uint64_t deadline;             /* ASKING, or LINKED and closed; 0: none */
    struct ring from, to;
    struct host host;
};
