// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/shell.h"

#include <string.h>

#include "lib/format.h"
#include "service/serial/filter.h"
#include "service/serial/roster.h"

struct command {
    const char *name;
    const char *arguments; /* for help; in brackets when it may be left out */
    const char *help;
    void (*run)(struct shell *shell, const struct shell_words *words);
    unsigned least, most;         /* words, its own name included */
    bool takes_vm;                /* its first argument names a VM */
    enum control_request request; /* what `control` asks root for */
};

static void help(struct shell *shell, const struct shell_words *words);
static void console(struct shell *shell, const struct shell_words *words);
static void show_log(struct shell *shell, const struct shell_words *words);
static void follow(struct shell *shell, const struct shell_words *words);
static void control(struct shell *shell, const struct shell_words *words);
static void restart(struct shell *shell, const struct shell_words *words);
static void balloon(struct shell *shell, const struct shell_words *words);
static void resize(struct shell *shell, const struct shell_words *words);

static const struct command commands[] = {
    {"help",    "[COMMAND]",         "what the commands do",                         help,          1, 2, false, CONTROL_NONE     },
    {"list",    "",                  "the VMs, their state and size",                shell_list,    1, 1, false, CONTROL_NONE     },
    {"console", "NAME",              "type to this VM; Ctrl-T s comes back",         console,       2, 2, true,  CONTROL_NONE     },
    {"follow",  "[NAME [off]]",      "show its lines while it is in the background", follow,        1, 3, true,
     CONTROL_NONE                                                                                                                 },
    {"log",     "[N]",               "the last N lines of the system log",           show_log,      1, 2, false, CONTROL_NONE     },
    {"stats",   "[net|disk] [NAME]", "what VMMs, networks or disks have counted",    shell_stats,   1, 3,
     true,                                                                                                       CONTROL_NONE     },
    {"capture", "[WHAT NETWORK]",    "keep a network's frames: start, stop, dump",   shell_capture, 1, 3,
     false,                                                                                                      CONTROL_NONE     },
    {"link",    "PORT up|down",      "put a network's cable in, or pull it out",     shell_link,    3, 3, true,
     CONTROL_NONE                                                                                                                 },
    {"memory",  "",                  "memory and kernel resources",                  shell_memory,  1, 1, false, CONTROL_NONE     },
    {"start",   "NAME",              "start this VM",                                control,       2, 2, true,  CONTROL_VM_START },
    {"stop",    "NAME",              "end it at once, its memory is freed",          control,       2, 2, true,  CONTROL_VM_STOP  },
    {"restart", "NAME",              "stop and start; also a service, as net",       restart,       2, 2, true,
     CONTROL_VM_RESTART                                                                                                           },
    {"pause",   "NAME",              "keep it from running",                         control,       2, 2, true,  CONTROL_VM_PAUSE },
    {"resume",  "NAME",              "let it run again",                             control,       2, 2, true,  CONTROL_VM_RESUME},
    {"balloon", "NAME MIB",          "ask it to give back so much of its memory",    balloon,       3, 3, true,
     CONTROL_NONE                                                                                                                 },
    {"resize",  "NAME COLSxROWS",    "tell the guest how large the terminal is",     resize,        3, 3, true,
     CONTROL_NONE                                                                                                                 },
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct command *find(const char *name)
{
    for (unsigned i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* ---- saying things --------------------------------------------------------------------------- */

void shell_print(struct shell *shell, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    size_t length = format_va(text, sizeof text, fmt, args);
    va_end(args);
    shell->port.write(shell->port.ctx, text, length < sizeof text ? length : sizeof text - 1);
}

/* Root's text, which may quote a description: lines of printable characters. */
static void print_reply(struct shell *shell, const char *before)
{
    const struct control_reply *reply = shell->port.reply;
    struct filter filter = {.kind = FILTER_TEXT};
    char text[sizeof reply->text + 1];
    size_t length = 0;
    for (size_t i = 0; i < sizeof reply->text && reply->text[i] != '\0'; i++) {
        char out[FILTER_OUT_MAX];
        char c = reply->text[i];
        if (c == '\n') {
            text[length++] = c;
        } else if (filter_byte(&filter, (uint8_t)c, out) != 0) {
            text[length++] = out[0];
        }
    }
    if (length == 0) {
        return;
    }
    if (text[length - 1] != '\n') {
        text[length++] = '\n';
    }
    shell_print(shell, "%s", before);
    shell->port.write(shell->port.ctx, text, length);
}

bool shell_request(struct shell *shell, enum control_request request, unsigned client,
                   unsigned argument)
{
    if (shell->port.request(shell->port.ctx, request, client, argument) == CONTROL_OK) {
        return true;
    }
    if (shell->port.reply->text[0] != '\0') {
        print_reply(shell, "error: ");
    } else {
        shell_print(shell, "error: root refused without a reason\n");
    }
    return false;
}

unsigned shell_vm(struct shell *shell, const char *name)
{
    const struct serial_roster *roster = shell->port.roster;
    unsigned client = roster_find(roster, name);
    if (client < SERIAL_CLIENT_MAX) {
        return client;
    }
    unsigned first = roster_next_vm(roster, 0);
    shell_print(shell, "no VM is called \"%s\"; there %s", name,
                first < SERIAL_CLIENT_MAX ? "are:" : "is none");
    for (unsigned i = first; i < SERIAL_CLIENT_MAX; i = roster_next_vm(roster, i)) {
        char known[ROSTER_NAME_MAX];
        shell_print(shell, " %s", roster_name(roster, i, known));
    }
    shell_print(shell, "\n");
    return SERIAL_CLIENT_MAX;
}

unsigned shell_console(struct shell *shell, const char *name)
{
    unsigned client = roster_find_console(shell->port.roster, name);
    return client < SERIAL_CLIENT_MAX ? client : shell_vm(shell, name);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void help(struct shell *shell, const struct shell_words *words)
{
    if (words->count == 2 && find(words->word[1]) == NULL) {
        shell_print(shell, "no command is called \"%s\"; 'help' lists all\n", words->word[1]);
        return;
    }
    for (unsigned i = 0; i < COMMANDS; i++) {
        const struct command *c = &commands[i];
        if (words->count == 1 || strcmp(c->name, words->word[1]) == 0) {
            shell_print(shell, "  %-8s %-17s %s\n", c->name, c->arguments, c->help);
        }
    }
    if (words->count == 1) {
        shell_print(shell, "Keys: Ctrl-T and then a digit: the VM with this number; s: this shell;"
                           " n: next console;\n      ?: help; Ctrl-T: a Ctrl-T for the guest."
                           " Tab completes, Up finds earlier lines.\n");
    }
}

static void console(struct shell *shell, const struct shell_words *words)
{
    unsigned client = shell_console(shell, words->word[1]);
    if (client < SERIAL_CLIENT_MAX) {
        shell->port.attach(shell->port.ctx, client);
    }
}

/* A number of up to seven digits. */
static bool number(const char *text, unsigned *value)
{
    enum { MOST = 999999 };
    *value = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || *value > MOST) {
            return false;
        }
        *value = *value * 10 + (unsigned)(*c - '0');
    }
    return true;
}

static void show_log(struct shell *shell, const struct shell_words *words)
{
    unsigned lines = SHELL_LOG_LINES;
    if (words->count == 2 && !number(words->word[1], &lines)) {
        shell_print(shell, "log: \"%s\" is not a number of lines\n", words->word[1]);
        return;
    }
    shell->port.show_log(shell->port.ctx, lines);
}

static void list_followed(struct shell *shell)
{
    const struct serial_roster *roster = shell->port.roster;
    unsigned count = 0;
    for (unsigned i = roster_next_console(roster, 0); i < SERIAL_CLIENT_MAX;
         i = roster_next_console(roster, i)) {
        if (shell->port.followed(shell->port.ctx, i)) {
            char name[ROSTER_NAME_MAX];
            shell_print(shell, "%s%s",
                        count++ != 0 ? " " : "followed: ", roster_name(roster, i, name));
        }
    }
    shell_print(shell, count != 0 ? "\n" : "no VM is followed\n");
}

static void follow(struct shell *shell, const struct shell_words *words)
{
    bool off = words->count == 3;
    if (words->count == 1) {
        list_followed(shell);
        return;
    }
    if (off && strcmp(words->word[2], "off") != 0) {
        shell_print(shell, "follow: only 'off' may stand after the name\n");
        return;
    }
    unsigned client = shell_console(shell, words->word[1]);
    if (client < SERIAL_CLIENT_MAX) {
        shell->port.follow(shell->port.ctx, client, !off);
    }
}

static void control(struct shell *shell, const struct shell_words *words)
{
    unsigned client = shell_vm(shell, words->word[1]);
    if (client < SERIAL_CLIENT_MAX &&
        shell_request(shell, find(words->word[0])->request, client, 0)) {
        if (shell->port.reply->text[0] != '\0') {
            print_reply(shell, "");
        } else {
            shell_print(shell, "%s: %s: done\n", words->word[0], words->word[1]);
        }
    }
}

/* A VM, or a service: their names are no VM's (tool/description_system.c). */
static void restart(struct shell *shell, const struct shell_words *words)
{
    unsigned service = roster_find_service(shell->port.roster, words->word[1]);
    if (service == SERIAL_CLIENT_MAX) {
        control(shell, words);
    } else if (shell_request(shell, CONTROL_SERVICE_RESTART, 0, service)) {
        shell_print(shell, "restart: %s: done\n", words->word[1]);
    }
}

static void balloon(struct shell *shell, const struct shell_words *words)
{
    unsigned mib;
    if (!number(words->word[2], &mib)) {
        shell_print(shell, "balloon: \"%s\" is not a number of MiB\n", words->word[2]);
        return;
    }
    unsigned client = shell_vm(shell, words->word[1]);
    if (client < SERIAL_CLIENT_MAX && shell_request(shell, CONTROL_VM_BALLOON, client, mib)) {
        shell_print(shell, "balloon: %s: asked for %u MiB; 'list' shows what has come\n",
                    words->word[1], mib);
    }
}

/* "132x43"; false when it is nothing like that. */
static bool read_size(const char *text, unsigned *columns, unsigned *rows)
{
    char left[8] = "";
    const char *x = strchr(text, 'x');
    if (x == NULL || x == text || x[1] == '\0' || (size_t)(x - text) >= sizeof left) {
        return false;
    }
    memcpy(left, text, (size_t)(x - text));
    return number(left, columns) && number(x + 1, rows) && *columns != 0 && *rows != 0 &&
           *columns <= SHELL_SIZE_MAX && *rows <= SHELL_SIZE_MAX;
}

static void resize(struct shell *shell, const struct shell_words *words)
{
    unsigned columns, rows;
    if (!read_size(words->word[2], &columns, &rows)) {
        shell_print(shell, "resize: \"%s\" is not a size: columns, x, lines, as 80x24\n",
                    words->word[2]);
        return;
    }
    unsigned client = shell_console(shell, words->word[1]);
    if (client < SERIAL_CLIENT_MAX) {
        shell->port.resize(shell->port.ctx, client, columns, rows);
        shell_print(shell, "resize: %s: %ux%u, for a guest with a virtio-console\n", words->word[1],
                    columns, rows);
    }
}

/* ---- a line ---------------------------------------------------------------------------------- */

/* Cuts a line at its blanks. False when it has too many words. */
static bool split(char *line, struct shell_words *words)
{
    for (;;) {
        while (*line == ' ') {
            *line++ = '\0';
        }
        if (*line == '\0') {
            return true;
        }
        if (words->count == SHELL_WORDS) {
            return false;
        }
        words->word[words->count++] = line;
        while (*line != ' ' && *line != '\0') {
            line++;
        }
    }
}

static void run(void *ctx, const char *text)
{
    struct shell *shell = ctx;
    char line[EDITOR_LINE_MAX];
    struct shell_words words = {0};
    memcpy(line, text, strlen(text) + 1);
    bool fits = split(line, &words);
    if (words.count == 0) {
        return;
    }
    const struct command *command = find(words.word[0]);
    if (command == NULL) {
        shell_print(shell, "no command is called \"%s\"; there are:", words.word[0]);
        for (unsigned i = 0; i < COMMANDS; i++) {
            shell_print(shell, " %s", commands[i].name);
        }
        shell_print(shell, "\n");
    } else if (!fits || words.count < command->least || words.count > command->most) {
        shell_print(shell, "usage: %s%s%s\n", command->name, *command->arguments != '\0' ? " " : "",
                    command->arguments);
    } else {
        command->run(shell, &words);
    }
}

/* What may stand where the last word of `before` stands: a command, or a VM's name. */
static const char *candidate(void *ctx, const char *before, unsigned index)
{
    struct shell *shell = ctx;
    char line[EDITOR_LINE_MAX];
    struct shell_words words = {0};
    size_t length = strlen(before);
    memcpy(line, before, length + 1);
    bool fits = split(line, &words);
    if (words.count == 0 || (words.count == 1 && before[length - 1] != ' ')) {
        return index < COMMANDS ? commands[index].name : NULL;
    }
    unsigned argument = words.count - (before[length - 1] != ' ');
    const struct command *command = find(words.word[0]);
    if (!fits || argument != 1 || command == NULL) {
        return NULL;
    }
    if (command->run == help) {
        return index < COMMANDS ? commands[index].name : NULL;
    }
    if (!command->takes_vm) {
        return NULL;
    }
    bool consoles = command->run == console || command->run == follow || command->run == resize;
    const struct serial_roster *roster = shell->port.roster;
    unsigned client = 0;
    for (unsigned i = 0; i <= index; i++) {
        client = consoles ? roster_next_console(roster, client) : roster_next_vm(roster, client);
    }
    if (client == SERIAL_CLIENT_MAX) {
        return NULL;
    }
    return roster_name(shell->port.roster, client, shell->name);
}

static void write(void *ctx, const char *bytes, size_t size)
{
    struct shell *shell = ctx;
    shell->port.write(shell->port.ctx, bytes, size);
}

void shell_init(struct shell *shell, const struct shell_port *port)
{
    memset(shell, 0, sizeof *shell);
    shell->port = *port;
    editor_init(
        &shell->editor,
        (struct editor_port){.write = write, .enter = run, .candidate = candidate, .ctx = shell},
        "bulkhead> ");
    shell_print(shell, "Bulkhead operator shell; 'help' lists the commands.\n");
    editor_show(&shell->editor);
}

void shell_key(struct shell *shell, uint8_t byte)
{
    editor_key(&shell->editor, byte);
}
