// SPDX-License-Identifier: BSD-2-Clause
/*
 * A guest that attacks its own virtio devices in each way in which drivers have attacked real VMMs.
 * Prints "hostile: NAME ok" or "hostile: NAME FAIL", and at the end "hostile: done". After each
 * attack the device must take an honest request again, after a reset.
 */
#include "lib/virtio_blk.h"
#include "test/guest/hostile/guest.h"

#define RAM_BASE 0x40000000ull
#define RAM_END  0x41000000ull /* 16 MiB: the smallest VM */

static struct virtio_blk_header *const header = (struct virtio_blk_header *)rings.buffer;
static uint8_t *const status = rings.buffer + 64;
static uint8_t *const data = rings.buffer + 1024;
enum { HEADER = 0, DATA = 1, STATUS = 2, SECTOR_BYTES = 512, UNTOUCHED = 0xee };

/* A block request of one sector in descriptors 0 to 2. */
static void make_request(uint32_t type)
{
    bool reads = type == VIRTIO_BLK_IN;
    *header = (struct virtio_blk_header){.type = type};
    *status = UNTOUCHED;
    put_desc(HEADER, (uint64_t)header, sizeof *header, VIRTQ_DESC_NEXT, DATA);
    put_desc(DATA, (uint64_t)data, SECTOR_BYTES,
             (uint16_t)(VIRTQ_DESC_NEXT | (reads ? VIRTQ_DESC_WRITE : 0)), STATUS);
    put_desc(STATUS, (uint64_t)status, 1, VIRTQ_DESC_WRITE, 0);
}

static uint8_t status_now(void)
{
    return *(volatile uint8_t *)status;
}

/* The device, after a reset, does what it should. */
static bool honest(void)
{
    if (!device_start(0)) {
        return false;
    }
    for (unsigned i = 0; i < SECTOR_BYTES; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    make_request(VIRTIO_BLK_OUT);
    submit(HEADER);
    if (!wait_used(1) || status_now() != VIRTIO_BLK_OK) {
        return false;
    }
    for (unsigned i = 0; i < SECTOR_BYTES; i++) {
        data[i] = 0;
    }
    make_request(VIRTIO_BLK_IN);
    submit(HEADER);
    if (!wait_used(2) || status_now() != VIRTIO_BLK_OK) {
        return false;
    }
    for (unsigned i = 0; i < SECTOR_BYTES; i++) {
        if (*(volatile uint8_t *)&data[i] != (uint8_t)(i * 7)) {
            return false;
        }
    }
    return true;
}

/* A chain that the device must refuse as a whole. */
static bool refused(uint16_t head)
{
    submit(head);
    return status_has(VIRTIO_NEEDS_RESET);
}

/* ---- set-up -----------------------------------------------------------------------------------
 */

static bool queue_changed_after_driver_ok(void)
{
    if (!device_start(0)) {
        return false;
    }
    mmio_write(MMIO_QUEUE_SEL, 0);
    mmio_write64(MMIO_QUEUE_DESC_LOW, 0xfffffffff000);
    mmio_write64(MMIO_QUEUE_DRIVER_LOW, 0);
    mmio_write64(MMIO_QUEUE_DEVICE_LOW, UINT64_MAX);
    mmio_write(MMIO_QUEUE_NUM, 0x8000);
    make_request(VIRTIO_BLK_IN);
    submit(HEADER);
    return wait_used(1) && status_now() == VIRTIO_BLK_OK; /* the old queue still counts */
}

static bool bad_selectors(void)
{
    if (!device_start(0)) {
        return false;
    }
    for (uint32_t selector = 1; selector != 0; selector <<= 1) {
        mmio_write(MMIO_QUEUE_SEL, selector | 17);
        mmio_write(MMIO_QUEUE_NUM, 8);
        mmio_write(MMIO_QUEUE_READY, 1);
        mmio_write(MMIO_QUEUE_NOTIFY, selector | 17);
        mmio_write(MMIO_DEVICE_FEATURES_SEL, selector | 2);
        mmio_write(MMIO_DRIVER_FEATURES_SEL, selector | 2);
        mmio_write(MMIO_DRIVER_FEATURES, UINT32_MAX);
        if (mmio_read(MMIO_QUEUE_NUM_MAX) != 0 || mmio_read(MMIO_DEVICE_FEATURES) != 0) {
            return false;
        }
    }
    for (uint32_t offset = MMIO_CONFIG; offset < 0x200; offset += 4) {
        mmio_write(offset, UINT32_MAX);
        (void)mmio_read(offset);
    }
    make_request(VIRTIO_BLK_IN);
    submit(HEADER);
    return wait_used(1) && status_now() == VIRTIO_BLK_OK;
}

static bool start_with(uint32_t size, uint64_t descriptors, uint64_t driver, uint64_t device_area)
{
    if (!device_reset() || !device_negotiate(VIRTIO_F_VERSION_1)) {
        return false;
    }
    queue_set_up(size, descriptors, driver, device_area);
    mmio_write(MMIO_STATUS,
               VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
    kick();
    return status_has(VIRTIO_NEEDS_RESET);
}

static bool rings_outside_memory(void)
{
    const uint64_t desc = (uint64_t)rings.split, avail = (uint64_t)&rings.avail,
                   used = (uint64_t)&rings.used;
    return start_with(QUEUE_SIZE, RAM_END - 16, avail, used) &&
           start_with(QUEUE_SIZE, 0x08000000, avail, used) &&
           start_with(QUEUE_SIZE, desc, UINT64_MAX - 1, used) &&
           start_with(QUEUE_SIZE, desc, avail, RAM_BASE - 16) &&
           start_with(QUEUE_SIZE, desc + 1, avail, used);
}

static bool sizes_that_cannot_be(void)
{
    static const uint32_t sizes[] = {0, 3, 0x400, 0x8000, 0x10000, 0x10010, UINT32_MAX};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (!start_with(sizes[i], (uint64_t)rings.split, (uint64_t)&rings.avail,
                        (uint64_t)&rings.used)) {
            return false;
        }
    }
    return true;
}

/* ---- chains -----------------------------------------------------------------------------------
 */

static bool buffers_outside_memory(void)
{
    static const struct {
        uint64_t address;
        uint32_t length;
    } bad[] = {
        {RAM_END,          SECTOR_BYTES},
        {RAM_END - 1,      SECTOR_BYTES},
        {RAM_BASE - 1,     SECTOR_BYTES},
        {0x09000000,       SECTOR_BYTES},
        {UINT64_MAX - 255, SECTOR_BYTES},
        {RAM_BASE,         UINT32_MAX  },
        {0x8000000000,     SECTOR_BYTES},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!device_start(0)) {
            return false;
        }
        make_request(VIRTIO_BLK_IN);
        put_desc(DATA, bad[i].address, bad[i].length, VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE, STATUS);
        if (!refused(HEADER)) {
            return false;
        }
    }
    return true;
}

