// SPDX-License-Identifier: BSD-2-Clause
#include <libfdt.h>
#include <string.h>

#include "lib/format.h"
#include "lib/log.h"
#include "lib/tree_child.h"
#include "link/net.h"
#include "root/port_class.h"
#include "root/reason.h"

enum { LARGE_BYTES = 1 << seL4_LargePageBits };

/* Networks, in the order of the description. Memory of captures is root's, for ever. */
static struct network {
    const char *name;
    seL4_CPtr frame; /* the first of `frames` */
    uint32_t frames; /* 0: it keeps nothing */
    bool captures;
} networks[NET_NETWORK_MAX];
static uint32_t network_count;

static bool is_uplink(const void *tree, int network)
{
    return strcmp(port_text(tree, network, "uplink"), "yes") == 0;
}

/* The place of a network in the description; false when there is none of this name. */
static bool network_index(const void *tree, const char *name, uint32_t *index)
{
    int node;
    *index = 0;
    tree_for_each_child(node, tree, fdt_subnode_offset(tree, 0, "networks"))
    {
        if (strcmp(fdt_get_name(tree, node, NULL), name) == 0) {
            return *index < NET_NETWORK_MAX;
        }
        (*index)++;
    }
    return false;
}

static uint64_t capture_vaddr(uint32_t network)
{
    return PROCESS_CAPTURE_VADDR + network * PROCESS_CAPTURE_STRIDE;
}

/* Memory for what it captures, which the serial service sees, too: it prints it. False: it captures
 * nothing, and the reason says why. */
static bool open_network(const void *tree, int node, struct net_capture_info *info)
{
    const char *name = fdt_get_name(tree, node, NULL);
    uint64_t bytes = (uint64_t)port_number(tree, node, "capture-mib", 0) << 20;
    struct network *network = &networks[network_count];
    uint64_t vaddr = capture_vaddr(network_count++);
    network->name = name;
    if (bytes == 0) {
        return true;
    }
    if (bytes % LARGE_BYTES != 0 || bytes > PROCESS_CAPTURE_STRIDE) {
        return reason_set("/networks/%s: capture-mib cannot be", name);
    }
    uint32_t frames = (uint32_t)(bytes / LARGE_BYTES);
    network->frame = arena_large_frames(&root.arena, frames);
    if (network->frame == 0 || !service_show(network->frame, frames, vaddr)) {
        return false;
    }
    network->frames = frames;
    *info = (struct net_capture_info){vaddr, bytes};
    return true;
}

static void net_open(void *roster_page, const void *tree, const struct port_memory *memory)
{
    struct net_roster *roster = roster_page;
    uint32_t uplink = NET_NO_UPLINK;
    int node;
    *roster = (struct net_roster){
        .magic = NET_ROSTER_MAGIC,
        .version = NET_ROSTER_VERSION,
        .mtu = NET_MTU_DEFAULT,
        .device_offset = memory->device != NULL ? memory->device->offset : 0,
        .dma_paddr = memory->dma_paddr,
        .dma_bytes = memory->dma_bytes,
        .epoch_s = memory->epoch_s,
        .capture_snap = NET_CAPTURE_SNAP,
    };
    tree_for_each_child(node, tree, fdt_subnode_offset(tree, 0, "networks"))
    {
        if (network_count == NET_NETWORK_MAX) {
            break; /* net_describe refuses those on it */
        }
        uplink = is_uplink(tree, node) ? network_count : uplink;
        if (!open_network(tree, node, &roster->capture[network_count])) {
            log_error("net: /networks/%s keeps no frames, give it a smaller capture-mib: %s",
                      fdt_get_name(tree, node, NULL), reason());
        }
    }
    roster->uplink_network = memory->device != NULL ? uplink : NET_NO_UPLINK;
}

static uint8_t hex_digit(char c)
{
    return (uint8_t)(c >= 'a' ? c - 'a' + 10 : c >= 'A' ? c - 'A' + 10 : c - '0');
}

/* "52:54:00:12:34:56"; false when it has another length. */
static bool read_mac(const char *text, uint8_t mac[NET_MAC_BYTES])
{
    enum { STEP = 3 };
    if (strlen(text) != NET_MAC_BYTES * STEP - 1) {
        return false;
    }
    for (unsigned i = 0; i < NET_MAC_BYTES; i++) {
        mac[i] = (uint8_t)(hex_digit(text[i * STEP]) << 4 | hex_digit(text[i * STEP + 1]));
    }
    return true;
}

static const char *net_describe(void *roster_page, uint32_t port, const struct port_node *node,
                                uint64_t link_paddr)
{
    struct net_client_info *info = &((struct net_roster *)roster_page)->client[port];
    (void)link_paddr;
    *info = (struct net_client_info){
        .kind = NET_CLIENT_VM,
        .flags = NET_CLIENT_UPLINK,
        .bytes_per_s = (uint64_t)port_number(node->tree, node->node, "limit-kib", 0) << 10,
        .packets_per_s = port_number(node->tree, node->node, "limit-packets", 0),
    };
    format(info->name, sizeof info->name, "%s", node->vm_name);
    if (!network_index(node->tree, port_text(node->tree, node->node, "network"), &info->network)) {
        return "its network is not in /networks";
    }
    return read_mac(port_text(node->tree, node->node, "mac"), info->mac) ? NULL
                                                                         : "it has no MAC address";
}

