// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/console.h"

#include <string.h>

#include "lib/check.h"
#include "lib/format.h"
#include "service/serial/roster.h"

_Static_assert(SERIAL_CLIENT_MAX == 32, "sets of clients are words of 32 bits");

enum {
    ALL_CLIENTS = -1,
    LOG_BACKLOG = 8192,     /* bytes of the log that wait for the UART, at most */
    FOLLOW_LINE_MAX = 200,  /* a longer line of a followed console is shown in pieces */
    FOLLOW_LOOK_MAX = 1024, /* the same with what does not show counted */
};

static uint64_t now_ms(const struct console *console)
{
    return console->port.now_ms(console->port.ctx);
}

struct serial_link *console_link(const struct console *console, unsigned n)
{
    return (struct serial_link *)(void *)(console->port.links + (size_t)n * SERIAL_LINK_BYTES);
}

/* ---- lines of others, for the screen --------------------------------------------------------- */

static bool lines_waiting(void *ctx)
{
    const struct console *console = ctx;
    return console->journal_cursor != console->journal.history.written ||
           console->follow_count != 0;
}

/* The next whole line of a followed console; what has no end for long counts as one. */
static bool followed_line(struct console *console, unsigned n, char line[SCREEN_LINE_MAX],
                          size_t *length)
{
    struct client *client = &console->client[n];
    const struct history *history = &client->history;
    struct filter filter = {.kind = FILTER_TEXT};
    char name[ROSTER_NAME_MAX];
    uint64_t position = client->follow_position;
    bool ended = false;
    *length = format(line, SCREEN_LINE_MAX, "[%s] ", roster_name(console->port.roster, n, name));
    size_t empty = *length;
    for (unsigned looked = 0; !ended;) {
        uint32_t size;
        const uint8_t *bytes = history_span(history, &position, &size);
        if (size == 0) {
            return false; /* not a whole line yet */
        }
        for (uint32_t i = 0; i < size && !ended; i++, looked++) {
            char out[FILTER_OUT_MAX];
            ended =
                bytes[i] == '\n' || *length - empty == FOLLOW_LINE_MAX || looked == FOLLOW_LOOK_MAX;
            if (!ended && filter_byte(&filter, bytes[i], out) != 0) {
                line[(*length)++] = out[0];
            }
            position += bytes[i] == '\n' || !ended;
        }
    }
    client->follow_position = position;
    return true;
}

static bool next_line(void *ctx, char line[SCREEN_LINE_MAX], size_t *length)
{
    struct console *console = ctx;
    struct journal_line entry;
    while (journal_next(&console->journal, &console->journal_cursor, &entry)) {
        if (entry.level <= console->port.roster->log_level) {
            _Static_assert(sizeof entry.text <= SCREEN_LINE_MAX, "a line of the log fits");
            memcpy(line, entry.text, entry.length);
            *length = entry.length;
            return true;
        }
    }
    for (unsigned i = 0; console->follow_count != 0 && i < SERIAL_CLIENT_MAX; i++) {
        unsigned n = (console->turn + i) % SERIAL_CLIENT_MAX;
        if (console->client[n].follow && n != console->front &&
            followed_line(console, n, line, length)) {
            console->turn = n + 1;
            return true;
        }
    }
    return false;
}

/* ---- the front ------------------------------------------------------------------------------- */

static const char *banner(const struct console *console, unsigned n, char text[96])
{
    char name[ROSTER_NAME_MAX];
    if (n == CONSOLE_SHELL) {
        return "--- operator shell (Ctrl-T ?: help) ---";
    }
    format(text, 96, "--- %s (Ctrl-T s: shell, Ctrl-T ?: help) ---",
           roster_name(console->port.roster, n, name));
    return text;
}

/* Where a console's replay begins: what was missed, and enough to see where one is. */
static uint64_t replay_from(const struct client *client, bool shell)
{
    if (shell && client->shown != 0) {
        return history_last_lines(&client->history, 1, HISTORY_BYTES); /* the prompt */
    }
    uint64_t from = history_last_lines(&client->history, CONSOLE_REPLAY_LINES, HISTORY_BYTES);
    return client->shown < from ? client->shown : from;
}

