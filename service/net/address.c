// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/address.h"

#include <stddef.h>
#include <string.h>

void address_init(struct address_table *table, uint64_t seed, uint64_t age_ticks)
{
    memset(table, 0, sizeof *table);
    table->seed = seed;
    table->age_ticks = age_ticks;
}

static struct address_entry *set_of(struct address_table *table, address_t address)
{
    _Static_assert(ADDRESS_SETS == 64, "the hash gives six bits");
    uint64_t hash = (address ^ table->seed) * 0x9e3779b97f4a7c15;
    return table->entry[(hash ^ hash << 29) >> 58];
}

static struct address_entry *find(struct address_table *table, address_t address)
{
    struct address_entry *set = set_of(table, address);
    for (unsigned i = 0; i < ADDRESS_WAYS; i++) {
        if (set[i].address == address) {
            return &set[i];
        }
    }
    return NULL;
}

static void drop(struct address_table *table, struct address_entry *entry)
{
    if (entry->address != 0) {
        table->learned[entry->port] -= !entry->fixed;
        table->count--;
        *entry = (struct address_entry){0};
    }
}

static bool aged(const struct address_table *table, const struct address_entry *entry, uint64_t now)
{
    return !entry->fixed && now - entry->seen > table->age_ticks;
}

uint8_t address_find(struct address_table *table, address_t address, uint64_t now)
{
    struct address_entry *entry = find(table, address);
    if (entry == NULL) {
        return ADDRESS_NOBODY;
    }
    if (aged(table, entry, now)) {
        drop(table, entry);
        return ADDRESS_NOBODY;
    }
    return entry->port;
}

/*
 * A place for a learned address: a free or aged one, else the oldest learned one; but a port that
 * has its share already gets only what is its own.
 */
static struct address_entry *place(struct address_table *table, address_t address, uint8_t port,
                                   uint64_t now)
{
    struct address_entry *set = set_of(table, address), *best = NULL;
    bool full = table->learned[port] >= ADDRESS_PORT_MAX;
    for (unsigned i = 0; i < ADDRESS_WAYS; i++) {
        struct address_entry *entry = &set[i];
        if (entry->address != 0 && aged(table, entry, now)) {
            drop(table, entry);
        }
        if (entry->address == 0 && !full) {
            return entry;
        }
        if (entry->address != 0 && !entry->fixed && (!full || entry->port == port) &&
            (best == NULL || now - entry->seen > now - best->seen)) {
            best = entry;
        }
    }
    if (best != NULL) {
        drop(table, best);
    }
    return best;
}

bool address_learn(struct address_table *table, address_t address, uint8_t port, uint64_t now)
{
    struct address_entry *entry = find(table, address);
    if (entry != NULL && entry->port == port) {
        entry->seen = now;
        return true;
    }
    if (entry != NULL && entry->fixed) {
        return false;
    }
    if (entry != NULL) {
        drop(table, entry); /* it moved */
    }
    entry = place(table, address, port, now);
    if (entry != NULL) {
        *entry = (struct address_entry){.address = address, .seen = now, .port = port};
        table->learned[port]++;
        table->count++;
    }
    return true;
}

void address_fix(struct address_table *table, address_t address, uint8_t port)
{
    struct address_entry *entry = find(table, address), *set = set_of(table, address);
    for (unsigned i = 0; entry == NULL && i < ADDRESS_WAYS; i++) {
        entry = set[i].address == 0 ? &set[i] : NULL;
    }
    for (unsigned i = 0; entry == NULL && i < ADDRESS_WAYS; i++) {
        entry = !set[i].fixed ? &set[i] : NULL;
    }
    /* Nine of 32 ports in one of 64 sets: the ninth's frames are sent as to an unknown address. */
    if (entry != NULL) {
        drop(table, entry);
        *entry = (struct address_entry){.address = address, .port = port, .fixed = true};
        table->count++;
    }
}

void address_forget(struct address_table *table, uint8_t port)
{
    for (unsigned i = 0; i < ADDRESS_SETS * ADDRESS_WAYS; i++) {
        struct address_entry *entry = &table->entry[i / ADDRESS_WAYS][i % ADDRESS_WAYS];
        if (entry->address != 0 && entry->port == port) {
            drop(table, entry);
        }
    }
}
