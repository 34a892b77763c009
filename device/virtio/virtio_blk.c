// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_blk.h"

#include <string.h>

#include "device/virtio/virtio_blk_link.h"
#include "lib/check.h"
#include "lib/range.h"
#include "lib/start_only.h"

enum { SECTOR = 512, COST_BYTES = 4096 /* of data, that cost as much as a request */ };

/*
 * Calls a function of the backend; its arguments begin with backend_ctx. In a VMM that is always a
 * link, called directly; on the host there are others.
 */
#define backend_call(blk, function, ...)                                                           \
    (!__STDC_HOSTED__ || (blk)->backend == NULL ? virtio_blk_link_##function(__VA_ARGS__)          \
                                                : (blk)->backend->function(__VA_ARGS__))

/* What a chain asks for. */
struct parsed {
    struct virtio_blk_header header;
    uint32_t
        data_offset;     /* in the readable part; a read has its data at the writable one's start */
    uint32_t data_bytes; /* of the part in which the data of this type are */
};

/* ---- requests in flight ---------------------------------------------------------------------- */

static void init_flights(struct virtio_blk *blk)
{
    for (uint32_t i = 0; i < VIRTIO_BLK_FLIGHT_MAX; i++) {
        blk->flight[i].next = i + 1 < VIRTIO_BLK_FLIGHT_MAX ? i + 2 : 0;
    }
    blk->free_first = 1;
}

static void free_flight(struct virtio_blk *blk, uint32_t id)
{
    struct virtio_blk_flight *flight = &blk->flight[id];
    if (flight->span_count != 0) {
        runs_give(&blk->spans_taken, flight->span_start, flight->span_count);
    }
    flight->state = VIRTIO_BLK_FREE;
    flight->holds = false;
    flight->next = blk->free_first;
    blk->free_first = id + 1;
}

/*
 * The spans of [offset, offset + bytes) of one part of a chain, all of which are there, into `to`,
 * which has room for as many as the part has. Returns how many they are.
 */
static uint32_t cut(const struct chain_segment *segment, uint32_t offset, uint32_t bytes,
                    struct chain_segment *to)
{
    uint32_t count = 0;
    for (; bytes != 0; segment++) {
        if (offset >= segment->length) {
            offset -= segment->length;
            continue;
        }
        uint32_t length = segment->length - offset;
        length = length < bytes ? length : bytes;
        to[count++] = (struct chain_segment){segment->bytes + offset, length};
        bytes -= length;
        offset = 0;
    }
    return count;
}

/* Puts the data's spans where they stay until the request ends. False: no room now. */
static bool keep_data(struct virtio_blk *blk, struct virtio_blk_flight *flight,
                      const struct chain *chain, const struct parsed *parsed)
{
    bool in = parsed->header.type == VIRTIO_BLK_IN;
    uint32_t most = in ? chain->writable_count : chain->readable_count;
    const struct chain_segment *from = in ? chain->segment + chain->readable_count : chain->segment;
    uint32_t start = runs_take(&blk->spans_taken, VIRTIO_BLK_SPANS, most);
    if (start == RUNS_NONE) {
        return false;
    }
    flight->span_start = start;
    flight->span_count = most;
    flight->request.data = &blk->span[start];
    flight->request.data_count =
        cut(from, in ? 0 : parsed->data_offset, parsed->data_bytes, &blk->span[start]);
    return true;
}

/* ---- what a chain asks for ------------------------------------------------------------------- */

static bool moves_data(uint32_t type)
{
    return type == VIRTIO_BLK_IN || type == VIRTIO_BLK_OUT;
}

static bool clears(uint32_t type)
{
    return type == VIRTIO_BLK_DISCARD || type == VIRTIO_BLK_WRITE_ZEROES;
}

static bool in_range(const struct virtio_blk *blk, uint64_t sector, uint64_t count)
{
    return count != 0 && range_contains((struct range){0, blk->config.capacity}, sector, count) &&
           is_aligned(sector | count, blk->config.blk_size / SECTOR);
}

