// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_blk_link.h"

#include <string.h>

#include "lib/check.h"
#include "lib/range.h"
#include "lib/start_only.h"

static bool has_data(const struct virtio_blk_request *request)
{
    return request->type == VIRTIO_BLK_IN || request->type == VIRTIO_BLK_OUT;
}

static enum block_type link_type(enum virtio_blk_type type)
{
    switch (type) {
    case VIRTIO_BLK_IN:
        return BLOCK_READ;
    case VIRTIO_BLK_OUT:
        return BLOCK_WRITE;
    case VIRTIO_BLK_FLUSH:
        return BLOCK_FLUSH;
    case VIRTIO_BLK_DISCARD:
        return BLOCK_DISCARD;
    default:
        return BLOCK_WRITE_ZEROES;
    }
}

static enum virtio_blk_status device_status(enum block_status status)
{
    return status == BLOCK_OK            ? VIRTIO_BLK_OK
           : status == BLOCK_UNSUPPORTED ? VIRTIO_BLK_UNSUPP
                                         : VIRTIO_BLK_IOERR;
}

/* ---- data ------------------------------------------------------------------------------------ */

/* Copies [offset, offset + bytes) of a request's data from or to one contiguous place. */
static void copy(const struct virtio_blk_request *request, uint32_t offset, uint32_t bytes,
                 uint8_t *place, bool to_guest)
{
    const struct chain_segment *segment = request->data;
    const struct chain_segment *end = segment + request->data_count;
    for (; bytes != 0; segment++) {
        CHECK(segment < end);
        if (offset >= segment->length) {
            offset -= segment->length;
            continue;
        }
        uint32_t length = segment->length - offset;
        length = length < bytes ? length : bytes;
        uint8_t *guest = segment->bytes + offset;
        memcpy(to_guest ? guest : place, to_guest ? place : guest, length);
        place += length;
        bytes -= length;
        offset = 0;
    }
}

/* The last `bytes` of the segments, of which they have as many, are not wanted. Returns how many
 * segments are left. */
static uint32_t cut_end(struct block_segment *segments, uint32_t count, uint32_t bytes)
{
    while (bytes != 0 && segments[count - 1].length <= bytes) {
        bytes -= segments[--count].length;
    }
    if (bytes != 0) {
        segments[count - 1].length -= bytes;
    }
    return count;
}

/*
 * As much of [offset, offset + bytes) of a request's data as segments of a direct request can say,
 * in whole blocks. *said gets how many bytes that is. Returns the number of segments; 0: not even a
 * block.
 */
