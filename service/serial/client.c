// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/client.h"

#include <string.h>

#include "lib/format.h"

static void open(struct client *client, struct serial_link *link)
{
    client->link = link;
    ring_open_consumer(&client->out, &link->out, link->out_data, SERIAL_OUT_SIZE);
    ring_open_producer(&client->in, &link->in, link->in_data, SERIAL_IN_SIZE);
    ring_open_consumer(&client->log.ring, &link->log, link->log_data, SERIAL_LOG_SIZE);
    client->open = true;
}

/*
 * A link that root has formatted starts at zero, but this process may have stored an index of the
 * old link after that: put our own indices right before anything is read from them.
 */
static void restart(struct client *client, struct serial_link *link)
{
    atomic_store(&link->out.tail, 0);
    atomic_store(&link->in.head, 0);
    atomic_store(&link->log.tail, 0);
    client->late_begin = client->late_end = 0;
    client->log.length = 0;
    client->log.allowed = CLIENT_LOG_BURST;
    client->signal = true; /* it may have seen the stale index and wait */
}

bool client_update(struct client *client, struct serial_link *link,
                   const struct serial_client_info *info)
{
    uint32_t generation = atomic_load(&info->generation);
    bool exists = info->kind != SERIAL_CLIENT_NONE;
    if (!exists || (generation & 1) != 0) {
        client->open = false;
        client->seen = true;
        client->generation = generation;
        return false;
    }
    if (client->open && client->generation == generation) {
        return false;
    }
    /* The first look of all is at a link that is in use when this service was restarted: go on
     * there. */
    bool fresh = client->seen && client->generation != generation;
    if (fresh) {
        restart(client, link);
    } else {
        client->log.allowed = CLIENT_LOG_BURST;
        client->signal = true; /* a signal may have died with the service before us: link/ring.h */
    }
    client->seen = true;
    client->generation = generation;
    open(client, link);
    return fresh;
}

uint64_t client_bad_count(const struct client *client)
{
    return client->out.bad_count + client->in.bad_count + client->log.ring.bad_count;
}

bool client_take_output(struct client *client, uint32_t max)
{
    while (client->open && max != 0) {
        uint32_t room;
        uint8_t *to = history_space(&client->history, &room);
        uint32_t count = ring_read(&client->out, to, room < max ? room : max, &client->signal);
        if (count == 0) {
            client->lingers = client->talks;
            client->talks = false;
            return !client->lingers && !ring_wait_for_data(&client->out);
        }
        client->talks = true;
        history_commit(&client->history, count);
        max -= count;
    }
    return client->open;
}

static bool allow_line(struct client_log *log, uint64_t now_ms)
{
    uint64_t earned = (now_ms - log->refill_ms) * CLIENT_LOG_PER_S / 1000;
    if (earned != 0) {
        log->refill_ms = now_ms;
        earned += log->allowed;
        log->allowed = earned < CLIENT_LOG_BURST ? (uint32_t)earned : CLIENT_LOG_BURST;
    }
    if (log->allowed == 0) {
        return false;
    }
    log->allowed--;
    return true;
}

static void end_line(struct client_log *log, struct journal *journal, const char *name,
                     bool limited, uint64_t now_ms)
{
    /* The first byte is the level; a client that does not know that gets its whole line logged. */
    bool levelled = log->length != 0 && log->line[0] >= '0' && log->line[0] <= '0' + LOG_DEBUG;
    enum log_level level = levelled ? (enum log_level)(log->line[0] - '0') : LOG_INFO;
    uint32_t skip = levelled ? 1 : 0;
    if (log->length <= skip) {
        return;
    }
    if (limited && !allow_line(log, now_ms)) {
        log->dropped++;
        return;
    }
    if (log->dropped != 0) {
        char text[64];
        size_t length = format(text, sizeof text, "%u log lines dropped: too many", log->dropped);
        journal_add(journal, now_ms, name, LOG_WARNING, text, length);
        log->dropped = 0;
    }
    journal_add(journal, now_ms, name, level, log->line + skip, log->length - skip);
}

bool client_has_log(struct client *client)
{
    return client->open && !ring_wait_for_data(&client->log.ring);
}

void client_take_log(struct client *client, struct journal *journal, const char *name, bool limited,
                     uint64_t now_ms)
{
    struct client_log *log = &client->log;
    char bytes[CLIENT_LOG_QUANTUM];
    if (!client->open) {
        return;
    }
    uint32_t count = ring_read(&log->ring, bytes, sizeof bytes, &client->signal);
    for (uint32_t i = 0; i < count; i++) {
        if (bytes[i] == '\n') {
            end_line(log, journal, name, limited, now_ms);
            log->length = 0;
        } else if (log->length < sizeof log->line) {
            log->line[log->length++] = bytes[i];
        }
    }
}

static uint32_t late_count(const struct client *client)
{
    return client->late_end - client->late_begin;
}

void client_keep(struct client *client, const uint8_t *bytes, uint32_t size)
{
    uint32_t held = late_count(client);
    uint32_t room = CLIENT_LATE_MAX - held;
    uint32_t count = size < room ? size : room;
    memmove(client->late, client->late + client->late_begin, held);
    memmove(client->late + held, bytes, count); /* they may be late bytes of this client */
    client->late_begin = 0;
    client->late_end = held + count;
}

void client_type(struct client *client, const uint8_t *bytes, uint32_t size)
{
    if (late_count(client) == 0 && client->open) {
        uint32_t count = ring_write(&client->in, bytes, size, &client->signal);
        bytes += count;
        size -= count;
    }
    client_keep(client, bytes, size);
}

uint32_t client_type_room(struct client *client)
{
    return CLIENT_LATE_MAX - late_count(client);
}

bool client_flush_input(struct client *client)
{
    while (client->open && late_count(client) != 0) {
        uint32_t count = ring_write(&client->in, client->late + client->late_begin,
                                    late_count(client), &client->signal);
        client->late_begin += count;
        if (count == 0) {
            return !ring_wait_for_space(&client->in);
        }
    }
    return false;
}