static enum virtio_blk_status check_data(const struct virtio_blk *blk, const struct parsed *parsed,
                                         struct virtio_blk_request *request)
{
    if (parsed->data_bytes % SECTOR != 0 ||
        !in_range(blk, parsed->header.sector, parsed->data_bytes / SECTOR)) {
        return VIRTIO_BLK_IOERR;
    }
    request->sector = parsed->header.sector;
    request->sector_count = parsed->data_bytes / SECTOR;
    return VIRTIO_BLK_OK;
}

/* One segment, as the configuration says (5.2.6.2). */
static enum virtio_blk_status check_clear(const struct virtio_blk *blk, const struct chain *chain,
                                          const struct parsed *parsed,
                                          struct virtio_blk_request *request)
{
    struct virtio_blk_range range;
    if (parsed->data_bytes != sizeof range) {
        return parsed->data_bytes % sizeof range == 0 ? VIRTIO_BLK_UNSUPP : VIRTIO_BLK_IOERR;
    }
    chain_read(chain, parsed->data_offset, &range, sizeof range);
    bool zeroes = parsed->header.type == VIRTIO_BLK_WRITE_ZEROES;
    if ((range.flags & ~(zeroes ? (uint32_t)VIRTIO_BLK_UNMAP : 0)) != 0) {
        return VIRTIO_BLK_UNSUPP;
    }
    if (range.sector_count > VIRTIO_BLK_CLEAR_SECTORS_MAX ||
        !in_range(blk, range.sector, range.sector_count)) {
        return VIRTIO_BLK_IOERR;
    }
    request->sector = range.sector;
    request->sector_count = range.sector_count;
    request->unmap = range.flags != 0;
    return VIRTIO_BLK_OK;
}

static bool supported(const struct virtio_blk *blk, uint32_t type)
{
    switch (type) {
    case VIRTIO_BLK_IN:
    case VIRTIO_BLK_OUT:
    case VIRTIO_BLK_FLUSH:
        return true;
    case VIRTIO_BLK_DISCARD:
        return virtio_has(&blk->device, VIRTIO_BLK_F_DISCARD);
    case VIRTIO_BLK_WRITE_ZEROES:
        return virtio_has(&blk->device, VIRTIO_BLK_F_WRITE_ZEROES);
    default:
        return false;
    }
}

/* VIRTIO_BLK_OK: the request is the backend's, and filled in but for its data. */
static enum virtio_blk_status check(const struct virtio_blk *blk, const struct chain *chain,
                                    const struct parsed *parsed, struct virtio_blk_request *request)
{
    uint32_t type = parsed->header.type;
    if (!supported(blk, type)) {
        return VIRTIO_BLK_UNSUPP;
    }
    *request = (struct virtio_blk_request){.type = (enum virtio_blk_type)type};
    if (type == VIRTIO_BLK_FLUSH) {
        return VIRTIO_BLK_OK;
    }
    if (type != VIRTIO_BLK_IN && blk->disk.read_only) {
        return VIRTIO_BLK_IOERR;
    }
    return clears(type) ? check_clear(blk, chain, parsed, request)
                        : check_data(blk, parsed, request);
}

/* False: there is no header, or no byte for a status, so there is no way to answer. */
static bool parse(const struct chain *chain, struct parsed *parsed)
{
    if (chain->writable_bytes == 0 ||
        chain_read(chain, 0, &parsed->header, sizeof parsed->header) != sizeof parsed->header) {
        return false;
    }
    bool in = parsed->header.type == VIRTIO_BLK_IN || parsed->header.type == VIRTIO_BLK_GET_ID;
    parsed->data_offset = sizeof parsed->header;
    parsed->data_bytes =
        in ? chain->writable_bytes - 1 : chain->readable_bytes - (uint32_t)sizeof parsed->header;
    return true;
}

/* ---- working on a queue ---------------------------------------------------------------------- */

/* The status is the last byte of the writable part (5.2.6). */
static uint8_t *status_byte(const struct chain *chain)
{
    const struct chain_segment *last =
        &chain->segment[chain->readable_count + chain->writable_count - 1];
    return last->bytes + last->length - 1;
}

