// SPDX-License-Identifier: BSD-2-Clause
/* The shell's commands that show what root knows. */
#include <string.h>

#include "lib/format.h"
#include "service/serial/roster.h"
#include "service/serial/shell.h"

/* Root's record of a VM in its last reply; NULL when it has none. */
static const struct control_vm_info *info(const struct shell *shell, unsigned client)
{
    const struct control_reply *reply = shell->port.reply;
    for (uint32_t i = 0; i < reply->vm_count && i < SERIAL_CLIENT_MAX; i++) {
        if (reply->vm[i].client == client) {
            return &reply->vm[i];
        }
    }
    return NULL;
}

/* A size in the largest unit that shows it without a fraction. */
static const char *size_text(char text[24], uint64_t kib)
{
    static const char *const units[] = {"KiB", "MiB", "GiB"};
    unsigned unit = 0;
    while (unit < 2 && kib != 0 && kib % 1024 == 0) {
        kib /= 1024;
        unit++;
    }
    format(text, 24, "%llu %s", (unsigned long long)kib, units[unit]);
    return text;
}

/* The further consoles of a VM. */
static void list_ports(struct shell *shell, unsigned vm)
{
    const struct serial_roster *roster = shell->port.roster;
    for (unsigned client = roster_next_console(roster, 0); client < SERIAL_CLIENT_MAX;
         client = roster_next_console(roster, client)) {
        char name[ROSTER_NAME_MAX];
        if (!roster_is_vm(roster, client) && roster_owner(roster, client) == vm) {
            shell_print(shell, "     %-31s console\n", roster_name(roster, client, name));
        }
    }
}

void shell_list(struct shell *shell, const struct shell_words *words)
{
    (void)words;
    const struct serial_roster *roster = shell->port.roster;
    unsigned number = 0;
    if (!shell_request(shell, CONTROL_VM_LIST, 0, 0)) {
        return;
    }
    if (roster_next_vm(roster, 0) == SERIAL_CLIENT_MAX) {
        shell_print(shell, "there is no VM\n");
        return;
    }
    shell_print(shell, "%3s  %-15s %-10s %5s %10s %10s %10s %7s\n", "", "NAME", "STATE", "VCPUS",
                "MEMORY", "BALLOON", "OVERHEAD", "STARTS");
    for (unsigned client = roster_next_vm(roster, 0); client < SERIAL_CLIENT_MAX;
         client = roster_next_vm(roster, client)) {
        char name[ROSTER_NAME_MAX], memory[24], balloon[24], overhead[24];
        const struct control_vm_info *vm = info(shell, client);
        shell_print(shell, "%3u  %-15s %-10s", ++number, roster_name(roster, client, name),
                    roster_state_name(roster->client[client].state));
        if (vm != NULL) {
            shell_print(shell, " %5u %10s %10s %10s %7llu", vm->vcpu_count,
                        size_text(memory, (uint64_t)vm->memory_mib * 1024),
                        vm->balloon_mib == 0 ? "-"
                                             : size_text(balloon, (uint64_t)vm->balloon_mib * 1024),
                        size_text(overhead, vm->overhead_kib), (unsigned long long)vm->starts);
        }
        shell_print(shell, "\n");
        list_ports(shell, client);
    }
}

static const char *const counter_names[VMM_COUNTERS] = {
    [COUNT_EXIT_MMIO] = "exits: device access",
    [COUNT_EXIT_SYSREG] = "exits: system register",
    [COUNT_EXIT_HYPERCALL] = "exits: hypercall",
    [COUNT_EXIT_WFX] = "exits: wait for interrupt",
    [COUNT_EXIT_TIMER] = "exits: virtual timer",
    [COUNT_EXIT_MAINTENANCE] = "exits: end of interrupt",
    [COUNT_EXIT_OTHER] = "exits: other",
    [COUNT_INJECTED] = "interrupts injected",
    [COUNT_GUEST_FAULTS] = "accesses aborted",
    [COUNT_BLOCKED] = "times blocked",
};

/* One VM: each counter on a line. */
static void print_counters(struct shell *shell, unsigned client)
{
    char name[ROSTER_NAME_MAX];
    const struct control_vm_info *vm = info(shell, client);
    roster_name(shell->port.roster, client, name);
    if (vm == NULL) {
        shell_print(shell, "%s: nothing counted\n", name);
        return;
    }
    shell_print(shell, "%s: %s\n", name,
                roster_state_name(shell->port.roster->client[client].state));
    for (unsigned i = 0; i < VMM_COUNTERS; i++) {
        shell_print(shell, "  %-26s %16llu\n", counter_names[i],
                    (unsigned long long)vm->counters[i]);
    }
}

/* All VMs: each on a line. */
static void print_sums(struct shell *shell)
{
    const struct serial_roster *roster = shell->port.roster;
    shell_print(shell, "%-15s %14s %14s %10s %14s\n", "NAME", "EXITS", "INTERRUPTS", "ABORTED",
                "BLOCKED");
    for (unsigned client = roster_next_vm(roster, 0); client < SERIAL_CLIENT_MAX;
         client = roster_next_vm(roster, client)) {
        char name[ROSTER_NAME_MAX];
        const struct control_vm_info *vm = info(shell, client);
        shell_print(shell, "%-15s", roster_name(roster, client, name));
        if (vm != NULL) {
            unsigned long long exits = 0;
            for (unsigned i = COUNT_EXIT_MMIO; i <= COUNT_EXIT_OTHER; i++) {
                exits += vm->counters[i];
            }
            shell_print(shell, " %14llu %14llu %10llu %14llu", exits,
                        (unsigned long long)vm->counters[COUNT_INJECTED],
                        (unsigned long long)vm->counters[COUNT_GUEST_FAULTS],
                        (unsigned long long)vm->counters[COUNT_BLOCKED]);
        }
        shell_print(shell, "\n");
    }
}

void shell_stats(struct shell *shell, const struct shell_words *words)
{
    unsigned only = 0;
    if (words->count >= 2 && strcmp(words->word[1], "net") == 0) {
        shell_stats_net(shell, words);
        return;
    }
    if (words->count >= 2 && strcmp(words->word[1], "disk") == 0) {
        shell_stats_disk(shell, words);
        return;
    }
    if (words->count == 3) {
        shell_print(shell, "stats: only 'net' or 'disk' may stand before a name\n");
        return;
    }
    if (words->count == 2) {
        only = shell_vm(shell, words->word[1]);
        if (only == SERIAL_CLIENT_MAX) {
            return;
        }
    }
    if (!shell_request(shell, CONTROL_VM_LIST, 0, 0)) {
        return;
    }
    if (only != 0) {
        print_counters(shell, only);
    } else {
        print_sums(shell);
    }
}

void shell_memory(struct shell *shell, const struct shell_words *words)
{
    (void)words;
    if (!shell_request(shell, CONTROL_MEMORY, 0, 0)) {
        return;
    }
    const struct control_reply *reply = shell->port.reply;
    char total[24], available[24];
    shell_print(shell, "memory            %12s\n", size_text(total, reply->memory_total_kib));
    shell_print(shell, "  free            %12s\n", size_text(available, reply->memory_free_kib));
    shell_print(shell, "capability slots  %12llu used\n", (unsigned long long)reply->slots_used);
    shell_print(shell, "address spaces    %12llu used\n", (unsigned long long)reply->asids_used);
}
