// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/driver_virtio.h"

#include <stddef.h>
#include <string.h>

#include "lib/check.h"
#include "lib/range.h"

#define FEATURES                                                                                   \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX |  \
     VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_TOPOLOGY |        \
     VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES)

enum {
    QUEUE = 0,
    FRAME_SEGMENTS = 2, /* header, status */
    SEGMENTS_MIN = 3,   /* and data in one piece */
    CONFIG_READS = 100, /* of a configuration that changes all the time */
};

static bool has_data(enum block_type type)
{
    return type == BLOCK_READ || type == BLOCK_WRITE;
}

/* ---- starting -------------------------------------------------------------------------------- */

#define FIELD(t, name)                                                                             \
    transport_config(t, offsetof(struct virtio_blk_config, name),                                  \
                     sizeof((struct virtio_blk_config){0}.name))

/* Only fields that a negotiated feature makes valid (5.2.4); others stay zero. */
static bool read_config(const struct transport *t, struct virtio_blk_config *config)
{
    for (unsigned i = 0; i < CONFIG_READS; i++) {
        uint32_t begun = transport_config_begin(t);
        memset(config, 0, sizeof *config);
        config->capacity = FIELD(t, capacity);
        if ((t->features & VIRTIO_BLK_F_SIZE_MAX) != 0) {
            config->size_max = (uint32_t)FIELD(t, size_max);
        }
        if ((t->features & VIRTIO_BLK_F_SEG_MAX) != 0) {
            config->seg_max = (uint32_t)FIELD(t, seg_max);
        }
        if ((t->features & VIRTIO_BLK_F_BLK_SIZE) != 0) {
            config->blk_size = (uint32_t)FIELD(t, blk_size);
        }
        if ((t->features & VIRTIO_BLK_F_TOPOLOGY) != 0) {
            config->physical_block_exp = (uint8_t)FIELD(t, physical_block_exp);
            config->alignment_offset = (uint8_t)FIELD(t, alignment_offset);
            config->min_io_size = (uint16_t)FIELD(t, min_io_size);
            config->opt_io_size = (uint32_t)FIELD(t, opt_io_size);
        }
        if ((t->features & VIRTIO_BLK_F_DISCARD) != 0) {
            config->max_discard_sectors = (uint32_t)FIELD(t, max_discard_sectors);
        }
        if ((t->features & VIRTIO_BLK_F_WRITE_ZEROES) != 0) {
            config->max_write_zeroes_sectors = (uint32_t)FIELD(t, max_write_zeroes_sectors);
        }
        if (transport_config_end(t, begun)) {
            return true;
        }
    }
    return false;
}

static uint32_t features_to_flags(uint64_t features)
{
    return ((features & VIRTIO_BLK_F_RO) != 0 ? BLOCK_READ_ONLY : 0u) |
           ((features & VIRTIO_BLK_F_FLUSH) != 0 ? BLOCK_HAS_FLUSH : 0u) |
           ((features & VIRTIO_BLK_F_DISCARD) != 0 ? BLOCK_HAS_DISCARD : 0u) |
           ((features & VIRTIO_BLK_F_WRITE_ZEROES) != 0 ? BLOCK_HAS_WRITE_ZEROES : 0u);
}

/* The most sectors of one part, a multiple of the disk's blocks. */
static uint32_t whole_blocks(uint32_t sectors, uint32_t block_bytes)
{
    return (uint32_t)align_down(sectors, block_bytes / BLOCK_SECTOR_BYTES);
}

/* Of the data of one request. A device that does not say takes one; so does one that says 0. */
static uint32_t segments_max(const struct driver_virtio *driver,
                             const struct virtio_blk_config *config)
{
    uint32_t most = VRING_SEGMENT_MAX - FRAME_SEGMENTS;
    /* 2.7.5.3.1: a chain is not longer than the queue, its table included. */
    uint32_t chain = driver->vring.size >= SEGMENTS_MIN ? driver->vring.size - 2u : 1u;
    uint32_t device = config->seg_max != 0 ? config->seg_max : 1;
    most = chain < most ? chain : most;
    return device < most ? device : most;
}

