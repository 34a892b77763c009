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

enum { COMMON_BYTES = 0x40 };

/* Fields of the common configuration that this transport alone has. */
enum { NUM_QUEUES = VIRTIO_REGISTER_COUNT, QUEUE_NOTIFY_OFF };

/*
 * 4.1.4.3: what is at which offset, and how long it is. Fields of 64 bits are two of 32 here. The
 * others have no meaning: data of notifications, and the administration queue that is not there.
 */
enum {
    FIELD_MASK = 0x3f,
    FIELD_SHIFT = 6,
    BYTE = 0,
    HALF = 1 << FIELD_SHIFT,
    WORD = 2 << FIELD_SHIFT
};

static const uint8_t fields[COMMON_BYTES] = {
    [0x00] = VIRTIO_REGISTER_OFFERED_SELECT | WORD,
    [0x04] = VIRTIO_REGISTER_OFFERED | WORD,
    [0x08] = VIRTIO_REGISTER_ACCEPTED_SELECT | WORD,
    [0x0c] = VIRTIO_REGISTER_ACCEPTED | WORD,
    [0x10] = VIRTIO_REGISTER_VECTOR | HALF,
    [0x12] = NUM_QUEUES | HALF,
    [0x14] = VIRTIO_REGISTER_STATUS | BYTE,
    [0x15] = VIRTIO_REGISTER_GENERATION | BYTE,
    [0x16] = VIRTIO_REGISTER_QUEUE_SELECT | HALF,
    [0x18] = VIRTIO_REGISTER_QUEUE_SIZE | HALF,
    [0x1a] = VIRTIO_REGISTER_QUEUE_VECTOR | HALF,
    [0x1c] = VIRTIO_REGISTER_QUEUE_ENABLE | HALF,
    [0x1e] = QUEUE_NOTIFY_OFF | HALF,
    [0x20] = VIRTIO_REGISTER_QUEUE_DESCRIPTOR | WORD,
    [0x24] = (VIRTIO_REGISTER_QUEUE_DESCRIPTOR + 1) | WORD,
    [0x28] = VIRTIO_REGISTER_QUEUE_DRIVER | WORD,
    [0x2c] = (VIRTIO_REGISTER_QUEUE_DRIVER + 1) | WORD,
    [0x30] = VIRTIO_REGISTER_QUEUE_DEVICE | WORD,
    [0x34] = (VIRTIO_REGISTER_QUEUE_DEVICE + 1) | WORD,
    [0x3a] = VIRTIO_REGISTER_QUEUE_RESET | HALF,
};

static bool is_vector(unsigned field)
{
    return field == VIRTIO_REGISTER_VECTOR || field == VIRTIO_REGISTER_QUEUE_VECTOR;
}

/* Vectors are numbers from 0 on here, or VIRTIO_PCI_NO_VECTOR. A queue that is not there has none.
 */
static uint32_t read_field(const struct virtio_pci *pci, unsigned field)
{
    const struct virtio_device *device = pci->device;
    uint32_t queue = device->state.queue_select;
    if (field == NUM_QUEUES) {
        return device->queue_count;
    }
    if (field == QUEUE_NOTIFY_OFF) {
        return queue < device->queue_count ? queue : 0;
    }
    uint32_t value = virtio_register_read(device, (enum virtio_register)field);
    return is_vector(field) ? value - 1 : value;
}

/* 4.1.4.3: a vector that cannot be had reads back as none. */
static void write_field(struct virtio_pci *pci, unsigned field, uint32_t value)
{
    if (is_vector(field)) {
        value = value < pci->function.msix_count ? value + 1 : 0;
    }
    if (field < VIRTIO_REGISTER_COUNT) {
        virtio_register_write(pci->device, (enum virtio_register)field, value);
    }
}

/* 4.1.3.1: a driver accesses a field as a whole; others are answered with zero. */
static void access_common(void *ctx, struct access *access)
{
    struct virtio_pci *pci = ctx;
    unsigned field = access->offset < COMMON_BYTES ? fields[access->offset] : 0;
    unsigned width_bytes = 1u << (field >> FIELD_SHIFT);
    uint64_t mask = (1ull << (8 * width_bytes)) - 1;
    field = width_bytes == access->width_bytes ? field & FIELD_MASK : VIRTIO_REGISTER_NONE;
    if (access->is_write) {
        write_field(pci, field, (uint32_t)(access->value & mask));
    } else {
        access->value = read_field(pci, field) & mask;
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

static void access_registers(struct virtio_pci *pci, struct access *access)
{
    unsigned structure = (unsigned)access->offset & ~(PAGE - 1u);
    access->offset %= PAGE;
    virtio_lock(pci->device);
    switch (structure) {
    case AT_COMMON: /* fields of 8 bytes are two of 4 */
        access_by_words(access, access_common, pci);
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
    uint32_t words[3];
    pci_config(&pci->function, pci->window + 4u, words, 3);
    uint8_t bar = (uint8_t)words[0];
    uint32_t offset = words[1], width = words[2];
    bool possible = bar == VIRTIO_PCI_BAR && (width == 1 || width == 2 || width == 4) &&
                    offset < BAR_BYTES && (offset & (width - 1)) == 0;
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
    bool reaches = target.width_bytes != 0;
    unsigned shift = 8 * (unsigned)access->offset;
    uint32_t mask = ~0u >> (32 - 8 * access->width_bytes);
    if (reaches && !access->is_write) {
        access_registers(pci, &target);
    }
    virtio_lock(pci->device);
    uint32_t data = pci->state.window_data;
    if (access->is_write) {
        data = (data & ~(mask << shift)) | ((uint32_t)access->value & mask) << shift;
    } else if (reaches) {
        data = (uint32_t)target.value;
    }
    pci->state.window_data = data;
    virtio_unlock(pci->device);
    if (!access->is_write) {
        access->value = data >> shift & mask;
    } else if (reaches) {
        target.is_write = true;
        target.value = data;
        access_registers(pci, &target);
    }
}

static const struct pci_ops ops = {access_bar, access_window};

/* 4.1.5.3, 4.1.5.4: with MSI-X a source without a vector has no interrupts. */
static void interrupt(void *ctx, unsigned source)
{
    struct virtio_pci *pci = ctx;
    const struct virtio_device *device = pci->device;
    unsigned vector =
        source == VIRTIO_SOURCE_CONFIG ? device->state.vector : device->queue[source].state.vector;
    if (!pci_raise(&pci->function, vector - 1)) {
        pci_set_intx(&pci->function, true);
    }
}

static void reset(void *ctx)
{
    struct virtio_pci *pci = ctx;
    pci->state.window_data = 0;
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

START_ONLY static uint8_t add_capability(struct virtio_pci *pci, uint8_t type, uint32_t offset,
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

START_ONLY static void add_capabilities(struct virtio_pci *pci)
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
START_ONLY static uint32_t class_code(enum virtio_type type)
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
