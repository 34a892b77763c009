// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/server.h"

#include <string.h>

#include "lib/check.h"
#include "lib/log.h"

enum { ALL_PORTS = 0xffffffff };

static const struct block_port_info *info_of(const struct server *server, unsigned number)
{
    return &server->setup.roster->port[number];
}

/* The client's name for a log line; the roster is root's, but let it be a text in any case. */
static const char *name_of(const struct server *server, unsigned number, char name[17])
{
    memcpy(name, info_of(server, number)->name, 16);
    name[16] = '\0';
    return name;
}

/* ---- the device and its partition table ------------------------------------------------------ */

static void device_is_ready(struct server *server)
{
    const struct gpt *gpt = &server->gpt;
    server->device_state = SERVER_READY;
    server->ready = ALL_PORTS;
    if (gpt->result == GPT_GOOD) {
        log_info("partition table with %u partitions", gpt->partition_count);
    } else if (gpt->result == GPT_BACKUP) {
        log_warning("primary partition table: %s; the backup has %u partitions", gpt->why,
                    gpt->partition_count);
    } else if (gpt->result == GPT_NONE) {
        log_info("no partition table: %s", gpt->why);
    } else {
        log_warning("no partition table can be used: %s", gpt->why);
    }
}

/* Submits as much of the present read as the device takes. */
static void run_gpt(struct server *server)
{
    int64_t budget = INT64_MAX;
    struct transfer *transfer = &server->gpt_transfer;
    while (server->device_state == SERVER_LOADING) {
        if (server->gpt_reading && !transfer_run(transfer, SERVER_GPT_TOKEN, &budget)) {
            return;
        }
        if (server->gpt_reading && !transfer_done(transfer)) {
            return;
        }
        if (server->gpt_reading) {
            server->gpt_reading = false;
            gpt_feed(&server->gpt, transfer->status == BLOCK_OK ? server->gpt_buffer : NULL);
        }
        struct block_request request = {.type = BLOCK_READ};
        if (!gpt_wants(&server->gpt, &request.sector, &request.sector_count)) {
            device_is_ready(server);
            return;
        }
        struct disk whole = {.backend = &server->device};
        server->gpt_segment = (struct backend_segment){
            server->gpt_buffer, dma_paddr(&server->setup.dma, server->gpt_buffer),
            request.sector_count * BLOCK_SECTOR_BYTES};
        transfer_init(transfer, &whole, &request, &server->gpt_segment);
        server->gpt_reading = true;
    }
}

static void start_device(struct server *server)
{
    struct dma *dma = &server->setup.dma;
    if (server->setup.registers == NULL) {
        return;
    }
    server->gpt_buffer = dma_take(dma, GPT_TABLE_BYTES_MAX, BLOCK_PAGE_BYTES);
    if (server->gpt_buffer == NULL) {
        log_warning("too little DMA memory");
        return;
    }
    struct dma rest = {dma->vaddr + dma->taken_bytes, dma->paddr + dma->taken_bytes,
                       dma->size_bytes - dma->taken_bytes, 0};
    if (!driver_virtio_open(&server->driver, server->setup.registers, &rest, &server->device)) {
        log_warning("%s", server->driver.why);
        return;
    }
    const struct block_info *info = &server->device.limits.info;
    log_info("virtio device of %llu MiB, blocks of %u bytes%s",
             (unsigned long long)(info->sector_count / 2048), info->block_bytes,
             (info->flags & BLOCK_READ_ONLY) != 0 ? ", read-only" : "");
    gpt_begin(&server->gpt, info->sector_count, info->block_bytes);
    server->device_state = SERVER_LOADING;
    run_gpt(server);
}

/* ---- ports ----------------------------------------------------------------------------------- */

static bool conflicts(const struct server *server, const struct port *port)
{
    bool shared = (info_of(server, port->number)->flags & BLOCK_PORT_SHARED) != 0;
    for (unsigned i = 0; i < BLOCK_PORT_MAX; i++) {
        const struct port *other = &server->port[i];
        bool both = shared && (info_of(server, i)->flags & BLOCK_PORT_SHARED) != 0;
        if (other != port && other->state == PORT_OPEN && !both &&
            disk_conflicts(&port->disk, &other->disk)) {
            return true;
        }
    }
    return false;
}

static const char *open_ramdisk(struct server *server, struct port *port,
                                const struct block_port_info *info)
{
    const struct server_setup *setup = &server->setup;
    void *memory = NULL;
    const void *file = NULL;
    if (info->ram.memory_vaddr != 0) {
        memory = setup->memory(setup->ctx, info->ram.memory_vaddr);
    }
    if (info->ram.file_vaddr != 0) {
        file = setup->memory(setup->ctx, info->ram.file_vaddr);
    }
    port->disk = (struct disk){0};
    if (!ramdisk_open(&port->ramdisk, memory, info->ram.memory_bytes, file, info->ram.file_bytes,
                      &port->ram)) {
        return "RAM disk without memory";
    }
    port->disk = (struct disk){
        .backend = &port->ram,
        .sector_count = port->ram.limits.info.sector_count,
        .read_only = (info->flags & BLOCK_PORT_READ_ONLY) != 0 ||
                     (port->ram.limits.info.flags & BLOCK_READ_ONLY) != 0,
    };
    return NULL;
}

