// SPDX-License-Identifier: BSD-2-Clause
#include "root/virtio.h"

#include <libfdt.h>

#include "root/layout.h"
#include "root/process.h"

enum {
    SLOT_MAX = 32,
    PAGE_MAX = 8,
    MAGIC = 0x74726976, /* "virt": 4.2.2 */
    REG_MAGIC = 0x000,
    REG_VERSION = 0x004,
    REG_DEVICE_ID = 0x008,
    REG_STATUS = 0x070,
    RESET_POLLS = 1000000, /* a device that resets for longer will not get better */
    VERSION_MODERN = 2,
    SPI_BASE = 32,
};

#define PAGE_BYTES (1ull << seL4_PageBits)

static struct {
    uint64_t base; /* physical */
    uint32_t page; /* index in pages */
    uint32_t intid;
    uint32_t device_id; /* 0: nothing there */
    uint32_t version;
} slots[SLOT_MAX];
static uint32_t slot_count;

static struct {
    uint64_t base;
    seL4_CPtr frame;
} pages[PAGE_MAX];
static uint32_t page_count;

static uint64_t registers(uint32_t slot)
{
    return ROOT_VIRTIO_VADDR + slots[slot].page * PAGE_BYTES +
           (slots[slot].base & (PAGE_BYTES - 1));
}

static uint32_t read_register(uint32_t slot, uint32_t offset)
{
    return *(volatile uint32_t *)(registers(slot) + offset);
}

/* Index of the page with this address, mapped; PAGE_MAX when that cannot be. */
static uint32_t map_page(uint64_t base)
{
    for (uint32_t i = 0; i < page_count; i++) {
        if (pages[i].base == base) {
            return i;
        }
    }
    seL4_CPtr frame = page_count == PAGE_MAX ? 0 : memory_device_frame(base, seL4_PageBits);
    if (frame == 0 ||
        !space_map(&root.space, frame, ROOT_VIRTIO_VADDR + page_count * PAGE_BYTES, SPACE_DEVICE)) {
        return PAGE_MAX;
    }
    pages[page_count].base = base;
    pages[page_count].frame = frame;
    return page_count++;
}

bool virtio_init(const struct board *board)
{
    const void *tree = board->tree;
    for (int node = fdt_node_offset_by_compatible(tree, -1, "virtio,mmio");
         node >= 0 && slot_count < SLOT_MAX;
         node = fdt_node_offset_by_compatible(tree, node, "virtio,mmio")) {
        int length;
        uint64_t base, size;
        const fdt32_t *irq = fdt_getprop(tree, node, "interrupts", &length);
        if (!board_reg(tree, node, 0, &base, &size) || irq == NULL ||
            length < 2 * (int)sizeof *irq || fdt32_to_cpu(irq[0]) != 0 /* SPI */) {
            continue;
        }
        uint32_t page = map_page(base & ~(PAGE_BYTES - 1));
        if (page == PAGE_MAX) {
            return false;
        }
        slots[slot_count].base = base;
        slots[slot_count].page = page;
        slots[slot_count].intid = SPI_BASE + fdt32_to_cpu(irq[1]);
        if (read_register(slot_count, REG_MAGIC) == MAGIC) {
            slots[slot_count].version = read_register(slot_count, REG_VERSION);
            slots[slot_count].device_id = read_register(slot_count, REG_DEVICE_ID);
        }
        slot_count++;
    }
    return true;
}

/* In the order of their addresses. */
static uint32_t first_of(uint32_t device_id)
{
    uint32_t found = SLOT_MAX;
    for (uint32_t i = 0; i < slot_count; i++) {
        if (slots[i].device_id == device_id &&
            (found == SLOT_MAX || slots[i].base < slots[found].base)) {
            found = i;
        }
    }
    return found;
}

enum virtio_found virtio_find(uint32_t device_id, struct virtio_place *place)
{
    uint32_t found = first_of(device_id);
    if (found == SLOT_MAX) {
        return VIRTIO_NOT_THERE;
    }
    if (slots[found].version != VERSION_MODERN) {
        return VIRTIO_LEGACY;
    }
    for (uint32_t i = 0; i < slot_count; i++) {
        if (i != found && slots[i].device_id != 0 && slots[i].page == slots[found].page) {
            return VIRTIO_SHARED;
        }
    }
    *place = (struct virtio_place){
        .frame = pages[slots[found].page].frame,
        .offset = (uint32_t)(slots[found].base & (PAGE_BYTES - 1)),
        .intid = slots[found].intid,
        .vaddr = registers(found),
    };
    return VIRTIO_FOUND;
}

/* VIRTIO 1.3, 2.4: it is over when the status reads 0. */
bool virtio_reset(const struct virtio_place *place)
{
    volatile uint32_t *status = (volatile uint32_t *)(place->vaddr + REG_STATUS);
    *status = 0;
    for (unsigned i = 0; i < RESET_POLLS; i++) {
        if (*status == 0) {
            return true;
        }
    }
    return false;
}

const char *virtio_found_text(enum virtio_found found)
{
    static const char *const texts[] = {
        [VIRTIO_FOUND] = "is there",
        [VIRTIO_NOT_THERE] = "is not there: attach one, or take this device out of the description",
        [VIRTIO_LEGACY] = "speaks only the legacy interface (QEMU: -global "
                          "virtio-mmio.force-legacy=false)",
        [VIRTIO_SHARED] =
            "shares the page of its registers with another device, which one service "
            "cannot be given without the other (QEMU: bus=virtio-mmio-bus.N, eight to a "
            "page)",
    };
    return texts[found];
}
