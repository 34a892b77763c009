// SPDX-License-Identifier: BSD-2-Clause
#include "root/control.h"

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
static struct control_reply *const reply_page = (struct control_reply *)ROOT_REPLY_VADDR;

static struct vm *find_vm(uint64_t number)
{
    return number >= CLIENT_VM && number - CLIENT_VM < vm_count ? &vms[number - CLIENT_VM] : NULL;
}

static const char *name_of(const struct vm *vm)
{
    return vm->description.name;
}

static bool has_compartment(const struct vm *vm)
{
    return vm->arena.block_count != 0;
}

static void set_state(struct vm *vm, enum vm_state state)
{
    vm->state = state;
    service_set_state(vm->number, state);
}

/* ---- life cycle ---------------------------------------------------------------------------------
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
    set_state(vm, VM_RESTARTING);
    set_alarm();
}

static void end_vm(struct vm *vm, enum end_cause cause);

/* False: the reason says why. What a device lacks it will lack the next time, too. */
static bool start_vm(struct vm *vm)
{
    if (!port_allow(vm->number)) {
        log_error("%s: not started: %s", name_of(vm), reason());
        set_state(vm, VM_FAILED);
        return false;
    }
    if (!vm_reap(vm)) {
        start_later(vm);
        return true;
    }
    set_state(vm, VM_STARTING);
    if (!vm_create(vm, board)) {
        log_error("%s: not started: %s", name_of(vm), reason());
        end_vm(vm, END_FAILURE);
        return false;
    }
    return true;
}

/* After a failure, and when nobody knows how long it stays down, it keeps no RAM: its next life
 * shall find nothing of what went wrong, and meanwhile others may have the memory. */
static void end_vm(struct vm *vm, enum end_cause cause)
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
                      name_of(vm), vm->failures, name_of(vm));
        }
        set_state(vm, cause == END_FAILURE ? VM_FAILED : VM_STOPPED);
        set_alarm();
        return;
    }
    if (verdict.delay_ms != 0) {
        log_info("%s: restarts in %u ms", name_of(vm), verdict.delay_ms);
    }
    vm->restart_at = counter_now() + verdict.delay_ms * (counter_frequency_hz() / 1000);
    set_state(vm, VM_RESTARTING);
    set_alarm();
}

static void restart_due(void)
{
    for (uint32_t i = 0; i < vm_count; i++) {
        if (vms[i].state == VM_RESTARTING && !vms[i].draining &&
            vms[i].restart_at <= counter_now()) {
            start_vm(&vms[i]);
        }
    }
    set_alarm();
}

static void stop_vm(struct vm *vm)
{
    vm_destroy(vm);
    vm->failures = 0;
    set_state(vm, VM_STOPPED);
    set_alarm();
}

static void service_fault(uint32_t number);

/* Memory that a service may have let go of. One that does not come to an end is started anew. */
static void reap(void)
{
    for (uint32_t i = 0; i < vm_count; i++) {
        struct vm *vm = &vms[i];
        if (vm_reap(vm) || vm->drain_until > counter_now()) {
            continue;
        }
        log_error("%s: keeps memory of %s, which has ended", service_name(CLIENT_BLOCK),
                  name_of(vm));
        vm->drain_until = TIMER_NEVER;
        service_fault(CLIENT_BLOCK);
    }
}

/* ---- what a VMM says of its own guest -----------------------------------------------------------
 */

static void guest_message(struct vm *vm, seL4_Word label)
{
    switch (label) {
    case CONTROL_GUEST_RUNNING:
        if (vm->state == VM_STARTING) { /* once: a new budget is a full one */
            vm_begin(vm);
            set_state(vm, VM_RUNNING);
        }
        break;
    case CONTROL_GUEST_OFF:
        log_info("%s: powered off", name_of(vm));
        end_vm(vm, END_OFF);
        break;
    case CONTROL_GUEST_RESET:
        log_info("%s: resets", name_of(vm));
        end_vm(vm, END_RESET);
        restart_due();
        break;
    case CONTROL_GUEST_FAILED:
        log_error("%s: its VMM gives up", name_of(vm));
        end_vm(vm, END_FAILURE);
        break;
    default:
        log_warning("%s: unknown message %lu", name_of(vm), (unsigned long)label);
        break;
    }
}

/* What it asks for its own RAM. *value is what the reply says beside the result. */
static enum control_result guest_request(struct vm *vm, seL4_Word label, seL4_Word address,
                                         seL4_Word *value)
{
    bool done = true;
    *value = 0;
    if (label == CONTROL_RAM_RELEASE) {
        done = ram_release(&vm->ram, address);
    } else if (label == CONTROL_RAM_RECLAIM) {
        done = ram_reclaim(&vm->ram, address);
    } else {
        *value = vm->balloon_mib;
    }
    return done ? CONTROL_OK : CONTROL_ERROR;
}

