/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * CRC-32 as in IEEE 802.3, zlib and the Arm CRC32 instructions: polynomial 0x04c11db7, reflected,
 * all ones before and after. Finds damage, not malice.
 *
 * Starts with crc 0; a text may be given in pieces: crc_update(crc_update(0, a), b) is that of
 * "ab".
 */
typedef uint32_t crc_update_fn(uint32_t crc, const void *data, size_t size_bytes);

crc_update_fn crc_update;
