// SPDX-License-Identifier: BSD-2-Clause
#include "root/port.h"

#include <libfdt.h>
#include <string.h>

#include "lib/check.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/tree_child.h"
#include "root/description.h"
#include "root/layout.h"
#include "root/lend.h"
#include "root/port_class.h"
#include "root/reason.h"

enum {
    PORT_MAX = 32,
    ROSTER_BYTES = 4096,
    SERVICE_SLOTS = 1024,
    TURN_US = 100000,
    CLASS_COUNT = 3,
};

#define LINK_BYTES   PROCESS_LINK_STRIDE /* of the address space and of the frame */
#define BADGE_IRQ    (1ull << 32)        /* as link/block.h and link/net.h have them */
#define BADGE_ROSTER (1ull << 33)
#define BADGE_TIMER  (1ull << 34)

/* A VM's device, and the service's end of it. */
struct port {
    uint32_t client;                   /* number of the VM */
    uint32_t link;                     /* which of the VM's links */
    seL4_CPtr frame;                   /* the link's memory */
    const char *vm, *device, *backing; /* names in the description */
    const struct process *process;     /* of the client; NULL: not running */
    seL4_CPtr signal;                  /* to the client, as its service would; while it runs */
};

struct service {
    const struct port_class *class;
    struct arena arena;
    struct process process;
    seL4_CPtr notification, roster_signal, roster_frame, stats_frame, dma_frame, irq;
    struct virtio_place device;
    bool has_device;
    bool lost; /* its device could not be reset: nobody knows what that still writes to */
    char no_device[PORT_WHY_MAX]; /* what is the matter with the board's, when it has none */
    bool is_open;                 /* what it shares with root is there .. */
    char not_open[PORT_WHY_MAX];  /* .. or why it is not */
    struct port ports[PORT_MAX];
    uint32_t port_count;
};

static struct service services[CLASS_COUNT] = {
    {.class = &port_block}, {.class = &port_net}, {.class = &port_vsock}};
static char refusals[SERIAL_CLIENT_MAX][PORT_WHY_MAX]; /* of VMs, by client number; "": none */

static uint64_t link_vaddr(const struct service *service, uint32_t port)
{
    return ROOT_PORTS_VADDR +
           ((uint64_t)(service - services) * PORT_MAX + port) * PROCESS_LINK_STRIDE;
}

/* Beside the roster, root sees the service's page of counters. */
static void *roster_of(const struct service *service)
{
    return (void *)(ROOT_PORT_ROSTERS_VADDR + (uint64_t)(service - services) * 2 * ROSTER_BYTES);
}

static const void *stats_of(const struct service *service)
{
    return (const uint8_t *)roster_of(service) + ROSTER_BYTES;
}

/* Keeps a VM from starting, for the reason that is set; its first one stays. */
static void refuse(uint32_t client)
{
    if (refusals[client][0] == '\0') {
        format(refusals[client], sizeof refusals[client], "%s", reason());
    }
}

bool port_allow(uint32_t number)
{
    return refusals[number][0] == '\0' || reason_set("%s", refusals[number]);
}

/* ---- reading the description
 * ---------------------------------------------------------------------
 */

const char *port_text(const void *tree, int node, const char *property)
{
    int length = 0;
    const char *text = fdt_getprop(tree, node, property, &length);
    return text != NULL && length > 0 && text[length - 1] == '\0' ? text : "";
}

uint32_t port_number(const void *tree, int node, const char *property, uint32_t fallback)
{
    int length = 0;
    const fdt32_t *cell = fdt_getprop(tree, node, property, &length);
    return cell != NULL && length == (int)sizeof *cell ? fdt32_to_cpu(*cell) : fallback;
}

int port_lookup(const void *tree, const char *table, const char *name)
{
    int parent = fdt_subnode_offset(tree, 0, table);
    return parent < 0 ? parent : fdt_subnode_offset(tree, parent, name);
}

static struct service *service_for(const char *device)
{
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        if (strcmp(services[i].class->device, device) == 0) {
            return &services[i];
        }
    }
    return NULL;
}