static bool net_needs_board(const struct port_node *node)
{
    int network = port_lookup(node->tree, "networks", port_text(node->tree, node->node, "network"));
    return network >= 0 && is_uplink(node->tree, network);
}

static void net_format(void *roster_page, uint32_t port, void *link)
{
    struct net_roster *roster = roster_page;
    struct net_client_info *info = &roster->client[port];
    atomic_fetch_add(&info->generation, 1); /* odd: hands off */
    net_link_format(link, info->mac, (uint16_t)roster->mtu);
    atomic_fetch_add(&info->generation, 1);
}

/* Nobody carries frames: the guest's driver sees its cable pulled out. */
static void net_detach(void *link)
{
    net_link_detach(link);
}

static void copy_counters(const struct net_stats *stats, uint32_t row,
                          struct control_port_info *info)
{
    _Static_assert(sizeof info->net == sizeof stats->port[0], "one and the same counters");
    memcpy(info->net, stats->port[row], sizeof info->net);
}

static void net_count(const void *stats, uint32_t port, const void *link,
                      struct control_port_info *info)
{
    info->up = atomic_load(&((const struct net_link *)link)->up) == 1;
    copy_counters(stats, port, info);
}

static bool net_count_device(const void *roster_page, const void *stats_page,
                             struct control_port_info *info)
{
    const struct net_roster *roster = roster_page;
    const struct net_stats *stats = stats_page;
    if (roster->uplink_network == NET_NO_UPLINK) {
        return false;
    }
    format(info->device, sizeof info->device, "uplink");
    info->up = stats->uplink_up != 0 && (roster->uplink_flags & NET_CLIENT_DOWN) == 0;
    copy_counters(stats, NET_UPLINK, info);
    return true;
}

static void net_captures(const void *roster, struct control_reply *reply)
{
    (void)roster;
    for (uint32_t i = 0; i < network_count; i++) {
        struct control_capture_info *info = &reply->capture[i];
        *info = (struct control_capture_info){
            .memory_mib = (uint32_t)((uint64_t)networks[i].frames * LARGE_BYTES >> 20),
            .on = networks[i].captures,
        };
        format(info->network, sizeof info->network, "%s", networks[i].name);
    }
    reply->capture_count = network_count;
}

/* The service takes the flags when it is signalled. */
static bool net_capture(void *roster_page, uint32_t network, bool on)
{
    struct net_roster *roster = roster_page;
    const uint32_t flag = on ? NET_CLIENT_CAPTURE : 0;
    if (network >= network_count || networks[network].frames == 0) {
        return false;
    }
    networks[network].captures = on;
    for (unsigned i = 0; i < NET_PORT_MAX; i++) {
        struct net_client_info *info = &roster->client[i];
        if (info->kind != NET_CLIENT_NONE && info->network == network) {
            info->flags = (info->flags & ~(uint32_t)NET_CLIENT_CAPTURE) | flag;
        }
    }
    if (roster->uplink_network == network) {
        roster->uplink_flags = (roster->uplink_flags & ~(uint32_t)NET_CLIENT_CAPTURE) | flag;
    }
    return true;
}

/* The same. */
static bool net_link(void *roster_page, uint32_t port, bool up)
{
    struct net_roster *roster = roster_page;
    bool board = port == PORT_OF_BOARD;
    if (board ? roster->uplink_network == NET_NO_UPLINK : port >= NET_PORT_MAX) {
        return false;
    }
    uint32_t *flags = board ? &roster->uplink_flags : &roster->client[port].flags;
    *flags = (*flags & ~(uint32_t)NET_CLIENT_DOWN) | (up ? 0 : NET_CLIENT_DOWN);
    return true;
}

static bool net_map(void *roster, struct process *process)
{
    (void)roster;
    for (uint32_t i = 0; i < network_count; i++) {
        if (!space_map_frames(&process->space, networks[i].frame, networks[i].frames,
                              capture_vaddr(i), SPACE_READ_WRITE)) {
            return false;
        }
    }
    return true;
}

static uint32_t net_map_slots(const void *roster)
{
    enum { TABLES = 4 };
    uint32_t slots = TABLES;
    (void)roster;
    for (uint32_t i = 0; i < network_count; i++) {
        slots += networks[i].frames;
    }
    return slots;
}

const struct port_class port_net = {
    .name = "net",
    .device = "virtio-net",
    .backing = "network",
    .client = CLIENT_NET,
    .priority = PRIORITY_SERVICE,
    .virtio_id = 1,
    .board_device = "network",
    .open = net_open,
    .needs_board = net_needs_board,
    .describe = net_describe,
    .format = net_format,
    .detach = net_detach,
    .count = net_count,
    .count_device = net_count_device,
    .captures = net_captures,
    .capture = net_capture,
    .link = net_link,
    .map = net_map,
    .map_slots = net_map_slots,
};
