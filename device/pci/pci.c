// SPDX-License-Identifier: BSD-2-Clause
#include "device/pci/pci.h"

#include <string.h>

#include "device/pci/pci_internal.h"
#include "lib/check.h"
#include "lib/start_only.h"

/* Where nothing answers, nobody drives the bus: its lines read as ones. */
static void answer_nothing(struct access *access)
{
    if (!access->is_write) {
        access->value = ~0ull >> (64 - 8 * access->width_bytes);
    }
}

static void map_function(struct pci *pci, const struct pci_function *function)
{
    for (unsigned bar = 0; bar < PCI_BAR_MAX; bar++) {
        if (function->bar_bytes[bar] != 0) {
            uint32_t base = function->state.config[PCI_BAR / 4 + bar];
            pci->window[pci->window_count++] = (struct pci_window){
                base, base + (function->bar_bytes[bar] - 1), function->device, (uint8_t)bar};
        }
    }
}

void pci_map_windows(struct pci *pci)
{
    pci->window_count = 0;
    for (unsigned device = 0; device < PCI_DEVICE_MAX; device++) {
        const struct pci_function *function = pci->function[device];
        if (function != NULL && pci_commanded(function, PCI_COMMAND_MEMORY)) {
            map_function(pci, function);
        }
    }
}

/* Devices take turns at the lines, so that INTA of the first four are four different interrupts. */
void pci_drive_line(struct pci_function *function)
{
    struct pci *pci = function->bus;
    unsigned line = function->device % PCI_LINE_COUNT;
    uint32_t before = pci->asserted[line], bit = 1u << function->device;
    bool is_on = pci_msix_is_on(function), pending = function->state.intx & !is_on;
    bool high = pending && !pci_commanded(function, PCI_COMMAND_NO_INTX);

    uint32_t *status = &function->state.config[PCI_COMMAND / 4];
    *status = pending ? *status | PCI_STATUS_INTERRUPT : *status & ~(uint32_t)PCI_STATUS_INTERRUPT;
    pci->asserted[line] = high ? before | bit : before & ~bit;
    if ((pci->asserted[line] != 0) != (before != 0)) {
        pci->port->set_line(pci->port->ctx, line, before == 0);
    }
}

START_ONLY void pci_init(struct pci *pci, const struct pci_port *port, uint32_t memory_base,
                         uint32_t mutex_id)
{
    memset(pci, 0, sizeof *pci);
    pci->lock.id = mutex_id;
    pci->port = port;
    pci->memory_base = memory_base;
}

static unsigned count_bars(const struct pci *pci)
{
    unsigned count = 0;
    for (unsigned device = 0; device < PCI_DEVICE_MAX; device++) {
        for (unsigned bar = 0; pci->function[device] != NULL && bar < PCI_BAR_MAX; bar++) {
            count += pci->function[device]->bar_bytes[bar] != 0;
        }
    }
    return count;
}

START_ONLY void pci_add(struct pci *pci, unsigned device, struct pci_function *function)
{
    CHECK(device < PCI_DEVICE_MAX && pci->function[device] == NULL && function->bus == NULL);
    function->bus = pci;
    function->device = (uint8_t)device;
    pci->function[device] = function;
    CHECK(count_bars(pci) <= PCI_WINDOW_MAX);
}

void pci_reset(struct pci *pci)
{
    mutex_lock(&pci->lock);
    for (unsigned device = 0; device < PCI_DEVICE_MAX; device++) {
        if (pci->function[device] != NULL) {
            pci_function_reset(pci->function[device]);
            pci_drive_line(pci->function[device]);
        }
    }
    pci_map_windows(pci);
    mutex_unlock(&pci->lock);
}

/* ECAM, 7.2.2: bus [27:20], device [19:15], function [14:12], register [11:0]. */
static struct pci_function *find_function(const struct pci *pci, uint64_t offset)
{
    return offset >> 20 == 0 && (offset >> 12 & 7) == 0 ? pci->function[offset >> 15 & 31] : NULL;
}

/* Within one word. */
static void access_config(void *ctx, struct access *access)
{
    struct pci *pci = ctx;
    struct pci_function *function = find_function(pci, access->offset);
    if (function == NULL) {
        answer_nothing(access);
        return;
    }
    access->offset &= 0xfff;
    if (function->claimed != 0 && (access->offset & ~3ull) == function->claimed) {
        access->offset &= 3;
        function->ops->config(function->ctx, access);
        return;
    }
    mutex_lock(&pci->lock);
    pci_config_access(function, access);
    mutex_unlock(&pci->lock);
}

/* ECAM has no meaning for accesses that are not aligned. */
enum outcome pci_ecam_access(struct pci *pci, struct access *access)
{
    if ((access->offset & (access->width_bytes - 1u)) != 0) {
        answer_nothing(access);
    } else {
        access_by_words(access, access_config, pci);
    }
    return OUTCOME_DONE;
}

/* All of the access lies in what is found. */
static const struct pci_window *find_window(const struct pci *pci, uint32_t first, uint32_t last)
{
    for (unsigned i = 0; i < pci->window_count; i++) {
        const struct pci_window *window = &pci->window[i];
        if (first >= window->base && last <= window->last) {
            return window;
        }
    }
    return NULL;
}

enum outcome pci_memory_access(struct pci *pci, struct access *access)
{
    uint32_t first = pci->memory_base + (uint32_t)access->offset;
    mutex_lock(&pci->lock);
    const struct pci_window *window = find_window(pci, first, first + (access->width_bytes - 1));
    if (window == NULL) {
        mutex_unlock(&pci->lock);
        answer_nothing(access);
        return OUTCOME_DONE;
    }
    struct pci_function *function = pci->function[window->device];
    unsigned bar = window->bar;
    access->offset = first - window->base;
    if (function->msix_count != 0 && bar == function->msix_bar) {
        pci_msix_access(function, access);
        mutex_unlock(&pci->lock);
    } else {
        /* The guest may move the BAR before the access comes there: this one was earlier, then. */
        mutex_unlock(&pci->lock);
        function->ops->bar(function->ctx, bar, access);
    }
    return OUTCOME_DONE;
}

/* No function has ports. The window is there because firmware wants one. */
enum outcome pci_io_access(struct pci *pci, struct access *access)
{
    (void)pci;
    answer_nothing(access);
    return OUTCOME_DONE;
}

void pci_set_intx(struct pci_function *function, bool high)
{
    mutex_lock(&function->bus->lock);
    if (function->state.intx != high) {
        function->state.intx = high;
        pci_drive_line(function);
    }
    mutex_unlock(&function->bus->lock);
}

void pci_config(struct pci_function *function, unsigned offset, uint32_t *words, unsigned count)
{
    CHECK(offset % 4 == 0 && offset + 4 * count <= PCI_CONFIG_BYTES);
    mutex_lock(&function->bus->lock);
    memcpy(words, &function->state.config[offset / 4], count * sizeof *words);
    mutex_unlock(&function->bus->lock);
}