static uint32_t locate(const struct virtio_blk_link *link, const struct virtio_blk_request *request,
                       uint32_t offset, uint32_t bytes, struct block_segment *to, uint32_t *said)
{
    const struct chain_segment *segment = request->data;
    const uint8_t *ram = link->blk->device.ram->host;
    uint32_t count = 0, done = 0;
    for (; offset >= segment->length; segment++) {
        offset -= segment->length;
    }
    while (done < bytes && count < BLOCK_SEGMENT_MAX) {
        uint64_t at = (uint64_t)(segment->bytes - ram) + offset;
        uint32_t frame_left = BLOCK_FRAME_BYTES - (uint32_t)(at % BLOCK_FRAME_BYTES);
        uint32_t length = segment->length - offset;
        length = length < bytes - done ? length : bytes - done;
        length = length < frame_left ? length : frame_left;
        to[count++] = (struct block_segment){.offset = at, .length = length};
        done += length;
        offset += length;
        if (offset == segment->length) {
            segment++;
            offset = 0;
        }
    }
    *said = (uint32_t)align_down(done, link->client.info.block_bytes);
    return cut_end(to, count, done - *said);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void note_sent(struct virtio_blk_link *link, uint32_t index, int id, uint32_t sectors,
                      bool direct)
{
    struct virtio_blk_job *job = &link->job[index];
    uint32_t offset = job->sent_sectors * BLOCK_SECTOR_BYTES;
    link->piece[id] =
        (struct virtio_blk_piece){index, offset, sectors * BLOCK_SECTOR_BYTES, direct};
    job->pieces++;
    job->direct += direct;
    job->sent_sectors += sectors;
    job->all_sent = job->sent_sectors == job->request->sector_count;
}

enum sent { SENT, SENT_NOT, SENT_FULL };

/* One piece without a copy. SENT_NOT: there is no way to say where its data are. */
static enum sent send_direct(struct virtio_blk_link *link, uint32_t index)
{
    const struct virtio_blk_job *job = &link->job[index];
    const struct virtio_blk_request *request = job->request;
    struct block_segment segments[BLOCK_SEGMENT_MAX];
    uint32_t left = request->sector_count - job->sent_sectors, bytes;
    left = left < BLOCK_DIRECT_SECTORS_MAX ? left : (uint32_t)BLOCK_DIRECT_SECTORS_MAX;
    uint32_t count = locate(link, request, job->sent_sectors * BLOCK_SECTOR_BYTES,
                            left * BLOCK_SECTOR_BYTES, segments, &bytes);
    if (count == 0) {
        return SENT_NOT;
    }
    int id = block_client_take(&link->client, 0);
    if (id == BLOCK_CLIENT_NONE) {
        return SENT_FULL;
    }
    block_client_send_direct(&link->client, id, link_type(request->type),
                             request->sector + job->sent_sectors, segments, count);
    note_sent(link, index, id, bytes / BLOCK_SECTOR_BYTES, true);
    return SENT;
}

/* One piece. False: the link is full. */
static bool send_piece(struct virtio_blk_link *link, uint32_t index)
{
    struct virtio_blk_job *job = &link->job[index];
    const struct virtio_blk_request *request = job->request;
    uint32_t sectors = request->sector_count - job->sent_sectors;
    bool data = has_data(request);
    if (data && link->zero_copy && block_client_direct(&link->client)) {
        enum sent sent = send_direct(link, index);
        if (sent != SENT_NOT) {
            return sent == SENT;
        }
    }
    if (data && sectors > VIRTIO_BLK_PIECE_BYTES / BLOCK_SECTOR_BYTES) {
        sectors = VIRTIO_BLK_PIECE_BYTES / BLOCK_SECTOR_BYTES;
    }
    uint32_t bytes = data ? sectors * BLOCK_SECTOR_BYTES : 0;
    int id = block_client_take(&link->client, bytes);
    if (id == BLOCK_CLIENT_NONE) {
        return false;
    }
    if (request->type == VIRTIO_BLK_OUT) {
        copy(request, job->sent_sectors * BLOCK_SECTOR_BYTES, bytes,
             block_client_data(&link->client, id), false);
        link->copied_bytes += bytes;
    }
    block_client_send(&link->client, id, link_type(request->type),
                      request->unmap ? (uint32_t)BLOCK_UNMAP : 0,
                      request->sector + job->sent_sectors, sectors);
    note_sent(link, index, id, sectors, false);
    return true;
}

/* Sends as much as there is room for; `current` is this job while some of it is left. */
static void send_rest(struct virtio_blk_link *link, uint32_t index)
{
    link->current = index + 1;
    while (send_piece(link, index)) {
        if (link->job[index].all_sent) {
            link->current = 0;
            return;
        }
    }
}

bool virtio_blk_link_submit(void *ctx, uint32_t id, const struct virtio_blk_request *request)
{
    struct virtio_blk_link *link = ctx;
    if (link->current != 0) {
        return false;
    }
    link->job[id] = (struct virtio_blk_job){.request = request};
    send_rest(link, id);
    if (link->job[id].pieces == 0) {
        link->current = 0; /* the device keeps it */
        return false;
    }
    return true;
}

void virtio_blk_link_kick(void *ctx)
{
    struct virtio_blk_link *link = ctx;
    if (link->client.signal) {
        link->client.signal = false;
        link->signal(link->ctx);
    }
}

enum virtio_blk_cancel virtio_blk_link_cancel(void *ctx, uint32_t id)
{
    struct virtio_blk_link *link = ctx;
    struct virtio_blk_job *job = &link->job[id];
    job->cancelled = true;
    job->all_sent = true;
    if (link->current == id + 1) {
        link->current = 0;
    }
    return job->pieces == 0   ? VIRTIO_BLK_ENDED
           : job->direct == 0 ? VIRTIO_BLK_GOES_ON
                              : VIRTIO_BLK_HOLDS_ON;
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void finish_piece(struct virtio_blk_link *link, int id, enum block_status status)
{
    const struct virtio_blk_piece *piece = &link->piece[id];
    uint32_t index = piece->job;
    struct virtio_blk_job *job = &link->job[index];
    bool copies = !piece->direct && !job->cancelled && status == BLOCK_OK;
    if (copies && job->request->type == VIRTIO_BLK_IN) {
        copy(job->request, piece->offset, piece->bytes, block_client_data(&link->client, id), true);
        link->copied_bytes += piece->bytes;
    }
    block_client_give(&link->client, id);
    enum virtio_blk_status result = device_status(status);
    job->status = result > job->status ? (uint8_t)result : job->status;
    job->pieces--;
    job->direct -= piece->direct;
    if (job->all_sent && job->pieces == 0) {
        virtio_blk_complete(link->blk, index, (enum virtio_blk_status)job->status);
    }
}

static START_ONLY struct virtio_blk_disk disk_of(const struct block_info *info)
{
    struct virtio_blk_disk disk = {
        .capacity = info->sector_count,
        .block_bytes = info->block_bytes,
        .read_only = (info->flags & BLOCK_READ_ONLY) != 0,
        .has_flush = (info->flags & BLOCK_HAS_FLUSH) != 0,
        .has_discard = (info->flags & BLOCK_HAS_DISCARD) != 0,
        .has_write_zeroes = (info->flags & BLOCK_HAS_WRITE_ZEROES) != 0,
        .physical_block_exp = info->physical_exponent,
        .alignment_offset = info->alignment_offset,
        .min_io_size = info->io_min_blocks,
        .opt_io_size = info->io_opt_blocks,
    };
    memcpy(disk.serial, info->serial, sizeof disk.serial);
    return disk;
}

START_ONLY void virtio_blk_link_open(struct virtio_blk_link *link, struct block_link *shared,
                                     bool zero_copy, struct virtio_blk *blk,
                                     void (*signal)(void *ctx), void *ctx)
{
    memset(link, 0, sizeof *link);
    link->blk = blk;
    link->zero_copy = zero_copy;
    link->signal = signal;
    link->ctx = ctx;
    block_client_open(&link->client, shared);
}

START_ONLY bool virtio_blk_link_ready(struct virtio_blk_link *link, struct virtio_blk_disk *disk)
{
    block_client_update(&link->client);
    virtio_blk_link_kick(link);
    if (!block_client_attached(&link->client)) {
        return false;
    }
    *disk = disk_of(&link->client.info);
    return true;
}

/* Takes replies. True: perhaps there are more. */
static bool receive(struct virtio_blk_link *link)
{
    enum block_status status;
    for (unsigned i = 0; i < VIRTIO_BLK_EVENT_MAX; i++) {
        int id = block_client_receive(&link->client, &status);
        if (id != BLOCK_CLIENT_NONE) {
            finish_piece(link, id, status);
        } else if (block_client_wait(&link->client)) {
            return false;
        }
    }
    return true;
}

bool virtio_blk_link_event(struct virtio_blk_link *link)
{
    virtio_lock(&link->blk->device);
    if (block_client_update(&link->client)) {
        virtio_blk_resize(link->blk, link->client.info.sector_count);
    }
    bool more = receive(link);
    if (link->current != 0) {
        send_rest(link, link->current - 1);
    }
    virtio_blk_resume(link->blk);
    virtio_blk_link_kick(link);
    virtio_unlock(&link->blk->device);
    return more;
}
