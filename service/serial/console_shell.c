// SPDX-License-Identifier: BSD-2-Clause
/* The shell as one of the console's fronts: what it is given to type and to say, and its port. */
#include <string.h>

#include "service/serial/console.h"

/* A command is only begun, or goes on, when less than this of the last one's output waits. */
enum { SHELL_BACKLOG = 1024, INTERRUPT = 3 /* Ctrl-C */ };

/*
 * The next piece of a long command. The keys behind it wait, up to a Ctrl-C, which ends it; so does
 * a switch, since what nobody looks at is not kept for long.
 */
static void go_on(struct console *console, bool end)
{
    struct client *keys = &console->client[CONSOLE_SHELL];
    const uint8_t *key =
        memchr(keys->late + keys->late_begin, INTERRUPT, keys->late_end - keys->late_begin);
    if (key != NULL) {
        keys->late_begin = (uint32_t)(key - keys->late) + 1;
        shell_interrupt(&console->shell);
    } else if (end) {
        shell_interrupt(&console->shell);
    } else {
        shell_continue(&console->shell);
    }
}

bool console_shell_run(struct console *console, bool all)
{
    struct client *keys = &console->client[CONSOLE_SHELL];
    while (console->front == CONSOLE_SHELL &&
           (shell_is_busy(&console->shell) || keys->late_begin != keys->late_end)) {
        if (!all && screen_backlog(&console->screen) > SHELL_BACKLOG) {
            return false; /* until the UART has taken it */
        }
        if (shell_is_busy(&console->shell)) {
            go_on(console, all);
            continue;
        }
        shell_key(&console->shell, keys->late[keys->late_begin++]);
    }
    console->input_ready &= ~((uint32_t)1 << CONSOLE_SHELL);
    if (keys->late_begin == keys->late_end) {
        return false;
    }
    /* `console NAME` was among the keys: those behind it are for that VM. */
    uint32_t begin = keys->late_begin, end = keys->late_end;
    keys->late_begin = keys->late_end = 0;
    console_type(console, keys->late + begin, end - begin);
    return true;
}

static void shell_write(void *ctx, const char *text, size_t length)
{
    struct console *console = ctx;
    struct history *history = &console->client[CONSOLE_SHELL].history;
    while (length != 0) {
        const char *newline = memchr(text, '\n', length);
        size_t count = newline != NULL ? (size_t)(newline - text) : length;
        history_write(history, text, count);
        if (newline != NULL) {
            history_write(history, "\r\n", 2);
            count++;
        }
        text += count;
        length -= count;
    }
}

static enum control_result shell_ask(void *ctx, enum control_request request, unsigned client,
                                     unsigned argument)
{
    struct console *console = ctx;
    return console->port.request(console->port.ctx, request, client, argument);
}

/* The client finds it in its link, now or when it starts. */
static void shell_resize(void *ctx, unsigned n, unsigned columns, unsigned rows)
{
    struct console *console = ctx;
    struct serial_link *link = console_link(console, n);
    atomic_store(&link->size, columns | rows << 16);
    if (console->client[n].open) {
        console->port.signal(console->port.ctx, n);
    }
}

static const struct capture_shared *shell_captured(void *ctx, unsigned network, uint64_t *bytes)
{
    const struct console *console = ctx;
    *bytes = 0;
    return console->port.captured != NULL
               ? console->port.captured(console->port.ctx, network, bytes)
               : NULL;
}

static void shell_attach(void *ctx, unsigned client)
{
    console_attach(ctx, client);
}

static void shell_show_log(void *ctx, unsigned lines)
{
    struct console *console = ctx;
    uint64_t position = history_last_lines(&console->journal.history, lines, SHELL_OUTPUT_MAX);
    struct journal_line entry;
    while (journal_next(&console->journal, &position, &entry)) {
        shell_print(&console->shell, "%s %s\n", entry.time, entry.text);
    }
}

static void shell_follow(void *ctx, unsigned n, bool on)
{
    struct console *console = ctx;
    struct client *client = &console->client[n];
    console->follow_count += on && !client->follow;
    console->follow_count -= !on && client->follow;
    client->follow = on;
    client->follow_position = client->history.written;
}

static bool shell_followed(void *ctx, unsigned n)
{
    const struct console *console = ctx;
    return console->client[n].follow;
}

void console_shell_init(struct console *console)
{
    shell_init(&console->shell, &(struct shell_port){
                                    .write = shell_write,
                                    .request = shell_ask,
                                    .attach = shell_attach,
                                    .show_log = shell_show_log,
                                    .follow = shell_follow,
                                    .followed = shell_followed,
                                    .resize = shell_resize,
                                    .captured = shell_captured,
                                    .ctx = console,
                                    .roster = console->port.roster,
                                    .reply = console->port.reply,
                                });
}
