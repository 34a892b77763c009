/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "link/ring.h"

/*
 * The link between the network service and one client (a VMM): Ethernet frames in two rings. The
 * memory is root's, so it outlives both sides; root formats it when the client starts.
 *
 * A frame is a record: struct net_head, the frame's bytes, and padding up to NET_ALIGN. It is
 * published whole. Who finds a record that cannot be throws away all that the ring holds: records
 * have no other mark where the next one begins, and an honest side never writes such a one.
 *
 * Offloads, as in VIRTIO 1.3, 5.1.6: a frame may come without its TCP or UDP checksum, and a TCP
 * frame may be longer than the MTU. The service takes what `takes` names from a client, and does
 * what the receiver does not take: `accepts` says what that is. A frame that its receiver has not
 * asked for may still arrive just after `accepts` changed; it is dropped.
 */
enum {
    NET_PORT_MAX = 32,    /* clients of the service */
    NET_NETWORK_MAX = 32, /* networks, which never exchange a frame */
    NET_RING_BYTES = 262144,
    NET_MAC_BYTES = 6,
    NET_ETHERNET_BYTES = 14,        /* destination, source, type */
    NET_FRAME_MIN = 14,             /* of a frame between two guests; nothing is padded */
    NET_FRAME_MAX = 65535 + 14 + 4, /* the longest IP packet, with a VLAN tag */
    NET_MTU_MIN = 68,               /* RFC 791 */
    NET_MTU_MAX = 9000,
    NET_MTU_DEFAULT = 1500,
    NET_VLAN_BYTES = 4,    /* a tagged frame is longer by this than the MTU says */
    NET_GSO_SIZE_MIN = 48, /* Linux's tcp_min_snd_mss: less only makes work */
    NET_ALIGN = 16,
};

enum net_flag {
    NET_NEEDS_CSUM = 1, /* the checksum at csum_start + csum_offset has to be completed */
    NET_DATA_VALID = 2, /* checksums have been verified, by whoever handed it to the service */
};

/* Numbers as in VIRTIO 1.3, 5.1.6. */
enum net_gso {
    NET_GSO_NONE = 0,
    NET_GSO_TCP4 = 1,
    NET_GSO_TCP6 = 4,
};

enum net_offload {
    NET_OFFLOAD_CSUM = 1, /* frames with NET_NEEDS_CSUM */
    NET_OFFLOAD_TSO4 = 2, /* frames with NET_GSO_TCP4; needs NET_OFFLOAD_CSUM */
    NET_OFFLOAD_TSO6 = 4,
    NET_OFFLOADS = 7,
};

struct net_head {
    uint32_t length; /* of the frame, in bytes */
    uint8_t flags;   /* enum net_flag */
    uint8_t gso_type;
    uint16_t header_length; /* of all headers when gso_type is set: a hint, 0 when not known */
    uint16_t gso_size;      /* payload of each segment */
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t pad;
};
_Static_assert(sizeof(struct net_head) == 16 && NET_ALIGN == 16,
               "the head of an honest side never goes round the end");

enum { NET_LINK_MAGIC = 0x4e45544c /* "NETL" */, NET_LINK_VERSION = 1 };

struct net_link {
    uint32_t magic;
    uint32_t version;
    uint8_t mac[NET_MAC_BYTES]; /* the client's */
    uint16_t mtu;
    uint32_t takes;           /* enum net_offload: what the service takes from the client */
    _Atomic uint32_t accepts; /* the client's: what it takes from the service */
    _Atomic uint32_t up;      /* the service's, or root's for it: frames go anywhere at all */
    uint8_t pad0[64 - 7 * 4]; /* the rings' words have cache lines of their own */
    struct ring_shared to_service;
    struct ring_shared to_client;
    uint8_t pad[4096 - 64 - 2 * sizeof(struct ring_shared)];
    uint8_t to_service_data[NET_RING_BYTES];
    uint8_t to_client_data[NET_RING_BYTES];
};

