// SPDX-License-Identifier: BSD-2-Clause
/* The shell's commands about networks and disks: what their services have counted, and cables. */
#include <string.h>

#include "lib/format.h"
#include "service/serial/roster.h"
#include "service/serial/shell.h"

enum { SECTOR_BYTES = BLOCK_SECTOR_BYTES };

/* Why a frame did not get through: from the port's side. */
static const enum net_counter drops[] = {
    NET_DROP_FULL, NET_DROP_SPOOFED, NET_DROP_INVALID, NET_DROP_FILTERED, NET_BROKEN_RINGS,
};

static const char *const net_names[NET_COUNTERS] = {
    [NET_SENT_FRAMES] = "frames sent",
    [NET_SENT_BYTES] = "bytes sent",
    [NET_RECEIVED_FRAMES] = "frames received",
    [NET_RECEIVED_BYTES] = "bytes received",
    [NET_FLOODED] = "sent to all",
    [NET_COMPLETED] = "checksums completed for it",
    [NET_SEGMENTS] = "segments cut for it",
    [NET_THROTTLED] = "times limited",
    [NET_DROP_FULL] = "dropped: it did not read",
    [NET_DROP_SPOOFED] = "dropped: not its address",
    [NET_DROP_INVALID] = "dropped: bad headers",
    [NET_DROP_FILTERED] = "dropped: goes nowhere",
    [NET_BROKEN_RINGS] = "broken rings emptied",
};

static unsigned long long sum(const uint64_t *counters, unsigned count)
{
    unsigned long long all = 0;
    for (unsigned i = 0; i < count; i++) {
        all += counters[i];
    }
    return all;
}

static unsigned long long dropped(const struct control_port_info *port)
{
    unsigned long long all = 0;
    for (unsigned i = 0; i < sizeof drops / sizeof drops[0]; i++) {
        all += port->net[drops[i]];
    }
    return all;
}

/* "linux-a.net"; the board's own device has no VM. */
static const char *port_name(const struct control_port_info *port, char name[2 * ROSTER_TEXT_MAX])
{
    char vm[ROSTER_TEXT_MAX], device[ROSTER_TEXT_MAX];
    roster_text(port->vm, vm);
    format(name, 2 * ROSTER_TEXT_MAX, "%s%s%s", vm, vm[0] != '\0' ? "." : "",
           roster_text(port->device, device));
    return name;
}

/* ---- one port, each counter on a line ----------------------------------------------------------
 */

static void print_line(struct shell *shell, const char *name, uint64_t value)
{
    shell_print(shell, "  %-26s %16llu\n", name, (unsigned long long)value);
}

static void print_net(struct shell *shell, const struct control_port_info *port)
{
    char name[2 * ROSTER_TEXT_MAX], network[ROSTER_TEXT_MAX];
    shell_print(shell, "%s: network %s, link %s\n", port_name(port, name),
                roster_text(port->backing, network), port->up != 0 ? "up" : "down");
    for (unsigned i = 0; i < NET_COUNTERS; i++) {
        print_line(shell, net_names[i], port->net[i]);
    }
}

static void print_disk(struct shell *shell, const struct control_port_info *port)
{
    static const char *const types[BLOCK_TYPES] = {
        [BLOCK_READ] = "requests: read",
        [BLOCK_WRITE] = "requests: write",
        [BLOCK_FLUSH] = "requests: flush",
        [BLOCK_DISCARD] = "requests: discard",
        [BLOCK_WRITE_ZEROES] = "requests: write zeroes",
    };
    char name[2 * ROSTER_TEXT_MAX], backing[ROSTER_TEXT_MAX];
    const struct block_port_stats *disk = &port->disk;
    shell_print(shell, "%s: disk %s\n", port_name(port, name), roster_text(port->backing, backing));
    for (unsigned i = 0; i < BLOCK_TYPES; i++) {
        print_line(shell, types[i], disk->requests[i]);
    }
    print_line(shell, "bytes read", disk->sectors_read * SECTOR_BYTES);
    print_line(shell, "bytes written", disk->sectors_written * SECTOR_BYTES);
    print_line(shell, "requests that failed", disk->errors);
    print_line(shell, "requests that cannot be", disk->bad);
    print_line(shell, "signals to its VMM", disk->signals);
    print_line(shell, "times attached", disk->attaches);
    print_line(shell, "times limited", disk->limited);
}

/* ---- all ports, each on a line -----------------------------------------------------------------
 */

static void print_net_row(struct shell *shell, const struct control_port_info *port)
{
    char name[2 * ROSTER_TEXT_MAX];
    shell_print(shell, "%-20s %-5s %9llu %12llu %9llu %12llu %8llu %8llu\n", port_name(port, name),
                port->up != 0 ? "up" : "down", (unsigned long long)port->net[NET_SENT_FRAMES],
                (unsigned long long)port->net[NET_SENT_BYTES],
                (unsigned long long)port->net[NET_RECEIVED_FRAMES],
                (unsigned long long)port->net[NET_RECEIVED_BYTES],
                (unsigned long long)port->net[NET_THROTTLED], dropped(port));
}