/* False: the reason says what is missing. */
typedef bool visit_port(struct service *service, uint32_t port, const struct port_node *node);

/* One VM's devices, in the order of its description: the VMM counts its links in the same way. */
static void visit_vm(const void *tree, int vm, uint32_t client, visit_port *visit)
{
    int devices = fdt_subnode_offset(tree, vm, "devices");
    uint32_t link = 0;
    int node;
    tree_for_each_child(node, tree, devices)
    {
        struct service *service = service_for(port_text(tree, node, "device"));
        if (service == NULL) {
            continue;
        }
        const struct port_node place = {tree, vm, node, fdt_get_name(tree, vm, NULL), client};
        if (link == PROCESS_LINK_MAX || service->port_count == PORT_MAX) {
            reason_set("/vms/%s: too many devices of kind %s", place.vm_name,
                       service->class->device);
            refuse(client);
            return;
        }
        service->ports[service->port_count].client = client;
        service->ports[service->port_count].link = link++;
        if (visit != NULL && !visit(service, service->port_count, &place)) {
            refuse(client);
        }
        service->port_count++;
    }
}

/* Numbers all ports anew; visit may be NULL. */
static void visit_all(const void *tree, visit_port *visit)
{
    uint32_t client = CLIENT_VM;
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        services[i].port_count = 0;
    }
    for (int vm = description_next_vm(tree, -1); vm >= 0; vm = description_next_vm(tree, vm)) {
        visit_vm(tree, vm, client++, visit);
    }
}

/* The link's memory, and what the roster says. */
static bool make_port(struct service *service, uint32_t port, const struct port_node *node)
{
    const struct port_class *class = service->class;
    const char *device = fdt_get_name(node->tree, node->node, NULL);
    struct port *p = &service->ports[port];
    char wrong[PORT_WHY_MAX];
    p->vm = node->vm_name;
    p->device = device;
    p->backing = port_text(node->tree, node->node, class->backing);
    if (!service->is_open) {
        return reason_set("%s", service->not_open);
    }
    if (class->virtio_id != 0 && class->needs_board(node) && !service->has_device) {
        return reason_set("/vms/%s/devices/%s needs the board's %s, which %s", node->vm_name,
                          device, class->board_device, service->no_device);
    }
    seL4_CPtr frame = arena_large_frames(&root.arena, 1);
    if (frame == 0 || !space_map(&root.space, frame, link_vaddr(service, port), SPACE_READ_WRITE)) {
        return false;
    }
    seL4_ARM_Page_GetAddress_t address = seL4_ARM_Page_GetAddress(frame);
    CHECK(address.error == seL4_NoError);
    const char *why = class->describe(roster_of(service), port, node, address.paddr);
    if (why != NULL) {
        format(wrong, sizeof wrong, "%s", why); /* it may be in the reason itself */
        return reason_set("/vms/%s/devices/%s: %s", node->vm_name, device, wrong);
    }
    p->frame = frame;
    return true;
}

/* ---- what a service and root share, for ever ----------------------------------------------------
 */

/* The board's device: its page, its interrupt, and memory that it can reach. */
static bool make_device(struct service *service, struct port_memory *memory)
{
    service->dma_frame = arena_large_frames(&root.arena, 1);
    service->irq = cspace_own_slot();
    if (service->dma_frame == 0 ||
        !reason_check(cspace_irq_handler(service->irq, service->device.intid), service->class->name,
                      "its device's interrupt")) {
        return false;
    }
    seL4_ARM_Page_GetAddress_t address = seL4_ARM_Page_GetAddress(service->dma_frame);
    CHECK(address.error == seL4_NoError);
    memory->dma_paddr = address.paddr;
    memory->dma_bytes = LINK_BYTES;
    memory->device = &service->device;
    return true;
}

static void find_device(struct service *service, struct port_memory *memory)
{
    if (service->class->virtio_id == 0) {
        return;
    }
    enum virtio_found found = virtio_find(service->class->virtio_id, &service->device);
    service->has_device = found == VIRTIO_FOUND && make_device(service, memory);
    if (!service->has_device) {
        format(service->no_device, sizeof service->no_device,
               found == VIRTIO_FOUND ? "cannot be used: %s" : "%s",
               found == VIRTIO_FOUND ? reason() : virtio_found_text(found));
    }
}

