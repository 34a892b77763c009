// SPDX-License-Identifier: BSD-2-Clause
#include "root/service.h"

#include <string.h>

#include "lib/check.h"
#include "lib/format.h"
#include "link/net.h"
#include "root/layout.h"
#include "root/reason.h"
#include "root/uart.h"

enum {
    PAGE_BYTES = 4096,
    LINK_PAGES = SERIAL_LINK_BYTES / PAGE_BYTES,
    REPLY_PAGES = 2,
    PRIORITY_ALARM = 250,
    PRIORITY_LISTEN = 249,
    TURN_US = 100000,
    SERVICE_SLOTS = 1024,
};

/* One client of both services. The frames are root's. */
struct client {
    seL4_CPtr link_frame[LINK_PAGES];
    seL4_CPtr timer_frame;
    const struct process *process; /* NULL: not running */
    uint32_t owner, index; /* one more console: its VM, and the how many-th; owner 0: none */
};

static struct client clients[SERIAL_CLIENT_MAX];
static uint32_t client_count;
static const struct board *board;

static struct arena arenas[SERVICE_COUNT];
static struct process processes[SERVICE_COUNT];
/* Other services that have an alarm. */
static struct {
    seL4_CPtr notification; /* 0: it has none */
    seL4_Word badge;
} system_alarm[CLIENT_VM];

/* Memory of others that the serial service may read. */
enum { SHOWN_MAX = NET_NETWORK_MAX };
static struct {
    seL4_CPtr first;
    uint32_t count;
    uint64_t vaddr;
} shown[SHOWN_MAX];
static uint32_t shown_count, shown_frames;

static seL4_CPtr serial_notification, roster_signal, root_signal, uart_irq, serial_roster_frame,
    timer_roster_frame;
static seL4_CPtr reply_frame[REPLY_PAGES];
static seL4_CPtr core_notification[CORE_MAX];
static uint32_t core_count;

static struct serial_roster *const roster = (struct serial_roster *)ROOT_ROSTER_VADDR;
static struct timer_roster *const timers = (struct timer_roster *)ROOT_TIMERS_VADDR;

static struct serial_link *link_of(uint32_t number)
{
    return (struct serial_link *)(ROOT_LINKS_VADDR + (uint64_t)number * SERIAL_LINK_BYTES);
}

static struct timer_link *timer_link_of(uint32_t number)
{
    return (struct timer_link *)(ROOT_TLINKS_VADDR + (uint64_t)number * PAGE_BYTES);
}

/* A page of root's, mapped writable in root. */
static seL4_CPtr shared_page(uint64_t vaddr)
{
    return space_map_page(&root.space, vaddr, SPACE_READ_WRITE);
}

static bool make_client_links(uint32_t number)
{
    struct client *client = &clients[number];
    for (uint32_t i = 0; i < LINK_PAGES; i++) {
        seL4_CPtr frame = arena_page(&root.arena, MEMORY_RECORDS);
        if (frame == 0 ||
            !space_map_copy(&root.space, frame, (uint64_t)link_of(number) + i * PAGE_BYTES,
                            SPACE_READ_WRITE)) {
            return false;
        }
        client->link_frame[i] = frame;
    }
    client->timer_frame = shared_page((uint64_t)timer_link_of(number));
    return client->timer_frame != 0;
}

uint64_t service_link_bytes(void)
{
    return (LINK_PAGES + 1) * PAGE_BYTES;
}

static bool map_links(struct space *space, uint32_t number, uint64_t vaddr)
{
    for (uint32_t i = 0; i < LINK_PAGES; i++) {
        if (!space_map_copy(space, clients[number].link_frame[i], vaddr + i * PAGE_BYTES,
                            SPACE_READ_WRITE)) {
            return false;
        }
    }
    return true;
}

