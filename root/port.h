/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/control.h"
#include "root/board.h"
#include "root/process.h"
#include "root/ram.h"
#include "root/service.h"

/*
 * The device services, block, net and vsock: one process for each class of which some VM has a
 * device. A port is a service's end of a VM's device. Links, rosters, disks in memory and the
 * driver's memory are root's, so a service that dies is made anew with the same ones, and its
 * clients notice nothing but a pause.
 */

/*
 * Reads the devices of all VMs, finds the board's, and starts the services that are needed. The VM
 * at place n of the description is client CLIENT_VM + n. What is missing (a device of the board,
 * memory for a disk or a service) keeps those VMs from starting that need it: port_allow.
 */
void port_init(const struct board *board, const void *tree);

/* False: the VM cannot have all of its devices, now or later, and the reason says what is missing.
 */
bool port_allow(uint32_t number);

/*
 * Starts the service with this client number again, whose process has died, or which is to begin
 * anew. False: the reason says why. Networks are down meanwhile.
 */
bool port_restart(uint32_t number);

/* Takes away what is left of a service that has died and stays so. */
void port_stop(uint32_t number);

/* Fills the reply's ports with what the services of this class have counted. */
void port_report(enum control_ports class, struct control_reply *reply);

/* Fills the reply's captures. Begins or ends the one at this place among them; false: there is
 * none. */
void port_captures(struct control_reply *reply);
bool port_capture(uint32_t network, bool on);

/*
 * Plugs in or pulls out the cable of the network port at this place in port_report; false: there is
 * none. It stays so when its VM or the service starts anew.
 */
bool port_link(uint32_t place, bool up);

/* Gives a VMM its device links: before its boot record is written. False: the reason says why.
 */
bool port_attach(struct process *process);

/* Capability slots that port_attach takes. */
uint32_t port_slots(uint32_t number);

/*
 * Tells the services that VM `number` runs now: its links are fresh; its RAM is lent if it chose
 * zero copy. False: the reason says why.
 */
bool port_open(uint32_t number, const struct process *process, const struct ram *ram);

/* Tells them that it does not. */
void port_close(uint32_t number);

/*
 * After that: whether nobody touches the VM's RAM any more. Root's notification is signalled when
 * that may have changed. Until then its memory must not be used for anything else.
 */
bool port_is_quiet(uint32_t number);
