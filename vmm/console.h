/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/virtio/virtio_console.h"

/*
 * The console link of the serial service, and the guest's devices at its near end: a PL011, a
 * virtio console, or both. What either sends goes out; what comes in goes to the virtio console
 * while the guest has it open, else to the PL011. Further ports of the virtio console have a link
 * each.
 */

void console_init(void);

/* Each at most once, before any vCPU runs. The PL011 is vmm.uart. */
void console_add_uart(void);
void console_add_virtio(struct virtio_console *console, const void *tree, int node,
                        const struct virtio_port *port, uint32_t mutex_id);

/* Event thread: the serial service has signalled: there is input, or room for output, or
 * the operator's terminal has another size. */
void console_event(void);