static bool make_shared(void)
{
    serial_notification = arena_object(&root.arena, seL4_NotificationObject, 0);
    roster_signal = arena_slot(&root.arena);
    root_signal = arena_slot(&root.arena);
    if (serial_notification == 0 || roster_signal == 0 || root_signal == 0 ||
        cspace_mint(roster_signal, serial_notification, seL4_CanWrite, SERIAL_BADGE_ROSTER) !=
            seL4_NoError ||
        cspace_mint(root_signal, serial_notification, seL4_CanWrite,
                    SERIAL_BADGE_CLIENT(CLIENT_ROOT)) != seL4_NoError) {
        return false;
    }
    serial_roster_frame = shared_page(ROOT_ROSTER_VADDR);
    timer_roster_frame = shared_page(ROOT_TIMERS_VADDR);
    for (unsigned i = 0; i < REPLY_PAGES; i++) {
        reply_frame[i] = shared_page(ROOT_REPLY_VADDR + i * PAGE_BYTES);
    }
    for (unsigned i = 0; i < core_count; i++) {
        core_notification[i] = arena_object(&root.arena, seL4_NotificationObject, 0);
        if (core_notification[i] == 0) {
            return false;
        }
    }
    return serial_roster_frame != 0 && timer_roster_frame != 0 && reply_frame[REPLY_PAGES - 1] != 0;
}

/* ---- serial
 * ---------------------------------------------------------------------------------------- */

static bool give_serial_device(struct process *process)
{
    if (uart_irq == 0) {
        uart_irq = cspace_own_slot();
        if (!reason_check(cspace_irq_handler(uart_irq, board->uart_intid), "serial",
                          "its interrupt")) {
            uart_irq = 0;
            return false;
        }
    }
    seL4_CPtr badged = arena_slot(process->space.arena);
    return badged != 0 &&
           reason_check(cspace_mint(badged, serial_notification, seL4_AllRights, SERIAL_BADGE_IRQ),
                        "serial", "a badge") &&
           reason_check((seL4_Error)seL4_IRQHandler_SetNotification(uart_irq, badged), "serial",
                        "to signal its interrupt") &&
           process_give(process, SLOT_IRQ, uart_irq, seL4_AllRights, 0) &&
           space_map_copy(&process->space, uart_frame(), PROCESS_DEVICE_VADDR, SPACE_DEVICE);
}

static bool map_shown(struct space *space)
{
    for (uint32_t i = 0; i < shown_count; i++) {
        if (!space_map_frames(space, shown[i].first, shown[i].count, shown[i].vaddr, SPACE_READ)) {
            return false;
        }
    }
    return true;
}

bool service_show(seL4_CPtr first, uint32_t count, uint64_t vaddr)
{
    CHECK(shown_count < SHOWN_MAX);
    shown[shown_count].first = first;
    shown[shown_count].count = count;
    shown[shown_count].vaddr = vaddr;
    shown_count++;
    shown_frames += count;
    return space_map_frames(&processes[SERVICE_SERIAL].space, first, count, vaddr, SPACE_READ);
}

static bool start_serial(void)
{
    struct process *process = &processes[SERVICE_SERIAL];
    struct arena *arena = &arenas[SERVICE_SERIAL];
    const struct schedule schedule = {0, PRIORITY_SERVICE, TURN_US, TURN_US};
    if (!arena_open(arena, "serial", CSPACE_COMPARTMENT + CLIENT_SERIAL,
                    SERVICE_SLOTS + shown_frames, ARENA_CHUNK_BITS) ||
        !process_create(process, arena, arena, "serial", "serial", CLIENT_SERIAL,
                        PROCESS_CNODE_BITS, serial_notification, &schedule) ||
        !give_serial_device(process) ||
        !space_map_copy(&process->space, serial_roster_frame, PROCESS_ROSTER_VADDR, SPACE_READ) ||
        !map_shown(&process->space)) {
        return false;
    }
    if (!space_map_copy(&process->space, clients[CLIENT_SERIAL].timer_frame, PROCESS_TIMER_VADDR,
                        SPACE_READ_WRITE) ||
        !process_give(process, SLOT_TIMER, core_notification[0], seL4_CanWrite, 0)) {
        return false;
    }
    for (unsigned i = 0; i < REPLY_PAGES; i++) {
        if (!space_map_copy(&process->space, reply_frame[i], PROCESS_REPLY_VADDR + i * PAGE_BYTES,
                            SPACE_READ)) {
            return false;
        }
    }
    for (uint32_t n = 0; n < client_count; n++) {
        if (!map_links(&process->space, n, PROCESS_SERIAL_VADDR + n * SERIAL_LINK_BYTES)) {
            return false;
        }
    }
    return process_run(process);
}