void console_attach(struct console *console, unsigned n)
{
    char text[96];
    if (console->screen.front != NULL) {
        struct client *old = &console->client[console->front];
        old->shown = console->screen.cursor;
        old->follow_position = old->shown;
    }
    console->front = n;
    console->told_state = 0;
    console->attach_later = false;
    console->output_ready |= (uint32_t)1 << n;
    struct client *client = &console->client[n];
    screen_show(&console->screen, &client->history, replay_from(client, n == CONSOLE_SHELL),
                banner(console, n, text));
}

static void show_keys(struct console *console)
{
    const struct serial_roster *roster = console->port.roster;
    char line[SCREEN_LINE_MAX], name[ROSTER_NAME_MAX];
    size_t used = format(line, sizeof line, "Ctrl-T and then s: shell, n: next, Ctrl-T: itself");
    for (unsigned number = 1; number < 10 && used < sizeof line; number++) {
        unsigned client = roster_vm(roster, number);
        if (client < SERIAL_CLIENT_MAX) {
            used += format(line + used, sizeof line - used, ", %u: %s", number,
                           roster_name(roster, client, name));
        }
    }
    screen_notice(&console->screen, line);
}

/* A VM that is not running takes no input: says so once. True when what is typed goes nowhere. */
static bool tell_stopped(struct console *console)
{
    const struct serial_client_info *info = &console->port.roster->client[console->front];
    uint32_t state = info->state;
    if (state != VM_STOPPED && state != VM_FAILED) {
        console->told_state = 0;
        return false;
    }
    if (console->told_state != state + 1) {
        char line[SCREEN_LINE_MAX], name[ROSTER_NAME_MAX];
        roster_name(console->port.roster, roster_owner(console->port.roster, console->front), name);
        console->told_state = (uint8_t)(state + 1);
        format(line, sizeof line, "[%s] %s; Ctrl-T s and 'start %s' would start it", name,
               roster_state_name(state), name);
        screen_notice(&console->screen, line);
    }
    return true;
}

/* ---- the keyboard ---------------------------------------------------------------------------- */

/* The key after Ctrl-T. */
static void switch_key(struct console *console, uint8_t key)
{
    const struct serial_roster *roster = console->port.roster;
    unsigned n = SERIAL_CLIENT_MAX;
    if (console->front == CONSOLE_SHELL) {
        console_shell_run(console, true); /* what was typed before the switch comes before it */
    }
    if (key >= '0' && key <= '9') {
        n = roster_vm(roster, (unsigned)(key - '0'));
    } else if (key == 's' || key == 'S') {
        n = CONSOLE_SHELL;
    } else if (key == 'n' || key == 'N') {
        n = roster_next_console(roster, console->front);
        n = n < SERIAL_CLIENT_MAX ? n : CONSOLE_SHELL;
    }
    if (n < SERIAL_CLIENT_MAX) {
        console_attach(console, n);
    } else {
        show_keys(console);
    }
}

void console_type(struct console *console, const uint8_t *bytes, uint32_t size)
{
    struct client *front = &console->client[console->front];
    console->input_ready |= (uint32_t)1 << console->front;
    if (console->front == CONSOLE_SHELL) {
        client_keep(front, bytes, size);
    } else if (!tell_stopped(console)) {
        client_type(front, bytes, size);
    }
}

uint32_t console_input_room(struct console *console)
{
    const struct serial_client_info *info = &console->port.roster->client[console->front];
    uint32_t room = client_type_room(&console->client[console->front]);
    /* Only a guest that runs will ever read; do not lose the switch key behind one that does not.
     */
    bool waits = console->front == CONSOLE_SHELL || info->state == VM_RUNNING;
    return room < CONSOLE_INPUT_MAX && waits ? 0 : CONSOLE_INPUT_MAX;
}

