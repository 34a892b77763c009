// SPDX-License-Identifier: BSD-2-Clause
#include "service/virtio/vring.h"

#include "lib/check.h"

enum { EVENT_BYTES = 2 };

bool vring_init(struct vring *vring, struct dma *dma, uint16_t size, uint64_t features)
{
    CHECK(size != 0 && size <= VRING_SIZE_MAX && (size & (size - 1)) == 0);
    *vring = (struct vring){.size = size, .free_count = size};
    vring->desc = dma_take(dma, size * sizeof(struct virtq_split_desc), 16);
    vring->avail = dma_take(dma, sizeof(struct vring_avail) + 2u * size + EVENT_BYTES, 64);
    vring->used = dma_take(
        dma, sizeof(struct vring_used) + size * sizeof(struct virtq_used_element) + EVENT_BYTES,
        64);
    if (vring->desc == NULL || vring->avail == NULL || vring->used == NULL) {
        return false;
    }
    vring->desc_paddr = dma_paddr(dma, vring->desc);
    vring->avail_paddr = dma_paddr(dma, vring->avail);
    vring->used_paddr = dma_paddr(dma, vring->used);
    if ((features & VIRTIO_F_INDIRECT_DESC) != 0) {
        vring->tables =
            dma_take(dma, size * VRING_SEGMENT_MAX * sizeof(struct virtq_split_desc), 64);
        if (vring->tables == NULL) {
            return false;
        }
        vring->tables_paddr = dma_paddr(dma, vring->tables);
    }
    vring->event_idx = (features & VIRTIO_F_EVENT_IDX) != 0;
    vring->used_event = (_Atomic uint16_t *)&vring->avail->ring[size];
    vring->avail_event = (const _Atomic uint16_t *)&vring->used->ring[size];
    for (uint16_t i = 0; i < size; i++) {
        vring->next_free[i] = (uint16_t)(i + 1);
    }
    return true;
}

static unsigned descriptors(const struct vring *vring, unsigned segments)
{
    return vring->tables != NULL ? 1 : segments;
}

uint16_t vring_room(const struct vring *vring, unsigned segments)
{
    unsigned room = vring->broken ? 0 : vring->free_count / descriptors(vring, segments);
    return (uint16_t)room;
}

static uint16_t segment_flags(unsigned i, unsigned readable, unsigned count)
{
    return (uint16_t)((i >= readable ? VIRTQ_DESC_WRITE : 0) |
                      (i + 1 < count ? VIRTQ_DESC_NEXT : 0));
}

static void fill_table(struct vring *vring, uint16_t id, const struct vring_segment *segments,
                       unsigned readable, unsigned count)
{
    struct virtq_split_desc *table = vring->tables + (size_t)id * VRING_SEGMENT_MAX;
    for (unsigned i = 0; i < count; i++) {
        table[i] = (struct virtq_split_desc){segments[i].paddr, segments[i].bytes,
                                             segment_flags(i, readable, count), (uint16_t)(i + 1)};
    }
    vring->desc[id] = (struct virtq_split_desc){
        .address = vring->tables_paddr + (uint64_t)id * VRING_SEGMENT_MAX * sizeof *table,
        .length = (uint32_t)(count * sizeof *table),
        .flags = VIRTQ_DESC_INDIRECT,
    };
}

static void fill_chain(struct vring *vring, uint16_t id, const struct vring_segment *segments,
                       unsigned readable, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint16_t next = vring->next_free[id];
        vring->desc[id] = (struct virtq_split_desc){segments[i].paddr, segments[i].bytes,
                                                    segment_flags(i, readable, count), next};
        id = next;
    }
}

int vring_add(struct vring *vring, const struct vring_segment *segments, unsigned readable,
              unsigned writable)
{
    unsigned count = readable + writable;
    CHECK(count != 0 && count <= VRING_SEGMENT_MAX);
    if (vring_room(vring, count) == 0) {
        return -1;
    }
    uint16_t id = vring->free_head;
    unsigned used = descriptors(vring, count);
    if (vring->tables != NULL) {
        fill_table(vring, id, segments, readable, count);
    } else {
        fill_chain(vring, id, segments, readable, count);
    }
    for (unsigned i = 0; i < used; i++) {
        vring->free_head = vring->next_free[vring->free_head];
    }
    vring->free_count = (uint16_t)(vring->free_count - used);
    vring->length[id] = (uint16_t)used;
    vring->writable_bytes[id] = 0;
    for (unsigned i = readable; i < count; i++) {
        vring->writable_bytes[id] += segments[i].bytes;
    }
    vring->avail->ring[vring->added & (vring->size - 1)] = id;
    vring->added++;
    return id;
}

bool vring_publish(struct vring *vring)
{
    uint16_t before = vring->published, after = vring->added;
    if (before == after || vring->broken) {
        return false;
    }
    vring->published = after;
    /*
     * Release: the device sees descriptors before the index. Sequentially consistent, because the
     * device stores its wish and then reads the index, as we do the other way round.
     */
    atomic_store(&vring->avail->index, after);
    atomic_thread_fence(memory_order_seq_cst);
    if (!vring->event_idx) {
        return (atomic_load(&vring->used->flags) & VIRTQ_USED_NO_NOTIFY) == 0;
    }
    /* 2.7.7.2: notify when the index passes the one after avail_event. */
    uint16_t event = atomic_load(vring->avail_event);
    return (uint16_t)(after - event - 1) < (uint16_t)(after - before);
}

static void release(struct vring *vring, uint16_t id)
{
    uint16_t last = id;
    for (unsigned i = 1; i < vring->length[id]; i++) {
        last = vring->next_free[last];
    }
    vring->next_free[last] = vring->free_head;
    vring->free_head = id;
    vring->free_count = (uint16_t)(vring->free_count + vring->length[id]);
    vring->length[id] = 0;
}

enum vring_result vring_take(struct vring *vring, uint16_t *id, uint32_t *written_bytes)
{
    if (vring->broken) {
        return VRING_BROKEN;
    }
    /* Acquire: the element and the buffer's bytes are read after the index that shows them. */
    uint16_t index = atomic_load_explicit(&vring->used->index, memory_order_acquire);
    uint16_t ready = (uint16_t)(index - vring->taken);
    if (ready == 0) {
        return VRING_EMPTY;
    }
    const struct virtq_used_element *shared = &vring->used->ring[vring->taken & (vring->size - 1)];
    /* Read once: the device may write it again at any time. */
    uint32_t element = *(const volatile uint32_t *)&shared->id;
    uint32_t bytes = *(const volatile uint32_t *)&shared->length;
    if (ready > vring->size || element >= vring->size || vring->length[element] == 0) {
        vring->broken = true;
        return VRING_BROKEN;
    }
    uint32_t limit = vring->writable_bytes[element];
    *id = (uint16_t)element;
    *written_bytes = bytes < limit ? bytes : limit;
    vring->taken++;
    release(vring, *id);
    if (!vring->event_idx) {
        atomic_store_explicit(&vring->avail->flags, VIRTQ_AVAIL_NO_INTERRUPT, memory_order_relaxed);
    }
    return VRING_TAKEN;
}

bool vring_wait(struct vring *vring)
{
    if (vring->event_idx) {
        atomic_store(vring->used_event, vring->taken);
    } else {
        atomic_store(&vring->avail->flags, 0);
    }
    /* The wish before the look, as the device publishes before it looks at the wish. */
    atomic_thread_fence(memory_order_seq_cst);
    return vring->broken || atomic_load(&vring->used->index) == vring->taken;
}
