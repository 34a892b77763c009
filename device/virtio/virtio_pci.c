// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_pci.h"

#include <string.h>

#include "lib/check.h"
#include "lib/start_only.h"

/* The BAR: a page for each structure of 4.1.4. */
enum {
    BAR_BYTES = 0x4000,
    PAGE = 0x1000,
    AT_COMMON = 0x0000,
    AT_ISR = 0x1000,
    AT_DEVICE = 0x2000,
    AT_NOTIFY = 0x3000,
    NOTIFY_BYTES = 4, /* notify_off_multiplier */
};

/* 4.1.4.3. Fields of 64 bits are two of 32 here. */
enum {
    DEVICE_FEATURE_SELECT = 0x00,
    DEVICE_FEATURE = 0x04,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    CONFIG_VECTOR = 0x10,
    NUM_QUEUES = 0x12,
    DEVICE_STATUS = 0x14,
    CONFIG_GENERATION = 0x15,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY_OFF = 0x1e,
    QUEUE_DESC = 0x20,
    QUEUE_DRIVER = 0x28,
    QUEUE_DEVICE = 0x30,
    QUEUE_NOTIF_CONFIG_DATA = 0x38,
    QUEUE_RESET = 0x3a,
    ADMIN_QUEUE_INDEX = 0x3c, /* and the number: there is no administration queue */
    COMMON_BYTES = 0x40,
};

/* 4.1.3.1: a driver accesses a field as a whole; others are answered with zero. */
static const uint8_t field_bytes[COMMON_BYTES] = {
    [DEVICE_FEATURE_SELECT] = 4, [DEVICE_FEATURE] = 4,
    [DRIVER_FEATURE_SELECT] = 4, [DRIVER_FEATURE] = 4,
    [CONFIG_VECTOR] = 2,         [NUM_QUEUES] = 2,
    [DEVICE_STATUS] = 1,         [CONFIG_GENERATION] = 1,
    [QUEUE_SELECT] = 2,          [QUEUE_SIZE] = 2,
    [QUEUE_VECTOR] = 2,          [QUEUE_ENABLE] = 2,
    [QUEUE_NOTIFY_OFF] = 2,      [QUEUE_DESC] = 4,
    [QUEUE_DESC + 4] = 4,        [QUEUE_DRIVER] = 4,
    [QUEUE_DRIVER + 4] = 4,      [QUEUE_DEVICE] = 4,
    [QUEUE_DEVICE + 4] = 4,      [QUEUE_RESET] = 2,
};

static bool has_queue(const struct virtio_pci *pci)
{
    return pci->state.queue_select < pci->device->queue_count;
}

static uint32_t read_vector(const struct virtio_pci *pci, unsigned source)
{
    return pci->state.vector[source];
}

/* 4.1.4.3: a vector that cannot be had reads back as none. */
static void set_vector(struct virtio_pci *pci, unsigned source, uint32_t vector)
{
    bool exists = vector < pci->function.msix_count;
    pci->state.vector[source] = (uint16_t)(exists ? vector : VIRTIO_PCI_NO_VECTOR);
}

static uint32_t half(uint64_t address, unsigned offset)
{
    return (uint32_t)(address >> (8 * (offset & 4)));
}

/* A queue that is not there has no size and cannot be enabled. */
static uint32_t read_queue(const struct virtio_pci *pci, unsigned offset)
{
    const struct virtio_queue_state *queue =
        virtio_queue_state(pci->device, pci->state.queue_select);
    switch (offset) {
    case QUEUE_SIZE:
        return queue->setup.size;
    case QUEUE_VECTOR:
        return has_queue(pci) ? read_vector(pci, pci->state.queue_select) : VIRTIO_PCI_NO_VECTOR;
    case QUEUE_ENABLE:
        return queue->enabled && !queue->stopping;
    case QUEUE_NOTIFY_OFF:
        return has_queue(pci) ? pci->state.queue_select : 0;
    case QUEUE_DESC:
    case QUEUE_DESC + 4:
        return half(queue->setup.descriptor_address, offset);
    case QUEUE_DRIVER:
    case QUEUE_DRIVER + 4:
        return half(queue->setup.driver_address, offset);
    case QUEUE_DEVICE:
    case QUEUE_DEVICE + 4:
        return half(queue->setup.device_address, offset);
    case QUEUE_RESET:
        return queue->stopping;
    default:
        return 0;
    }
}

