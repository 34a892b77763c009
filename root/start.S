// SPDX-License-Identifier: BSD-2-Clause
//
// Root: the kernel passes the boot information's address in x0.
#include "lib/aarch64/start.inc"
    start   root_main, 65536
