// SPDX-License-Identifier: BSD-2-Clause
/* Chains that a device must refuse as a whole, in split rings and in packed ones. */
#include "test/guest/hostile/attack.h"

bool buffers_outside_memory(void)
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

bool loop(void)
{
    if (!device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    put_desc(STATUS, (uint64_t)status, 1, VIRTQ_DESC_WRITE | VIRTQ_DESC_NEXT, DATA);
    return refused(HEADER);
}

bool loop_of_empty_buffers(void)
{
    if (!device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    put_desc(DATA, 0, 0, VIRTQ_DESC_WRITE | VIRTQ_DESC_NEXT, DATA);
    return refused(HEADER);
}

bool next_outside_the_table(void)
{
    if (!device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    put_desc(HEADER, (uint64_t)header, sizeof *header, VIRTQ_DESC_NEXT, 0xffff);
    return refused(HEADER);
}

bool head_outside_the_table(void)
{
    return device_start(0) && refused(QUEUE_SIZE);
}

bool index_far_ahead(void)
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

bool indirect_tables(void)
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

bool same_head_twice(void)
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

bool readable_after_writable(void)
{
    if (!device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    put_desc(STATUS, (uint64_t)status, 1, 0, 0);
    return refused(HEADER);
}

static void put_packed(unsigned i, uint64_t address, uint32_t length, uint16_t id, uint16_t flags)
{
    volatile struct virtq_packed_desc *desc = &rings.packed[i];
    desc->address = address;
    desc->length = length;
    desc->id = id;
    __asm__ volatile("dmb ish" ::: "memory");
    desc->flags = (uint16_t)(flags | VIRTQ_DESC_AVAIL); /* of the first time round */
}

bool packed_rings(void)
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