static bool make_shared(struct service *service)
{
    uint64_t roster = (uint64_t)roster_of(service);
    service->notification = arena_object(&root.arena, seL4_NotificationObject, 0);
    service->roster_signal = arena_slot(&root.arena);
    if (service->notification == 0 || service->roster_signal == 0 ||
        !reason_check(
            cspace_mint(service->roster_signal, service->notification, seL4_CanWrite, BADGE_ROSTER),
            service->class->name, "a badge")) {
        return false;
    }
    service->roster_frame = space_map_page(&root.space, roster, SPACE_READ_WRITE);
    service->stats_frame = space_map_page(&root.space, roster + ROSTER_BYTES, SPACE_READ_WRITE);
    return service->roster_frame != 0 && service->stats_frame != 0;
}

static void open_service(struct service *service, const struct board *board, const void *tree)
{
    struct port_memory memory = {.epoch_s = board->epoch_s};
    reason_clear();
    if (!make_shared(service)) {
        format(service->not_open, sizeof service->not_open, "%s", reason());
        return;
    }
    find_device(service, &memory);
    service->class->open(roster_of(service), tree, &memory);
    service->is_open = true;
}

/* ---- a service's process ------------------------------------------------------------------------
 */

static bool give_device(struct service *service)
{
    struct process *process = &service->process;
    seL4_CPtr badged = arena_slot(process->space.arena);
    return badged != 0 &&
           cspace_mint(badged, service->notification, seL4_AllRights, BADGE_IRQ) == seL4_NoError &&
           seL4_IRQHandler_SetNotification(service->irq, badged) == seL4_NoError &&
           process_give(process, SLOT_IRQ, service->irq, seL4_AllRights, 0) &&
           space_map_copy(&process->space, service->device.frame, PROCESS_DEVICE_VADDR,
                          SPACE_DEVICE) &&
           space_map_copy(&process->space, service->dma_frame, PROCESS_DMA_VADDR, SPACE_READ_WRITE);
}

/* Lets the service signal a client that runs. One that is down gets to know it when it starts. */
static bool give_port(struct service *service, uint32_t port)
{
    const struct port *p = &service->ports[port];
    return service->process.cnode == 0 ||
           process_give(&service->process, SLOT_CLIENT_BASE + port, p->process->notification,
                        seL4_CanWrite, EVENT_LINK(p->link));
}

static bool map_ports(struct service *service)
{
    for (uint32_t i = 0; i < service->port_count; i++) {
        if (service->ports[i].frame == 0) {
            continue; /* its VM was refused */
        }
        if (!space_map_copy(&service->process.space, service->ports[i].frame,
                            PROCESS_LINK_VADDR + i * PROCESS_LINK_STRIDE, SPACE_READ_WRITE) ||
            (service->ports[i].process != NULL && !give_port(service, i))) {
            return false;
        }
    }
    return true;
}

/* First of all it stops, so that nothing it writes comes after what its clients are told. */
static void end(struct service *service)
{
    process_stop(&service->process);
    for (uint32_t i = 0; i < service->port_count; i++) {
        const struct port *port = &service->ports[i];
        if (service->class->detach != NULL && port->process != NULL) {
            service->class->detach((void *)link_vaddr(service, i));
            seL4_Signal(port->signal);
        }
    }
    if (service->has_device && !service->lost && !virtio_reset(&service->device)) {
        service->lost = true;
        log_error("%s: its device does not reset", service->class->name);
    }
    if (service->class->is_quiet != NULL && !service->lost) {
        lend_back_all();
    }
    arena_close(&service->arena);
    service->process = (struct process){0};
}

