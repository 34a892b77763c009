// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/virtio_device.h"

#include <string.h>

#include "lib/check.h"

void fake_virtio_init(struct fake_virtio *device, uint32_t type, uint64_t features,
                      uint32_t queue_size)
{
    CHECK(queue_size <= FAKE_QUEUE_SIZE);
    memset(device, 0, sizeof *device);
    device->type = type;
    device->version = MMIO_VERSION_VALUE;
    device->offered = features | VIRTIO_F_VERSION_1;
    for (unsigned i = 0; i < FAKE_QUEUES; i++) {
        device->queue[i].size_max = queue_size;
    }
}

void fake_virtio_add_region(struct fake_virtio *device, uint64_t paddr, void *host,
                            uint64_t size_bytes)
{
    unsigned i = 0;
    while (device->region[i].host != NULL) {
        i++;
        CHECK(i < FAKE_REGIONS);
    }
    device->region[i].paddr = paddr;
    device->region[i].size_bytes = size_bytes;
    device->region[i].host = host;
}

void *fake_virtio_span(const struct fake_virtio *device, uint64_t paddr, uint64_t size_bytes)
{
    for (unsigned i = 0; i < FAKE_REGIONS; i++) {
        uint64_t offset = paddr - device->region[i].paddr;
        if (paddr >= device->region[i].paddr && offset < device->region[i].size_bytes &&
            size_bytes <= device->region[i].size_bytes - offset) {
            return device->region[i].host + offset;
        }
    }
    CHECK(false && "the driver gave an address outside of its DMA memory");
    return NULL;
}

/* ---- registers ------------------------------------------------------------------------------- */

static uint32_t read_register(void *ctx, uint32_t offset, unsigned width_bytes)
{
    struct fake_virtio *device = ctx;
    const struct fake_device_queue *queue = &device->queue[device->select % FAKE_QUEUES];
    if (offset >= MMIO_CONFIG) {
        uint32_t value = 0;
        CHECK(offset - MMIO_CONFIG + width_bytes <= sizeof device->config);
        memcpy(&value, device->config + (offset - MMIO_CONFIG), width_bytes);
        return value;
    }
    CHECK(width_bytes == 4);
    switch (offset) {
    case MMIO_MAGIC:
        return MMIO_MAGIC_VALUE;
    case MMIO_VERSION:
        return device->version;
    case MMIO_DEVICE_ID:
        return device->type;
    case MMIO_DEVICE_FEATURES:
        return (uint32_t)(device->feature_select == 0 ? device->offered : device->offered >> 32);
    case MMIO_QUEUE_SIZE_MAX:
        return device->select < FAKE_QUEUES ? queue->size_max : 0;
    case MMIO_QUEUE_READY:
        return queue->ready;
    case MMIO_INTERRUPT_STATUS:
        return device->interrupt;
    case MMIO_STATUS:
        return device->status;
    case MMIO_CONFIG_GENERATION:
        return device->config_generation;
    default:
        CHECK(false && "the driver read a register that is not there to be read");
        return 0;
    }
}

static void reset(struct fake_virtio *device)
{
    if (device->ignore_reset) {
        return;
    }
    device->reset_count++;
    device->status = 0;
    device->accepted = 0;
    device->interrupt = 0;
    for (unsigned i = 0; i < FAKE_QUEUES; i++) {
        device->queue[i] = (struct fake_device_queue){.size_max = device->queue[i].size_max};
    }
}

static void write_status(struct fake_virtio *device, uint32_t value)
{
    if (value == 0) {
        reset(device);
        return;
    }
    CHECK((value & device->status & ~(uint32_t)VIRTIO_NEEDS_RESET) ==
          (device->status & ~(uint32_t)VIRTIO_NEEDS_RESET)); /* 2.1.1: bits are only added */
    if ((value & VIRTIO_FEATURES_OK) != 0 && device->refuse_features) {
        value &= ~(uint32_t)VIRTIO_FEATURES_OK;
    }
    CHECK((value & VIRTIO_DRIVER_OK) == 0 || (value & VIRTIO_FEATURES_OK) != 0);
    device->status = value;
}

static void set_half(uint64_t *value, bool high, uint32_t half)
{
    *value = high ? (*value & UINT32_MAX) | (uint64_t)half << 32
                  : (*value & ~(uint64_t)UINT32_MAX) | half;
}

static void write_queue(struct fake_virtio *device, uint32_t offset, uint32_t value)
{
    struct fake_device_queue *queue = &device->queue[device->select];
    CHECK(device->select < FAKE_QUEUES && queue->ready == 0);
    CHECK((device->status & VIRTIO_FEATURES_OK) != 0 && (device->status & VIRTIO_DRIVER_OK) == 0);
    switch (offset & ~7u) {
    case MMIO_QUEUE_DESC:
        set_half(&queue->desc, (offset & 4) != 0, value);
        break;
    case MMIO_QUEUE_DRIVER:
        set_half(&queue->driver, (offset & 4) != 0, value);
        break;
    case MMIO_QUEUE_DEVICE:
        set_half(&queue->device, (offset & 4) != 0, value);
        break;
    case MMIO_QUEUE_SIZE:
        CHECK(value != 0 && value <= queue->size_max && (value & (value - 1)) == 0);
        queue->size = value;
        break;
    default: /* MMIO_QUEUE_READY */
        CHECK(queue->size != 0 && queue->desc % 16 == 0 && queue->driver % 2 == 0 &&
              queue->device % 4 == 0);
        queue->ready = value;
        break;
    }
}