static bool loop(void)
{
    if (!device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    put_desc(STATUS, (uint64_t)status, 1, VIRTQ_DESC_WRITE | VIRTQ_DESC_NEXT, DATA);
    return refused(HEADER);
}

static bool loop_of_empty_buffers(void)
{
    if (!device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    put_desc(DATA, 0, 0, VIRTQ_DESC_WRITE | VIRTQ_DESC_NEXT, DATA);
    return refused(HEADER);
}

static bool next_outside_the_table(void)
{
    if (!device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    put_desc(HEADER, (uint64_t)header, sizeof *header, VIRTQ_DESC_NEXT, 0xffff);
    return refused(HEADER);
}

static bool head_outside_the_table(void)
{
    return device_start(0) && refused(QUEUE_SIZE);
}

static bool index_far_ahead(void)
{
    if (!device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    rings.avail.index = QUEUE_SIZE; /* submit makes it one more than there is room for */
    return refused(HEADER);
}

static void put_table(unsigned i, uint64_t address, uint32_t length, uint16_t flags, uint16_t next)
{
    volatile struct virtq_split_desc *desc = &rings.split_table[i];
    desc->address = address;
    desc->length = length;
    desc->flags = flags;
    desc->next = next;
}

static bool indirect_tables(void)
{
    static const struct {
        uint64_t offset; /* of the table in its place */
        uint32_t length;
        uint16_t flags, inner; /* of the descriptor, and of the table's first one */
    } bad[] = {
        {0,          16,         VIRTQ_DESC_INDIRECT,                   VIRTQ_DESC_INDIRECT}, /* nested */
        {0,          0,          VIRTQ_DESC_INDIRECT,                   0                  },
        {0,          17,         VIRTQ_DESC_INDIRECT,                   0                  },
        {0,          16,         VIRTQ_DESC_INDIRECT | VIRTQ_DESC_NEXT, 0                  },
        {0,          16,         VIRTQ_DESC_INDIRECT,                   VIRTQ_DESC_NEXT    }, /* out of it */
        {0,          0xfffffff0, VIRTQ_DESC_INDIRECT,                   0                  },
        {0x10000000, 16,         VIRTQ_DESC_INDIRECT,                   0                  },
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!device_start(VIRTIO_F_INDIRECT_DESC)) {
            return false;
        }
        put_desc(0, (uint64_t)rings.split_table + bad[i].offset, bad[i].length, bad[i].flags, 1);
        put_table(0, (uint64_t)rings.split_table, 16, bad[i].inner, 1);
        if (!refused(0)) {
            return false;
        }
    }
    /* Without the feature there is no such thing. */
    if (!device_start(0)) {
        return false;
    }
    put_desc(0, (uint64_t)rings.split_table, 16, VIRTQ_DESC_INDIRECT, 0);
    put_table(0, (uint64_t)data, 16, 0, 0);
    return refused(0);
}

static bool same_head_twice(void)
{
    if (!device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        rings.avail.ring[i] = HEADER;
    }
    rings.avail.index = QUEUE_SIZE - 1;
    submit(HEADER);
    /* Either it was in flight when it came again, or each was answered before the next was looked
     * at. */
    return status_has(VIRTIO_NEEDS_RESET) || wait_used(QUEUE_SIZE);
}

static bool readable_after_writable(void)
{
    if (!device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    put_desc(STATUS, (uint64_t)status, 1, 0, 0);
    return refused(HEADER);
}

/* ---- requests: answered with an error, or the device asks for a reset; nothing else -------------
 */

/* The device answered, or is broken. */
static bool dealt_with(uint16_t index)
{
    for (unsigned i = 0; i < 1000000; i++) {
        if (*(volatile uint16_t *)&rings.used.index == index ||
            (mmio_read(MMIO_STATUS) & VIRTIO_NEEDS_RESET) != 0) {
            return true;
        }
    }
    return false;
}

static bool wrong_directions(void)
{
    if (!device_start(0)) {
        return false;
    }
    /* A header that only the device may write, and a read into what only it may read. */
    make_request(VIRTIO_BLK_IN);
    put_desc(HEADER, (uint64_t)header, sizeof *header, VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE, DATA);
    submit(HEADER);
    if (!dealt_with(1) || !device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    put_desc(DATA, (uint64_t)data, SECTOR_BYTES, VIRTQ_DESC_NEXT, STATUS);
    data[0] = UNTOUCHED;
    submit(HEADER);
    return dealt_with(1) && *(volatile uint8_t *)data == UNTOUCHED;
}

static bool lengths(void)
{
    static const struct {
        uint32_t header, data, status;
    } odd[] = {
        {0,  SECTOR_BYTES,     1},
        {1,  SECTOR_BYTES,     1},
        {15, SECTOR_BYTES,     1},
        {16, 0,                1},
        {16, 511,              1},
        {16, SECTOR_BYTES,     0},
        {16, SECTOR_BYTES + 1, 0},
        {0,  0,                0},
        {16, 0x00f00000,       1},
    };
    for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        if (!device_start(0)) {
            return false;
        }
        make_request(VIRTIO_BLK_OUT);
        put_desc(HEADER, (uint64_t)header, odd[i].header, VIRTQ_DESC_NEXT, DATA);
        put_desc(DATA, (uint64_t)data, odd[i].data, VIRTQ_DESC_NEXT, STATUS);
        put_desc(STATUS, (uint64_t)status, odd[i].status, VIRTQ_DESC_WRITE, 0);
        submit(HEADER);
        if (!dealt_with(1) || status_now() == VIRTIO_BLK_OK) {
            return false;
        }
    }
    return true;
}

static bool requests_that_cannot_be(void)
{
    static const struct {
        uint32_t type;
        uint64_t sector;
    } odd[] = {
        {VIRTIO_BLK_IN,           UINT64_MAX},
        {VIRTIO_BLK_OUT,          UINT64_MAX},
        {VIRTIO_BLK_OUT,          1ull << 55},
        {VIRTIO_BLK_IN,           1ull << 32},
        {0xffffffff,              0         },
        {2,                       0         },
        {VIRTIO_BLK_DISCARD,      0         },
        {VIRTIO_BLK_WRITE_ZEROES, 0         },
    };
    for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        if (!device_start(0)) {
            return false;
        }
        make_request(odd[i].type);
        header->sector = odd[i].sector;
        submit(HEADER);
        if (!dealt_with(1) || status_now() == VIRTIO_BLK_OK) {
            return false;
        }
    }
    return true;
}

static bool discards_of_nonsense(void)
{
    const uint64_t features = VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES;
    static const struct virtio_blk_range odd[] = {
        {UINT64_MAX,     1,          0         },
        {0,              UINT32_MAX, 0         },
        {UINT64_MAX - 1, UINT32_MAX, 0         },
        {0,              8,          UINT32_MAX},
    };
    for (unsigned i = 0; i < 2 * sizeof odd / sizeof odd[0]; i++) {
        if (!device_start(features)) {
            return true; /* the disk does neither */
        }
        make_request(i % 2 == 0 ? VIRTIO_BLK_DISCARD : VIRTIO_BLK_WRITE_ZEROES);
        *(struct virtio_blk_range *)data = odd[i / 2];
        put_desc(DATA, (uint64_t)data, sizeof odd[0], VIRTQ_DESC_NEXT, STATUS);
        submit(HEADER);
        if (!dealt_with(1) || status_now() == VIRTIO_BLK_OK) {
            return false;
        }
    }
    return true;
}

/* ---- time -------------------------------------------------------------------------------------
 */

static bool notify_storm(void)
{
    enum { KICKS = 20000 };
    if (!device_start(0)) {
        return false;
    }
    for (unsigned i = 0; i < KICKS; i++) {
        mmio_write(MMIO_QUEUE_NOTIFY, i & 3);
    }
    make_request(VIRTIO_BLK_IN);
    submit(HEADER);
    return wait_used(1) && status_now() == VIRTIO_BLK_OK;
}

static bool reset_during_requests(void)
{
    enum { ROUNDS = 200 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (!device_start(0)) {
            return false;
        }
        make_request(VIRTIO_BLK_OUT);
        submit(HEADER);
    }
    return device_reset();
}

/* The second vCPU rewrites a descriptor all the time; the first one has it looked at all the time.
 */
static volatile bool rewrite, rewriting;

void second_main(void)
{
    static const uint64_t addresses[] = {RAM_BASE + 0x800000, RAM_END - 4, 0, UINT64_MAX - 3};
    for (unsigned i = 0;; i++) {
        rewriting = rewrite;
        __asm__ volatile("dmb ish" ::: "memory");
        if (rewriting) {
            volatile struct virtq_split_desc *desc = &rings.split[DATA];
            desc->address = addresses[i % 4];
            desc->length = i % 3 == 0 ? SECTOR_BYTES : UINT32_MAX - i;
            desc->flags = (uint16_t)(i * 5);
            desc->next = (uint16_t)(i * 3);
        }
    }
}

static bool descriptor_rewritten_meanwhile(void)
{
    enum { ROUNDS = 500 };
    if (!second_on()) {
        return false;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (!device_start(VIRTIO_F_INDIRECT_DESC)) {
            return false;
        }
        make_request(VIRTIO_BLK_IN);
        rewrite = true;
        for (unsigned i = 0; i < 4; i++) {
            submit(HEADER);
        }
        rewrite = false;
        while (rewriting) {
        }
    }
    return true;
}

/* ---- packed rings -------------------------------------------------------------------------------
 */

static void put_packed(unsigned i, uint64_t address, uint32_t length, uint16_t id, uint16_t flags)
{
    volatile struct virtq_packed_desc *desc = &rings.packed[i];
    desc->address = address;
    desc->length = length;
    desc->id = id;
    __asm__ volatile("dmb ish" ::: "memory");
    desc->flags = (uint16_t)(flags | VIRTQ_DESC_AVAIL); /* of the first time round */
}

static bool packed_rings(void)
{
    static const struct {
        uint64_t address;
        uint32_t length;
        uint16_t id, flags;
    } bad[] = {
        {RAM_END,    SECTOR_BYTES, 0,      VIRTQ_DESC_WRITE                     },
        {UINT64_MAX, SECTOR_BYTES, 0,      VIRTQ_DESC_WRITE                     },
        {RAM_BASE,   UINT32_MAX,   0,      0                                    },
        {RAM_BASE,   SECTOR_BYTES, 0xffff, 0                                    },
        {RAM_BASE,   17,           0,      VIRTQ_DESC_INDIRECT                  },
        {RAM_END,    16,           0,      VIRTQ_DESC_INDIRECT                  },
        {RAM_BASE,   16,           0,      VIRTQ_DESC_INDIRECT | VIRTQ_DESC_NEXT},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!device_start(VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC)) {
            return false;
        }
        put_packed(0, bad[i].address, bad[i].length, bad[i].id, bad[i].flags);
        kick();
        if (!status_has(VIRTIO_NEEDS_RESET)) {
            return false;
        }
    }
    /* A ring full of descriptors that each say that one follows: a chain without an end. */
    if (!device_start(VIRTIO_F_RING_PACKED)) {
        return false;
    }
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        put_packed(i, (uint64_t)data, 1, 0, VIRTQ_DESC_NEXT);
    }
    kick();
    (void)mmio_read(MMIO_STATUS);
    return device_reset();
}

/* ---- the other devices: any bytes as a request
 * ---------------------------------------------------- */

static bool noise(uint32_t type)
{
    enum { ROUNDS = 64, QUEUES = 3 };
    uint32_t random = 1;
    if (!device_find(type)) {
        return true; /* this VM has none */
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (!device_reset() || !device_negotiate(VIRTIO_F_VERSION_1)) {
            return false;
        }
        for (unsigned i = 0; i < BUFFER_BYTES; i++) {
            random = random * 1664525 + 1013904223;
            rings.buffer[i] = (uint8_t)(random >> 24);
        }
        for (unsigned i = 0; i < QUEUE_SIZE; i++) {
            random = random * 1664525 + 1013904223;
            put_desc(i, (uint64_t)rings.buffer + (random >> 22), (random >> 8) % 1024,
                     (uint16_t)(i % 4 == 3 ? VIRTQ_DESC_WRITE : VIRTQ_DESC_NEXT),
                     (uint16_t)(i + 1));
            rings.avail.ring[i] = (uint16_t)i;
        }
        rings.avail.index = QUEUE_SIZE;
        for (unsigned queue = 0; queue < QUEUES; queue++) {
            mmio_write(MMIO_QUEUE_SEL, queue);
            mmio_write(MMIO_QUEUE_NUM, QUEUE_SIZE);
            mmio_write64(MMIO_QUEUE_DESC_LOW, (uint64_t)rings.split);
            mmio_write64(MMIO_QUEUE_DRIVER_LOW, (uint64_t)&rings.avail);
            mmio_write64(MMIO_QUEUE_DEVICE_LOW, (uint64_t)&rings.used);
            mmio_write(MMIO_QUEUE_READY, 1);
        }
        mmio_write(MMIO_STATUS,
                   VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
        for (unsigned queue = 0; queue < QUEUES; queue++) {
            mmio_write(MMIO_QUEUE_NOTIFY, queue);
        }
    }
    return device_reset();
}

static bool noise_to_others(void)
{
    return noise(VIRTIO_TYPE_NET) && noise(VIRTIO_TYPE_ENTROPY) && noise(VIRTIO_TYPE_CONSOLE);
}

static const struct {
    const char *name;
    bool (*attack)(void);
} attacks[] = {
    {"queue-changed-after-driver-ok",  queue_changed_after_driver_ok },
    {"bad-selectors",                  bad_selectors                 },
    {"rings-outside-memory",           rings_outside_memory          },
    {"sizes-that-cannot-be",           sizes_that_cannot_be          },
    {"buffers-outside-memory",         buffers_outside_memory        },
    {"loop",                           loop                          },
    {"loop-of-empty-buffers",          loop_of_empty_buffers         },
    {"next-outside-the-table",         next_outside_the_table        },
    {"head-outside-the-table",         head_outside_the_table        },
    {"index-far-ahead",                index_far_ahead               },
    {"indirect-tables",                indirect_tables               },
    {"same-head-twice",                same_head_twice               },
    {"readable-after-writable",        readable_after_writable       },
    {"wrong-directions",               wrong_directions              },
    {"lengths",                        lengths                       },
    {"requests-that-cannot-be",        requests_that_cannot_be       },
    {"discards-of-nonsense",           discards_of_nonsense          },
    {"notify-storm",                   notify_storm                  },
    {"reset-during-requests",          reset_during_requests         },
    {"descriptor-rewritten-meanwhile", descriptor_rewritten_meanwhile},
    {"packed-rings",                   packed_rings                  },
    {"noise-to-others",                noise_to_others               },
    {"balloon-used-while-away",        balloon_used_while_away       },
    {"balloon-takes-its-own-ring",     balloon_takes_its_own_ring    },
    {"balloon-takes-anothers-ring",    balloon_takes_anothers_ring   },
    {"balloon-reports-what-it-uses",   balloon_reports_what_it_uses  },
    {"balloon-gets-nonsense",          balloon_gets_nonsense         },
};

void hostile_main(void)
{
    say(device_find(VIRTIO_TYPE_BLOCK) ? "hostile: starts\n" : "hostile: no block device\n");
    for (unsigned i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        bool ok = attacks[i].attack();
        bool recovered = device_find(VIRTIO_TYPE_BLOCK) && honest();
        say("hostile: ");
        say(attacks[i].name);
        say(!ok          ? " FAIL: not as the specification says\n"
            : !recovered ? " FAIL: the device is not itself again after a reset\n"
                         : " ok\n");
    }
    say("hostile: done\n");
}