static bool start(struct service *service)
{
    const struct port_class *class = service->class;
    struct process *process = &service->process;
    struct arena *arena = &service->arena;
    const struct schedule schedule = {0, class->priority, TURN_US, TURN_US};
    uint32_t slots = SERVICE_SLOTS;
    reason_clear();
    if (class->map_slots != NULL) {
        slots += class->map_slots(roster_of(service));
    }
    if (!arena_open(arena, class->name, (uint16_t)(CSPACE_COMPARTMENT + class->client), slots,
                    ARENA_CHUNK_BITS) ||
        !process_create(process, arena, arena, class->name, class->name, class->client,
                        PROCESS_CNODE_BITS, service->notification, &schedule) ||
        !space_map_copy(&process->space, service->roster_frame, PROCESS_ROSTER_VADDR, SPACE_READ) ||
        !space_map_copy(&process->space, service->stats_frame, PROCESS_STATS_VADDR,
                        SPACE_READ_WRITE) ||
        !service_attach_system(process, class->name, service->notification, BADGE_TIMER) ||
        (class->is_quiet != NULL &&
         !process_give(process, SLOT_ROOT, root.notification, seL4_CanWrite, ROOT_EVENT_BADGE)) ||
        (service->has_device && !give_device(service)) || !map_ports(service) ||
        (class->map != NULL && !class->map(roster_of(service), process)) || !process_run(process)) {
        end(service);
        return false;
    }
    return true;
}

/* Some VM may start, and has a port of it. */
static bool is_needed(const struct service *service)
{
    for (uint32_t i = 0; i < service->port_count; i++) {
        if (refusals[service->ports[i].client][0] == '\0') {
            return true;
        }
    }
    return false;
}

/* NULL: there is no such service, or none that could be made. */
static struct service *find(uint32_t number)
{
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        if (services[i].class->client == number && services[i].is_open) {
            return &services[i];
        }
    }
    return NULL;
}

bool port_restart(uint32_t number)
{
    struct service *service = find(number);
    if (service == NULL || !is_needed(service)) {
        return reason_set("%s: no VM needs this service", service_name(number));
    }
    end(service);
    return start(service);
}

void port_stop(uint32_t number)
{
    struct service *service = find(number);
    if (service != NULL) {
        end(service);
    }
}

void port_init(const struct board *board, const void *tree)
{
    visit_all(tree, NULL);
    bool has_board_device = false;
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        has_board_device |= services[i].port_count != 0 && services[i].class->virtio_id != 0;
    }
    if (has_board_device && !virtio_init(board)) {
        log_error("root: not all devices of the board are looked at: %s", reason());
    }
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        if (services[i].port_count != 0) {
            open_service(&services[i], board, tree);
        }
    }
    visit_all(tree, make_port);
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        struct service *service = &services[i];
        bool started = !is_needed(service) || start(service);
        for (uint32_t n = 0; !started && n < service->port_count; n++) {
            refuse(service->ports[n].client);
        }
    }
}

/* ---- clients ------------------------------------------------------------------------------------
 */

static bool attach_port(struct service *service, uint32_t port, struct process *process)
{
    struct port *p = &service->ports[port];
    p->signal = arena_slot(process->space.arena);
    return p->signal != 0 &&
           reason_check(
               cspace_mint(p->signal, process->notification, seL4_CanWrite, EVENT_LINK(p->link)),
               process->name, "a badge") &&
           space_map_copy(&process->space, p->frame,
                          PROCESS_LINK_VADDR + p->link * PROCESS_LINK_STRIDE, SPACE_READ_WRITE) &&
           process_give(process, SLOT_LINK_BASE + p->link, service->notification, seL4_CanWrite,
                        1ull << port);
}

bool port_attach(struct process *process)
{
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        for (uint32_t n = 0; n < services[i].port_count; n++) {
            if (services[i].ports[n].client == process->boot.number &&
                !attach_port(&services[i], n, process)) {
                return false;
            }
        }
    }
    return true;
}

uint32_t port_slots(uint32_t number)
{
    enum { SLOTS_EACH = 5 }; /* the frame's copy, page tables, and a signal */
    uint32_t slots = 0;
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        for (uint32_t n = 0; n < services[i].port_count; n++) {
            slots += services[i].ports[n].client == number ? SLOTS_EACH : 0;
        }
    }
    return slots;
}