static void print_disk_row(struct shell *shell, const struct control_port_info *port)
{
    char name[2 * ROSTER_TEXT_MAX];
    const struct block_port_stats *disk = &port->disk;
    shell_print(shell, "%-20s %-15s %9llu %14llu %14llu %8llu %8llu\n", port_name(port, name),
                port->backing, sum(disk->requests, BLOCK_TYPES),
                (unsigned long long)disk->sectors_read * SECTOR_BYTES,
                (unsigned long long)disk->sectors_written * SECTOR_BYTES,
                (unsigned long long)disk->limited, (unsigned long long)disk->errors);
}

/* ---- commands ----------------------------------------------------------------------------------
 */

struct view {
    enum control_ports ports;
    const char *none;
    void (*print_head)(struct shell *shell);
    void (*print_row)(struct shell *shell, const struct control_port_info *port);
    void (*print)(struct shell *shell, const struct control_port_info *port);
};

static void print_net_head(struct shell *shell)
{
    shell_print(shell, "%-20s %-5s %9s %12s %9s %12s %8s %8s\n", "PORT", "LINK", "SENT", "BYTES",
                "RECEIVED", "BYTES", "LIMITED", "DROPPED");
}

static void print_disk_head(struct shell *shell)
{
    shell_print(shell, "%-20s %-15s %9s %14s %14s %8s %8s\n", "PORT", "DISK", "REQUESTS",
                "BYTES READ", "WRITTEN", "LIMITED", "FAILED");
}

static void show(struct shell *shell, const struct shell_words *words, const struct view *view)
{
    const char *vm = words->count == 3 ? words->word[2] : NULL;
    const struct control_reply *reply = shell->port.reply;
    unsigned shown = 0;
    if ((vm != NULL && shell_vm(shell, vm) == SERIAL_CLIENT_MAX) ||
        !shell_request(shell, CONTROL_PORTS, 0, view->ports)) {
        return;
    }
    if (vm == NULL && reply->port_count != 0) {
        view->print_head(shell);
    }
    for (uint32_t i = 0; i < reply->port_count && i < CONTROL_PORT_MAX; i++) {
        const struct control_port_info *port = &reply->port[i];
        if (vm == NULL || strcmp(port->vm, vm) == 0) {
            (vm == NULL ? view->print_row : view->print)(shell, port);
            shown++;
        }
    }
    if (shown == 0) {
        shell_print(shell, "%s has no %s\n", vm != NULL ? vm : "the system", view->none);
    }
}

void shell_stats_net(struct shell *shell, const struct shell_words *words)
{
    static const struct view view = {CONTROL_PORTS_NET, "network", print_net_head, print_net_row,
                                     print_net};
    show(shell, words, &view);
}

void shell_stats_disk(struct shell *shell, const struct shell_words *words)
{
    static const struct view view = {CONTROL_PORTS_DISK, "disk", print_disk_head, print_disk_row,
                                     print_disk};
    show(shell, words, &view);
}

/* ---- cables ------------------------------------------------------------------------------------
 */

/* "linux-a.net" as `stats net` has it, or "linux-a": all of that VM's. */
static bool is_called(const struct control_port_info *port, const char *wanted)
{
    char name[2 * ROSTER_TEXT_MAX], vm[ROSTER_TEXT_MAX];
    return strcmp(port_name(port, name), wanted) == 0 ||
           strcmp(roster_text(port->vm, vm), wanted) == 0;
}

void shell_link(struct shell *shell, const struct shell_words *words)
{
    const struct control_reply *reply = shell->port.reply;
    const char *name = words->word[1];
    bool up = strcmp(words->word[2], "up") == 0;
    uint64_t ports = 0;
    if (!up && strcmp(words->word[2], "down") != 0) {
        shell_print(shell, "usage: link PORT up|down\n");
        return;
    }
    if (!shell_request(shell, CONTROL_PORTS, 0, CONTROL_PORTS_NET)) {
        return;
    }
    for (unsigned i = 0; i < reply->port_count && i < CONTROL_PORT_MAX; i++) {
        ports |= is_called(&reply->port[i], name) ? 1ull << i : 0;
    }
    if (ports == 0) {
        shell_print(shell, "link: no port is called \"%s\"; 'stats net' lists them\n", name);
        return;
    }
    for (; ports != 0; ports &= ports - 1) {
        unsigned place = (unsigned)__builtin_ctzll(ports);
        if (!shell_request(shell, CONTROL_LINK_SET, 0, place << 1 | up)) {
            return;
        }
    }
    shell_print(shell, "link: %s: %s\n", name, up ? "up" : "down");
}