enum { NET_LINK_BYTES = 4096 + 2 * NET_RING_BYTES }; /* 129 pages */
_Static_assert(sizeof(struct net_link) == NET_LINK_BYTES, "the link is what it is said to be");
_Static_assert(NET_LINK_BYTES <= 2 * 1024 * 1024, "link fits its window");

/* For root, before the client is started: rings, address and MTU. The service's words stay 0. */
void net_link_format(struct net_link *link, const uint8_t mac[NET_MAC_BYTES], uint16_t mtu);

/* For root, when the service has died: no frame goes anywhere until the next one attaches. */
void net_link_detach(struct net_link *link);

/* Client: copies the parameters out. False when they cannot be: not formatted, a multicast MAC. */
struct net_parameters {
    uint8_t mac[NET_MAC_BYTES];
    uint16_t mtu;
    uint32_t takes; /* TSO only with CSUM */
};
bool net_link_parameters(const struct net_link *link, struct net_parameters *parameters);

/* Bytes that a frame takes in a ring. length <= NET_FRAME_MAX. */
static inline uint32_t net_record_bytes(uint32_t length)
{
    return ((uint32_t)sizeof(struct net_head) + length + NET_ALIGN - 1) &
           ~(uint32_t)(NET_ALIGN - 1);
}

/*
 * Whether a head can be: length, flags, offsets inside the frame, segmentation only with a checksum
 * to complete, segments not too small. Says nothing of the frame's bytes.
 */
bool net_head_valid(const struct net_head *head);

/* Whether a receiver that accepts these offloads can be given such a frame as it is. */
bool net_head_accepted(const struct net_head *head, uint32_t accepts);

enum net_result {
    NET_EMPTY,
    NET_FRAME,
    NET_BROKEN, /* the other side broke the rules; the ring has been emptied */
};

/*
 * Consumer: copies the next frame's head out, checked, and leaves the frame in the ring.
 * net_peek_start copies its Ethernet header with it, in one go.
 */
struct net_start {
    struct net_head head;
    uint8_t ethernet[NET_ETHERNET_BYTES];
    uint8_t pad[2];
};
enum net_result net_peek(struct ring *ring, struct net_head *head, bool *signal);
enum net_result net_peek_start(struct ring *ring, struct net_start *start, bool *signal);

/* Consumer, after NET_FRAME: bytes of the frame, within head->length; as ring_peek and ring_view.
 */
void net_peek_bytes(const struct ring *ring, uint32_t offset, void *bytes, uint32_t size);
void net_view_bytes(const struct ring *ring, uint32_t offset, uint32_t size,
                    struct ring_piece piece[2]);

/* Consumer: takes the frame off the ring. */
void net_done(struct ring *ring, const struct net_head *head, bool *signal);

/*
 * Producer: begins a frame of head->length bytes; false when there is no room now. Then
 * net_put_bytes until all are there, then net_publish shows it. A frame that is not published
 * never was.
 */
bool net_begin(struct ring *ring, const struct net_head *head);
bool net_begin_start(struct ring *ring, const struct net_start *start);
void net_put_bytes(struct ring *ring, uint32_t offset, const void *bytes, uint32_t size);
void net_publish(struct ring *ring, const struct net_head *head, bool *signal);

/* Producer: asks to be told when there is room for such a frame. False when there is now. */
bool net_wait_for_room(struct ring *ring, const struct net_head *head);

static inline bool net_mac_is_multicast(const uint8_t mac[NET_MAC_BYTES])
{
    return (mac[0] & 1) != 0;
}

/* ---- what root tells the service: root writes, the service reads. One page. ------------------ */

enum net_client_kind {
    NET_CLIENT_NONE = 0,
    NET_CLIENT_VM,
};

enum net_client_flag {
    NET_CLIENT_UPLINK = 1,     /* may exchange frames with the outside, if its network has it */
    NET_CLIENT_ANY_SOURCE = 2, /* may send from other addresses than its own (it is a bridge) */
    NET_CLIENT_CAPTURE = 4,    /* its frames go to the capture of its network, if that has one */
    NET_CLIENT_DOWN = 8,       /* its cable is pulled out */
};

