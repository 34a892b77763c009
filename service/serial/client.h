/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/serial.h"
#include "service/serial/history.h"
#include "service/serial/journal.h"

/*
 * One client of the service: its end of the link, what it said, what is typed to it. Nothing that
 * the client does costs more than a bounded piece of work, or memory that is not its own.
 */
enum {
    CLIENT_LATE_MAX = 256, /* input that has been taken from the UART and does not fit its ring */
    CLIENT_OUTPUT_QUANTUM = 16384, /* bytes of output that are taken from it in one pass */
    CLIENT_LOG_QUANTUM = 512,      /* the same for its log */
    CLIENT_LOG_BURST = 100,        /* lines that a VM may log at once */
    CLIENT_LOG_PER_S = 20,         /* lines a second that it may log for ever */
};

/* Cuts a client's log ring into lines. */
struct client_log {
    struct ring ring;
    uint64_t refill_ms; /* when its allowance was looked at last */
    uint32_t allowed;   /* lines that it may log now */
    uint32_t dropped;   /* lines dropped since the last one that was shown */
    uint32_t length;    /* of the line so far, its level digit included */
    char line[LOG_LINE_MAX + 1];
};

struct client {
    struct serial_link *link;
    struct ring out, in;
    struct client_log log;
    uint32_t generation; /* of the link that the rings are open on */
    bool seen;           /* generation means something */
    bool open;           /* the rings may be used */
    bool signal;         /* it wants to be told: the owner signals it and clears this */
    bool talks;          /* it said something when it was looked at last */
    bool lingers;        /* it has just fallen silent and has not been asked for a signal yet */
    bool follow;         /* its lines show while another has the screen */
    uint64_t follow_position;
    uint64_t shown; /* its history was on the screen up to here when it left the foreground */
    struct history history;
    uint64_t bad_seen; /* of client_bad_count, what has been logged */
    struct log_limit bad_limit;
    uint32_t late_begin, late_end; /* the bytes of late that wait */
    uint8_t late[CLIENT_LATE_MAX];
};

/*
 * Looks at the link's generation and opens or closes the rings accordingly. True when the link has
 * been made anew (the client has just been started).
 */
bool client_update(struct client *client, struct serial_link *link,
                   const struct serial_client_info *info);

/* Whether the other side of any ring has ever been caught with an impossible index: how often. */
uint64_t client_bad_count(const struct client *client);

/*
 * Moves at most max bytes of output to the history. False when the ring is empty: then the client
 * will signal when that changes, or, if it `lingers`, the caller is to look again in a moment by
 * itself. So a guest that prints byte after byte, as one with a UART does, does not cost a signal
 * for each.
 */
bool client_take_output(struct client *client, uint32_t max);

/* False when its log ring is empty and the client will signal when that changes. */
bool client_has_log(struct client *client);

/*
 * Moves lines of its log, CLIENT_LOG_QUANTUM bytes at most, to the journal under its name.
 * `limited`: not more than the CLIENT_LOG_* allowance.
 */
void client_take_log(struct client *client, struct journal *journal, const char *name, bool limited,
                     uint64_t now_ms);

/* Types to it: to its ring, what does not fit there to `late`, what does not fit there is lost. */
void client_type(struct client *client, const uint8_t *bytes, uint32_t size);

/* Puts typed bytes into `late` only. */
void client_keep(struct client *client, const uint8_t *bytes, uint32_t size);

/* How many more bytes client_type will take for certain. */
uint32_t client_type_room(struct client *client);

/*
 * Moves late input to the ring. True when some is left although there may be room now: call again.
 * (When there is none, the client will signal when that changes.)
 */
bool client_flush_input(struct client *client);
