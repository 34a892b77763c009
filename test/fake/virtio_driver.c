// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/virtio_driver.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

enum { WRAP = 1 << 15 };

/* The device and the driver are one thread here, but the words are shared all the same. */
static uint16_t get16(const void *at)
{
    return __atomic_load_n((const uint16_t *)at, __ATOMIC_ACQUIRE);
}

static void set16(void *at, uint16_t value)
{
    __atomic_store_n((uint16_t *)at, value, __ATOMIC_RELEASE);
}

static void on_interrupt(void *ctx, unsigned source)
{
    struct fake_driver *d = ctx;
    CHECK(source <= VIRTIO_SOURCE_CONFIG && d->device->lock.users != 0);
    d->interrupts[source]++;
}

static void on_reset(void *ctx)
{
    struct fake_driver *d = ctx;
    d->resets++;
}

static void on_defer(void *ctx)
{
    struct fake_driver *d = ctx;
    d->deferred = true;
}

void driver_init(struct fake_driver *d)
{
    driver_init_at(d, aligned_alloc(4096, FAKE_RAM_BYTES), FAKE_RAM_BYTES);
}

void driver_init_at(struct fake_driver *d, void *ram, uint64_t ram_bytes)
{
    CHECK(ram != NULL);
    memset(d, 0, sizeof *d);
    memset(ram, 0, ram_bytes);
    d->ram = (struct ram){{FAKE_RAM_BASE}, ram_bytes, ram};
    d->port = (struct virtio_port){on_defer, d};
}

void driver_fini(struct fake_driver *d)
{
    free(d->ram.host);
    d->ram.host = NULL;
}

void driver_attach(struct fake_driver *d, struct virtio_device *device)
{
    static const struct virtio_transport transport = {on_interrupt, on_reset};
    d->device = device;
    virtio_attach(device, &transport, d);
}

uint64_t driver_alloc(struct fake_driver *d, uint64_t size_bytes, uint64_t alignment)
{
    uint64_t at = align_up(d->used_bytes, alignment);
    CHECK(at + size_bytes <= d->ram.size_bytes);
    d->used_bytes = at + size_bytes;
    memset(d->ram.host + at, 0, size_bytes);
    return FAKE_RAM_BASE + at;
}

void *driver_at(struct fake_driver *d, uint64_t address, uint64_t size_bytes)
{
    void *at = ram_span(&d->ram, (gpa_t){address}, size_bytes);
    CHECK(at != NULL);
    return at;
}

uint64_t driver_put(struct fake_driver *d, const void *bytes, uint64_t size_bytes)
{
    uint64_t address = driver_alloc(d, size_bytes, 1);
    memcpy(driver_at(d, address, size_bytes), bytes, size_bytes);
    return address;
}

void driver_make_queue(struct fake_driver *d, struct fake_queue *q, uint16_t size,
                       uint64_t features)
{
    uint32_t driver_bytes = 6 + 2u * size, device_bytes = 6 + 8u * size;
    *q = (struct fake_queue){
        .packed = features & VIRTIO_F_RING_PACKED,
        .event_idx = features & VIRTIO_F_EVENT_IDX,
        .indirect = features & VIRTIO_F_INDIRECT_DESC,
        .size = size,
        .free_count = size,
        .avail_wrap = true,
        .used_wrap = true,
    };
    q->descriptor_address = driver_alloc(d, 16u * size, 16);
    q->driver_address = driver_alloc(d, q->packed ? 4 : driver_bytes, 4);
    q->device_address = driver_alloc(d, q->packed ? 4 : device_bytes, 4);
    q->descriptors = driver_at(d, q->descriptor_address, 16u * size);
    q->driver_area = driver_at(d, q->driver_address, 4);
    q->device_area = driver_at(d, q->device_address, 4);
    q->tables = q->indirect ? driver_alloc(d, 16u * 16 * size, 16) : 0;
}

static void set_address(struct virtio_device *device, unsigned queue, enum virtio_area area,
                        uint64_t address)
{
    virtio_queue_set_address(device, queue, area, 0, (uint32_t)address);
    virtio_queue_set_address(device, queue, area, 1, (uint32_t)(address >> 32));
}