/* ---- timer
 * ----------------------------------------------------------------------------------------- */

static bool give_core(struct process *process, uint32_t core)
{
    struct arena *arena = process->space.arena;
    /* Budgets that are periods: no limit. They are long for the reason in service/timer/main.c. */
    const struct schedule alarm = {(uint8_t)core, PRIORITY_ALARM, TURN_US, TURN_US};
    /* Clients cause its work: a tenth of the core, in bursts that no honest client notices. */
    const struct schedule listen = {(uint8_t)core, PRIORITY_LISTEN, 200, 2000};
    const seL4_CPtr capability[] = {
        [CORE_SLOT_CONTROL] = root.info->schedcontrol.start + core,
        [CORE_SLOT_ALARM] = process_thread(process, 1 + 2 * core, PRIORITY_ALARM),
        [CORE_SLOT_ALARM_SC] = process_context(arena, &alarm),
        [CORE_SLOT_LISTEN] = process_thread(process, 2 + 2 * core, PRIORITY_LISTEN),
        [CORE_SLOT_LISTEN_SC] = process_context(arena, &listen),
        [CORE_SLOT_NOTIFY] = core_notification[core],
        [CORE_SLOT_IDLE] = arena_object(arena, seL4_NotificationObject, 0),
    };
    for (unsigned i = 0; i < sizeof capability / sizeof capability[0]; i++) {
        if (capability[i] == 0 || !process_give(process, SLOT_CORE_BASE + core * CORE_SLOTS + i,
                                                capability[i], seL4_AllRights, 0)) {
            return false;
        }
    }
    return true;
}

static bool start_timer(void)
{
    struct process *process = &processes[SERVICE_TIMER];
    struct arena *arena = &arenas[SERVICE_TIMER];
    const struct schedule schedule = {0, PRIORITY_LISTEN, TURN_US, TURN_US};
    if (!arena_open(arena, "timer", CSPACE_COMPARTMENT + CLIENT_TIMER, SERVICE_SLOTS,
                    ARENA_CHUNK_BITS) ||
        !process_create(process, arena, arena, "timer", "timer", CLIENT_TIMER, TIMER_CNODE_BITS, 0,
                        &schedule) ||
        !space_map_copy(&process->space, timer_roster_frame, PROCESS_ROSTER_VADDR, SPACE_READ) ||
        !map_links(&process->space, CLIENT_TIMER, PROCESS_SERIAL_VADDR) ||
        !process_give(process, SLOT_SERIAL, serial_notification, seL4_CanWrite,
                      SERIAL_BADGE_CLIENT(CLIENT_TIMER))) {
        return false;
    }
    for (uint32_t n = 0; n < client_count; n++) {
        if (!space_map_copy(&process->space, clients[n].timer_frame,
                            PROCESS_TIMER_VADDR + n * PAGE_BYTES, SPACE_READ_WRITE)) {
            return false;
        }
    }
    for (uint32_t core = 0; core < core_count; core++) {
        if (!give_core(process, core)) {
            return false;
        }
    }
    process->boot.core_count = core_count;
    process->boot.log_link = 1;
    return process_run(process);
}

/* ---- both
 * ------------------------------------------------------------------------------------------- */

