// SPDX-License-Identifier: BSD-2-Clause
#include <libfdt.h>
#include <string.h>

#include "lib/check.h"
#include "lib/format.h"
#include "lib/range.h"
#include "lib/tree_child.h"
#include "link/block.h"
#include "root/files.h"
#include "root/lend.h"
#include "root/port_class.h"
#include "root/reason.h"

enum { DISK_MAX = 16, LARGE_BYTES = 1 << seL4_LargePageBits, HEAD_BYTES = BLOCK_PAGE_BYTES };

/* Disks in memory. Their memory is root's: what VMs wrote outlives the service. */
static struct disk {
    const char *name;
    const char *file; /* "": none */
    seL4_CPtr frame;  /* the first of `frames`; 0: the disk is its file */
    uint32_t frames;
    uint64_t bytes;
    uint64_t vaddr; /* in the service */
    uint32_t users;
    char why[PORT_WHY_MAX]; /* it has no memory, for good; "": it has */
} disks[DISK_MAX];
static uint32_t disk_count;
static uint32_t disk_of_port[BLOCK_PORT_MAX]; /* of a port of kind BLOCK_PORT_RAM */

static bool is_ram(const void *tree, int disk)
{
    return strcmp(port_text(tree, disk, "backend"), "ram") == 0;
}

/* One that gets no memory is there all the same, to say so to those who want it. */
static void open_disk(const void *tree, int node, uint64_t *next_vaddr)
{
    if (disk_count == DISK_MAX) {
        return; /* block_describe */
    }
    struct disk *disk = &disks[disk_count++];
    disk->name = fdt_get_name(tree, node, NULL);
    disk->file = port_text(tree, node, "file");
    uint64_t size = (uint64_t)port_number(tree, node, "size-mib", 0) << 20;
    if (size == 0) {
        return;
    }
    disk->bytes = size + HEAD_BYTES;
    disk->frames = (uint32_t)(align_up(disk->bytes, LARGE_BYTES) / LARGE_BYTES);
    disk->frame = arena_large_frames(&root.arena, disk->frames);
    if (disk->frame == 0) {
        disk->frames = 0;
        format(disk->why, sizeof disk->why, "give its disk a smaller size-mib: %s", reason());
        return;
    }
    disk->vaddr = *next_vaddr;
    *next_vaddr += (uint64_t)disk->frames * LARGE_BYTES;
}

static void block_open(void *roster_page, const void *tree, const struct port_memory *memory)
{
    struct block_roster *roster = roster_page;
    uint64_t vaddr = PROCESS_RAM_VADDR;
    int node;
    tree_for_each_child(node, tree, fdt_subnode_offset(tree, 0, "disks"))
    {
        if (is_ram(tree, node)) {
            open_disk(tree, node, &vaddr);
        }
    }
    *roster = (struct block_roster){
        .magic = BLOCK_ROSTER_MAGIC,
        .version = BLOCK_ROSTER_VERSION,
        .device_present = memory->device != NULL,
        .device_offset = memory->device != NULL ? memory->device->offset : 0,
        .dma_paddr = memory->dma_paddr,
        .dma_bytes = memory->dma_bytes,
        .stats_present = true,
    };
}

static bool block_needs_board(const struct port_node *node)
{
    int disk = port_lookup(node->tree, "disks", port_text(node->tree, node->node, "disk"));
    return disk >= 0 && !is_ram(node->tree, disk);
}

static struct disk *find_disk(const char *name)
{
    for (uint32_t i = 0; i < disk_count; i++) {
        if (strcmp(disks[i].name, name) == 0) {
            return &disks[i];
        }
    }
    return NULL;
}

static void describe_part(struct block_port_info *info, const struct port_node *node)
{
    const char *partition = port_text(node->tree, node->node, "partition");
    if (partition[0] != '\0') {
        info->kind = BLOCK_PORT_PARTITION_NAME;
        format(info->partition_name, sizeof info->partition_name, "%s", partition);
        return;
    }
    info->kind = BLOCK_PORT_RANGE;
    info->range.first_sector = port_number(node->tree, node->node, "first-sector", 0);
    info->range.sector_count = port_number(node->tree, node->node, "sector-count", 0);
}