static void answer(struct virtio_blk *blk, unsigned queue, const struct chain *chain,
                   uint8_t *status_at, enum virtio_blk_status status)
{
    *(volatile uint8_t *)status_at = (uint8_t)status;
    virtio_put(&blk->device, queue, chain, chain->writable_bytes);
    blk->put |= 1u << queue;
}

static void publish(struct virtio_blk *blk)
{
    for (; blk->put != 0; blk->put &= blk->put - 1) {
        virtio_publish(&blk->device, (unsigned)__builtin_ctz(blk->put));
    }
}

static void identify(struct virtio_blk *blk, unsigned queue, const struct chain *chain,
                     const struct parsed *parsed)
{
    uint32_t bytes = sizeof blk->disk.serial;
    bytes = parsed->data_bytes < bytes ? parsed->data_bytes : bytes;
    chain_write(chain, 0, blk->disk.serial, bytes);
    answer(blk, queue, chain, status_byte(chain), VIRTIO_BLK_OK);
}

/* False: not now. The chain is not used up then. */
static bool submit(struct virtio_blk *blk, unsigned queue, const struct chain *chain,
                   const struct parsed *parsed, const struct virtio_blk_request *request)
{
    if (blk->free_first == 0) {
        return false;
    }
    uint32_t id = blk->free_first - 1;
    struct virtio_blk_flight *flight = &blk->flight[id];
    flight->request = *request;
    flight->span_count = 0;
    if (moves_data(request->type) && !keep_data(blk, flight, chain, parsed)) {
        return false;
    }
    if (!backend_call(blk, submit, blk->backend_ctx, id, &flight->request)) {
        if (flight->span_count != 0) {
            runs_give(&blk->spans_taken, flight->span_start, flight->span_count);
        }
        return false;
    }
    blk->free_first = flight->next;
    flight->state = VIRTIO_BLK_FLIES;
    flight->queue = (uint8_t)queue;
    flight->chain = *chain;
    flight->chain.segment = NULL; /* those are the next chain's */
    flight->status = status_byte(chain);
    bool writes = request->type != VIRTIO_BLK_IN && request->type != VIRTIO_BLK_FLUSH;
    flight->then_flush =
        writes && blk->disk.has_flush && !virtio_has(&blk->device, VIRTIO_BLK_F_FLUSH);
    return true;
}

static void pay(unsigned *budget, uint32_t bytes)
{
    unsigned pieces = 1 + bytes / COST_BYTES;
    *budget -= pieces < *budget ? pieces : *budget;
}

/* One chain. False: the backend is full, the chain must go back. */
static bool work_chain(struct virtio_blk *blk, unsigned queue, const struct chain *chain,
                       unsigned *budget)
{
    struct parsed parsed;
    struct virtio_blk_request request;
    if (!parse(chain, &parsed)) {
        virtio_break(&blk->device, "a request without header or status");
        return true;
    }
    if (parsed.header.type == VIRTIO_BLK_GET_ID) {
        identify(blk, queue, chain, &parsed);
        pay(budget, 0);
        return true;
    }
    enum virtio_blk_status status = check(blk, chain, &parsed, &request);
    if (status != VIRTIO_BLK_OK) {
        answer(blk, queue, chain, status_byte(chain), status);
        pay(budget, 0);
        return true;
    }
    if (!submit(blk, queue, chain, &parsed, &request)) {
        return false;
    }
    pay(budget, moves_data(request.type) ? parsed.data_bytes : 0);
    return true;
}

static enum virtio_progress work_all(struct virtio_blk *blk, unsigned queue, unsigned *budget)
{
    struct chain *chain = &blk->device.chain;
    if (blk->orphan_count != 0) {
        return VIRTIO_BLOCKED;
    }
    while (*budget != 0) {
        if (!virtio_pop(&blk->device, queue, chain)) {
            return VIRTIO_EMPTY;
        }
        if (!work_chain(blk, queue, chain, budget)) {
            virtio_unpop(&blk->device, queue, chain);
            return VIRTIO_BLOCKED;
        }
    }
    return VIRTIO_AGAIN;
}