/* Memory has come back: those who have waited for it ask again. */
static void offer_memory(void)
{
    for (uint32_t i = 0; i < vm_count; i++) {
        if (has_compartment(&vms[i]) && ram_may_ask_again(&vms[i].ram)) {
            seL4_Signal(vms[i].balloon_signal);
        }
    }
}

/* ---- the operator -------------------------------------------------------------------------------
 */

static enum control_result refuse(const char *name, const char *text)
{
    format(reply_page->text, sizeof reply_page->text, "%s %s", name, text);
    return CONTROL_ERROR;
}

static enum control_result operator_made(bool made)
{
    if (!made) {
        format(reply_page->text, sizeof reply_page->text, "%s", reason());
    }
    return made ? CONTROL_OK : CONTROL_ERROR;
}

static enum control_result operator_start(struct vm *vm, seL4_Word unused)
{
    (void)unused;
    if (has_compartment(vm)) {
        return refuse(name_of(vm), "runs already");
    }
    vm->failures = 0;
    return operator_made(start_vm(vm));
}

static enum control_result operator_stop(struct vm *vm, seL4_Word unused)
{
    (void)unused;
    if (!has_compartment(vm) && vm->state != VM_RESTARTING) {
        return refuse(name_of(vm), "does not run");
    }
    log_info("%s: stopped by the operator", name_of(vm));
    stop_vm(vm);
    return CONTROL_OK;
}

static enum control_result operator_restart(struct vm *vm, seL4_Word unused)
{
    (void)unused;
    log_info("%s: restarted by the operator", name_of(vm));
    stop_vm(vm);
    return operator_made(start_vm(vm));
}

static enum control_result operator_pause(struct vm *vm, seL4_Word unused)
{
    (void)unused;
    if (vm->state != VM_RUNNING) {
        return refuse(name_of(vm), "does not run");
    }
    vm_pause(vm, true);
    set_state(vm, VM_PAUSED);
    return CONTROL_OK;
}

static enum control_result operator_resume(struct vm *vm, seL4_Word unused)
{
    (void)unused;
    if (vm->state != VM_PAUSED) {
        return refuse(name_of(vm), "is not paused");
    }
    vm_pause(vm, false);
    set_state(vm, VM_RUNNING);
    return CONTROL_OK;
}

static enum control_result operator_balloon(struct vm *vm, seL4_Word mib)
{
    if (description_device_count(vm->description.tree, vm->description.node, "virtio-balloon") ==
        0) {
        return refuse(name_of(vm), "has no virtio-balloon");
    }
    if (mib >= vm->description.memory_mib) {
        return refuse(name_of(vm), "does not have that much memory");
    }
    vm->balloon_mib = (uint32_t)mib;
    if (has_compartment(vm)) {
        seL4_Signal(vm->balloon_signal);
    }
    return CONTROL_OK;
}

static enum control_result operator_list(struct vm *no_vm, seL4_Word unused)
{
    (void)no_vm, (void)unused;
    reply_page->vm_count = vm_count;
    for (uint32_t i = 0; i < vm_count; i++) {
        const struct vm *vm = &vms[i];
        struct control_vm_info *info = &reply_page->vm[i];
        const uint64_t *counters = vm_counters(vm);
        uint64_t gone = (uint64_t)vm->ram.gone * RAM_FRAME_BYTES;
        uint64_t ram = ((uint64_t)vm->description.memory_mib << 20) - gone;
        uint64_t bytes = vm->arena.bytes + vm->ram_arena.bytes;
        *info = (struct control_vm_info){
            .client = vm->number,
            .state = vm->state,
            .vcpu_count = vm->description.vcpu_count,
            .memory_mib = vm->description.memory_mib,
            .balloon_mib = (uint32_t)(gone >> 20),
            .target_mib = vm->balloon_mib,
            .starts = vm->starts,
            .overhead_kib = bytes > ram ? (bytes - ram) / 1024 : 0,
        };
        for (unsigned c = 0; counters != NULL && c < VCPU_MAX * VMM_COUNTERS; c++) {
            info->counters[c % VMM_COUNTERS] += counters[c];
        }
    }
    return CONTROL_OK;
}

static enum control_result operator_memory(struct vm *no_vm, seL4_Word unused)
{
    (void)no_vm, (void)unused;
    struct memory_counts counts;
    memory_counts(&counts);
    reply_page->memory_total_kib = counts.total_bytes / 1024;
    reply_page->memory_free_kib = counts.free_bytes / 1024;
    reply_page->slots_used = counts.slots_used;
    reply_page->asids_used = counts.asids_used;
    return CONTROL_OK;
}

