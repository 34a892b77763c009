/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "link/ring.h"

/*
 * The link between the block service and one client: two rings of fixed records, and a data area
 * that belongs to the client. The client chooses where in the area a request's data lie and leaves
 * them alone until it has the reply, or until the service says that it has never heard of the
 * request. The service, or the disk itself by DMA, reads and writes them there.
 *
 * Sectors are of 512 bytes. Requests in flight are not ordered among each other. A flush covers
 * writes whose reply was sent before the flush arrived. A reply's data are in the data area before
 * the reply is in its ring.
 *
 * Attaching. `session` names one life of the client: root sets it when it formats the link, another
 * one each time. `attached` is the service's word: the session that it serves in the high half, and
 * in the low half a number that is another one each time that a service attaches (1, 2, ..; never
 * 0). As long as the high half is not its session, the client touches neither rings nor data: an
 * earlier client's requests may still be under way. Each request and each reply carries the low
 * half. When it changes, the service was started anew, and the client sends all that is in flight
 * again with the new number; either side drops records that carry another number than the present
 * one. So each request is carried out at least once, is answered once, and never touches data that
 * are not its own any more. All requests bear being carried out twice.
 *
 * Zero copy. When the service says BLOCK_DIRECT_OK, root has lent it the RAM of the client's VM,
 * and a request may be BLOCK_DIRECT: its data are not in the data area but in pieces of that RAM,
 * as the segments of its number say. Data area and segments are the client's in the same way.
 */
enum {
    BLOCK_SECTOR_BYTES = 512,
    BLOCK_PORT_MAX = 32,
    BLOCK_FLIGHT_MAX = 128, /* requests of a client that are in flight at once */

    BLOCK_LINK_BYTES = 2097152,
    BLOCK_PAGE_BYTES = 4096, /* unit of the client's allocation in the data area */

    BLOCK_SEGMENT_MAX = 16,         /* of one direct request */
    BLOCK_DIRECT_SECTORS_MAX = 512, /* of one direct request */
    BLOCK_FRAME_BYTES = 2097152,    /* of a VM's RAM, contiguous for a device; no more is */
    BLOCK_SEGMENTS_BYTES = BLOCK_FLIGHT_MAX * BLOCK_SEGMENT_MAX * 16,

    /* Twice what is in flight: a new service may find a full ring of what it has to drop. */
    BLOCK_REQUESTS_BYTES = 2 * BLOCK_FLIGHT_MAX * 32,
    BLOCK_REPLIES_BYTES = 2 * BLOCK_FLIGHT_MAX * 16,
    BLOCK_DATA_BYTES = BLOCK_LINK_BYTES - BLOCK_PAGE_BYTES - BLOCK_REQUESTS_BYTES -
                       BLOCK_REPLIES_BYTES - BLOCK_SEGMENTS_BYTES,
};

enum block_type {
    BLOCK_READ = 0,
    BLOCK_WRITE,
    BLOCK_FLUSH,        /* no sectors, no data */
    BLOCK_DISCARD,      /* no data */
    BLOCK_WRITE_ZEROES, /* no data */
    BLOCK_TYPES,
};

/* Of a request. */
enum {
    BLOCK_UNMAP = 1,  /* BLOCK_WRITE_ZEROES: the disk may free the sectors as well */
    BLOCK_DIRECT = 2, /* BLOCK_READ, BLOCK_WRITE: the data are in the RAM of the client's VM */
};

enum block_status {
    BLOCK_OK = 0,
    BLOCK_ERROR,       /* the disk could not, or the request cannot be: range, read-only */
    BLOCK_UNSUPPORTED, /* the disk does not do this type */
};

struct block_request {
    uint32_t id; /* the client's own number, below BLOCK_FLIGHT_MAX; comes back in the reply */
    uint32_t attachment;
    uint32_t type; /* enum block_type */
    uint32_t flags;
    uint64_t sector;
    uint32_t sector_count;
    union {                     /* BLOCK_READ and BLOCK_WRITE */
        uint32_t data_offset;   /* in the data area: a multiple of 512 */
        uint32_t segment_count; /* BLOCK_DIRECT: 1 .. BLOCK_SEGMENT_MAX; they are as long as the
                                   sectors, BLOCK_DIRECT_SECTORS_MAX at the most */
    };
};
_Static_assert(sizeof(struct block_request) == 32, "records divide their ring");

