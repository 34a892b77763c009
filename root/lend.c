// SPDX-License-Identifier: BSD-2-Clause
#include "root/lend.h"

#include "lib/check.h"
#include "lib/range.h"
#include "link/block.h"
#include "root/layout.h"
#include "root/reason.h"

enum { LEND_MAX = 32, TABLE_PAGES = BLOCK_GUEST_BYTES >> seL4_PageBits };
_Static_assert((int)BLOCK_FRAME_BYTES == (int)RAM_FRAME_BYTES,
               "the service and root mean the same frames");
_Static_assert(BLOCK_GUEST_BYTES == PROCESS_GUEST_TABLE_STRIDE, "tables follow one another");

static struct lend {
    uint32_t client;
    uint32_t frame_count;
    uint64_t size_bytes;
    struct block_guest *told; /* as root sees it */
    seL4_CPtr page[TABLE_PAGES];
    seL4_CPtr view;        /* slots for the service's copies of the frames; 0: it has no process */
    const struct ram *ram; /* NULL: nothing is lent */
    bool ended;            /* the VM has, and the service may not have noticed */
} lends[LEND_MAX];
static uint32_t lend_count;

static struct lend *find(uint32_t client)
{
    for (uint32_t i = 0; i < lend_count; i++) {
        if (lends[i].client == client) {
            return &lends[i];
        }
    }
    return NULL;
}

static uint64_t table_vaddr(const struct lend *lend)
{
    return PROCESS_GUEST_TABLE_VADDR + (uint64_t)(lend - lends) * PROCESS_GUEST_TABLE_STRIDE;
}

static uint64_t ram_vaddr(const struct lend *lend)
{
    return PROCESS_GUEST_VADDR + (uint64_t)(lend - lends) * PROCESS_GUEST_STRIDE;
}

uint64_t lend_open(uint32_t client, uint32_t memory_mib)
{
    struct lend *lend = find(client);
    if (lend != NULL) {
        return table_vaddr(lend);
    }
    if (lend_count == LEND_MAX || memory_mib > BLOCK_GUEST_MIB_MAX) {
        reason_set("zero-copy is for %u VMs of up to %u MiB", LEND_MAX, BLOCK_GUEST_MIB_MAX);
        return 0;
    }
    uint64_t at = ROOT_GUESTS_VADDR + (uint64_t)lend_count * BLOCK_GUEST_BYTES;
    lend = &lends[lend_count];
    *lend = (struct lend){.client = client, .told = (struct block_guest *)at};
    lend->size_bytes = (uint64_t)memory_mib << 20;
    lend->frame_count = (uint32_t)(align_up(lend->size_bytes, RAM_FRAME_BYTES) / RAM_FRAME_BYTES);
    for (unsigned i = 0; i < TABLE_PAGES; i++) {
        lend->page[i] =
            space_map_page(&root.space, at + ((uint64_t)i << seL4_PageBits), SPACE_READ_WRITE);
        if (lend->page[i] == 0) {
            return 0;
        }
    }
    lend_count++;
    return table_vaddr(lend);
}

uint32_t lend_slots(void)
{
    enum { TABLES = 16, FRAMES_PER_TABLE = 512 };
    uint32_t slots = 0;
    for (uint32_t i = 0; i < lend_count; i++) {
        uint32_t frames = lends[i].frame_count;
        slots += TABLE_PAGES + frames + frames / FRAMES_PER_TABLE + TABLES;
    }
    return slots;
}

/* Into the slots that wait for the copies, and the address space of the service. */
static bool map_ram(const struct lend *lend, struct process *service)
{
    for (uint32_t i = 0; i < lend->frame_count; i++) {
        if (!reason_check(cspace_copy(lend->view + i, lend->ram->frame + i, seL4_AllRights),
                          service->name, "a copy of a VM's frame") ||
            !space_map(&service->space, lend->view + i,
                       ram_vaddr(lend) + (uint64_t)i * RAM_FRAME_BYTES, SPACE_READ_WRITE)) {
            return false;
        }
    }
    return true;
}

static void tell(const struct lend *lend)
{
    for (uint32_t i = 0; i < lend->frame_count; i++) {
        seL4_ARM_Page_GetAddress_t address = seL4_ARM_Page_GetAddress(lend->ram->frame + i);
        CHECK(address.error == seL4_NoError);
        lend->told->frame[i] = (uint32_t)(address.paddr / RAM_FRAME_BYTES);
    }
    lend->told->size_bytes = lend->size_bytes;
    lend->told->vaddr = ram_vaddr(lend);
}

bool lend_map(struct process *service)
{
    for (uint32_t i = 0; i < lend_count; i++) {
        struct lend *lend = &lends[i];
        for (unsigned page = 0; page < TABLE_PAGES; page++) {
            if (!space_map_copy(&service->space, lend->page[page],
                                table_vaddr(lend) + ((uint64_t)page << seL4_PageBits),
                                SPACE_READ)) {
                return false;
            }
        }
        lend->view = arena_slots(service->space.arena, lend->frame_count);
        if (lend->view == 0 || (lend->ram != NULL && !lend->ended && !map_ram(lend, service))) {
            return false;
        }
    }
    return true;
}

/* The copies; the service has not been told of them yet, or does not use them any more. */
static void take_back(const struct lend *lend)
{
    for (uint32_t i = 0; i < lend->frame_count; i++) {
        CHECK(cspace_delete(lend->view + i) == seL4_NoError);
    }
}

bool lend_start(uint32_t client, const struct ram *ram, struct process *service)
{
    struct lend *lend = find(client);
    if (lend == NULL) {
        return true;
    }
    CHECK(lend->ram == NULL);
    if (ram->block != NULL) {
        return reason_set("zero-copy and a balloon do not go together");
    }
    CHECK(ram->count == lend->frame_count);
    lend->ram = ram;
    lend->ended = false;
    if (service != NULL && !map_ram(lend, service)) {
        take_back(lend);
        lend->ram = NULL;
        return false;
    }
    tell(lend);
    return true;
}

void lend_end(uint32_t client)
{
    struct lend *lend = find(client);
    if (lend != NULL && lend->ram != NULL) {
        lend->ended = true;
    }
}

bool lend_is_out(uint32_t client)
{
    const struct lend *lend = find(client);
    return lend != NULL && lend->ended;
}

void lend_back(uint32_t client, bool mapped)
{
    struct lend *lend = find(client);
    CHECK(lend != NULL && lend->ended);
    if (mapped) {
        take_back(lend);
    }
    lend->told->vaddr = 0;
    lend->ram = NULL;
    lend->ended = false;
}

void lend_back_all(void)
{
    for (uint32_t i = 0; i < lend_count; i++) {
        if (lends[i].ended) {
            lend_back(lends[i].client, false);
        }
    }
}
