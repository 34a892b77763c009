// SPDX-License-Identifier: BSD-2-Clause
/*
 * The serial service's multiplexer with hostile clients, a hostile keyboard and a root that starts,
 * stops and changes VMs at any moment. The input is a list of steps. Whatever they are: no access
 * outside what is ours, every pass ends, what the others say gets to the terminal without control
 * characters, and the operator reaches the shell at the end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "service/serial/console.h"

enum { CLIENTS = 4, STEPS_MAX = 400 };

struct world {
    struct console console;
    struct serial_roster roster;
    struct control_reply reply;
    uint8_t *links;
    _Alignas(8) uint8_t capture[4096];
    uint64_t now_ms;
    const uint8_t *input;
    size_t size;
};

static struct world *world;

static uint8_t take(struct world *w)
{
    if (w->size == 0) {
        return 0;
    }
    w->size--;
    return *w->input++;
}

static uint32_t take_word(struct world *w)
{
    uint32_t word = 0;
    for (unsigned i = 0; i < 4; i++) {
        word = word << 8 | take(w);
    }
    return word;
}

static void on_signal(void *ctx, unsigned client)
{
    (void)ctx;
    CHECK(client < CLIENTS);
}

static enum control_result on_request(void *ctx, enum control_request request, unsigned client,
                                      unsigned argument)
{
    struct world *w = ctx;
    CHECK(request >= CONTROL_VM_START && request <= CONTROL_CAPTURE_SET);
    CHECK(argument == 0 || request >= CONTROL_VM_BALLOON);
    CHECK(client == 0 || w->roster.client[client].kind == SERIAL_CLIENT_VM);
    return take(w) % 2 ? CONTROL_OK : CONTROL_ERROR;
}

/* A hostile network service writes it. */
static const struct capture_shared *on_captured(void *ctx, unsigned network, uint64_t *bytes)
{
    struct world *w = ctx;
    CHECK(network < NET_NETWORK_MAX);
    *bytes = sizeof w->capture;
    return (const struct capture_shared *)w->capture;
}

static uint64_t on_now(void *ctx)
{
    return ((struct world *)ctx)->now_ms;
}

static struct serial_link *link_of(struct world *w, unsigned n)
{
    return (struct serial_link *)(void *)(w->links + (size_t)n * SERIAL_LINK_BYTES);
}

/* As main.c does, with a UART that takes at most so many bytes. */
static void move(struct world *w, size_t uart)
{
    bool moved;
    unsigned passes = 0;
    do {
        uint8_t out[256];
        CHECK(++passes < 20000);
        moved = console_run(&w->console);
        size_t piece = uart < sizeof out ? uart : sizeof out;
        size_t got = console_output(&w->console, out, piece);
        CHECK(got <= piece);
        uart -= got;
        moved |= got != 0 && (console_waits(&w->console) || got == piece);
    } while (moved);
}

/* The client's side of a ring: what it says is there, it may have written before, or not. */
static void write_ring(struct world *w, struct ring_shared *shared, uint8_t *data, uint32_t size)
{
    uint32_t head = atomic_load(&shared->head);
    uint8_t count = take(w);
    for (unsigned i = 0; i < count; i++) {
        data[head++ % size] = take(w);
    }
    atomic_store(&shared->head, head);
}

/* The same byte many times: more than fits, without an end. */
static void flood_ring(struct world *w, struct ring_shared *shared, uint8_t *data, uint32_t size)
{
    uint8_t byte = take(w);
    uint32_t count = (uint32_t)take(w) << 8;
    uint32_t head = atomic_load(&shared->head);
    for (uint32_t i = 0; i < count; i++) {
        data[head++ % size] = byte;
    }
    atomic_store(&shared->head, head);
}

static void open_client(struct world *w, unsigned n)
{
    struct serial_link *link = link_of(w, n);
    atomic_fetch_add(&w->roster.client[n].generation, 1);
    ring_format(&link->out);
    ring_format(&link->in);
    ring_format(&link->log);
    if (take(w) % 2) {
        atomic_fetch_add(&w->roster.client[n].generation, 1);
    }
}

static void type(struct world *w)
{
    uint8_t count = take(w);
    for (unsigned i = 0; i < count; i++) {
        uint8_t key = take(w);
        if (console_input_room(&w->console) != 0) {
            console_input(&w->console, &key, 1);
        }
    }
}

static void change_roster(struct world *w, unsigned n)
{
    struct serial_client_info *info = &w->roster.client[n];
    switch (take(w) % 5) {
    case 0:
        info->state = take(w) % 8;
        break;
    case 1:
        info->kind = take(w) % 3;
        break;
    case 2:
        for (unsigned i = 0; i < sizeof info->name; i++) {
            info->name[i] = (char)take(w);
        }
        break;
    case 3:
        w->roster.log_level = take(w) % 5;
        break;
    default:
        open_client(w, n);
        break;
    }
    if (take(w) % 4 != 0) {
        console_roster_changed(&w->console);
    }
}