static enum virtio_progress work(struct virtio_device *device, unsigned queue, unsigned *budget)
{
    struct virtio_blk *blk = (struct virtio_blk *)device;
    enum virtio_progress progress = work_all(blk, queue, budget);
    blk->blocked &= ~(1u << queue);
    blk->blocked |= progress == VIRTIO_BLOCKED ? 1u << queue : 0;
    publish(blk);
    backend_call(blk, kick, blk->backend_ctx);
    return progress;
}

/* ---- what comes back ------------------------------------------------------------------------- */

static void finish(struct virtio_blk *blk, uint32_t id, enum virtio_blk_status status)
{
    struct virtio_blk_flight *flight = &blk->flight[id];
    answer(blk, flight->queue, &flight->chain, flight->status, status);
    free_flight(blk, id);
}

/* The write is done; the driver hears of it when it is stable. */
static void flush_then_finish(struct virtio_blk *blk, uint32_t id)
{
    struct virtio_blk_flight *flight = &blk->flight[id];
    flight->then_flush = false;
    flight->request = (struct virtio_blk_request){.type = VIRTIO_BLK_FLUSH};
    flight->state = VIRTIO_BLK_WAITS;
    blk->wait_count++;
}

static bool holds_on(const struct virtio_blk *blk)
{
    uint32_t count = 0;
    for (unsigned queue = 0; queue < VIRTIO_BLK_QUEUE_MAX; queue++) {
        count += blk->hold_count[queue];
    }
    return count != 0;
}

/* What was left of before a reset. The last one that held guest memory ends the reset. */
static void bury(struct virtio_blk *blk, uint32_t id)
{
    unsigned queue = blk->flight[id].queue;
    bool held = blk->flight[id].holds;
    blk->orphan_count--;
    blk->hold_count[queue] -= held;
    free_flight(blk, id);
    if (held && blk->hold_count[queue] == 0) {
        virtio_queue_stopped(&blk->device, queue);
    }
    if (held && !holds_on(blk)) {
        virtio_stopped(&blk->device);
    }
}

void virtio_blk_complete(struct virtio_blk *blk, uint32_t id, enum virtio_blk_status status)
{
    CHECK(id < VIRTIO_BLK_FLIGHT_MAX);
    struct virtio_blk_flight *flight = &blk->flight[id];
    CHECK(flight->state == VIRTIO_BLK_FLIES || flight->state == VIRTIO_BLK_ORPHAN);
    if (flight->state == VIRTIO_BLK_ORPHAN) {
        bury(blk, id);
    } else if (status == VIRTIO_BLK_OK && flight->then_flush) {
        flush_then_finish(blk, id);
    } else {
        finish(blk, id, status);
    }
}

static void submit_flushes(struct virtio_blk *blk)
{
    for (uint32_t id = 0; blk->wait_count != 0 && id < VIRTIO_BLK_FLIGHT_MAX; id++) {
        struct virtio_blk_flight *flight = &blk->flight[id];
        if (flight->state == VIRTIO_BLK_WAITS) {
            if (!backend_call(blk, submit, blk->backend_ctx, id, &flight->request)) {
                break;
            }
            flight->state = VIRTIO_BLK_FLIES;
            blk->wait_count--;
        }
    }
    backend_call(blk, kick, blk->backend_ctx);
}

void virtio_blk_resume(struct virtio_blk *blk)
{
    if (blk->wait_count != 0) {
        submit_flushes(blk);
    }
    publish(blk);
    for (uint32_t queues = blk->blocked; queues != 0; queues &= queues - 1) {
        virtio_work(&blk->device, (unsigned)__builtin_ctz(queues));
    }
}

/* ---- resets ---------------------------------------------------------------------------------- */

/* Takes guest memory from all requests of these queues. */
static void abandon(struct virtio_blk *blk, uint32_t queues)
{
    for (uint32_t id = 0; id < VIRTIO_BLK_FLIGHT_MAX; id++) {
        struct virtio_blk_flight *flight = &blk->flight[id];
        if ((queues >> flight->queue & 1) == 0) {
            continue;
        }
        if (flight->state == VIRTIO_BLK_WAITS) {
            blk->wait_count--;
            free_flight(blk, id);
        } else if (flight->state == VIRTIO_BLK_FLIES) {
            enum virtio_blk_cancel left = backend_call(blk, cancel, blk->backend_ctx, id);
            if (left == VIRTIO_BLK_ENDED) {
                free_flight(blk, id);
                continue;
            }
            flight->state = VIRTIO_BLK_ORPHAN;
            flight->holds = left == VIRTIO_BLK_HOLDS_ON;
            blk->orphan_count++;
            blk->hold_count[flight->queue] += flight->holds;
        }
    }
    blk->blocked &= ~queues;
    blk->put &= ~queues;
}