/* False when the device says what cannot be. */
static bool set_limits(struct driver_virtio *driver, struct backend_limits *limits)
{
    struct virtio_blk_config config;
    uint64_t features = driver->transport.features;
    if (!read_config(&driver->transport, &config)) {
        return false;
    }
    uint32_t block = config.blk_size != 0 ? config.blk_size : BLOCK_SECTOR_BYTES;
    uint32_t bytes = DRIVER_PART_SECTORS * BLOCK_SECTOR_BYTES;
    if (config.size_max != 0 && config.size_max < bytes) {
        bytes = config.size_max;
    }
    if (block < BLOCK_SECTOR_BYTES || block > BLOCK_PAGE_BYTES || (block & (block - 1)) != 0 ||
        bytes < block || config.capacity > UINT64_MAX / BLOCK_SECTOR_BYTES) {
        return false;
    }
    uint32_t sectors = whole_blocks(bytes / BLOCK_SECTOR_BYTES, block);
    driver->segments_max = segments_max(driver, &config);
    *limits = (struct backend_limits){
        .info = {.sector_count = align_down(config.capacity, block / BLOCK_SECTOR_BYTES),
                 .flags = features_to_flags(features),
                 .block_bytes = block,
                 .physical_exponent =
                     config.physical_block_exp < 16 ? config.physical_block_exp : (uint8_t)0,
                 .alignment_offset = config.alignment_offset,
                 .io_min_blocks = config.min_io_size,
                 .io_opt_blocks = config.opt_io_size},
        .part_sectors = {[BLOCK_READ] = sectors,
                 [BLOCK_WRITE] = sectors,
                 [BLOCK_FLUSH] = 1,
                 [BLOCK_DISCARD] = whole_blocks(config.max_discard_sectors,    block),
                 [BLOCK_WRITE_ZEROES] =
                             whole_blocks(config.max_write_zeroes_sectors, block)},
        .part_segments = driver->segments_max,
    };
    return true;
}

/* From reset to DRIVER_OK (3.1.1). Sets `why` when it fails. */
static bool start_device(struct driver_virtio *driver)
{
    struct transport *t = &driver->transport;
    driver->ring_dma.taken_bytes = 0;
    if (!transport_negotiate(t, FEATURES)) {
        driver->why = "device refuses to be started";
        return false;
    }
    if (!transport_queue(t, QUEUE, VRING_SIZE_MAX, &driver->vring, &driver->ring_dma)) {
        driver->why = "device has no queue";
        transport_fail(t);
        return false;
    }
    driver->record = dma_take(&driver->ring_dma, driver->vring.size * sizeof *driver->record, 64);
    CHECK(driver->record != NULL); /* DRIVER_RING_BYTES has room for the largest queue */
    if (vring_room(&driver->vring, SEGMENTS_MIN) == 0) {
        driver->why = "device's queue is too short";
        transport_fail(t);
        return false;
    }
    transport_start(t);
    return true;
}

/* ---- requests -------------------------------------------------------------------------------- */

static uint64_t copy_paddr(const struct driver_virtio *driver, uint32_t page)
{
    return driver->copies_paddr + (uint64_t)page * BLOCK_PAGE_BYTES;
}

static uint8_t *copy_of(const struct driver_virtio *driver, const struct driver_slot *slot)
{
    return driver->copies + (size_t)slot->copy_start * BLOCK_PAGE_BYTES;
}

static void give_copy(struct driver_virtio *driver, const struct driver_slot *slot)
{
    if (slot->copy_pages != 0) {
        runs_give(&driver->copies_taken, slot->copy_start, slot->copy_pages);
    }
}

/* The part's own data for the device; 0: it cannot reach them, or they are too many segments. */
static unsigned spans_of(const struct driver_virtio *driver, const struct backend_part *part,
                         struct vring_segment *to)
{
    const struct backend_segment *segment = part->segment;
    uint32_t left = part->sector_count * BLOCK_SECTOR_BYTES, offset = part->offset;
    unsigned count = 0;
    for (; left != 0; segment++, offset = 0) {
        if (count == driver->segments_max || segment->paddr == 0) {
            return 0;
        }
        uint32_t length = segment->length - offset;
        length = length < left ? length : left;
        to[count++] = (struct vring_segment){segment->paddr + offset, length};
        left -= length;
    }
    return count;
}

/* Gives the part memory that the device can reach, if it has none. False: not now. */
static bool make_reachable(struct driver_virtio *driver, struct driver_slot *slot)
{
    const struct backend_part *part = &slot->part;
    struct vring_segment spans[VRING_SEGMENT_MAX];
    slot->segments = 1;
    if (!has_data(part->type)) {
        return true;
    }
    unsigned count = spans_of(driver, part, spans);
    if (count != 0) {
        slot->segments = count;
        return true;
    }
    uint32_t bytes = part->sector_count * BLOCK_SECTOR_BYTES;
    uint32_t pages = (bytes + BLOCK_PAGE_BYTES - 1) / BLOCK_PAGE_BYTES;
    uint32_t start = runs_take(&driver->copies_taken, driver->copies_pages, pages);
    if (start == RUNS_NONE) {
        return false;
    }
    slot->copy_start = start;
    slot->copy_pages = pages;
    if (part->type == BLOCK_WRITE) {
        backend_gather(part, copy_of(driver, slot));
    }
    return true;
}