static void set_up_queue(struct fake_driver *d, unsigned i, uint16_t size)
{
    struct fake_queue *q = &d->queue[i];
    driver_make_queue(d, q, size, d->features);
    virtio_queue_set_size(d->device, i, size);
    set_address(d->device, i, VIRTIO_AREA_DESCRIPTOR, q->descriptor_address);
    set_address(d->device, i, VIRTIO_AREA_DRIVER, q->driver_address);
    set_address(d->device, i, VIRTIO_AREA_DEVICE, q->device_address);
    virtio_queue_enable(d->device, i);
}

bool driver_set_up(struct fake_driver *d, uint64_t features, uint16_t queue_size)
{
    struct virtio_device *device = d->device;
    const unsigned ready = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER;
    d->features = features | VIRTIO_F_VERSION_1;
    d->used_bytes = 0;
    virtio_lock(device);
    virtio_set_status(device, 0);
    virtio_set_status(device, VIRTIO_ACKNOWLEDGE);
    virtio_set_status(device, ready);
    virtio_accept(device, 0, (uint32_t)d->features);
    virtio_accept(device, 1, (uint32_t)(d->features >> 32));
    virtio_set_status(device, ready | VIRTIO_FEATURES_OK);
    bool taken = virtio_status(device) & VIRTIO_FEATURES_OK;
    for (unsigned i = 0; taken && virtio_queue_state(device, i)->size_max != 0; i++) {
        set_up_queue(d, i, queue_size != 0 ? queue_size : virtio_queue_state(device, i)->size_max);
    }
    virtio_unlock(device);
    return taken;
}

bool driver_start_sized(struct fake_driver *d, uint64_t features, uint16_t queue_size)
{
    if (!driver_set_up(d, features, queue_size)) {
        return false;
    }
    virtio_lock(d->device);
    virtio_set_status(d->device, virtio_status(d->device) | VIRTIO_DRIVER_OK);
    bool alive = virtio_alive(d->device);
    virtio_unlock(d->device);
    return alive;
}

bool driver_start(struct fake_driver *d, uint64_t features)
{
    return driver_start_sized(d, features, 0);
}

void driver_run(struct fake_driver *d)
{
    while (d->deferred) {
        d->deferred = false;
        virtio_run(d->device);
    }
}

static uint16_t take_free(struct fake_queue *q)
{
    for (uint16_t i = 0; i < q->size; i++) {
        if (!q->busy[i]) {
            q->busy[i] = true;
            return i;
        }
    }
    return FAKE_NO_ID;
}

static uint16_t flags_of(const struct fake_buffer *buffers, unsigned i, unsigned count)
{
    return (uint16_t)((buffers[i].writable ? VIRTQ_DESC_WRITE : 0) |
                      (i + 1 < count ? VIRTQ_DESC_NEXT : 0));
}

/* The chain as a table of its own; `to` becomes the one buffer that refers to it. */
static void make_table(struct fake_driver *d, struct fake_queue *q, uint16_t slot,
                       const struct fake_buffer *buffers, unsigned count, struct fake_buffer *to)
{
    *to = (struct fake_buffer){q->tables + 256u * slot, 16 * count, false};
    for (unsigned i = 0; i < count; i++) {
        void *at = driver_at(d, to->address + 16 * i, 16);
        uint16_t flags = flags_of(buffers, i, count);
        if (q->packed) {
            *(struct virtq_packed_desc *)at = (struct virtq_packed_desc){
                buffers[i].address, buffers[i].length, 0, flags & VIRTQ_DESC_WRITE};
        } else {
            *(struct virtq_split_desc *)at = (struct virtq_split_desc){
                buffers[i].address, buffers[i].length, flags, (uint16_t)(i + 1)};
        }
    }
}

static void add_split(struct fake_queue *q, uint16_t head, const struct fake_buffer *buffers,
                      unsigned count, unsigned extra_flags)
{
    struct virtq_split_desc *table = (struct virtq_split_desc *)(void *)q->descriptors;
    struct virtq_avail *avail = (struct virtq_avail *)(void *)q->driver_area;
    uint16_t at = head;
    for (unsigned i = 0; i < count; i++) {
        uint16_t next = i + 1 < count ? take_free(q) : 0;
        table[at] =
            (struct virtq_split_desc){buffers[i].address, buffers[i].length,
                                      (uint16_t)(flags_of(buffers, i, count) | extra_flags), next};
        q->next[at] = next;
        at = next;
    }
    avail->ring[q->next_avail % q->size] = head;
    set16(&avail->index, ++q->next_avail);
}

