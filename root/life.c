// SPDX-License-Identifier: BSD-2-Clause
#include "root/life.h"

#include <string.h>

#include "lib/aarch64/cpu.h"
#include "lib/format.h"
#include "lib/log.h"
#include "root/layout.h"
#include "root/port.h"
#include "root/reason.h"
#include "root/service.h"
#include "root/uart.h"

enum {
    VM_MAX = SERIAL_CLIENT_MAX - CLIENT_VM,
    SERVICE_FAILURES_MAX = 10, /* in a row, each within SERVICE_CALM_S of the one before */
    SERVICE_CALM_S = 60,
};

static struct vm vms[VM_MAX];
static uint32_t vm_count, console_count; /* consoles beyond one for each VM */
static const struct board *board;
static struct {
    uint32_t failures;   /* in a row */
    uint64_t last_ticks; /* when the last one was */
} services[CLIENT_VM];

struct vm *life_vm(uint64_t number)
{
    return number >= CLIENT_VM && number - CLIENT_VM < vm_count ? &vms[number - CLIENT_VM] : NULL;
}

const char *life_name(const struct vm *vm)
{
    return vm->description.name;
}

void life_set_state(struct vm *vm, enum vm_state state)
{
    vm->state = state;
    service_set_state(vm->number, state);
}

/* ---- VMs ---------------------------------------------------------------------------------------
 */

/* The next restart that is due decides when root's alarm rings, or a service that is overdue. */
static void set_alarm(void)
{
    uint64_t next = TIMER_NEVER;
    for (uint32_t i = 0; i < vm_count; i++) {
        const struct vm *vm = &vms[i];
        uint64_t due = vm->draining                 ? vm->drain_until
                       : vm->state == VM_RESTARTING ? vm->restart_at
                                                    : TIMER_NEVER;
        next = due < next ? due : next;
    }
    service_set_alarm(next);
}

/* Its memory is with a service (zero copy): it starts when that has let go of it. */
static void start_later(struct vm *vm)
{
    vm->restart_at = counter_now();
    life_set_state(vm, VM_RESTARTING);
    set_alarm();
}

/* What a device lacks it will lack the next time, too. */
bool life_start(struct vm *vm)
{
    if (!port_allow(vm->number)) {
        log_error("%s: not started: %s", life_name(vm), reason());
        life_set_state(vm, VM_FAILED);
        return false;
    }
    if (!vm_reap(vm)) {
        start_later(vm);
        return true;
    }
    life_set_state(vm, VM_STARTING);
    if (!vm_create(vm, board)) {
        log_error("%s: not started: %s", life_name(vm), reason());
        life_end(vm, END_FAILURE);
        return false;
    }
    return true;
}

/* After a failure, and when nobody knows how long it stays down, it keeps no RAM: its next life
 * shall find nothing of what went wrong, and meanwhile others may have the memory. */
void life_end(struct vm *vm, enum end_cause cause)
{
    if (cause == END_RESET) {
        vm_end(vm);
    } else {
        vm_destroy(vm);
    }
    vm->failures = cause == END_FAILURE ? vm->failures + 1 : 0;
    struct restart_verdict verdict = restart_decide(&vm->description.restart, cause, vm->failures);
    if (!verdict.restart) {
        if (verdict.gave_up) {
            log_error("%s: failed %u times in a row, stays down: `start %s` tries again",
                      life_name(vm), vm->failures, life_name(vm));
        }
        life_set_state(vm, cause == END_FAILURE ? VM_FAILED : VM_STOPPED);
        set_alarm();
        return;
    }
    if (verdict.delay_ms != 0) {
        log_info("%s: restarts in %u ms", life_name(vm), verdict.delay_ms);
    }
    vm->restart_at = counter_now() + verdict.delay_ms * (counter_frequency_hz() / 1000);
    life_set_state(vm, VM_RESTARTING);
    set_alarm();
}

void life_restart_due(void)
{
    for (uint32_t i = 0; i < vm_count; i++) {
        if (vms[i].state == VM_RESTARTING && !vms[i].draining &&
            vms[i].restart_at <= counter_now()) {
            life_start(&vms[i]);
        }
    }
    set_alarm();
}

void life_stop(struct vm *vm)
{
    vm_destroy(vm);
    vm->failures = 0;
    life_set_state(vm, VM_STOPPED);
    set_alarm();
}

