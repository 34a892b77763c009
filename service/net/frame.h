/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/net.h"

/*
 * A frame on its way through the switch. Head and Ethernet header are copies, checked once, and
 * what is delivered is these copies; the rest is still where it came from, in a ring that its
 * sender may write, and is copied only once, to where it goes.
 */
struct frame {
    struct net_start start;    /* its head is valid as net_head_valid says */
    struct ring_piece rest[2]; /* together head.length - NET_ETHERNET_BYTES bytes */
};