static enum control_result operator_ports(struct vm *no_vm, seL4_Word class)
{
    (void)no_vm;
    port_report(class == CONTROL_PORTS_DISK ? CONTROL_PORTS_DISK : CONTROL_PORTS_NET, reply_page);
    return CONTROL_OK;
}

/* The timer and the serial service are not: the latter waits for the answer to this. */
static enum control_result operator_restart_service(struct vm *no_vm, seL4_Word number)
{
    (void)no_vm;
    if (number < CLIENT_BLOCK || number >= CLIENT_VM) {
        return refuse(service_name((uint32_t)number), "is no device service");
    }
    services[number].failures = 0;
    if (!port_restart((uint32_t)number)) {
        return operator_made(false);
    }
    log_info("%s: restarted by the operator", service_name((uint32_t)number));
    return CONTROL_OK;
}

static enum control_result operator_captures(struct vm *no_vm, seL4_Word unused)
{
    (void)no_vm, (void)unused;
    port_captures(reply_page);
    return CONTROL_OK;
}

static enum control_result operator_capture(struct vm *no_vm, seL4_Word what)
{
    (void)no_vm;
    return port_capture((uint32_t)(what >> 1), (what & 1) != 0)
               ? CONTROL_OK
               : refuse("this network", "keeps no frames");
}

static const struct {
    seL4_Word label;
    bool needs_vm;
    enum control_result (*act)(struct vm *vm, seL4_Word argument);
} requests[] = {
    {CONTROL_VM_START,        true,  operator_start          },
    {CONTROL_VM_STOP,         true,  operator_stop           },
    {CONTROL_VM_RESTART,      true,  operator_restart        },
    {CONTROL_VM_PAUSE,        true,  operator_pause          },
    {CONTROL_VM_RESUME,       true,  operator_resume         },
    {CONTROL_VM_LIST,         false, operator_list           },
    {CONTROL_MEMORY,          false, operator_memory         },
    {CONTROL_VM_BALLOON,      true,  operator_balloon        },
    {CONTROL_PORTS,           false, operator_ports          },
    {CONTROL_SERVICE_RESTART, false, operator_restart_service},
    {CONTROL_CAPTURES,        false, operator_captures       },
    {CONTROL_CAPTURE_SET,     false, operator_capture        },
};

static enum control_result operator_request(seL4_Word label, seL4_Word number, seL4_Word argument)
{
    reply_page->text[0] = '\0';
    for (unsigned i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (requests[i].label == label) {
            struct vm *vm = find_vm(number);
            if (requests[i].needs_vm && vm == NULL) {
                return refuse("there is", "no such VM");
            }
            return requests[i].act(vm, argument);
        }
    }
    return refuse("root knows", "no such request");
}

/* ---- faults of our own processes ----------------------------------------------------------------
 */

static const char *fault_name(seL4_Word label)
{
    static const char *const names[] = {
        [seL4_Fault_CapFault] = "invalid capability",
        [seL4_Fault_UnknownSyscall] = "unknown system call",
        [seL4_Fault_UserException] = "exception",
        [seL4_Fault_Timeout] = "timeout",
        [seL4_Fault_VMFault] = "memory fault",
    };
    return label < sizeof names / sizeof names[0] && names[label] != NULL ? names[label] : "fault";
}

static bool restart_service(uint32_t number)
{
    return number == CLIENT_SERIAL  ? service_restart(SERVICE_SERIAL)
           : number == CLIENT_TIMER ? service_restart(SERVICE_TIMER)
                                    : port_restart(number);
}

/* One that cannot be made again at once will not be later either: there is nothing to wait for. */
static void service_fault(uint32_t number)
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
            reap();
            restart_due();
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

/* What a process's thread does, by the number that its maker gave it. */
static const char *thread_name(uint64_t number, unsigned index, char text[32])
{
    if (find_vm(number) != NULL && index > 0) {
        format(text, 32, "handler of vCPU %u", index - 1);
    } else if (number == CLIENT_TIMER && index > 0) {
        format(text, 32, "%s of core %u", index % 2 == 1 ? "alarm thread" : "listener",
               (index - 1) / 2);
    } else {
        format(text, 32, "main thread");
    }
    return text;
}

