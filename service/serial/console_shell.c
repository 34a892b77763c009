// SPDX-License-Identifier: BSD-2-Clause
/* The shell as one of the console's fronts: what it is given to type and to say, and its port. */
#include <string.h>

#include "service/serial/console.h"

/* A command is only begun when less than this of the last one's output waits. */
enum { SHELL_BACKLOG = 1024 };

bool console_shell_run(struct console *console, bool all)
{
    struct client *keys = &console->client[CONSOLE_SHELL];
    while (console->front == CONSOLE_SHELL && keys->late_begin != keys->late_end) {
        if (!all && screen_backlog(&console->screen) > SHELL_BACKLOG) {
            return false; /* until the UART has taken it */
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
                                    .ctx = console,
                                    .roster = console->port.roster,
                                    .reply = console->port.reply,
                                });
}
