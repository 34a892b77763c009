// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/bus.h"

#include "lib/start_only.h"

START_ONLY bool bus_add(struct bus *bus, const struct bus_window *window)
{
    unsigned at = bus->count;
    if (at == BUS_WINDOW_MAX || window->range.size_bytes == 0 || !range_valid(window->range)) {
        return false;
    }
    for (unsigned i = 0; i < bus->count; i++) {
        if (range_overlaps(bus->window[i].range, window->range)) {
            return false;
        }
    }
    for (; at > 0 && bus->window[at - 1].range.base > window->range.base; at--) {
        bus->window[at] = bus->window[at - 1];
    }
    bus->window[at] = *window;
    bus->count++;
    return true;
}

/* The last window that begins at or below the address. */
static const struct bus_window *find(const struct bus *bus, uint64_t address)
{
    unsigned low = 0, high = bus->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (bus->window[middle].range.base <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : &bus->window[low - 1];
}

enum outcome bus_do(const struct bus *bus, gpa_t address, struct access *access,
                    struct bus_cache *cache)
{
    const struct bus_window *window = cache->window;
    if (window == NULL || !range_contains(window->range, address.value, access->width_bytes)) {
        window = find(bus, address.value);
        if (window == NULL || !range_contains(window->range, address.value, access->width_bytes)) {
            return OUTCOME_UNHANDLED;
        }
        cache->window = window;
    }
    access->offset = address.value - window->range.base;
    return window->access(window->state, access);
}