static uint32_t read_common(const struct virtio_pci *pci, unsigned offset)
{
    const struct virtio_device *device = pci->device;
    switch (offset) {
    case DEVICE_FEATURE_SELECT:
        return pci->state.device_feature_select;
    case DEVICE_FEATURE:
        return virtio_offered(device, pci->state.device_feature_select);
    case DRIVER_FEATURE_SELECT:
        return pci->state.driver_feature_select;
    case DRIVER_FEATURE:
        return virtio_accepted(device, pci->state.driver_feature_select);
    case CONFIG_VECTOR:
        return read_vector(pci, VIRTIO_SOURCE_CONFIG);
    case NUM_QUEUES:
        return device->queue_count;
    case DEVICE_STATUS:
        return virtio_status(device);
    case CONFIG_GENERATION:
        return (uint8_t)device->state.generation;
    case QUEUE_SELECT:
        return pci->state.queue_select;
    default:
        return read_queue(pci, offset);
    }
}

/* 2.6.1: all of the queue's state is as after a reset of the device, so it has no vector. */
static void reset_queue(struct virtio_pci *pci)
{
    unsigned queue = pci->state.queue_select;
    const struct virtio_queue_state *state = virtio_queue_state(pci->device, queue);
    bool was_enabled = state->enabled;
    virtio_queue_reset(pci->device, queue);
    if (was_enabled && (state->stopping || !state->enabled)) {
        set_vector(pci, queue, VIRTIO_PCI_NO_VECTOR);
    }
}

static void write_queue(struct virtio_pci *pci, unsigned offset, uint32_t value)
{
    unsigned queue = pci->state.queue_select;
    unsigned word = offset / 4 % 2;
    switch (offset) {
    case QUEUE_SIZE:
        virtio_queue_set_size(pci->device, queue, value);
        break;
    case QUEUE_VECTOR:
        if (has_queue(pci)) {
            set_vector(pci, queue, value);
        }
        break;
    case QUEUE_ENABLE:
        if (value == 1) {
            virtio_queue_enable(pci->device, queue);
        }
        break;
    case QUEUE_DESC:
    case QUEUE_DESC + 4:
        virtio_queue_set_address(pci->device, queue, VIRTIO_AREA_DESCRIPTOR, word, value);
        break;
    case QUEUE_DRIVER:
    case QUEUE_DRIVER + 4:
        virtio_queue_set_address(pci->device, queue, VIRTIO_AREA_DRIVER, word, value);
        break;
    case QUEUE_DEVICE:
    case QUEUE_DEVICE + 4:
        virtio_queue_set_address(pci->device, queue, VIRTIO_AREA_DEVICE, word, value);
        break;
    case QUEUE_RESET:
        if (value == 1) {
            reset_queue(pci);
        }
        break;
    default:
        break;
    }
}

static void write_common(struct virtio_pci *pci, unsigned offset, uint32_t value)
{
    switch (offset) {
    case DEVICE_FEATURE_SELECT:
        pci->state.device_feature_select = value;
        break;
    case DRIVER_FEATURE_SELECT:
        pci->state.driver_feature_select = value;
        break;
    case DRIVER_FEATURE:
        virtio_accept(pci->device, pci->state.driver_feature_select, value);
        break;
    case CONFIG_VECTOR:
        set_vector(pci, VIRTIO_SOURCE_CONFIG, value);
        break;
    case DEVICE_STATUS:
        virtio_set_status(pci->device, (uint8_t)value);
        break;
    case QUEUE_SELECT:
        pci->state.queue_select = (uint16_t)value;
        break;
    default:
        write_queue(pci, offset, value);
        break;
    }
}

static void access_common(struct virtio_pci *pci, struct access *access)
{
    bool served =
        access->offset < COMMON_BYTES && field_bytes[access->offset] == access->width_bytes;
    if (!access->is_write) {
        access->value = served ? read_common(pci, (unsigned)access->offset) : 0;
    } else if (served) {
        uint32_t mask = access->width_bytes == 4 ? ~0u : (1u << (8 * access->width_bytes)) - 1;
        write_common(pci, (unsigned)access->offset, (uint32_t)access->value & mask);
    }
}

/* 4.1.4.5: one byte. To read it takes INTA back. */
static void access_isr(struct virtio_pci *pci, struct access *access)
{
    if (access->is_write) {
        return;
    }
    access->value = 0;
    if (access->offset == 0) {
        access->value = pci->device->state.isr;
        pci->device->state.isr = 0;
        pci_set_intx(&pci->function, false);
    }
}