/* Memory that a service may have let go of. One that does not come to an end is started anew. */
void life_reap(void)
{
    for (uint32_t i = 0; i < vm_count; i++) {
        struct vm *vm = &vms[i];
        if (vm_reap(vm) || vm->drain_until > counter_now()) {
            continue;
        }
        log_error("%s: keeps memory of %s, which has ended", service_name(CLIENT_BLOCK),
                  life_name(vm));
        vm->drain_until = TIMER_NEVER;
        life_service_fault(CLIENT_BLOCK);
    }
}

/* Memory has come back: those who have waited for it ask again. */
void life_offer_memory(void)
{
    for (uint32_t i = 0; i < vm_count; i++) {
        if (vm_has_compartment(&vms[i]) && ram_may_ask_again(&vms[i].ram)) {
            seL4_Signal(vms[i].balloon_signal);
        }
    }
}

/* ---- services ----------------------------------------------------------------------------------
 */

static bool restart_service(uint32_t number)
{
    return number == CLIENT_SERIAL  ? service_restart(SERVICE_SERIAL)
           : number == CLIENT_TIMER ? service_restart(SERVICE_TIMER)
                                    : port_restart(number);
}

/* One that cannot be made again at once will not be later either: there is nothing to wait for. */
void life_service_fault(uint32_t number)
{
    uint64_t now = counter_now();
    const char *name = service_name(number);
    if (now - services[number].last_ticks > SERVICE_CALM_S * counter_frequency_hz()) {
        services[number].failures = 0;
    }
    services[number].last_ticks = now;
    while (++services[number].failures <= SERVICE_FAILURES_MAX) {
        if (restart_service(number)) {
            log_info("%s: restarted", name);
            life_reap();
            life_restart_due();
            return;
        }
        log_error("%s: not restarted: %s", name, reason());
    }
    port_stop(number);
    if (number == CLIENT_SERIAL) {
        log_open(uart_log, LOG_INFO);
    }
    log_error("%s: failed %u times in a row, stays down", name, SERVICE_FAILURES_MAX);
}

bool life_service_restart(uint32_t number)
{
    services[number].failures = 0;
    return port_restart(number);
}

/* ---- start --------------------------------------------------------------------------------------
 */

bool life_init(const struct board *machine, const void *tree, uint64_t tree_bytes, char *why,
               size_t why_size)
{
    board = machine;
    for (int node = description_next_vm(tree, -1); node >= 0;
         node = description_next_vm(tree, node)) {
        if (vm_count == VM_MAX) {
            format(why, why_size, "/vms: more than %u VMs", VM_MAX);
            return false;
        }
        struct vm *vm = &vms[vm_count];
        if (!description_vm(&vm->description, tree, tree_bytes, node, (unsigned)root.info->numNodes,
                            why, why_size)) {
            return false;
        }
        vm->number = CLIENT_VM + vm_count++;
        while (description_console_port(tree, node, vm->console_count) != NULL) {
            vm->console_count++;
        }
        console_count += vm->console_count;
    }
    if (vm_count + console_count > VM_MAX) {
        format(why, why_size, "/vms: more than %u consoles", VM_MAX);
        return false;
    }
    return true;
}

uint32_t life_client_count(void)
{
    return CLIENT_VM + vm_count + console_count;
}

/* Makes a VM's consoles known; *next is the first free client number. */
static void name_consoles(const struct vm *vm, uint32_t *next)
{
    struct serial_client_info *client = service_client(vm->number);
    format(client->name, sizeof client->name, "%s", life_name(vm));
    client->kind = SERIAL_CLIENT_VM;
    for (uint32_t i = 0; i < vm->console_count; i++) {
        char name[sizeof client->name];
        format(name, sizeof name, "%s.%s", life_name(vm),
               description_console_port(vm->description.tree, vm->description.node, i));
        service_add_console((*next)++, vm->number, i, name);
    }
}

void life_start_all(const void *tree)
{
    struct console_description console;
    uint32_t next = CLIENT_VM + vm_count;
    description_console(&console, tree);
    service_roster()->log_level = console.log_level;
    for (uint32_t i = 0; i < vm_count; i++) {
        if (strcmp(console.attach, life_name(&vms[i])) == 0) {
            service_roster()->attach = vms[i].number;
        }
        name_consoles(&vms[i], &next);
    }
    service_roster_changed();
    for (uint32_t i = 0; i < vm_count; i++) {
        if (vms[i].description.autostart) {
            life_start(&vms[i]);
        }
    }
}
