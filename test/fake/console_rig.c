// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/console_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void on_signal(void *ctx, unsigned client)
{
    ((struct console_rig *)ctx)->signals |= 1u << client;
}

static enum control_result on_request(void *ctx, enum control_request request, unsigned client,
                                      unsigned argument)
{
    struct console_rig *f = ctx;
    (void)client, (void)argument;
    f->asked = request;
    return CONTROL_OK;
}

static uint64_t on_now(void *ctx)
{
    return ((struct console_rig *)ctx)->now_ms;
}

struct serial_link *rig_link(struct console_rig *f, unsigned n)
{
    return (struct serial_link *)(void *)(f->links + (size_t)n * SERIAL_LINK_BYTES);
}

void rig_open_client(struct console_rig *f, unsigned n)
{
    struct serial_link *link = rig_link(f, n);
    atomic_fetch_add(&f->roster.client[n].generation, 1);
    ring_format(&link->out);
    ring_format(&link->in);
    ring_format(&link->log);
    ring_open_producer(&f->out[n], &link->out, link->out_data, SERIAL_OUT_SIZE);
    ring_open_consumer(&f->in[n], &link->in, link->in_data, SERIAL_IN_SIZE);
    ring_open_producer(&f->log[n], &link->log, link->log_data, SERIAL_LOG_SIZE);
    atomic_fetch_add(&f->roster.client[n].generation, 1);
}

void rig_begin(struct console_rig *f, uint32_t attach)
{
    f->roster.attach = attach;
    console_init(&f->console, &(struct console_port){.signal = on_signal,
                                                     .request = on_request,
                                                     .now_ms = on_now,
                                                     .ctx = f,
                                                     .roster = &f->roster,
                                                     .reply = &f->reply,
                                                     .links = f->links});
}

int rig_setup(void **state)
{
    struct console_rig *f = calloc(1, sizeof *f);
    static const char *const names[] = {"root", "timer", "linux-a", "linux-b"};
    f->links = calloc(SERIAL_CLIENT_MAX, SERIAL_LINK_BYTES);
    f->roster = (struct serial_roster){
        .magic = SERIAL_ROSTER_MAGIC, .version = SERIAL_ROSTER_VERSION, .log_level = LOG_INFO};
    for (unsigned n = 0; n < CLIENTS; n++) {
        bool vm = n >= VM_A;
        strcpy(f->roster.client[n].name, names[n]);
        f->roster.client[n].kind = vm ? SERIAL_CLIENT_VM : SERIAL_CLIENT_SYSTEM;
        f->roster.client[n].state = vm ? VM_RUNNING : VM_STOPPED;
        rig_open_client(f, n);
    }
    *state = f;
    return 0;
}

int rig_teardown(void **state)
{
    struct console_rig *f = *state;
    free(f->links);
    free(f);
    return 0;
}

void rig_move(struct console_rig *f, size_t uart)
{
    bool moved;
    unsigned passes = 0;
    do {
        assert_true(++passes < 100000);
        moved = console_run(&f->console);
        size_t piece = uart < 256 ? uart : 256;
        assert_true(f->size + piece < sizeof f->shown);
        size_t got = console_output(&f->console, (uint8_t *)f->shown + f->size, piece);
        f->size += got;
        uart -= got;
        moved |= got != 0 && (console_waits(&f->console) || got == piece);
    } while (moved);
    f->shown[f->size] = '\0';
}

void rig_settle(struct console_rig *f)
{
    uint32_t lingering;
    do {
        rig_move(f, SIZE_MAX);
        lingering = console_lingers(&f->console);
        console_signalled(&f->console, lingering);
    } while (lingering != 0);
}

void rig_expect(struct console_rig *f, const char *wanted)
{
    rig_settle(f);
    assert_string_equal(f->shown, wanted);
    f->size = 0;
    f->shown[0] = '\0';
}

void rig_clear(struct console_rig *f)
{
    rig_settle(f);
    f->size = 0;
    f->shown[0] = '\0';
}

void rig_say(struct console_rig *f, unsigned n, const char *text)
{
    bool signal = false;
    assert_int_equal(ring_write(&f->out[n], text, (uint32_t)strlen(text), &signal), strlen(text));
    if (signal) {
        console_signalled(&f->console, 1u << n);
    }
}

void rig_log(struct console_rig *f, unsigned n, const char *text)
{
    bool signal = false;
    assert_int_equal(ring_write(&f->log[n], text, (uint32_t)strlen(text), &signal), strlen(text));
    if (signal) {
        console_signalled(&f->console, 1u << n);
    }
}

/* Types as the UART delivers: in pieces that the console has room for. */
void rig_type(struct console_rig *f, const char *text)
{
    size_t size = strlen(text);
    while (size != 0) {
        uint32_t room = console_input_room(&f->console);
        uint32_t count = size < room ? (uint32_t)size : room;
        assert_true(room != 0);
        console_input(&f->console, (const uint8_t *)text, count);
        rig_settle(f);
        text += count;
        size -= count;
    }
}

void rig_expect_typed(struct console_rig *f, unsigned n, const char *wanted)
{
    char got[256] = {0};
    bool signal = false;
    ring_read(&f->in[n], got, sizeof got - 1, &signal);
    assert_string_equal(got, wanted);
    if (signal) {
        console_signalled(&f->console, 1u << n);
    }
}