static bool stop(struct virtio_device *device)
{
    struct virtio_blk *blk = (struct virtio_blk *)device;
    abandon(blk, UINT32_MAX);
    return !holds_on(blk);
}

static bool stop_queue(struct virtio_device *device, unsigned queue)
{
    struct virtio_blk *blk = (struct virtio_blk *)device;
    abandon(blk, 1u << queue);
    return blk->hold_count[queue] == 0;
}

/* ---- configuration --------------------------------------------------------------------------- */

static uint64_t features_of(const struct virtio_blk_disk *disk, unsigned queue_count)
{
    return VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_TOPOLOGY |
           (disk->read_only ? VIRTIO_BLK_F_RO : 0) | (disk->has_flush ? VIRTIO_BLK_F_FLUSH : 0) |
           (queue_count > 1 ? VIRTIO_BLK_F_MQ : 0) |
           (disk->has_discard && !disk->read_only ? VIRTIO_BLK_F_DISCARD : 0) |
           (disk->has_write_zeroes && !disk->read_only ? VIRTIO_BLK_F_WRITE_ZEROES : 0);
}

void virtio_blk_resize(struct virtio_blk *blk, uint64_t capacity)
{
    if (capacity != blk->config.capacity) {
        blk->config.capacity = capacity;
        virtio_config_changed(&blk->device);
    }
}

static const struct virtio_ops ops = {
    .name = "blk",
    .type = VIRTIO_TYPE_BLOCK,
    .work = work,
    .stop = stop,
    .stop_queue = stop_queue,
};

START_ONLY void virtio_blk_init(struct virtio_blk *blk, const struct virtio_blk_disk *disk,
                                unsigned queue_count, const struct virtio_blk_backend *backend,
                                void *backend_ctx, const struct ram *ram,
                                const struct virtio_port *port, uint32_t mutex_id)
{
    CHECK(queue_count >= 1 && queue_count <= VIRTIO_BLK_QUEUE_MAX);
    CHECK(disk->block_bytes >= SECTOR && (disk->block_bytes & (disk->block_bytes - 1)) == 0);
    memset(blk, 0, sizeof *blk);
    blk->disk = *disk;
    blk->backend = backend;
    blk->backend_ctx = backend_ctx;
    blk->config = (struct virtio_blk_config){
        .capacity = disk->capacity,
        .seg_max = VIRTIO_BLK_SEG_MAX,
        .blk_size = disk->block_bytes,
        .physical_block_exp = disk->physical_block_exp,
        .alignment_offset = disk->alignment_offset,
        .min_io_size = disk->min_io_size,
        .opt_io_size = disk->opt_io_size,
        .num_queues = (uint16_t)queue_count,
        .max_discard_sectors = VIRTIO_BLK_CLEAR_SECTORS_MAX,
        .max_discard_seg = 1,
        .discard_sector_alignment = disk->block_bytes / SECTOR,
        .max_write_zeroes_sectors = VIRTIO_BLK_CLEAR_SECTORS_MAX,
        .max_write_zeroes_seg = 1,
        .write_zeroes_may_unmap = 1,
    };
    init_flights(blk);
    virtio_init(&blk->device, &(struct virtio_setup){
                                  .ops = &ops,
                                  .port = port,
                                  .ram = ram,
                                  .mutex_id = mutex_id,
                                  .segments = blk->segments,
                                  .features = VIRTIO_FEATURES | features_of(disk, queue_count),
                                  .config = &blk->config,
                                  .config_bytes = sizeof blk->config,
                                  .queue_count = queue_count,
                                  .queue_size = VIRTIO_BLK_QUEUE_SIZE,
                              });
}