bool port_open(uint32_t number, const struct process *process, const struct ram *ram)
{
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        struct service *service = &services[i];
        struct process *lent_to = service->process.cnode != 0 ? &service->process : NULL;
        if (service->class->is_quiet != NULL && !lend_start(number, ram, lent_to)) {
            return false;
        }
        for (uint32_t n = 0; n < service->port_count; n++) {
            if (service->ports[n].client != number) {
                continue;
            }
            service->class->format(roster_of(service), n, (void *)link_vaddr(service, n));
            service->ports[n].process = process;
            CHECK(give_port(service, n));
            seL4_Signal(service->roster_signal);
        }
    }
    return true;
}

void port_close(uint32_t number)
{
    lend_end(number);
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        struct service *service = &services[i];
        for (uint32_t n = 0; n < service->port_count; n++) {
            if (service->ports[n].client != number) {
                continue;
            }
            service->ports[n].process = NULL;
            if (service->class->close != NULL) {
                service->class->close(roster_of(service), n);
                seL4_Signal(service->roster_signal);
            }
        }
    }
}

/* Of all ports of the VM. Without a process there is nobody to be waited for. */
static bool is_quiet(const struct service *service, uint32_t number)
{
    for (uint32_t n = 0; n < service->port_count && service->process.cnode != 0; n++) {
        if (service->ports[n].client == number &&
            !service->class->is_quiet(roster_of(service), stats_of(service), n)) {
            return false;
        }
    }
    return !service->lost;
}

bool port_is_quiet(uint32_t number)
{
    for (unsigned i = 0; i < CLASS_COUNT && lend_is_out(number); i++) {
        const struct service *service = &services[i];
        if (service->class->is_quiet != NULL && is_quiet(service, number)) {
            lend_back(number, service->process.cnode != 0);
        }
    }
    return !lend_is_out(number);
}

/* ---- counters -----------------------------------------------------------------------------------
 */

static void report_port(const struct service *service, uint32_t number, const void *stats,
                        struct control_port_info *info)
{
    const struct port *port = &service->ports[number];
    *info = (struct control_port_info){0};
    format(info->vm, sizeof info->vm, "%s", port->vm);
    format(info->device, sizeof info->device, "%s", port->device);
    format(info->backing, sizeof info->backing, "%s", port->backing);
    if (port->frame != 0) { /* else its VM was refused */
        service->class->count(stats, number, (const void *)link_vaddr(service, number), info);
    }
}

void port_report(enum control_ports class, struct control_reply *reply)
{
    const struct service *service =
        find(class == CONTROL_PORTS_NET ? port_net.client : port_block.client);
    reply->port_count = 0;
    if (service == NULL) {
        return;
    }
    const void *roster = roster_of(service), *stats = (const uint8_t *)roster + ROSTER_BYTES;
    for (uint32_t i = 0; i < service->port_count; i++) {
        report_port(service, i, stats, &reply->port[reply->port_count++]);
    }
    struct control_port_info *device = &reply->port[reply->port_count];
    *device = (struct control_port_info){0};
    if (service->class->count_device != NULL &&
        service->class->count_device(roster, stats, device)) {
        device->up &= service->process.cnode != 0;
        reply->port_count++;
    }
}

/* ---- captures and cables
 * -------------------------------------------------------------------------
 */

void port_captures(struct control_reply *reply)
{
    const struct service *service = find(port_net.client);
    reply->capture_count = 0;
    if (service != NULL) {
        service->class->captures(roster_of(service), reply);
    }
}

bool port_capture(uint32_t network, bool on)
{
    const struct service *service = find(port_net.client);
    if (service == NULL || !service->class->capture(roster_of(service), network, on)) {
        return false;
    }
    seL4_Signal(service->roster_signal);
    return true;
}

bool port_link(uint32_t place, bool up)
{
    const struct service *service = find(port_net.client);
    if (service == NULL || place > service->port_count) {
        return false;
    }
    uint32_t port = place < service->port_count ? place : PORT_OF_BOARD;
    if (!service->class->link(roster_of(service), port, up)) {
        return false;
    }
    seL4_Signal(service->roster_signal);
    return true;
}