void console_input(struct console *console, const uint8_t *bytes, uint32_t size)
{
    console->attach_later = console->attach_later && size == 0;
    while (size != 0) {
        if (console->key_pending && *bytes != CONSOLE_KEY) {
            console->key_pending = false;
            switch_key(console, *bytes);
            bytes++;
            size--;
            continue;
        }
        if (*bytes == CONSOLE_KEY && !console->key_pending) {
            console->key_pending = true;
            bytes++;
            size--;
            continue;
        }
        /* Plain bytes up to the next key; after Ctrl-T, the second Ctrl-T is one of them. */
        const uint8_t *key = memchr(bytes + 1, CONSOLE_KEY, size - 1);
        uint32_t count = key != NULL ? (uint32_t)(key - bytes) : size;
        console->key_pending = false;
        console_type(console, bytes, count);
        bytes += count;
        size -= count;
    }
}

/* ---- the roster ------------------------------------------------------------------------------ */

static void log_state(struct console *console, unsigned n, uint32_t state)
{
    char name[ROSTER_NAME_MAX];
    const char *text = roster_state_name(state);
    enum log_level level = state == VM_FAILED ? LOG_ERROR : LOG_INFO;
    journal_add(&console->journal, now_ms(console), roster_name(console->port.roster, n, name),
                level, text, strlen(text));
}

/* Whether root has begun to make the client's link anew since its rings were opened. */
static bool is_stale(const struct console *console, unsigned n)
{
    return console->client[n].generation != console->port.roster->client[n].generation;
}

static void update_client(struct console *console, unsigned n)
{
    const struct serial_client_info *info = &console->port.roster->client[n];
    uint32_t state = info->state;
    if (client_update(&console->client[n], console_link(console, n), info)) {
        console->client[n].log.refill_ms = now_ms(console);
    }
    if (info->kind != SERIAL_CLIENT_VM) {
        console->states[n] = 0;
        return;
    }
    bool known = console->states[n] != 0;
    bool news = console->states[n] != state + 1;
    console->states[n] = state + 1;
    if (news && (known || state != VM_STOPPED)) {
        log_state(console, n, state);
    }
}

/* ---- moving bytes ---------------------------------------------------------------------------- */

void console_signalled(struct console *console, uint32_t clients)
{
    console->output_ready |= clients;
    console->log_ready |= clients;
    console->input_ready |= clients;
}

void console_log(struct console *console, enum log_level level, const char *line, size_t length)
{
    journal_add(&console->journal, now_ms(console), "serial", level, line, length);
}

/* True when there is more to take right now. */
static bool run_output(struct console *console, unsigned n)
{
    struct client *client = &console->client[n];
    uint32_t max = CLIENT_OUTPUT_QUANTUM;
    if (!roster_has_console(console->port.roster, n)) {
        console->output_ready &= ~((uint32_t)1 << n);
        return false;
    }
    if (n == console->front) {
        /* The front is as fast as the UART; in large steps, so that its client is not woken for
         * few. */
        uint64_t backlog = screen_backlog(&console->screen);
        if (backlog > CONSOLE_BACKLOG / 2) {
            return false;
        }
        max = CONSOLE_BACKLOG - (uint32_t)backlog;
    }
    if (client_take_output(client, max)) {
        return true;
    }
    console->output_ready &= ~((uint32_t)1 << n);
    return false;
}

static bool run_log(struct console *console, unsigned n)
{
    const struct serial_roster *roster = console->port.roster;
    char name[ROSTER_NAME_MAX];
    if (console->journal.history.written - console->journal_cursor > LOG_BACKLOG) {
        return false; /* until the UART has taken some */
    }
    if (!client_has_log(&console->client[n])) { /* so it is each time that a guest prints */
        console->log_ready &= ~((uint32_t)1 << n);
        return false;
    }
    client_take_log(&console->client[n], &console->journal, roster_name(roster, n, name),
                    roster_is_vm(roster, n), now_ms(console));
    console->first = (n + 1) % SERIAL_CLIENT_MAX;
    return true;
}