/* A piece of the RAM of the client's VM, within one of its frames. */
struct block_segment {
    uint64_t offset; /* from the start of the RAM */
    uint32_t length; /* not 0 */
    uint32_t pad;
};
_Static_assert(sizeof(struct block_segment) == 16, "as BLOCK_SEGMENTS_BYTES says");

struct block_reply {
    uint32_t id;
    uint32_t attachment;
    uint32_t status; /* enum block_status */
    uint32_t pad;
};
_Static_assert(sizeof(struct block_reply) == 16, "records divide their ring");

/* What the disk is like: written by the service before it attaches. */
enum {
    BLOCK_READ_ONLY = 1,
    BLOCK_HAS_FLUSH = 2, /* writes may be lost at a power cut until they are flushed */
    BLOCK_HAS_DISCARD = 4,
    BLOCK_HAS_WRITE_ZEROES = 8,
    BLOCK_DIRECT_OK = 16, /* requests may be BLOCK_DIRECT */
};

enum { BLOCK_SERIAL_BYTES = 20 };

struct block_info {
    uint64_t sector_count;
    uint32_t flags;
    uint32_t block_bytes;               /* of the disk's own blocks: a power of two, 512 .. 4096 */
    uint8_t physical_exponent;          /* a physical block has 2^n logical ones */
    uint8_t alignment_offset;           /* of the first physical block, in logical ones */
    uint16_t io_min_blocks;             /* suggested minimum, in logical blocks; 0: nothing said */
    uint32_t io_opt_blocks;             /* suggested optimum */
    uint8_t serial[BLOCK_SERIAL_BYTES]; /* text, NUL-padded */
    uint32_t pad;
};

struct block_link {
    uint32_t session; /* root's */
    uint32_t pad0;
    _Atomic uint64_t attached; /* the service's */
    struct block_info info;    /* the service's */
    uint8_t pad1[192 - 2 * 8 - sizeof(struct block_info)];
    struct ring_shared requests; /* client to service: struct block_request */
    struct ring_shared replies;  /* service to client: struct block_reply */
    uint8_t pad2[BLOCK_PAGE_BYTES - 192 - 2 * sizeof(struct ring_shared)];
    uint8_t request_data[BLOCK_REQUESTS_BYTES];
    uint8_t reply_data[BLOCK_REPLIES_BYTES];
    struct block_segment segments[BLOCK_FLIGHT_MAX][BLOCK_SEGMENT_MAX]; /* by the request's id */
    uint8_t data[BLOCK_DATA_BYTES];
};
_Static_assert(sizeof(struct block_link) == BLOCK_LINK_BYTES, "one page of 2 MiB");
_Static_assert(offsetof(struct block_link, data) % BLOCK_PAGE_BYTES == 0, "data begin at a page");

/*
 * Root: makes the link new for a client that is about to start. `session` is the generation that
 * root is about to publish in the roster.
 */
void block_link_format(struct block_link *link, uint32_t session);

/* ---- the roster ------------------------------------------------------------------------------ */

/* What root tells the service about its ports: root writes, the service reads. One page. */
enum { BLOCK_ROSTER_MAGIC = 0x424c524f /* "BLRO" */, BLOCK_ROSTER_VERSION = 3 };

enum block_port_kind {
    BLOCK_PORT_NONE = 0,
    BLOCK_PORT_RANGE,           /* sectors of the device */
    BLOCK_PORT_PARTITION_NAME,  /* the GPT partition with this name */
    BLOCK_PORT_PARTITION_INDEX, /* the GPT partition with this number, counted from 1 */
    BLOCK_PORT_RAM,             /* a RAM disk */
};

enum {
    BLOCK_PORT_READ_ONLY = 1,
    BLOCK_PORT_SHARED = 2, /* may have sectors that another port can write, too */
};

enum { BLOCK_PARTITION_NAME_BYTES = 40 };