static void step(struct world *w)
{
    uint8_t what = take(w);
    unsigned n = take(w) % CLIENTS;
    struct serial_link *link = link_of(w, n);
    switch (what % 12) {
    case 0:
        write_ring(w, &link->out, link->out_data, SERIAL_OUT_SIZE);
        break;
    case 1:
        write_ring(w, &link->log, link->log_data, SERIAL_LOG_SIZE);
        break;
    case 2:
        flood_ring(w, &link->out, link->out_data, SERIAL_OUT_SIZE);
        break;
    case 3:
        flood_ring(w, &link->log, link->log_data, SERIAL_LOG_SIZE);
        break;
    case 4: /* it reads all, or says so */
        atomic_store(&link->in.tail, atomic_load(&link->in.head));
        break;
    case 5: /* any word of the three index pages */
        ((uint8_t *)link)[take_word(w) % (3 * sizeof(struct ring_shared))] = take(w);
        break;
    case 6:
    case 7:
        type(w);
        break;
    case 8:
        change_roster(w, n);
        break;
    case 9:
        w->now_ms += take_word(w) % 5000;
        break;
    case 10:
        w->capture[take(w) % 64] = take(w);
        w->capture[take_word(w) % sizeof w->capture] = take(w);
        for (unsigned i = 0; i < sizeof w->reply; i += 61) {
            ((uint8_t *)&w->reply)[i] = take(w);
        }
        break;
    default:
        move(w, take(w) * 8u);
        return;
    }
    console_signalled(&w->console, take(w) % ((1u << CLIENTS) - 1) + 1);
    if (what >= 128) {
        move(w, 0);
    }
}

/* Ctrl-T s, and a command that must reach root, however the rest behaves. */
static void expect_shell(struct world *w)
{
    static const uint8_t keys[] = {CONSOLE_KEY, 's', 3, 'm', 'e', 'm', 'o', 'r', 'y', '\r'};
    for (unsigned n = 0; n < CLIENTS; n++) {
        w->roster.client[n].state = VM_STOPPED; /* so that no full ring holds the keyboard */
    }
    for (unsigned i = w->console.key_pending ? 1 : 0; i < sizeof keys; i++) {
        move(w, SIZE_MAX);
        CHECK(console_input_room(&w->console) != 0);
        console_input(&w->console, &keys[i], 1);
    }
    move(w, SIZE_MAX);
    CHECK(w->console.front == CONSOLE_SHELL);
    CHECK(screen_backlog(&w->console.screen) == 0);
}

/* Lines of others carry no control character, whatever made them. */
static void expect_clean_lines(const struct world *w)
{
    struct journal_line line;
    uint64_t position = 0;
    while (journal_next(&w->console.journal, &position, &line)) {
        CHECK(line.level <= LOG_DEBUG && line.length <= JOURNAL_TEXT_MAX && line.text[0] == '[');
        for (uint32_t i = 0; i < line.length; i++) {
            CHECK(line.text[i] >= ' ' && line.text[i] <= '~');
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (world == NULL) {
        world = malloc(sizeof *world);
    }
    struct world *w = world;
    memset(&w->roster, 0, sizeof w->roster);
    memset(&w->reply, 0, sizeof w->reply);
    capture_open(&(struct capture){0}, w->capture, sizeof w->capture, 100);
    w->now_ms = 0;
    w->input = input;
    w->size = size;
    /* Only the links that exist: an access to another is an error. */
    w->links = calloc(CLIENTS, SERIAL_LINK_BYTES);
    w->roster.magic = SERIAL_ROSTER_MAGIC;
    w->roster.version = SERIAL_ROSTER_VERSION;
    w->roster.log_level = LOG_INFO;
    for (unsigned n = 0; n < CLIENTS; n++) {
        memcpy(w->roster.client[n].name, "client-?", 9);
        w->roster.client[n].name[7] = (char)('0' + n);
        w->roster.client[n].kind = n < 1 ? SERIAL_CLIENT_SYSTEM : SERIAL_CLIENT_VM;
        w->roster.client[n].state = VM_RUNNING;
        if (n == CLIENTS - 1) {
            w->roster.client[n].kind = SERIAL_CLIENT_PORT;
            w->roster.client[n].owner = n - 1;
        }
        ring_format(&link_of(w, n)->out);
        ring_format(&link_of(w, n)->in);
        ring_format(&link_of(w, n)->log);
    }
    w->roster.attach = take(w) % 8;
    console_init(&w->console, &(struct console_port){.signal = on_signal,
                                                     .request = on_request,
                                                     .now_ms = on_now,
                                                     .captured = on_captured,
                                                     .ctx = w,
                                                     .roster = &w->roster,
                                                     .reply = &w->reply,
                                                     .links = w->links});
    for (unsigned i = 0; i < STEPS_MAX && w->size != 0; i++) {
        step(w);
    }
    move(w, SIZE_MAX);
    expect_clean_lines(w);
    expect_shell(w);
    free(w->links);
    return 0;
}