static void format_links(uint32_t number)
{
    struct serial_link *link = link_of(number);
    ring_format(&link->out);
    ring_format(&link->in);
    ring_format(&link->log);
    for (unsigned i = 0; i < TIMER_ALARM_MAX; i++) {
        atomic_store(&timer_link_of(number)->alarm[i].deadline, TIMER_NEVER);
        atomic_store(&timer_link_of(number)->alarm[i].armed, TIMER_NEVER);
    }
}

/* Lets a service signal a client that runs. One that is down gets to know it when it starts. */
static bool give_client(enum service_id id, uint32_t number)
{
    const struct process *client = clients[number].process;
    if (processes[id].cnode == 0 || (id == SERVICE_TIMER && clients[number].owner != 0)) {
        return true;
    }
    if (id == SERVICE_SERIAL) {
        return process_give(&processes[id], SLOT_CLIENT_BASE + number, client->notification,
                            seL4_CanWrite, EVENT_SERIAL);
    }
    seL4_Word slot = SLOT_CLIENT_BASE + number * TIMER_CLIENT_SLOTS;
    for (uint32_t i = 0; i < client->boot.vcpu_count; i++) {
        if (!process_give(&processes[id], slot + TIMER_ALARM_VCPU + i, client->wake[i],
                          seL4_CanWrite, 1) ||
            !process_give(&processes[id], slot + TIMER_ALARM_PTIMER + i, client->notification,
                          seL4_CanWrite, EVENT_TIMER)) {
            return false;
        }
    }
    return process_give(&processes[id], slot + TIMER_ALARM_CLOCK, client->notification,
                        seL4_CanWrite, EVENT_TIMER);
}

/* Lets the timer service ring another service's alarm. */
static bool give_alarm(uint32_t number)
{
    return process_give(&processes[SERVICE_TIMER], SLOT_CLIENT_BASE + number * TIMER_CLIENT_SLOTS,
                        system_alarm[number].notification, seL4_CanWrite,
                        system_alarm[number].badge);
}

/* Lets a service signal root, and the timer service all other services, too. */
static bool give_system(enum service_id id)
{
    seL4_CPtr clients_slot = SLOT_CLIENT_BASE;
    if (!process_give(&processes[id], clients_slot, root.notification, seL4_CanWrite,
                      ROOT_EVENT_BADGE)) {
        return false;
    }
    for (uint32_t n = 0; id == SERVICE_TIMER && n < CLIENT_VM; n++) {
        if (system_alarm[n].notification != 0 && !give_alarm(n)) {
            return false;
        }
    }
    return true;
}

const char *service_name(uint32_t number)
{
    static const char *const names[CLIENT_VM] = {
        [CLIENT_ROOT] = "root",   [CLIENT_TIMER] = "timer", [CLIENT_SERIAL] = "serial",
        [CLIENT_BLOCK] = "block", [CLIENT_NET] = "net",     [CLIENT_VSOCK] = "vsock",
    };
    return number < CLIENT_VM ? names[number] : "?";
}

static void end(enum service_id id)
{
    process_stop(&processes[id]);
    arena_close(&arenas[id]);
    processes[id] = (struct process){0};
}

static bool start(enum service_id id)
{
    reason_clear();
    bool started = (id == SERVICE_SERIAL ? start_serial() : start_timer()) && give_system(id);
    for (uint32_t n = CLIENT_VM; started && n < client_count; n++) {
        started = clients[n].process == NULL || give_client(id, n);
    }
    if (!started) {
        end(id);
    }
    return started;
}