static void add_packed(struct fake_queue *q, uint16_t id, const struct fake_buffer *buffers,
                       unsigned count, unsigned extra_flags)
{
    struct virtq_packed_desc *ring = (struct virtq_packed_desc *)(void *)q->descriptors;
    struct virtq_packed_desc *first = &ring[q->next_avail];
    uint16_t first_flags = 0;
    for (unsigned i = 0; i < count; i++) {
        struct virtq_packed_desc *to = &ring[q->next_avail];
        uint16_t flags = (uint16_t)(flags_of(buffers, i, count) | extra_flags |
                                    (q->avail_wrap ? VIRTQ_DESC_AVAIL : VIRTQ_DESC_USED));
        to->address = buffers[i].address;
        to->length = buffers[i].length;
        to->id = id;
        if (i == 0) {
            first_flags = flags;
        } else {
            to->flags = flags;
        }
        if (++q->next_avail == q->size) {
            q->next_avail = 0;
            q->avail_wrap = !q->avail_wrap;
        }
    }
    set16(&first->flags, first_flags);
}

uint16_t driver_add(struct fake_driver *d, unsigned queue, const struct fake_buffer *buffers,
                    unsigned count)
{
    struct fake_queue *q = &d->queue[queue];
    struct fake_buffer table;
    bool indirect = q->indirect && count > 1 && count <= 16;
    unsigned extra_flags = indirect ? VIRTQ_DESC_INDIRECT : 0;
    unsigned slots = indirect ? 1 : count;
    if (q->free_count < slots || count == 0) {
        return FAKE_NO_ID;
    }
    uint16_t id = take_free(q);
    CHECK(id != FAKE_NO_ID);
    if (indirect) {
        make_table(d, q, id, buffers, count, &table);
        buffers = &table;
    }
    q->slots[id] = (uint16_t)slots;
    q->free_count -= slots;
    q->added += q->packed ? slots : 1;
    if (q->packed) {
        add_packed(q, id, buffers, slots, extra_flags);
    } else {
        add_split(q, id, buffers, slots, extra_flags);
    }
    return id;
}

/* 2.7.10, 2.8.10. */
bool driver_wants_kick(struct fake_queue *q)
{
    unsigned added = q->added;
    q->added = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!q->packed) {
        const struct virtq_used *used = (const struct virtq_used *)(void *)q->device_area;
        uint16_t event = get16(&used->ring[q->size]);
        return q->event_idx ? (uint16_t)(q->next_avail - event - 1) < added
                            : !(get16(&used->flags) & VIRTQ_USED_NO_NOTIFY);
    }
    uint16_t flags = get16(q->device_area + 2), event = get16(q->device_area);
    if (flags != VIRTQ_EVENT_DESC) {
        return flags == VIRTQ_EVENT_ENABLE;
    }
    unsigned lap = !!(event & WRAP) != q->avail_wrap ? q->size : 0;
    return q->next_avail + lap - (event & (WRAP - 1u)) - 1 < added;
}

bool driver_kick(struct fake_driver *d, unsigned queue)
{
    if (!driver_wants_kick(&d->queue[queue])) {
        return false;
    }
    virtio_lock(d->device);
    virtio_notify(d->device, queue);
    virtio_unlock(d->device);
    return true;
}

static void give_back(struct fake_queue *q, uint16_t id)
{
    CHECK(id < q->size && q->busy[id] && q->slots[id] != 0);
    q->free_count += q->slots[id];
    for (uint16_t at = id, left = q->packed ? 1 : q->slots[id]; left != 0;
         left--, at = q->next[at]) {
        q->busy[at] = false;
    }
}

static const struct virtq_packed_desc *packed_used(const struct fake_queue *q)
{
    return (const struct virtq_packed_desc *)(void *)q->descriptors + q->next_used;
}

static const struct virtq_used *split_used(const struct fake_queue *q)
{
    return (const struct virtq_used *)(void *)q->device_area;
}

