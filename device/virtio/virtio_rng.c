// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_rng.h"

#include "lib/check.h"
#include "lib/start_only.h"

static enum virtio_progress work(struct virtio_device *device, unsigned queue, unsigned *budget)
{
    struct virtio_rng *rng = (struct virtio_rng *)device;
    struct chain *chain = &device->chain;
    uint8_t bytes[VIRTIO_RNG_REQUEST_MAX];
    for (; *budget != 0; --*budget) {
        if (!virtio_pop(device, queue, chain)) {
            return VIRTIO_EMPTY;
        }
        size_t wanted = chain->writable_bytes;
        wanted = wanted < sizeof bytes ? wanted : sizeof bytes;
        size_t drawn = wanted == 0 ? 0 : rng->source->draw(rng->source->ctx, bytes, wanted);
        CHECK(drawn <= wanted);
        if (drawn == 0 && wanted != 0) {
            virtio_unpop(device, queue, chain);
            return VIRTIO_BLOCKED;
        }
        virtio_push(device, queue, chain, chain_write(chain, 0, bytes, (uint32_t)drawn));
    }
    return VIRTIO_AGAIN;
}

void virtio_rng_ready(struct virtio_rng *rng)
{
    virtio_lock(&rng->device);
    virtio_work(&rng->device, 0);
    virtio_unlock(&rng->device);
}

static const struct virtio_ops ops = {
    .name = "rng",
    .type = VIRTIO_TYPE_ENTROPY,
    .work = work,
};

START_ONLY void virtio_rng_init(struct virtio_rng *rng, const struct virtio_rng_port *source,
                                const struct ram *ram, const struct virtio_port *port,
                                uint32_t mutex_id)
{
    rng->source = source;
    virtio_init(&rng->device, &(struct virtio_setup){
                                  .ops = &ops,
                                  .port = port,
                                  .ram = ram,
                                  .mutex_id = mutex_id,
                                  .segments = rng->segments,
                                  .features = VIRTIO_FEATURES | VIRTIO_F_IN_ORDER,
                                  .queue_count = VIRTIO_RNG_QUEUES,
                                  .queue_size = 16,
                              });
}
