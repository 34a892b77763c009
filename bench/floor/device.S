/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench/floor/guest_bytes.S"
    floor_guest "build/guest/bench-device.bin", 0
