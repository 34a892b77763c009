/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/control.h"
#include "root/restart.h"
#include "root/vm.h"

/*
 * Decides what runs: acts on the operator's requests, on what VMMs say of their guests, on faults
 * of processes and on time. One table of VMs; nothing else in root changes a VM's state.
 */

/* Reads all VMs of the description. False: *why names node and property. Starts nothing. */
bool control_init(const struct board *board, const void *tree, uint64_t tree_bytes, char *why,
                  size_t why_size);

/* How many clients the services have to reckon with. */
uint32_t control_client_count(void);

/* Makes the VMs known to the operator and starts those that start by themselves. */
void control_start_all(const void *tree);

/* The loop: waits for messages and events. */
_Noreturn void control_run(seL4_CPtr reply);
