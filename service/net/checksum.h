/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The Internet checksum (RFC 1071), summed in words of this machine's byte order: the sum of a
 * swapped sequence is the swapped sum, so what checksum_finish gives is stored with memcpy.
 */

/* Adds bytes to a sum. All but the last piece of one checksum have an even size. */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t size);

/* The field's value. Never 0, which UDP takes for "none" and which is the same as 0xffff. */
uint16_t checksum_finish(uint64_t sum);

/*
 * Completes a partial checksum (VIRTIO 1.3, 5.1.6.2): the field at start + offset holds the sum of
 * the pseudo header, and covers all from start on. The caller has checked that it lies inside.
 */
void checksum_complete(uint8_t *frame, size_t length, size_t start, size_t offset);