static bool run_input(struct console *console, unsigned n)
{
    if (n == CONSOLE_SHELL) {
        return console_shell_run(console, false);
    }
    if (client_flush_input(&console->client[n])) {
        return true;
    }
    console->input_ready &= ~((uint32_t)1 << n);
    return false;
}

void console_roster_changed(struct console *console)
{
    run_log(console,
            CONSOLE_SHELL); /* what root said before it changed a state comes before that */
    for (unsigned n = 0; n < SERIAL_CLIENT_MAX; n++) {
        update_client(console, n);
    }
    console_signalled(console, (uint32_t)ALL_CLIENTS);
    if (console->attach_later && roster_is_vm(console->port.roster, console->port.roster->attach)) {
        console_attach(console, console->port.roster->attach);
    }
    if (console->front != CONSOLE_SHELL &&
        !roster_has_console(console->port.roster, console->front)) {
        console_attach(console, CONSOLE_SHELL); /* its VM is gone for good */
    }
}

/* A client that breaks the rules of its rings harms itself only; somebody should know, though. */
static void check_rings(struct console *console, unsigned n)
{
    struct client *client = &console->client[n];
    uint64_t bad = client_bad_count(client);
    bool news = bad > client->bad_seen;
    if (is_stale(console, n)) {
        return; /* root is making the link anew: the indices are its, and will be looked at again */
    }
    client->bad_seen = bad;
    if (news && log_limit_pass(&client->bad_limit, 1)) {
        char line[96], name[ROSTER_NAME_MAX];
        size_t length = format(line, sizeof line, "%s: impossible index in its link (%llu)",
                               roster_name(console->port.roster, n, name),
                               (unsigned long long)client->bad_limit.count);
        console_log(console, LOG_WARNING, line, length);
    }
}

bool console_run(struct console *console)
{
    bool more = false;
    uint32_t ready = console->output_ready | console->log_ready | console->input_ready;
    unsigned first = console->first;
    while (ready != 0) {
        /* Whose log was taken last comes last, so that none fills what the screen can take. */
        uint32_t from_first = ready >> first | ready << (-first % SERIAL_CLIENT_MAX);
        unsigned n = (first + (unsigned)__builtin_ctz(from_first)) % SERIAL_CLIENT_MAX;
        uint32_t bit = (uint32_t)1 << n;
        ready &= ~bit;
        if (is_stale(console, n)) {
            update_client(console, n); /* root's signal is on its way */
        }
        /* Each step runs even when an earlier one has more to do. */
        more |= (console->output_ready & bit) != 0 && run_output(console, n);
        more |= (console->log_ready & bit) != 0 && run_log(console, n);
        more |= (console->input_ready & bit) != 0 && run_input(console, n);
        check_rings(console, n);
        if (console->client[n].signal) {
            console->client[n].signal = false;
            console->port.signal(console->port.ctx, n);
        }
    }
    return more;
}

uint32_t console_lingers(const struct console *console)
{
    uint32_t clients = 0;
    for (unsigned n = 0; n < SERIAL_CLIENT_MAX; n++) {
        clients |= (uint32_t)console->client[n].lingers << n;
    }
    return clients;
}

bool console_waits(const struct console *console)
{
    return (console->output_ready | console->log_ready | console->input_ready) != 0;
}

size_t console_output(struct console *console, uint8_t *out, size_t size)
{
    return screen_output(&console->screen, out, size);
}

/* ---- start ----------------------------------------------------------------------------------- */

void console_init(struct console *console, const struct console_port *port)
{
    CHECK(port->roster->magic == SERIAL_ROSTER_MAGIC &&
          port->roster->version == SERIAL_ROSTER_VERSION);
    memset(console, 0, sizeof *console);
    console->port = *port;
    screen_init(
        &console->screen,
        (struct screen_source){.waiting = lines_waiting, .next_line = next_line, .ctx = console});
    console_shell_init(console);
    unsigned first = port->roster->attach;
    bool exists = roster_is_vm(port->roster, first);
    console_attach(console, exists ? first : CONSOLE_SHELL);
    console->attach_later = !exists && first != CONSOLE_SHELL;
    console_roster_changed(console);
}