struct net_client_info {
    char name[16]; /* NUL-terminated */
    uint32_t kind; /* enum net_client_kind */
    uint32_t network;
    uint32_t flags; /* enum net_client_flag */
    uint8_t mac[NET_MAC_BYTES];
    uint8_t pad[2];
    /* What it may send; 0: no limit. A burst of 0 is a default, see lib/rate.h. */
    uint64_t bytes_per_s;
    uint32_t burst_bytes;
    uint32_t packets_per_s;
    uint32_t burst_packets;
    /* 0 until the client has been started. Odd while root changes its link: hands off. Changes at
       each start. Flags and limits may change at any time: the service looks at them when root
       signals it. */
    _Atomic uint32_t generation;
    uint32_t pad2;
};

enum {
    NET_ROSTER_MAGIC = 0x4e455452 /* "NETR" */,
    NET_ROSTER_VERSION = 2,
    NET_CAPTURE_SNAP = 2048, /* bytes of a frame that root has kept */
    NET_NO_UPLINK = UINT32_MAX,
};

/* Where the frames of a network are kept: a struct capture_shared (link/capture.h). */
struct net_capture_info {
    uint64_t vaddr; /* 0: nowhere */
    uint64_t bytes;
};

struct net_roster {
    uint32_t magic;
    uint32_t version;
    uint32_t mtu;            /* of all networks: NET_MTU_MIN .. NET_MTU_MAX */
    uint32_t uplink_network; /* the network that the real device belongs to; NET_NO_UPLINK: none */
    uint32_t device_offset;  /* of its registers in the page at PROCESS_DEVICE_VADDR */
    uint32_t uplink_flags;   /* NET_CLIENT_CAPTURE, NET_CLIENT_DOWN */
    uint64_t dma_paddr;      /* of the memory at PROCESS_DMA_VADDR */
    uint64_t dma_bytes;
    uint64_t epoch_s;      /* seconds since 1970 when the counter was zero, for the capture */
    uint32_t capture_snap; /* bytes that are kept of each frame at most */
    uint32_t pad;
    struct net_client_info client[NET_PORT_MAX];
    struct net_capture_info capture[NET_NETWORK_MAX];
};
_Static_assert(sizeof(struct net_roster) <= 4096, "roster is one page");

/* Badges on the service's notification: bit n for client n, and these. */
#define NET_BADGE_CLIENT(n) (1ull << (n))
#define NET_BADGE_IRQ       (1ull << 32)
#define NET_BADGE_ROSTER    (1ull << 33)
#define NET_BADGE_TIMER     (1ull << 34)

/* ---- what the service publishes: the page at PROCESS_STATS_VADDR ----------------------------- */

/* From the port's side: what it sent into the switch, what it received from it. */
enum net_counter {
    NET_SENT_FRAMES,
    NET_SENT_BYTES,
    NET_RECEIVED_FRAMES,
    NET_RECEIVED_BYTES,
    NET_FLOODED,       /* sent to all: broadcast, multicast, or nobody has the address */
    NET_COMPLETED,     /* checksums that were computed for this receiver */
    NET_SEGMENTS,      /* frames that were cut out of longer ones for this receiver */
    NET_THROTTLED,     /* times that its rate limit made it wait */
    NET_DROP_FULL,     /* for this receiver, whose ring was full */
    NET_DROP_SPOOFED,  /* sent from an address that is not this port's */
    NET_DROP_INVALID,  /* sent with a head, a length or headers that cannot be */
    NET_DROP_FILTERED, /* to nobody, to itself, link-local of bridges, longer than the MTU */
    NET_BROKEN_RINGS,  /* records or indices that cannot be: how often a ring was emptied */
    NET_COUNTERS,
};

enum { NET_STATS_MAGIC = 0x4e455453 /* "NETS" */, NET_STATS_VERSION = 1, NET_UPLINK = 32 };

struct net_stats {
    uint32_t magic;
    uint32_t version;
    uint32_t addresses; /* in the switch's table now */
    uint32_t uplink_up;
    uint64_t port[NET_PORT_MAX + 1][NET_COUNTERS]; /* the last row is the uplink's */
};
_Static_assert(sizeof(struct net_stats) <= 4096, "statistics are one page");