/* 4.1.5.2: the address says which queue, and what is written says it again. */
static void access_notify(struct virtio_pci *pci, struct access *access)
{
    if (!access->is_write) {
        access->value = 0;
    } else if (access->offset % NOTIFY_BYTES == 0 &&
               (access->width_bytes == 2 || access->width_bytes == 4)) {
        virtio_notify(pci->device, (uint32_t)access->offset / NOTIFY_BYTES);
    }
}

static void access_device(struct virtio_pci *pci, struct access *access)
{
    if (access->is_write) {
        virtio_config_write(pci->device, access->offset, access->width_bytes, access->value);
    } else {
        access->value = virtio_config_read(pci->device, access->offset, access->width_bytes);
    }
}

/* The device's lock. `access` counts from the structure that is at `structure`. */
static void access_structure(struct virtio_pci *pci, unsigned structure, struct access *access)
{
    switch (structure) {
    case AT_COMMON:
        access_common(pci, access);
        break;
    case AT_ISR:
        access_isr(pci, access);
        break;
    case AT_DEVICE:
        access_device(pci, access);
        break;
    default:
        access_notify(pci, access);
        break;
    }
}

/* 8 bytes of the common configuration are two fields of 4. */
static void access_registers(struct virtio_pci *pci, struct access *access)
{
    unsigned structure = (unsigned)access->offset & ~(PAGE - 1u);
    access->offset %= PAGE;
    virtio_lock(pci->device);
    if (structure == AT_COMMON && access->width_bytes == 8) {
        struct access low = *access, high = *access;
        low.width_bytes = high.width_bytes = 4;
        high.offset += 4;
        high.value >>= 32;
        access_structure(pci, structure, &low);
        access_structure(pci, structure, &high);
        access->value = high.value << 32 | (uint32_t)low.value;
    } else {
        access_structure(pci, structure, access);
    }
    virtio_unlock(pci->device);
}

static void access_bar(void *ctx, unsigned bar, struct access *access)
{
    CHECK(bar == VIRTIO_PCI_BAR);
    access_registers(ctx, access);
}

/* 4.1.4.9: where the window shows to, as a read; width 0: to nothing that can be accessed. */
static struct access window_access(struct virtio_pci *pci)
{
    uint8_t bar = (uint8_t)pci_config(&pci->function, pci->window + 4u);
    uint32_t offset = pci_config(&pci->function, pci->window + 8u);
    uint32_t width = pci_config(&pci->function, pci->window + 12u);
    bool possible = bar == VIRTIO_PCI_BAR && (width == 1 || width == 2 || width == 4) &&
                    offset < BAR_BYTES && offset % width == 0;
    return (struct access){.offset = offset, .width_bytes = (uint8_t)(possible ? width : 0)};
}

/*
 * The register through which firmware that cannot map BARs reaches them: a read of any of its bytes
 * reads the BAR first, a write writes the BAR afterwards.
 */
static void access_window(void *ctx, struct access *access)
{
    struct virtio_pci *pci = ctx;
    struct access target = window_access(pci);
    unsigned shift = 8 * (unsigned)access->offset;
    uint32_t mask = access->width_bytes == 4 ? ~0u : (1u << (8 * access->width_bytes)) - 1;
    uint32_t *data = &pci->state.window_data;
    target.is_write = access->is_write;
    if (!access->is_write && target.width_bytes != 0) {
        access_registers(pci, &target);
    }
    virtio_lock(pci->device);
    if (access->is_write) {
        *data = (*data & ~(mask << shift)) | ((uint32_t)access->value & mask) << shift;
    } else {
        *data = target.width_bytes != 0 ? (uint32_t)target.value : *data;
        access->value = *data >> shift & mask;
    }
    target.value = access->is_write ? *data : 0;
    virtio_unlock(pci->device);
    if (access->is_write && target.width_bytes != 0) {
        access_registers(pci, &target);
    }
}

static const struct pci_ops ops = {access_bar, access_window};

/* 4.1.5.3, 4.1.5.4: with MSI-X a source without a vector has no interrupts. */
static void interrupt(void *ctx, unsigned source)
{
    struct virtio_pci *pci = ctx;
    if (!pci_raise(&pci->function, pci->state.vector[source])) {
        pci_set_intx(&pci->function, true);
    }
}

