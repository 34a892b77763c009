/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>

#include "device/access.h"
#include "lib/range.h"

/* Finds the device that answers at a guest-physical address. */
typedef enum outcome bus_access(void *state, struct access *access);

struct bus_window {
    struct range range; /* guest physical */
    bus_access *access;
    void *state;
};

enum { BUS_WINDOW_MAX = 48 };

struct bus {
    struct bus_window window[BUS_WINDOW_MAX]; /* sorted by address, none overlap */
    unsigned count;
};

/* Adds a window. False: it overlaps another one, or there are too many. */
bool bus_add(struct bus *bus, const struct bus_window *window);

/*
 * The window where one vCPU's last access was: the next one is likely there, too. Zero-initialise;
 * valid while no window is added.
 */
struct bus_cache {
    const struct bus_window *window;
};

/* The access at `address`: offset is filled in here. UNHANDLED when nobody answers there. */
enum outcome bus_do(const struct bus *bus, gpa_t address, struct access *access,
                    struct bus_cache *cache);
