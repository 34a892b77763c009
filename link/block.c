// SPDX-License-Identifier: BSD-2-Clause
#include "link/block.h"

#include <string.h>

void block_link_format(struct block_link *link, uint32_t session)
{
    link->session = session;
    atomic_store(&link->attached, 0);
    memset(&link->info, 0, sizeof link->info);
    ring_format(&link->requests);
    ring_format(&link->replies);
}