static uint32_t device_type(enum block_type type)
{
    static const uint32_t types[BLOCK_TYPES] = {
        [BLOCK_READ] = VIRTIO_BLK_IN,
        [BLOCK_WRITE] = VIRTIO_BLK_OUT,
        [BLOCK_FLUSH] = VIRTIO_BLK_FLUSH,
        [BLOCK_DISCARD] = VIRTIO_BLK_DISCARD,
        [BLOCK_WRITE_ZEROES] = VIRTIO_BLK_WRITE_ZEROES,
    };
    return types[type];
}

/* Puts a part, whose data are in reach, into the queue, which has room. */
static void queue_part(struct driver_virtio *driver, const struct driver_slot *slot)
{
    const struct backend_part *part = &slot->part;
    uint16_t id = vring_next_id(&driver->vring);
    struct driver_record *record = &driver->record[id];
    uint64_t paddr = dma_paddr(&driver->ring_dma, record);
    struct vring_segment segment[VRING_SEGMENT_MAX];
    unsigned readable = 0, writable = 0;

    *record = (struct driver_record){.header = {.type = device_type(part->type)}, .status = 0xff};
    segment[readable++] = (struct vring_segment){paddr, sizeof record->header};
    if (has_data(part->type)) {
        record->header.sector = part->sector;
        unsigned count = 1;
        if (slot->copy_pages != 0) {
            segment[1] = (struct vring_segment){copy_paddr(driver, slot->copy_start),
                                                part->sector_count * BLOCK_SECTOR_BYTES};
        } else {
            count = spans_of(driver, part, &segment[1]);
        }
        *(part->type == BLOCK_READ ? &writable : &readable) += count;
    } else if (part->type != BLOCK_FLUSH) {
        bool unmap = part->type == BLOCK_WRITE_ZEROES && (part->flags & BLOCK_UNMAP) != 0;
        record->range = (struct virtio_blk_range){part->sector, part->sector_count,
                                                  unmap ? VIRTIO_BLK_UNMAP : 0u};
        segment[readable++] = (struct vring_segment){paddr + offsetof(struct driver_record, range),
                                                     sizeof record->range};
    }
    segment[readable + writable] =
        (struct vring_segment){paddr + offsetof(struct driver_record, status), 1};
    writable++;
    int added = vring_add(&driver->vring, segment, readable, writable);
    CHECK(added == id);
    driver->slot[id] = *slot;
    driver->request_count++;
}

static enum backend_answer submit(void *ctx, const struct backend_part *part, uint32_t token,
                                  enum block_status *status)
{
    struct driver_virtio *driver = ctx;
    struct driver_slot slot = {.part = *part, .token = token};
    if (!driver->alive) {
        *status = BLOCK_ERROR;
        return BACKEND_DONE;
    }
    if (part->type == BLOCK_FLUSH && (driver->transport.features & VIRTIO_BLK_F_FLUSH) == 0) {
        *status = BLOCK_OK; /* 5.2.5: without FLUSH, what was written is stable */
        return BACKEND_DONE;
    }
    if (vring_room(&driver->vring, SEGMENTS_MIN) == 0 || !make_reachable(driver, &slot) ||
        vring_room(&driver->vring, FRAME_SEGMENTS + slot.segments) == 0) {
        give_copy(driver, &slot);
        return BACKEND_FULL;
    }
    queue_part(driver, &slot);
    return BACKEND_QUEUED;
}

static void kick(void *ctx)
{
    struct driver_virtio *driver = ctx;
    if (driver->alive && vring_publish(&driver->vring)) {
        transport_notify(&driver->transport, QUEUE);
    }
}

/* ---- what comes back ------------------------------------------------------------------------- */

static void fail(struct driver_virtio *driver, const struct driver_slot *slot)
{
    give_copy(driver, slot);
    driver->failed[driver->failed_count++] = (struct driver_done){slot->token, BLOCK_ERROR};
}

