/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/virtio_blk.h"
#include "test/guest/hostile/guest.h"

/*
 * The attacks. Each says whether the device did what the specification wants; it is reset before
 * and after.
 */

#define RAM_BASE 0x40000000ull
#define RAM_END  0x41000000ull /* 16 MiB: the smallest VM */

/* The one request, a sector, in descriptors 0 to 2. */
extern struct virtio_blk_header *const header;
extern uint8_t *const status, *const data;
enum { HEADER = 0, DATA = 1, STATUS = 2, SECTOR_BYTES = 512, UNTOUCHED = 0xee };
void make_request(uint32_t type);
uint8_t status_now(void);

/* The device, after a reset, does what it should. */
bool honest(void);
/* Submits a chain that the device must refuse as a whole. */
bool refused(uint16_t head);
/* The device answered `index` of them, or is broken. */
bool dealt_with(uint16_t index);

/* setup.c */
bool queue_changed_after_driver_ok(void);
bool bad_selectors(void);
bool rings_outside_memory(void);
bool sizes_that_cannot_be(void);

/* chains.c */
bool buffers_outside_memory(void);
bool loop(void);
bool loop_of_empty_buffers(void);
bool next_outside_the_table(void);
bool head_outside_the_table(void);
bool index_far_ahead(void);
bool indirect_tables(void);
bool same_head_twice(void);
bool readable_after_writable(void);
bool packed_rings(void);

/* requests.c */
bool wrong_directions(void);
bool lengths(void);
bool requests_that_cannot_be(void);
bool discards_of_nonsense(void);
bool noise_to_others(void);

/* timing.c */
bool notify_storm(void);
bool reset_during_requests(void);
bool descriptor_rewritten_meanwhile(void);

/* balloon.c: by way of the balloon. `device` may be another one afterwards. */
bool balloon_used_while_away(void);
bool balloon_takes_its_own_ring(void);
bool balloon_takes_anothers_ring(void);
bool balloon_reports_what_it_uses(void);
bool balloon_gets_nonsense(void);