bool service_init(const struct board *machine, uint32_t count)
{
    board = machine;
    client_count = count;
    core_count =
        (uint32_t)root.info->numNodes < CORE_MAX ? (uint32_t)root.info->numNodes : CORE_MAX;
    if (!make_shared()) {
        return false;
    }
    for (uint32_t n = 0; n < count; n++) {
        if (!make_client_links(n)) {
            return false;
        }
        format_links(n);
    }
    roster->magic = SERIAL_ROSTER_MAGIC;
    roster->version = SERIAL_ROSTER_VERSION;
    timers->magic = TIMER_ROSTER_MAGIC;
    timers->version = TIMER_ROSTER_VERSION;
    timers->core_count = core_count;
    system_alarm[CLIENT_SERIAL].notification = serial_notification;
    system_alarm[CLIENT_SERIAL].badge = SERIAL_BADGE_TIMER;
    /* Root and the serial service have an alarm each, on core 0. */
    atomic_store(&timers->client[CLIENT_ROOT].alarms, 1);
    atomic_store(&timers->client[CLIENT_SERIAL].alarms, 1);
    roster->client[CLIENT_ROOT].kind = SERIAL_CLIENT_SYSTEM;
    roster->client[CLIENT_TIMER].kind = SERIAL_CLIENT_SYSTEM;
    format(roster->client[CLIENT_ROOT].name, sizeof roster->client[0].name, "root");
    format(roster->client[CLIENT_TIMER].name, sizeof roster->client[0].name, "timer");
    return start(SERVICE_TIMER) && start(SERVICE_SERIAL);
}

bool service_restart(enum service_id id)
{
    end(id);
    return start(id);
}

bool service_attach_system(struct process *process, const char *name, seL4_CPtr notification,
                           seL4_Word badge)
{
    uint32_t number = process->boot.number;
    struct serial_client_info *client = &roster->client[number];
    bool first = system_alarm[number].notification == 0;
    system_alarm[number].notification = notification;
    system_alarm[number].badge = badge;
    if (first) {
        client->kind = SERIAL_CLIENT_SYSTEM;
        format(client->name, sizeof client->name, "%s", name);
        if (!give_alarm(number)) {
            return false;
        }
        atomic_store(&timers->client[number].alarms, 1);
        service_roster_changed();
    }
    process->boot.log_link = 1;
    return map_links(&process->space, number, PROCESS_SERIAL_VADDR) &&
           space_map_copy(&process->space, clients[number].timer_frame, PROCESS_TIMER_VADDR,
                          SPACE_READ_WRITE) &&
           process_give(process, SLOT_SERIAL, serial_notification, seL4_CanWrite,
                        SERIAL_BADGE_CLIENT(number)) &&
           process_give(process, SLOT_TIMER, core_notification[0], seL4_CanWrite, 0);
}

void service_add_console(uint32_t number, uint32_t owner, uint32_t index, const char *name)
{
    struct serial_client_info *client = &roster->client[number];
    CHECK(number < client_count && index < PROCESS_CONSOLE_MAX);
    clients[number].owner = owner;
    clients[number].index = index;
    client->owner = owner;
    client->kind = SERIAL_CLIENT_PORT;
    format(client->name, sizeof client->name, "%s", name);
}

/* The consoles that belong to a VM; the first one is its own. */
static bool is_console_of(uint32_t number, uint32_t owner)
{
    return number == owner || clients[number].owner == owner;
}

void service_set_state(uint32_t number, enum vm_state state)
{
    for (uint32_t n = number; n < client_count; n++) {
        if (is_console_of(n, number)) {
            atomic_store(&roster->client[n].state, (uint32_t)state);
        }
    }
    service_roster_changed();
}

uint32_t service_slots(uint32_t number)
{
    enum { SLOTS_EACH = LINK_PAGES + 2 /* page tables */ };
    uint32_t slots = 0;
    for (uint32_t n = 0; n < client_count; n++) {
        slots += clients[n].owner == number ? SLOTS_EACH : 0;
    }
    return slots;
}

