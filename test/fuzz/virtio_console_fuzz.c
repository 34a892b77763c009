// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random guests and far sides against the console device with three ports. After a reset it says
 * what an honest guest writes, and brings it what the far side has.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "device/virtio/virtio_console.h"
#include "lib/check.h"
#include "test/fake/virtio_chaos.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORTS = 3 };

static struct {
    struct chaos c;
    struct virtio_console console;
    struct virtio_console_port far;
    size_t room[PORTS], has[PORTS];
    uint8_t said; /* the last byte that port 0 sent */
} t;

static size_t transmit(void *ctx, unsigned port, const uint8_t *bytes, size_t count)
{
    (void)ctx;
    CHECK(port < PORTS && count != 0);
    size_t taken = count < t.room[port] ? count : t.room[port];
    unsigned sum = 0;
    for (size_t i = 0; i < taken; i++) {
        sum += bytes[i]; /* for the address sanitizer */
    }
    t.said = taken != 0 ? bytes[taken - 1] : t.said;
    t.room[port] -= taken;
    return taken + 0 * sum;
}

static size_t receive(void *ctx, unsigned port, uint8_t *bytes, size_t count)
{
    (void)ctx;
    CHECK(port < PORTS && count != 0);
    size_t given = count < t.has[port] ? count : t.has[port];
    memset(bytes, 0x5a, given);
    t.has[port] -= given;
    return given;
}

static void far_step(void)
{
    unsigned port = chaos_next(&t.c) % PORTS;
    if (chaos_next(&t.c) % 4 == 0) {
        virtio_console_resize(&t.console, port, (uint16_t)chaos_next(&t.c), 25);
        return;
    }
    t.room[port] = 16 * chaos_next(&t.c);
    t.has[port] = 16 * chaos_next(&t.c);
    virtio_console_ready(&t.console, port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[PORTS] = {NULL, "one", NULL};
    uint8_t in[4];
    memset(t.room, 0, sizeof t.room);
    memset(t.has, 0, sizeof t.has);
    t.far = (struct virtio_console_port){transmit, receive, NULL};
    chaos_init(&t.c, data, size);
    virtio_console_init(&t.console, PORTS, names, &t.far, &t.c.d.ram, &t.c.d.port, 0);
    chaos_attach(&t.c, &t.console.device);
    while (chaos_more(&t.c)) {
        if (chaos_next(&t.c) % 8 == 0) {
            far_step();
        } else {
            chaos_step(&t.c);
        }
    }
    CHECK(chaos_recover(&t.c, VIRTIO_F_RING_PACKED));
    t.room[0] = 9;
    t.has[0] = 3;
    CHECK(driver_request(&t.c.d, 1, "honest", 6, NULL, 0) == 0 && t.said == 't' && t.room[0] == 3);
    CHECK(driver_request(&t.c.d, 0, NULL, 0, in, sizeof in) == 3 && in[2] == 0x5a);
    return 0;
}
