/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "root/process.h"
#include "root/ram.h"

/*
 * RAM of VMs whose description chose zero copy, lent to the one service that their disks are of: it
 * is mapped there, and the service knows where it is in memory, because its device must.
 *
 * What is lent is not root's to give away. It comes back when the service says that it and its
 * device are done with it (lend_back), or when the service has no process and its device was reset.
 * Until then the RAM stays as it is, and the VM does not start again.
 */

/*
 * Once for each VM: makes what the service is told of its RAM. Returns where the service finds
 * that, a struct block_guest; 0: the reason says why not. The same again for a VM that was opened.
 */
uint64_t lend_open(uint32_t client, uint32_t memory_mib);

/* Each life of the service: capability slots that lend_map takes; maps what it is told, and the RAM
 * of the VMs that run. False: the reason says why. */
uint32_t lend_slots(void);
bool lend_map(struct process *service);

/*
 * The VM starts: lends its RAM. `service` is NULL when it has no process now. True as well for a VM
 * that lends nothing. False: the reason says why; nothing is lent.
 */
bool lend_start(uint32_t client, const struct ram *ram, struct process *service);

/* The VM has ended. */
void lend_end(uint32_t client);

/* Whether the VM has ended and the service may still use its RAM. */
bool lend_is_out(uint32_t client);
/* It does not any more. `mapped`: the service has a process, out of which RAM is taken. */
void lend_back(uint32_t client, bool mapped);
/* The service has no process, and its device was reset: nor does it any VM's that has ended. */
void lend_back_all(void);