static bool attach_consoles(struct process *process)
{
    uint32_t number = process->boot.number;
    for (uint32_t n = number + 1; n < client_count; n++) {
        uint32_t index = clients[n].index;
        if (clients[n].owner == number &&
            (!map_links(&process->space, n,
                        PROCESS_SERIAL_VADDR + (uint64_t)(1 + index) * SERIAL_LINK_BYTES) ||
             !process_give(process, SLOT_CONSOLE_BASE + index, serial_notification, seL4_CanWrite,
                           SERIAL_BADGE_CLIENT(n)))) {
            return false;
        }
    }
    return true;
}

bool service_attach(struct process *process)
{
    uint32_t number = process->boot.number;
    for (uint32_t i = 0; i < process->boot.vcpu_count; i++) {
        if (!process_give(process, SLOT_VCPU_BASE + i * VCPU_SLOTS + VCPU_SLOT_TIMER,
                          core_notification[process->boot.vcpu_core[i]], seL4_CanWrite, 0)) {
            return false;
        }
    }
    process->boot.log_link = 1;
    return map_links(&process->space, number, PROCESS_SERIAL_VADDR) &&
           space_map_copy(&process->space, clients[number].timer_frame, PROCESS_TIMER_VADDR,
                          SPACE_READ_WRITE) &&
           process_give(process, SLOT_SERIAL, serial_notification, seL4_CanWrite,
                        SERIAL_BADGE_CLIENT(number)) &&
           process_give(process, SLOT_TIMER, core_notification[process->boot.vcpu_core[0]],
                        seL4_CanWrite, 0) &&
           attach_consoles(process);
}

/* A console's link is made anew: between the two, the serial service keeps its hands off. */
static void open_console(uint32_t number, const struct process *process)
{
    format_links(number);
    clients[number].process = process;
    CHECK(give_client(SERVICE_SERIAL, number));
}

void service_open(uint32_t number, const struct process *process)
{
    struct timer_client_info *alarms = &timers->client[number];
    for (uint32_t n = number; n < client_count; n++) {
        if (is_console_of(n, number)) {
            atomic_fetch_add(&roster->client[n].generation, 1); /* odd: hands off */
            open_console(n, process);
        }
    }
    CHECK(give_client(SERVICE_TIMER, number));
    for (unsigned i = 0; i < VCPU_MAX; i++) {
        bool exists = i < process->boot.vcpu_count;
        uint8_t core = exists ? process->boot.vcpu_core[i] : TIMER_CORE_NONE;
        alarms->core[TIMER_ALARM_VCPU + i] = core;
        alarms->core[TIMER_ALARM_PTIMER + i] = core;
    }
    alarms->core[TIMER_ALARM_CLOCK] = process->boot.vcpu_core[0];
    atomic_store(&alarms->alarms, TIMER_ALARM_MAX);
    atomic_fetch_add(&timers->generation, 1);
    for (uint32_t n = number; n < client_count; n++) {
        if (is_console_of(n, number)) {
            atomic_fetch_add(&roster->client[n].generation, 1);
        }
    }
    service_roster_changed();
}

void service_close(uint32_t number)
{
    atomic_store(&timers->client[number].alarms, 0);
    atomic_fetch_add(&timers->generation, 1);
    for (uint32_t n = number; n < client_count; n++) {
        if (is_console_of(n, number)) {
            clients[n].process = NULL;
        }
    }
    service_roster_changed();
}

struct serial_client_info *service_client(uint32_t number)
{
    return &roster->client[number];
}

struct serial_roster *service_roster(void)
{
    return roster;
}

void service_roster_changed(void)
{
    seL4_Signal(roster_signal);
}

void service_open_root_log(struct ring *ring)
{
    struct serial_link *link = link_of(CLIENT_ROOT);
    ring_open_producer(ring, &link->log, link->log_data, SERIAL_LOG_SIZE);
}

void service_root_signal(void)
{
    seL4_Signal(root_signal);
}

void service_set_alarm(uint64_t deadline)
{
    if (timer_alarm_set(&timer_link_of(CLIENT_ROOT)->alarm[0], deadline)) {
        seL4_Signal(core_notification[0]);
    }
}