struct block_port_info {
    char name[16];               /* of the client, NUL-terminated */
    _Atomic uint32_t generation; /* odd while root changes this port's link: hands off; changes at
                                    each start of the client; its value is the link's session */
    uint32_t kind;               /* enum block_port_kind */
    uint32_t flags;
    uint32_t partition;  /* BLOCK_PORT_PARTITION_INDEX */
    uint64_t link_paddr; /* of the link, which is contiguous then; 0: not known */
    union {
        struct {
            uint64_t first_sector;
            uint64_t sector_count; /* 0: to the end of the device */
        } range;
        char partition_name[BLOCK_PARTITION_NAME_BYTES]; /* ASCII, NUL-terminated */
        struct {
            uint64_t memory_vaddr; /* zeroed by root once; a page of 4 KiB, then the disk. 0: none,
                                      then the disk is the file, read-only */
            uint64_t memory_bytes;
            uint64_t file_vaddr; /* what is on the disk at first; 0: zeroes */
            uint64_t file_bytes;
        } ram;
    };
    uint8_t serial[BLOCK_SERIAL_BYTES];
    uint32_t requests_per_s; /* that it may make; 0: no limit. It may change at any time */
    uint64_t guest_vaddr;    /* zero copy: of the struct block_guest of the client's VM; 0: none */
    uint64_t sectors_per_s;  /* that it may read, write, discard and zero; the same */
};

struct block_roster {
    uint32_t magic;
    uint32_t version;
    uint32_t device_present; /* a virtio-mmio device and DMA memory are mapped */
    uint32_t device_offset;  /* of its registers in the page at PROCESS_DEVICE_VADDR */
    uint64_t dma_paddr;      /* of PROCESS_DMA_VADDR */
    uint64_t dma_bytes;
    uint32_t stats_present; /* struct block_stats is mapped at PROCESS_STATS_VADDR, writable */
    uint32_t pad;
    struct block_port_info port[BLOCK_PORT_MAX];
};
_Static_assert(sizeof(struct block_roster) <= 4096, "roster is one page");

/*
 * The RAM of a VM that chose zero copy, in the service. Root writes it while all ports of the VM
 * are closed and the service has said so (block_stats.quiet); the service reads it.
 */
enum {
    BLOCK_GUEST_BYTES = 8192,
    BLOCK_GUEST_FRAME_MAX = (BLOCK_GUEST_BYTES - 2 * 8) / 4,
    BLOCK_GUEST_MIB_MAX = BLOCK_GUEST_FRAME_MAX * 2,
};

struct block_guest {
    uint64_t vaddr;                        /* where it is mapped; 0: it is not */
    uint64_t size_bytes;                   /* of the RAM */
    uint32_t frame[BLOCK_GUEST_FRAME_MAX]; /* physical addresses, in BLOCK_FRAME_BYTES */
};
_Static_assert(sizeof(struct block_guest) == BLOCK_GUEST_BYTES, "two pages");

/* ---- counters -------------------------------------------------------------------------------- */

/* Written by the service alone, read by root. One page. */
struct block_port_stats {
    uint64_t requests[BLOCK_TYPES];
    uint64_t sectors_read, sectors_written;
    uint64_t errors;   /* requests that were not answered with BLOCK_OK */
    uint64_t bad;      /* of these and more: what no honest client sends */
    uint64_t signals;  /* sent to the client */
    uint64_t attaches; /* times that its link was attached to */
    uint64_t limited;  /* times that its rate limit made it wait */
};

struct block_stats {
    uint64_t wakeups, interrupts, device_resets, device_requests;
    struct block_port_stats port[BLOCK_PORT_MAX];
    /*
     * The odd generation with which root closed the port, when nothing of its clients is in flight
     * any more: neither the service nor the device touches a lent RAM for them. Root is signalled.
     */
    _Atomic uint32_t quiet[BLOCK_PORT_MAX];
};
_Static_assert(sizeof(struct block_stats) <= 4096, "counters are one page");

/* Badges on the service's notification: bit n for port n, and these. */
#define BLOCK_BADGE_IRQ    (1ull << 32)
#define BLOCK_BADGE_ROSTER (1ull << 33) /* root changed the roster */
#define BLOCK_BADGE_TIMER  (1ull << 34)
