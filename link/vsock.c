// SPDX-License-Identifier: BSD-2-Clause
#include "link/vsock.h"

#include <string.h>

void vsock_link_format(struct vsock_link *link)
{
    memset(link, 0, offsetof(struct vsock_link, to_service_data));
    link->version = VSOCK_LINK_VERSION;
    link->magic = VSOCK_LINK_MAGIC;
}

void vsock_link_detach(struct vsock_link *link)
{
    uint32_t life = atomic_load(&link->service_life);
    if (vsock_is_life(life)) {
        atomic_store(&link->service_life, life + 1);
    }
}

bool vsock_record_read(struct ring *ring, struct vsock_record *record, bool *signal)
{
    if (ring_used(ring) < sizeof *record) {
        return false;
    }
    ring_read(ring, record, sizeof *record, signal);
    return true;
}

bool vsock_record_write(struct ring *ring, const struct vsock_record *record, bool *signal)
{
    if (ring_space(ring) < sizeof *record) {
        return false;
    }
    ring_write(ring, record, sizeof *record, signal);
    return true;
}