bool driver_has_used(struct fake_driver *d, unsigned queue)
{
    const struct fake_queue *q = &d->queue[queue];
    if (!q->packed) {
        return get16(&split_used(q)->index) != q->next_used;
    }
    uint16_t flags = get16(&packed_used(q)->flags);
    return !!(flags & VIRTQ_DESC_AVAIL) == q->used_wrap &&
           !!(flags & VIRTQ_DESC_USED) == q->used_wrap;
}

static void take_packed(struct fake_queue *q, uint16_t *id, uint32_t *written_bytes)
{
    const struct virtq_packed_desc *at = packed_used(q);
    *id = at->id;
    *written_bytes = at->length;
    CHECK(*id < q->size && !(at->flags & VIRTQ_DESC_WRITE) == (at->length == 0));
    q->next_used = (uint16_t)(q->next_used + q->slots[*id]);
    if (q->next_used >= q->size) {
        q->next_used = (uint16_t)(q->next_used - q->size);
        q->used_wrap = !q->used_wrap;
    }
}

static void take_split(struct fake_queue *q, uint16_t *id, uint32_t *written_bytes)
{
    const struct virtq_used_element *element = &split_used(q)->ring[q->next_used++ % q->size];
    CHECK(element->id < q->size);
    *id = (uint16_t)element->id;
    *written_bytes = element->length;
}

bool driver_take(struct fake_driver *d, unsigned queue, uint16_t *id, uint32_t *written_bytes)
{
    struct fake_queue *q = &d->queue[queue];
    if (!driver_has_used(d, queue)) {
        return false;
    }
    if (q->packed) {
        take_packed(q, id, written_bytes);
    } else {
        take_split(q, id, written_bytes);
    }
    give_back(q, *id);
    return true;
}

void driver_mute(struct fake_driver *d, unsigned queue)
{
    struct fake_queue *q = &d->queue[queue];
    if (q->packed) {
        set16(q->driver_area + 2, VIRTQ_EVENT_DISABLE);
    } else {
        set16(q->driver_area, VIRTQ_AVAIL_NO_INTERRUPT);
    }
    if (q->event_idx && !q->packed) { /* the flag does not count: an event that is far away */
        set16(q->driver_area + 4 + 2u * q->size, (uint16_t)(q->next_used - 1));
    }
}

void driver_listen(struct fake_driver *d, unsigned queue, uint16_t after)
{
    struct fake_queue *q = &d->queue[queue];
    if (!q->packed) {
        set16(q->driver_area, 0);
        set16(q->driver_area + 4 + 2u * q->size, (uint16_t)(q->next_used + after));
        return;
    }
    unsigned slot = q->next_used + after, wrap = q->used_wrap;
    if (slot >= q->size) {
        slot -= q->size;
        wrap = !wrap;
    }
    set16(q->driver_area, (uint16_t)(slot | wrap << 15));
    set16(q->driver_area + 2, q->event_idx ? VIRTQ_EVENT_DESC : VIRTQ_EVENT_ENABLE);
}

uint32_t driver_request(struct fake_driver *d, unsigned queue, const void *out, uint32_t out_bytes,
                        void *in, uint32_t in_bytes)
{
    uint64_t used_before = d->used_bytes;
    struct fake_buffer buffers[2];
    unsigned count = 0;
    uint64_t answer = 0;
    uint16_t id;
    uint32_t written_bytes;
    if (out_bytes != 0) {
        buffers[count++] = (struct fake_buffer){driver_put(d, out, out_bytes), out_bytes, false};
    }
    if (in_bytes != 0) {
        answer = driver_alloc(d, in_bytes, 1);
        buffers[count++] = (struct fake_buffer){answer, in_bytes, true};
    }
    uint16_t head = driver_add(d, queue, buffers, count);
    CHECK(head != FAKE_NO_ID);
    driver_kick(d, queue);
    driver_run(d);
    if (!driver_take(d, queue, &id, &written_bytes)) {
        return FAKE_NO_ANSWER;
    }
    CHECK(id == head && written_bytes <= in_bytes);
    if (in_bytes != 0) {
        memcpy(in, driver_at(d, answer, in_bytes), in_bytes);
    }
    d->used_bytes = used_before;
    return written_bytes;
}
