/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/serial.h"
#include "link/timer.h"
#include "root/board.h"
#include "root/process.h"

/*
 * The services: serial and timer. What they share with their clients (link memory, the
 * notifications that clients signal, an interrupt handler) is root's, so a service that dies is
 * made anew with the same links, and its clients notice nothing but a pause.
 */
enum service_id { SERVICE_SERIAL, SERVICE_TIMER, SERVICE_COUNT };

/* Client numbers. A service's number is that of the process, too. */
enum {
    CLIENT_ROOT = 0,
    CLIENT_TIMER = 1,
    CLIENT_SERIAL = 2,
    CLIENT_BLOCK = 3,
    CLIENT_NET = 4,
    CLIENT_VSOCK = 5,
    CLIENT_VM = 6,
};

/* Of the service with this client number. */
const char *service_name(uint32_t number);

/* Makes the links for `client_count` clients and starts both services. False: the reason says why.
 */
bool service_init(const struct board *board, uint32_t client_count);

/*
 * Makes client `number` one more console of the VM `owner`, its index-th, before that starts. It
 * is opened and closed with it.
 */
void service_add_console(uint32_t number, uint32_t owner, uint32_t index, const char *name);

/* What the operator sees of a VM's state, all of its consoles included. */
void service_set_state(uint32_t number, enum vm_state state);

/* Capability slots that service_attach takes for further consoles. */
uint32_t service_slots(uint32_t number);

/* Starts a service again whose process has died. False: it has none now, and the reason says why.
 */
bool service_restart(enum service_id id);

/* Gives a VMM its links: before its boot record is written. False: the reason says why. */
bool service_attach(struct process *process);

/*
 * The same for another service: its log, and an alarm that arrives as `badge` on `notification`, on
 * core 0. Once for each life of the process; name is for the log.
 */
bool service_attach_system(struct process *process, const char *name, seL4_CPtr notification,
                           seL4_Word badge);

/* Tells the services that client `number` runs now; its links are fresh. */
void service_open(uint32_t number, const struct process *process);
/* What the links of each client take of root's own memory. */
uint64_t service_link_bytes(void);

/* Tells them that it does not. Before its memory is taken away. */
void service_close(uint32_t number);

/* Lets the serial service read frames of 2 MiB, from now on and in each of its lives. False: the
 * reason says why. */
bool service_show(seL4_CPtr first, uint32_t count, uint64_t vaddr);

/* The roster entry by which the operator sees a client. */
struct serial_client_info *service_client(uint32_t number);
struct serial_roster *service_roster(void);

/* Tells the serial service that the roster has changed. */
void service_roster_changed(void);

/* Root's own log ring, and the signal that it has something in it. */
void service_open_root_log(struct ring *ring);
void service_root_signal(void);

/* Sets root's own alarm, in counter ticks. */
void service_set_alarm(uint64_t deadline);
