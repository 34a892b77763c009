// SPDX-License-Identifier: BSD-2-Clause
/* Never waits for anything: uses all of the processor that it is given. */
#include "bench/guest/guest.h"

void guest_main(uint64_t tree)
{
    (void)tree;
    for (;;) {
    }
}
