// SPDX-License-Identifier: BSD-2-Clause
/* The VMM's beginning: all of this, and what it calls to build the machine, is gone when the guest
 * runs. */
#include "lib/aarch64/cpu.h"
#include "lib/check.h"
#include "link/process_start.h"
#include "vmm/machine.h"
#include "vmm/main.h"
#include "vmm/virtio_slot.h"
#include "vmm/vmm.h"

#if defined(CONFIG_DEBUG_BUILD) || defined(CONFIG_BULKHEAD_STANDIN)
/* Of the linker. */
extern const char __bss_start[], bss_segment_end[], start_segment_end[];
/* Of start.S. */
extern const char first_stack[], stack_top[];

static bool is_of_start(uint64_t value)
{
    return value >= PROCESS_START_VADDR && value < (uintptr_t)start_segment_end;
}

/*
 * The linker sees who refers to the start segment, but not what we leave in memory. Something that
 * looks like an address there by chance would be wrong too, so only developers' kernels look.
 */
static void check_that_nothing_stays(void)
{
    for (const uint64_t *at = (const void *)__bss_start; (const char *)at < bss_segment_end; at++) {
        bool in_stack = (const char *)at >= first_stack && (const char *)at < stack_top;
        CHECK(in_stack || !is_of_start(*at));
    }
    for (unsigned i = 0; i < virtio_slot_count; i++) {
        const uint64_t *slot = (const void *)virtio_slot(i);
        for (unsigned word = 0; word < PROCESS_VIRTIO_BYTES / sizeof *slot; word++) {
            CHECK(!is_of_start(slot[word]));
        }
    }
}
#else
static void check_that_nothing_stays(void)
{
}
#endif

void process_main(const struct process_boot *boot)
{
    vmm.boot = boot;
    vmm.counter_offset = counter_now(); /* the guest's time begins now */
    if (!machine_build()) {
        vmm_give_up();
    }
    check_that_nothing_stays();
    vmm_run();
}
