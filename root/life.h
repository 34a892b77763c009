/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "root/restart.h"
#include "root/vm.h"

/*
 * The table of VMs, and what becomes of them and of the services: started, ended, restarted by
 * policy. Nothing else in root changes a VM's state.
 */

/* Reads all VMs of the description. False: *why names node and property. Starts nothing. */
bool life_init(const struct board *board, const void *tree, uint64_t tree_bytes, char *why,
               size_t why_size);

/* How many clients the services have to reckon with. */
uint32_t life_client_count(void);

/* Makes the VMs known to the operator and starts those that start by themselves. */
void life_start_all(const void *tree);

/* The VM that is client `number`; NULL: there is none. From CLIENT_VM on they have no gaps. */
struct vm *life_vm(uint64_t number);
const char *life_name(const struct vm *vm);

/* For those that know why: all others start and end it. */
void life_set_state(struct vm *vm, enum vm_state state);

/* False: the reason says why. True: it runs, or will when its memory is there again. */
bool life_start(struct vm *vm);
/* It has ended by itself: what follows is its restart policy's to say. */
void life_end(struct vm *vm, enum end_cause cause);
/* For the operator: it stays down. */
void life_stop(struct vm *vm);

/* Starts what is due. After each event, and when root's alarm rings. */
void life_restart_due(void);
/* Takes back memory of ended VMs that services have let go of. */
void life_reap(void);
/* Memory has come back: those who have waited for it ask again. */
void life_offer_memory(void);

/* A service's process is at fault: restarts it, up to a limit. */
void life_service_fault(uint32_t number);
/* For the operator, of a device service. False: the reason says why. */
bool life_service_restart(uint32_t number);
