// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random guests against virtio-mmio with the entropy device behind it, whose source runs dry at
 * times. Whatever they do, a reset makes the device new and it answers.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "device/virtio/virtio_rng.h"
#include "lib/check.h"
#include "test/fake/virtio_chaos.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct chaos c;
    struct virtio_rng rng;
    struct virtio_rng_port source;
    size_t has;
} t;

static size_t draw(void *ctx, uint8_t *bytes, size_t count)
{
    (void)ctx;
    CHECK(count != 0 && count <= VIRTIO_RNG_REQUEST_MAX);
    size_t given = count < t.has ? count : t.has;
    memset(bytes, 0x5a, given);
    t.has -= given;
    return given;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[16];
    memset(&t.rng, 0, sizeof t.rng);
    t.has = 1000;
    t.source.draw = draw;
    chaos_init(&t.c, data, size);
    virtio_rng_init(&t.rng, &t.source, &t.c.d.ram, &t.c.d.port, 0);
    chaos_attach(&t.c, &t.rng.device);
    while (chaos_more(&t.c)) {
        if (chaos_next(&t.c) % 8 == 0) {
            t.has = chaos_next(&t.c);
            virtio_rng_ready(&t.rng);
        } else {
            chaos_step(&t.c);
        }
    }
    t.has = sizeof bytes;
    CHECK(chaos_recover(&t.c, VIRTIO_F_EVENT_IDX));
    CHECK(driver_request(&t.c.d, 0, NULL, 0, bytes, sizeof bytes) == sizeof bytes);
    CHECK(bytes[0] == 0x5a && bytes[15] == 0x5a);
    return 0;
}
