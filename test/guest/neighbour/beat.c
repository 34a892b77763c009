// SPDX-License-Identifier: BSD-2-Clause
/*
 * The measure of how far each core got, on a machine whose cores run one after the other: at each
 * of its instructions QEMU lets all cores have their turn, and comes back here
 * (test/system/counted.py). It says how often that was in each window of how many ticks: "beat:
 * PHASE compute COUNT TICKS disk COUNT TICKS net COUNT TICKS", when all is over: until then it does
 * not leave its guest, as other cores would lose turns.
 */
#include "test/guest/hostile/guest.h"
#include "test/guest/neighbour/phase.h"

#define NOWHERE 0x7ffffffull /* the number of a page that nothing is in */

static uint32_t beats[PHASE_END][SLOT_COUNT];

/* To all cores, so QEMU stops each of them to tell it. */
static void beat(void)
{
    __asm__ volatile("tlbi vae1is, %0" ::"r"(NOWHERE) : "memory");
}

static void count_phase(uint64_t phase)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        struct phase_window window = phase_window(phase, (enum phase_slot)slot);
        while (machine_now() < window.begin) {
            beat();
        }
        for (; machine_now() < window.end; beats[phase][slot]++) {
            beat();
        }
    }
}

static void say_phase(uint64_t phase)
{
    static const char *const names[SLOT_COUNT] = {" compute ", " disk ", " net "};
    say("beat: ");
    say_number(phase);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        struct phase_window window = phase_window(phase, (enum phase_slot)slot);
        say(names[slot]);
        say_number(beats[phase][slot]);
        say(" ");
        say_number(window.end - window.begin);
    }
    say("\n");
}

void second_main(void)
{
}

void guest_main(void)
{
    while (machine_now() < phase_begin(PHASE_FIRST)) {
        beat();
    }
    for (uint64_t phase = PHASE_FIRST; phase < PHASE_END; phase++) {
        count_phase(phase);
    }
    for (uint64_t phase = PHASE_FIRST; phase < PHASE_END; phase++) {
        say_phase(phase);
    }
    for (;;) {
        beat();
    }
}