/* A client that comes gets its disk, or an empty one: then its guest sees that, and errors. */
static void open_disk(struct server *server, struct port *port, const struct block_port_info *info)
{
    char name[17];
    const char *why = info->kind == BLOCK_PORT_RAM
                          ? open_ramdisk(server, port, info)
                          : disk_open(&port->disk, info, &server->device, &server->gpt);
    if (why == NULL && conflicts(server, port)) {
        why = "another client has some of its sectors";
    }
    if (why != NULL) {
        log_warning("%s has no disk: %s", name_of(server, port->number, name), why);
        port->disk = (struct disk){0};
    }
}

/* The RAM of the client's VM, if root lends it. */
static void open_guest(const struct server *server, struct port *port,
                       const struct block_port_info *info)
{
    const struct server_setup *setup = &server->setup;
    port->guest = (struct guest){0};
    if (info->guest_vaddr != 0) {
        const struct block_guest *told = setup->memory(setup->ctx, info->guest_vaddr);
        guest_open(&port->guest, told, setup->memory(setup->ctx, told->vaddr));
    }
}

/* True when there is more to do for it at once. */
static bool start_port(struct server *server, struct port *port)
{
    const struct block_port_info *info = info_of(server, port->number);
    bool ram = info->kind == BLOCK_PORT_RAM;
    if (port->in_flight != 0 || (!ram && server->device_state == SERVER_LOADING)) {
        return false; /* it is looked at again when these are over */
    }
    if (!port->disk_open) {
        open_disk(server, port, info);
        port->disk_open = true;
    }
    if (port->disk.backend == &port->ram && ramdisk_fill(&port->ramdisk)) {
        return true;
    }
    open_guest(server, port, info);
    port_attach(port, info);
    return true;
}

static void limit_port(struct server *server, const struct port *port)
{
    uint64_t when = port_allowed_at(port);
    if (server->limited == 0 || when < server->alarm) {
        server->alarm = when;
    }
    server->limited |= 1u << port->number;
}

/* Lets those go on that have some allowance again; the others' first is the new alarm. */
static void release_limited(struct server *server)
{
    if (server->limited == 0 || server->now < server->alarm) {
        return;
    }
    server->alarm = UINT64_MAX;
    for (uint32_t left = server->limited; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        uint64_t when = port_allowed_at(&server->port[i]);
        if (when <= server->now) {
            server->limited &= ~(1u << i);
            server->ready |= 1u << i;
        } else if (when < server->alarm) {
            server->alarm = when;
        }
    }
}

static void run_port(struct server *server, unsigned number)
{
    struct port *port = &server->port[number];
    uint32_t bit = 1u << number;
    if (port->state == PORT_STARTING) {
        server->ready &= start_port(server, port) ? ALL_PORTS : ~bit;
        return;
    }
    if (port->state == PORT_CLOSED) {
        server->ready &= ~bit;
        return;
    }
    port->shared = ((server->busy | server->busy_before) & ~bit) != 0;
    enum port_progress progress = port_turn(port, &server->flights, server->now);
    server->busy |= port->worked ? bit : 0;
    port->worked = false;
    switch (progress) {
    case PORT_ASLEEP:
        server->ready &= ~bit;
        break;
    case PORT_BLOCKED:
        server->ready &= ~bit;
        server->blocked |= bit;
        break;
    case PORT_LIMITED:
        server->ready &= ~bit;
        limit_port(server, port);
        break;
    case PORT_MORE:
        break;
    }
}

/* So that bit `first` comes to be bit 0. */
static uint32_t rotate(uint32_t ports, unsigned first)
{
    return ports >> first | (uint32_t)((uint64_t)ports << (BLOCK_PORT_MAX - first));
}

/* Ports that the device has something of. */
static uint32_t waiting(const struct server *server)
{
    uint32_t ports = 0;
    for (unsigned i = 0; i < BLOCK_PORT_MAX; i++) {
        ports |= server->port[i].in_flight != 0 ? 1u << i : 0;
    }
    return ports;
}

static void run_ports(struct server *server)
{
    unsigned first = server->cursor;
    uint32_t blocked_before = server->blocked;
    if (++server->passes % SERVER_BUSY_PASSES == 0) {
        server->busy_before = server->busy;
        server->busy = waiting(server);
    }
    server->touched |= server->ready;
    for (uint32_t turns = rotate(server->ready, first); turns != 0; turns &= turns - 1) {
        run_port(server, (first + (unsigned)__builtin_ctz(turns)) % BLOCK_PORT_MAX);
    }
    /* The first that did not get what it wanted is the first one next time; `first` comes last. */
    unsigned after = (first + 1) % BLOCK_PORT_MAX;
    uint32_t hungry = rotate(server->blocked & ~blocked_before, after);
    if (hungry != 0) {
        server->cursor = (after + (unsigned)__builtin_ctz(hungry)) % BLOCK_PORT_MAX;
    }
}

