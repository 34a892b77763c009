/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/virtio/virtio_balloon.h"

/*
 * Between the guest's balloon and root, which owns the memory: 2 MiB come and go at a time. What
 * the guest has put into its balloon is not its memory any more until it has taken it out. What it
 * has reported as free it may touch at any time: then its vCPU waits here until root has given
 * memory for it.
 */

/* Makes the device. With `reporting` the guest may say what is free without being asked. */
void balloon_init(struct virtio_balloon *balloon, bool reporting, const struct virtio_port *port,
                  uint32_t mutex_id);

/*
 * A vCPU found nothing at an address of its guest's RAM; in its handler. True: there is memory now,
 * the guest tries again. False: it is in the balloon, or this is no such address.
 */
bool balloon_touch(gpa_t address);

/* EVENT_BALLOON: another size is wanted, or memory that was missing may be there. */
void balloon_event(void);