static const char *block_describe(void *roster_page, uint32_t port, const struct port_node *node,
                                  uint64_t link_paddr)
{
    struct block_port_info *info = &((struct block_roster *)roster_page)->port[port];
    const char *name = port_text(node->tree, node->node, "disk");
    int disk_node = port_lookup(node->tree, "disks", name);
    if (disk_node < 0) {
        return "its disk is not in /disks";
    }
    *info = (struct block_port_info){
        .link_paddr = link_paddr,
        .requests_per_s = port_number(node->tree, node->node, "limit-requests", 0),
        .sectors_per_s = (uint64_t)port_number(node->tree, node->node, "limit-kib", 0) *
                         (1024 / BLOCK_SECTOR_BYTES),
    };
    format(info->name, sizeof info->name, "%s", node->vm_name);
    const char *serial = port_text(node->tree, node->node, "serial");
    memcpy(info->serial, serial,
           strlen(serial) < sizeof info->serial ? strlen(serial) : sizeof info->serial);
    if (strcmp(port_text(node->tree, node->node, "read-only"), "yes") == 0) {
        info->flags |= BLOCK_PORT_READ_ONLY;
    }
    if (strcmp(port_text(node->tree, node->node, "zero-copy"), "yes") == 0) {
        info->guest_vaddr =
            lend_open(node->client, port_number(node->tree, node->vm, "memory-mib", 0));
        if (info->guest_vaddr == 0) {
            return reason();
        }
    }
    if (!is_ram(node->tree, disk_node)) {
        describe_part(info, node);
        return NULL;
    }
    struct disk *disk = find_disk(name);
    if (disk == NULL || disk->why[0] != '\0') {
        return disk == NULL ? "there are too many disks in memory before its own" : disk->why;
    }
    disk_of_port[port] = (uint32_t)(disk - disks);
    info->kind = BLOCK_PORT_RAM;
    info->flags |= disk->users++ != 0 ? BLOCK_PORT_SHARED : 0;
    info->ram.memory_vaddr = disk->vaddr;
    info->ram.memory_bytes = disk->bytes;
    /* The file is mapped at the same place each time; its address is known when it is: block_map.
     */
    return NULL;
}

/* Odd: hands off. */
static void block_close(void *roster_page, uint32_t port)
{
    struct block_port_info *info = &((struct block_roster *)roster_page)->port[port];
    atomic_fetch_or(&info->generation, 1);
}

static void block_format(void *roster_page, uint32_t port, void *link)
{
    struct block_port_info *info = &((struct block_roster *)roster_page)->port[port];
    block_close(roster_page, port);
    uint32_t generation = atomic_load(&info->generation) + 1;
    generation += generation == 0 ? 2 : 0; /* 0: there was none yet */
    block_link_format(link, generation);
    atomic_store(&info->generation, generation);
}

static bool block_is_quiet(const void *roster_page, const void *stats_page, uint32_t port)
{
    const struct block_port_info *info = &((const struct block_roster *)roster_page)->port[port];
    const struct block_stats *stats = stats_page;
    return info->guest_vaddr == 0 ||
           atomic_load(&stats->quiet[port]) == atomic_load(&info->generation);
}

static bool block_map(void *roster_page, struct process *process)
{
    struct block_roster *roster = roster_page;
    for (uint32_t i = 0; i < disk_count; i++) {
        const struct disk *disk = &disks[i];
        uint64_t file_bytes = 0, file_vaddr = 0;
        if (!space_map_frames(&process->space, disk->frame, disk->frames, disk->vaddr,
                              SPACE_READ_WRITE)) {
            return false;
        }
        if (disk->file[0] != '\0' && disk->why[0] == '\0') {
            file_vaddr = files_map(&process->space, disk->file, &file_bytes);
            if (file_vaddr == 0) {
                return false;
            }
        }
        for (uint32_t port = 0; port < BLOCK_PORT_MAX; port++) {
            struct block_port_info *info = &roster->port[port];
            if (info->kind == BLOCK_PORT_RAM && disk_of_port[port] == i) {
                info->ram.file_vaddr = file_vaddr;
                info->ram.file_bytes = file_bytes;
            }
        }
    }
    return lend_map(process);
}

static uint32_t block_map_slots(const void *roster_page)
{
    enum { TABLES = 16 };
    uint32_t slots = lend_slots();
    (void)roster_page;
    for (uint32_t i = 0; i < disk_count; i++) {
        slots += disks[i].frames + files_slots(disks[i].file) + TABLES;
    }
    return slots;
}

static void block_count(const void *stats, uint32_t port, const void *link,
                        struct control_port_info *info)
{
    (void)link;
    memcpy(&info->disk, &((const struct block_stats *)stats)->port[port], sizeof info->disk);
}

const struct port_class port_block = {
    .name = "block",
    .device = "virtio-blk",
    .backing = "disk",
    .client = CLIENT_BLOCK,
    .priority = PRIORITY_SERVICE,
    .virtio_id = 2,
    .board_device = "disk",
    .open = block_open,
    .needs_board = block_needs_board,
    .describe = block_describe,
    .format = block_format,
    .close = block_close,
    .is_quiet = block_is_quiet,
    .map = block_map,
    .map_slots = block_map_slots,
    .count = block_count,
};
