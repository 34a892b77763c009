// SPDX-License-Identifier: BSD-2-Clause
//
// Every process but root.
#include "lib/aarch64/start.inc"
    start   process_start, 32768