/* Resets the device and gives it all again that was in flight. */
static void start_over(struct driver_virtio *driver, const char *why)
{
    unsigned count = 0;
    for (uint16_t id = 0; id < driver->vring.size; id++) {
        if (vring_holds(&driver->vring, id)) {
            driver->saved[count++] = driver->slot[id];
        }
    }
    driver->why = why;
    driver->reset_count++;
    driver->resets_in_a_row++;
    driver->alive = driver->resets_in_a_row <= DRIVER_RESET_MAX && start_device(driver);
    if (!driver->alive) {
        /* It must not write to memory that others will use; if it does not reset, nothing helps. */
        driver->lost = !transport_reset(&driver->transport);
    }
    for (unsigned i = 0; i < count; i++) {
        if (driver->alive &&
            vring_room(&driver->vring, FRAME_SEGMENTS + driver->saved[i].segments) != 0) {
            queue_part(driver, &driver->saved[i]);
        } else {
            fail(driver, &driver->saved[i]);
        }
    }
    kick(driver);
}

static enum block_status status_of(uint8_t status)
{
    return status == VIRTIO_BLK_OK       ? BLOCK_OK
           : status == VIRTIO_BLK_UNSUPP ? BLOCK_UNSUPPORTED
                                         : BLOCK_ERROR;
}

/* The device is done with the buffer `id`. */
static void finish(struct driver_virtio *driver, uint16_t id, uint32_t written,
                   struct driver_done *done)
{
    struct driver_slot *slot = &driver->slot[id];
    const struct backend_part *part = &slot->part;
    *done = (struct driver_done){slot->token,
                                 status_of(*(volatile uint8_t *)&driver->record[id].status)};
    if (part->type == BLOCK_READ && written <= part->sector_count * BLOCK_SECTOR_BYTES) {
        done->status = BLOCK_ERROR; /* less than data and status: the rest may be anybody's */
    }
    if (done->status == BLOCK_OK) {
        driver->resets_in_a_row = 0;
        if (part->type == BLOCK_READ && slot->copy_pages != 0) {
            backend_scatter(part, copy_of(driver, slot));
        }
    }
    give_copy(driver, slot);
}

static bool take(void *ctx, uint32_t *token, enum block_status *status)
{
    struct driver_virtio *driver = ctx;
    struct driver_done done;
    uint16_t id;
    uint32_t written;
    while (driver->alive && driver->failed_count == 0) {
        if (driver->needs_reset) {
            driver->needs_reset = false;
            start_over(driver, "device needs a reset");
            continue;
        }
        switch (vring_take(&driver->vring, &id, &written)) {
        case VRING_TAKEN:
            finish(driver, id, written, &done);
            *token = done.token;
            *status = done.status;
            return true;
        case VRING_BROKEN:
            start_over(driver, "device broke the rules of its queue");
            break;
        case VRING_EMPTY:
            if (vring_wait(&driver->vring)) {
                return false;
            }
            break;
        }
    }
    if (driver->failed_count == 0) {
        return false;
    }
    done = driver->failed[--driver->failed_count];
    *token = done.token;
    *status = done.status;
    return true;
}

void driver_virtio_interrupt(struct driver_virtio *driver)
{
    if (driver->transport.registers.read == NULL) {
        return; /* there is no device */
    }
    uint32_t causes = transport_interrupts(&driver->transport);
    if (driver->alive && (causes & TRANSPORT_CONFIG) != 0) {
        driver->needs_reset = transport_broken(&driver->transport);
    }
}

bool driver_virtio_open(struct driver_virtio *driver, const struct transport_registers *registers,
                        const struct dma *dma, struct backend *backend)
{
    static const struct backend_ops ops = {.submit = submit, .kick = kick, .take = take};
    memset(driver, 0, sizeof *driver);
    if (dma->size_bytes < DRIVER_DMA_BYTES_MIN) {
        driver->why = "too little DMA memory";
        return false;
    }
    uint64_t pages = (dma->size_bytes - DRIVER_RING_BYTES) / BLOCK_PAGE_BYTES;
    driver->ring_dma = (struct dma){dma->vaddr, dma->paddr, DRIVER_RING_BYTES, 0};
    driver->copies = dma->vaddr + DRIVER_RING_BYTES;
    driver->copies_paddr = dma->paddr + DRIVER_RING_BYTES;
    driver->copies_pages = pages < RUNS_MAX ? (uint32_t)pages : RUNS_MAX;
    if (!transport_open(&driver->transport, registers, VIRTIO_TYPE_BLOCK)) {
        driver->why = "no modern virtio block device";
        return false;
    }
    if (!start_device(driver)) {
        return false;
    }
    *backend = (struct backend){.ops = &ops, .ctx = driver};
    if (!set_limits(driver, &backend->limits)) {
        driver->why = "device has a configuration that cannot be";
        transport_reset(&driver->transport);
        *backend = (struct backend){0};
        return false;
    }
    driver->alive = true;
    return true;
}