static void signal_ports(struct server *server)
{
    for (uint32_t ports = server->touched; ports != 0; ports &= ports - 1) {
        unsigned i = (unsigned)__builtin_ctz(ports);
        struct port *port = &server->port[i];
        if (port->signal) {
            port->signal = false;
            port->stats->signals++;
            server->setup.signal(server->setup.ctx, i);
        }
    }
}

/* ---- what comes back ------------------------------------------------------------------------- */

static void take_completions(struct server *server)
{
    uint32_t token;
    enum block_status status;
    if (server->device_state == SERVER_NO_DEVICE) {
        return;
    }
    while (server->device.ops->take(server->device.ctx, &token, &status)) {
        if (token == SERVER_GPT_TOKEN) {
            transfer_part_done(&server->gpt_transfer, status);
            run_gpt(server);
        } else {
            struct port *port = &server->port[server->flights.flight[token].port];
            port_complete(port, &server->flights, token, status);
            server->touched |= 1u << port->number;
            if (port->state == PORT_STARTING) {
                server->ready |= 1u << port->number; /* it may have waited for this one's end */
            }
        }
        server->ready |= server->blocked;
        server->blocked = 0;
    }
}

/*
 * Root gives away the RAM that it had lent when it reads this, so it comes after the last access.
 * Not with a device that could not be reset: it may write to anything that it was ever given.
 */
static void tell_quiet(struct server *server)
{
    bool told = false;
    for (uint32_t ports = server->leaving; ports != 0; ports &= ports - 1) {
        unsigned i = (unsigned)__builtin_ctz(ports);
        if (port_quiet(&server->port[i]) && !server->driver.lost) {
            atomic_store(&server->stats->quiet[i], server->port[i].seen);
            server->leaving &= ~(1u << i);
            told = true;
        }
    }
    if (told && server->setup.quiet != NULL) {
        server->setup.quiet(server->setup.ctx);
    }
}

/* Lines for people, and counters. */
static void report(struct server *server)
{
    char name[17];
    server->stats->device_resets = server->driver.reset_count;
    server->stats->device_requests = server->driver.request_count;
    if (server->driver.reset_count != server->resets_seen) {
        server->resets_seen = server->driver.reset_count;
        if (log_limit_pass(&server->reset_limit, 3)) {
            log_warning("device was reset: %s%s", server->driver.why,
                        server->driver.alive ? "" : "; given up");
        }
    }
    for (uint32_t ports = server->touched; ports != 0; ports &= ports - 1) {
        unsigned i = (unsigned)__builtin_ctz(ports);
        struct port *port = &server->port[i];
        uint64_t bad = port_bad_count(port);
        if (bad != server->bad_seen[i]) {
            server->bad_seen[i] = bad;
            port->stats->bad = bad;
            if (log_limit_pass(&server->bad_limit, 3)) {
                log_warning("%s breaks the rules of its link", name_of(server, i, name));
            }
        }
    }
}

bool server_run(struct server *server)
{
    server->touched = 0;
    if (server->setup.now != NULL) {
        server->now = server->setup.now(server->setup.ctx);
        release_limited(server);
    }
    take_completions(server);
    run_ports(server);
    if (server->device_state != SERVER_NO_DEVICE) {
        server->device.ops->kick(server->device.ctx);
    }
    signal_ports(server);
    tell_quiet(server);
    report(server);
    return server->ready != 0;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void follow_roster(struct server *server)
{
    for (unsigned i = 0; i < BLOCK_PORT_MAX; i++) {
        struct port *port = &server->port[i];
        uint32_t generation = port->generation;
        port_follow(port, info_of(server, i), &server->flights);
        if (server->setup.now != NULL) {
            port_set_limits(port, info_of(server, i), server->setup.counter_hz);
        }
        if (port->state == PORT_CLOSED || port->generation != generation) {
            port->disk_open = false;
        }
        uint32_t bit = 1u << i;
        server->leaving &= ~bit;
        server->leaving |= (port->seen & 1) != 0 ? bit : 0;
    }
    server->ready = ALL_PORTS;
    server->blocked = server->limited = 0;
}

void server_event(struct server *server, uint64_t badge)
{
    server->stats->wakeups++;
    if ((badge & BLOCK_BADGE_IRQ) != 0) {
        server->stats->interrupts++;
        driver_virtio_interrupt(&server->driver);
    }
    if ((badge & BLOCK_BADGE_ROSTER) != 0) {
        follow_roster(server);
    }
    server->ready |= (uint32_t)badge & ~server->limited;
    server->blocked &= ~(uint32_t)badge;
}

void server_init(struct server *server, const struct server_setup *setup)
{
    memset(server, 0, sizeof *server);
    server->setup = *setup;
    server->stats = setup->stats != NULL ? setup->stats : &server->own_stats;
    flights_init(&server->flights);
    for (unsigned i = 0; i < BLOCK_PORT_MAX; i++) {
        struct block_link *link =
            (struct block_link *)(void *)(setup->links + (size_t)i * BLOCK_LINK_BYTES);
        port_init(&server->port[i], (uint8_t)i, link, &server->stats->port[i]);
    }
    start_device(server);
    follow_roster(server);
}