static void write_register(void *ctx, uint32_t offset, uint32_t value)
{
    struct fake_virtio *device = ctx;
    switch (offset) {
    case MMIO_DEVICE_FEATURES_SEL:
    case MMIO_DRIVER_FEATURES_SEL:
        device->feature_select = value;
        break;
    case MMIO_DRIVER_FEATURES:
        CHECK((device->status & VIRTIO_DRIVER) != 0 && (device->status & VIRTIO_FEATURES_OK) == 0);
        set_half(&device->accepted, device->feature_select != 0, value);
        CHECK((device->accepted & ~device->offered) == 0);
        break;
    case MMIO_QUEUE_SEL:
        device->select = value;
        break;
    case MMIO_QUEUE_NOTIFY:
        CHECK(value < FAKE_QUEUES && device->queue[value].ready != 0);
        CHECK((device->status & VIRTIO_DRIVER_OK) != 0);
        device->notify_count++;
        break;
    case MMIO_INTERRUPT_ACK:
        device->interrupt &= ~value;
        break;
    case MMIO_STATUS:
        write_status(device, value);
        break;
    default:
        CHECK((offset >= MMIO_QUEUE_SIZE && offset <= MMIO_QUEUE_READY) ||
              (offset >= MMIO_QUEUE_DESC && offset < MMIO_QUEUE_DEVICE + 8));
        write_queue(device, offset, value);
        break;
    }
}

struct transport_registers fake_virtio_registers(struct fake_virtio *device)
{
    return (struct transport_registers){read_register, write_register, device};
}

/* ---- queues ---------------------------------------------------------------------------------- */

static struct vring_avail *avail_of(struct fake_virtio *device,
                                    const struct fake_device_queue *queue)
{
    return fake_virtio_span(device, queue->driver,
                            sizeof(struct vring_avail) + 2 * queue->size + 2);
}

struct vring_used *fake_virtio_used(struct fake_virtio *device, unsigned number)
{
    const struct fake_device_queue *queue = &device->queue[number];
    return fake_virtio_span(device, queue->device,
                            sizeof(struct vring_used) +
                                queue->size * sizeof(struct virtq_used_element) + 2);
}

static void walk(struct fake_virtio *device, const struct virtq_split_desc *table, uint32_t count,
                 uint32_t at, struct fake_held *buffer)
{
    for (uint32_t steps = 0;; steps++) {
        CHECK(at < count && steps < count);
        const struct virtq_split_desc *desc = &table[at];
        unsigned i = buffer->readable + buffer->writable;
        CHECK(i < FAKE_SEGMENTS && desc->length != 0 && (desc->flags & VIRTQ_DESC_INDIRECT) == 0);
        CHECK((desc->flags & VIRTQ_DESC_WRITE) != 0 || buffer->writable == 0);
        buffer->segment[i].host = fake_virtio_span(device, desc->address, desc->length);
        buffer->segment[i].bytes = desc->length;
        *((desc->flags & VIRTQ_DESC_WRITE) != 0 ? &buffer->writable : &buffer->readable) += 1;
        if ((desc->flags & VIRTQ_DESC_NEXT) == 0) {
            return;
        }
        at = desc->next;
    }
}

bool fake_virtio_pop(struct fake_virtio *device, unsigned number, struct fake_held *buffer)
{
    struct fake_device_queue *queue = &device->queue[number];
    bool works = (device->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
    if (queue->ready == 0 || !works) {
        return false;
    }
    struct vring_avail *avail = avail_of(device, queue);
    uint16_t index = atomic_load(&avail->index);
    CHECK((uint16_t)(index - queue->seen) <= queue->size);
    if (index == queue->seen) {
        return false;
    }
    *buffer = (struct fake_held){.id = avail->ring[queue->seen % queue->size]};
    CHECK(buffer->id < queue->size && !queue->held[buffer->id]);
    queue->held[buffer->id] = true;
    queue->seen++;
    const struct virtq_split_desc *table =
        fake_virtio_span(device, queue->desc, queue->size * sizeof *table);
    const struct virtq_split_desc *first = &table[buffer->id];
    if ((first->flags & VIRTQ_DESC_INDIRECT) != 0) {
        CHECK((device->accepted & VIRTIO_F_INDIRECT_DESC) != 0 &&
              first->length % sizeof *table == 0);
        CHECK((first->flags & VIRTQ_DESC_NEXT) == 0);
        walk(device, fake_virtio_span(device, first->address, first->length),
             first->length / (uint32_t)sizeof *table, 0, buffer);
    } else {
        walk(device, table, queue->size, buffer->id, buffer);
    }
    if ((device->accepted & VIRTIO_F_EVENT_IDX) != 0 && !device->ignore_event_idx) {
        struct vring_used *used = fake_virtio_used(device, number);
        atomic_store((_Atomic uint16_t *)&used->ring[queue->size], queue->seen);
    }
    return true;
}

void fake_virtio_push(struct fake_virtio *device, unsigned number, uint16_t id, uint32_t written)
{
    struct fake_device_queue *queue = &device->queue[number];
    CHECK(id < queue->size && queue->held[id]);
    queue->held[id] = false;
    struct vring_used *used = fake_virtio_used(device, number);
    used->ring[queue->used % queue->size] = (struct virtq_used_element){id, written};
    atomic_store(&used->index, (uint16_t)(queue->used + 1));
    struct vring_avail *avail = avail_of(device, queue);
    bool wanted = (device->accepted & VIRTIO_F_EVENT_IDX) != 0
                      ? avail->ring[queue->size] == queue->used
                      : (atomic_load(&avail->flags) & VIRTQ_AVAIL_NO_INTERRUPT) == 0;
    queue->used++;
    if (wanted) {
        device->interrupt |= TRANSPORT_USED;
        device->interrupt_count++;
    }
}
