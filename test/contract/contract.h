/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <sel4/sel4.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What every file of this suite shares: lines of the table, objects, memory, time.
 *
 * A line says what was observed, in words that are the same on every kernel that keeps the
 * contract: no address, no time, no number that a kernel may choose. Beside it stands in the code
 * what the seL4 manual (or, where the manual is silent, seL4 16's behaviour, on which Bulkhead
 * relies) lets us expect.
 */

/* ---- lines of the table ---- */

/* The line of a claim: it passes when the two texts are equal. */
void contract_line(const char *name, const char *observed, const char *expected);
/* An invocation's error, by the name that libsel4 gives it ("NoError" when it succeeded). */
void contract_error(const char *name, seL4_Word observed, seL4_Error expected);
/* A claim that holds or does not; the text is what holds. */
void contract_claim(const char *name, bool holds, const char *text);
/* A number that every kernel must give alike. */
void contract_number(const char *name, seL4_Word observed, seL4_Word expected);
/*
 * A duration. When time is not exact, only that it was not too short, and not absurdly long.
 * The text is what holds.
 */
void contract_time(const char *name, uint64_t measured_us, uint64_t wanted_us, const char *text);
/* The claim needs something that this machine does not have. Neither passed nor failed. */
void contract_skip(const char *name, const char *reason);
/*
 * A weakness that seL4 16 has and that Bulkhead must work around (docs/kernel.md). A kernel without
 * it is as good, so neither answer fails, and tables may differ in these lines.
 */
void contract_hazard(const char *name, bool present);
/* Not part of the table: starts with '#', for the person who looks into a failure. */
void contract_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

const char *contract_error_name(seL4_Word error);

/* Something without which no test can go on, such as memory for the suite itself. Stops it. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            contract_stop(__FILE__, __LINE__, #condition);                                         \
        }                                                                                          \
    } while (0)
_Noreturn void contract_stop(const char *file, int line, const char *condition);

/* ---- objects ---- */

enum {
    ROOT_DEPTH = seL4_WordBits, /* of a slot in the root task's CSpace, which has one level */
    ARENA_BITS = 26,            /* memory of one topic, given back when it ends */
};

extern const seL4_BootInfo *contract_bootinfo;

/* An empty slot of the root CNode. Given back, with what is in it, at the end of the topic. */
seL4_CPtr cap_slot(void);
/* A new object of the topic's memory. size_bits as in seL4_Untyped_Retype. Stops when that fails.
 */
seL4_CPtr cap_new(seL4_Word type, seL4_Word size_bits);
/* As cap_new, but the caller gives the slot and gets the error. */
seL4_Error cap_retype(seL4_CPtr untyped, seL4_Word type, seL4_Word size_bits, seL4_CPtr slot,
                      seL4_Word count);
seL4_CPtr cap_copy(seL4_CPtr from, seL4_CapRights_t rights);
seL4_CPtr cap_mint(seL4_CPtr from, seL4_CapRights_t rights, seL4_Word data);
seL4_Error cap_delete(seL4_CPtr slot);
seL4_Error cap_revoke(seL4_CPtr slot);
/* Whether the slot of the root CNode holds a capability: a copy of nothing fails. */
bool cap_exists(seL4_CPtr slot);
/* The largest untyped of bootinfo that is RAM (or a device's, which is never written), 0: none. */
seL4_CPtr cap_untyped(unsigned size_bits, bool is_device);

/* ---- memory ---- */

/* Unused addresses of the root task's VSpace, aligned to 2^size_bits, for 2^size_bits bytes. */
seL4_Word memory_window(unsigned size_bits);
/* Maps a frame and the page tables that it needs. Stops when that fails. */
void memory_map(seL4_CPtr frame, seL4_CPtr vspace, seL4_Word address, seL4_CapRights_t rights);
/* Page tables only: until a frame of 2^size_bits bytes can be mapped there. */
void memory_add_tables(seL4_CPtr vspace, seL4_Word address, unsigned size_bits);
/* A new frame of 4 KiB or 2 MiB in the root task's VSpace; *frame is its capability. */
void *memory_new(unsigned size_bits, seL4_CPtr *frame);
/* A VSpace that has an ASID. */
seL4_CPtr memory_new_vspace(void);

/* The registers of a device of QEMU's virt machine, NULL when the kernel keeps it. */
enum device { DEVICE_GICV, DEVICE_UART, DEVICE_RTC, DEVICE_COUNT };
volatile uint32_t *memory_device(enum device device);
/* Its frame (not a copy), for mapping into a guest. */
seL4_CPtr memory_device_frame(enum device device);

/* The suite's own course: before the first topic, before each, after each. */
void objects_open(const seL4_BootInfo *bootinfo);
void objects_begin(void);
void objects_end(void);

/* ---- time and priorities ---- */

/* Above all helpers' while a test calls the kernel; below most of them while it waits for them. */
enum {
    PRIO_LOW = 5,
    PRIO_WAIT = 10, /* of the main thread inside contract_wait_* */
    PRIO_GUEST = 10,
    PRIO_HELPER = 50,
    PRIO_MAIN = 100,
    PRIO_HIGH = 150,
    PRIO_MAX = 250,
};

uint64_t time_now_us(void);
void time_spin_us(uint64_t duration_us);

/*
 * Whether time may be compared with little slack: with one core, where run.sh counts time in
 * instructions. With several, QEMU runs in real time on a machine that may be busy.
 */
bool time_is_exact(void);
/* How often what needs luck with time may be tried before it has failed; once when time is exact.
 */
unsigned time_attempts(void);

/* True when *counter reached at_least within the time. Other threads run meanwhile. */
bool contract_wait_for(const _Atomic unsigned *counter, unsigned at_least, unsigned limit_ms);
/* Gives the processor to the helpers for that long. */
void contract_wait_ms(unsigned duration_ms);
/* Polls a notification; true when it was signalled within the time, with the word in *badge. */
bool contract_wait_signal(seL4_CPtr notification, unsigned limit_ms, seL4_Word *badge);

enum { MESSAGE_WORDS = 40 };

struct message {
    seL4_Word label, length, badge;
    seL4_Word words[MESSAGE_WORDS];
};

/* A message that came within the time. Its sender's capability must have a badge. */
bool contract_receive(seL4_CPtr endpoint, seL4_CPtr reply, struct message *message,
                      unsigned limit_ms);

/* ---- topics ---- */

void untyped_run(void);
void cnode_run(void);
void memory_run(void);
void tcb_run(void);
void sched_run(void);
void alarm_run(void);
void ipc_run(void);
void fault_run(void);
void vcpu_run(void);
void vgic_run(void);
void vtimer_run(void);
void irq_run(void);
void smp_run(void);