static void process_fault(uint64_t number, unsigned thread, seL4_Word label)
{
    struct vm *vm = find_vm(number);
    seL4_Word pc = seL4_GetMR(label == seL4_Fault_UnknownSyscall ? seL4_UnknownSyscall_FaultIP : 0);
    seL4_Word address = label == seL4_Fault_VMFault ? seL4_GetMR(seL4_VMFault_Addr) : 0;
    char text[32];
    log_error("%s: %s: %s at pc 0x%lx, address 0x%lx",
              vm != NULL ? name_of(vm) : service_name((uint32_t)number),
              thread_name(number, thread, text), fault_name(label), (unsigned long)pc,
              (unsigned long)address);
    if (vm != NULL) {
        end_vm(vm, END_FAILURE);
    } else if (number > CLIENT_ROOT && number < CLIENT_VM) {
        service_fault((uint32_t)number);
    }
}

/* A VMM touched what its guest has given back: that is no fault of its own. True: it may go on. */
static bool is_memory_gone(uint64_t number, seL4_Word label)
{
    struct vm *vm = find_vm(number);
    return vm != NULL && has_compartment(vm) && label == seL4_Fault_VMFault &&
           ram_fault(&vm->ram, seL4_GetMR(seL4_VMFault_Addr), seL4_GetMR(seL4_VMFault_FSR));
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

/* Acts on a message. False: there is no answer; else it is *answer, and what it says is in MRs. */
static bool handle(seL4_Word badge, seL4_Word label, seL4_MessageInfo_t *answer)
{
    uint64_t number = BADGE_NUMBER(badge);
    struct vm *vm = find_vm(number);
    *answer = seL4_MessageInfo_new(0, 0, 0, 0);
    if ((badge & ROOT_EVENT_BADGE) != 0) {
        reap();
        restart_due();
    } else if ((badge & BADGE_FAULT) != 0) {
        if (is_memory_gone(number, label)) {
            return true; /* an empty answer to a fault is "again" */
        }
        process_fault(number, BADGE_THREAD(badge), label);
    } else if (number == CLIENT_SERIAL) {
        seL4_SetMR(0, operator_request(label, seL4_GetMR(0), seL4_GetMR(1)));
        *answer = seL4_MessageInfo_new(0, 0, 0, 1);
        return true;
    } else if (vm != NULL && has_compartment(vm)) {
        if (label >= CONTROL_RAM_RELEASE && label <= CONTROL_RAM_TARGET) {
            seL4_Word value;
            seL4_SetMR(0, guest_request(vm, label, seL4_GetMR(0), &value));
            seL4_SetMR(1, value);
            *answer = seL4_MessageInfo_new(0, 0, 0, 2);
            return true;
        }
        guest_message(vm, label);
    }
    return false;
}

_Noreturn void control_run(seL4_CPtr reply)
{
    seL4_Word badge;
    seL4_MessageInfo_t info = seL4_Recv(root.control, &badge, reply), answer;
    for (;;) {
        uint64_t free_bytes = memory_free_bytes();
        bool answers = handle(badge, seL4_MessageInfo_get_label(info), &answer);
        if (memory_free_bytes() > free_bytes) {
            offer_memory();
        }
        info = answers ? seL4_ReplyRecv(root.control, answer, &badge, reply)
                       : seL4_Recv(root.control, &badge, reply);
    }
}

/* ---- start --------------------------------------------------------------------------------------
 */

bool control_init(const struct board *machine, const void *tree, uint64_t tree_bytes, char *why,
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

uint32_t control_client_count(void)
{
    return CLIENT_VM + vm_count + console_count;
}

/* Makes a VM's consoles known; *next is the first free client number. */
static void name_consoles(const struct vm *vm, uint32_t *next)
{
    struct serial_client_info *client = service_client(vm->number);
    format(client->name, sizeof client->name, "%s", name_of(vm));
    client->kind = SERIAL_CLIENT_VM;
    for (uint32_t i = 0; i < vm->console_count; i++) {
        char name[sizeof client->name];
        format(name, sizeof name, "%s.%s", name_of(vm),
               description_console_port(vm->description.tree, vm->description.node, i));
        service_add_console((*next)++, vm->number, i, name);
    }
}

void control_start_all(const void *tree)
{
    struct console_description console;
    uint32_t next = CLIENT_VM + vm_count;
    description_console(&console, tree);
    service_roster()->log_level = console.log_level;
    for (uint32_t i = 0; i < vm_count; i++) {
        if (strcmp(console.attach, name_of(&vms[i])) == 0) {
            service_roster()->attach = vms[i].number;
        }
        name_consoles(&vms[i], &next);
    }
    service_roster_changed();
    for (uint32_t i = 0; i < vm_count; i++) {
        if (vms[i].description.autostart) {
            start_vm(&vms[i]);
        }
    }
}