static void reset(void *ctx)
{
    struct virtio_pci *pci = ctx;
    pci->state = (struct virtio_pci_state){0};
    for (unsigned source = 0; source < VIRTIO_PCI_SOURCE_MAX; source++) {
        pci->state.vector[source] = VIRTIO_PCI_NO_VECTOR;
    }
    pci_set_intx(&pci->function, false);
}

static const struct virtio_transport transport = {interrupt, reset};

/* 4.1.4, after the id and the link. Offsets of the fields are no multiples of their size here. */
struct capability {
    uint8_t size_bytes; /* of all of it */
    uint8_t type;
    uint8_t bar;
    uint8_t id;
    uint8_t padding[2];
    uint32_t offset;
    uint32_t length;
    uint32_t more; /* notify_off_multiplier, pci_cfg_data; not all have it */
} __attribute__((packed));

enum { COMMON_CFG = 1, NOTIFY_CFG = 2, ISR_CFG = 3, DEVICE_CFG = 4, PCI_CFG = 5 };

static uint8_t add_capability(struct virtio_pci *pci, uint8_t type, uint32_t offset,
                              uint32_t length)
{
    enum { VENDOR_SPECIFIC = 0x09, ID_AND_LINK = 2 };
    bool has_more = type == NOTIFY_CFG || type == PCI_CFG;
    size_t bytes = sizeof(struct capability) - (has_more ? 0 : sizeof(uint32_t));
    const struct capability body = {
        .size_bytes = (uint8_t)(ID_AND_LINK + bytes),
        .type = type,
        .bar = type == PCI_CFG ? 0 : VIRTIO_PCI_BAR,
        .offset = offset,
        .length = length,
        .more = type == NOTIFY_CFG ? NOTIFY_BYTES : 0,
    };
    return pci_function_add_capability(&pci->function, VENDOR_SPECIFIC, &body, (unsigned)bytes);
}

static void add_capabilities(struct virtio_pci *pci)
{
    struct pci_function *function = &pci->function;
    const struct virtio_device *device = pci->device;
    add_capability(pci, COMMON_CFG, AT_COMMON, COMMON_BYTES);
    add_capability(pci, ISR_CFG, AT_ISR, 1);
    if (device->config_bytes != 0) {
        CHECK(device->config_bytes <= PAGE);
        add_capability(pci, DEVICE_CFG, AT_DEVICE, device->config_bytes);
    }
    add_capability(pci, NOTIFY_CFG, AT_NOTIFY, device->queue_count * NOTIFY_BYTES);
    pci->window = add_capability(pci, PCI_CFG, 0, 0);
    pci_function_allow(function, pci->window + 4u, 1); /* bar */
    pci_function_allow(function, pci->window + 8u, 8); /* offset, length */
    pci_function_claim(function, (uint8_t)(pci->window + 16));
}

/* Class codes, for guests that show them; drivers go by the device's number. */
static uint32_t class_code(enum virtio_type type)
{
    switch (type) {
    case VIRTIO_TYPE_NET:
        return 0x020000; /* Ethernet */
    case VIRTIO_TYPE_BLOCK:
        return 0x010000; /* SCSI, as other VMMs say */
    case VIRTIO_TYPE_CONSOLE:
    case VIRTIO_TYPE_VSOCK:
        return 0x078000; /* other communication device */
    default:
        return 0x00ff00; /* no class */
    }
}

/* 4.1.2: numbers from 0x1040 on, revision 1 and a subsystem from 0x40 on are a modern device's. */
START_ONLY void virtio_pci_init(struct virtio_pci *pci, struct virtio_device *device,
                                struct pci *bus, unsigned place)
{
    enum { VENDOR = 0x1af4, DEVICE_BASE = 0x1040, SUBSYSTEM = 0x1100 };
    const struct pci_identity identity = {
        .vendor = VENDOR,
        .device = (uint16_t)(DEVICE_BASE + device->ops->type),
        .subsystem_vendor = VENDOR,
        .subsystem = SUBSYSTEM,
        .class_code = class_code(device->ops->type),
        .revision = 1,
    };
    pci->device = device;
    pci_function_init(&pci->function, &identity, &ops, pci);
    pci_function_add_bar(&pci->function, VIRTIO_PCI_BAR, BAR_BYTES);
    pci_function_add_msix(&pci->function, VIRTIO_PCI_MSIX_BAR, device->queue_count + 1);
    add_capabilities(pci);
    pci_add(bus, place, &pci->function);
    reset(pci);
    virtio_attach(device, &transport, pci);
}
