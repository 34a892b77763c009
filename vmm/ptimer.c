// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/ptimer.h"

#include "lib/aarch64/cpu.h"
#include "vmm/vmm.h"

enum {
    IRQ_PTIMER = 30,
    CTL_ENABLE = 1,
    CTL_IMASK = 2,
    CTL_ISTATUS = 4,
};

static struct mutex lock = {.id = MUTEX_PTIMER}; /* for all of them: rarely used */

static struct ptimer {
    uint64_t compare;
    uint32_t control; /* CTL_ENABLE and CTL_IMASK */
} timers[VCPU_MAX];

static bool is_due(const struct ptimer *timer)
{
    return (timer->control & CTL_ENABLE) != 0 && counter_now() >= timer->compare;
}

/* Drives the line, and sets the alarm for a deadline that is still to come. Under the lock. */
static void update(unsigned vcpu)
{
    struct ptimer *timer = &timers[vcpu];
    bool unmasked = (timer->control & (CTL_ENABLE | CTL_IMASK)) == CTL_ENABLE;
    bool due = is_due(timer);
    struct timer_alarm *alarm =
        &((struct timer_link *)PROCESS_TIMER_VADDR)->alarm[TIMER_ALARM_PTIMER + vcpu];
    gic_set_level(&vmm.gic, vcpu, IRQ_PTIMER, unmasked && due);
    if (timer_alarm_set(alarm, unmasked && !due ? timer->compare : TIMER_NEVER)) {
        seL4_Signal(SLOT_VCPU_BASE + vcpu * VCPU_SLOTS + VCPU_SLOT_TIMER);
    }
}

static uint64_t read(const struct ptimer *timer, enum sysreg_timer which)
{
    switch (which) {
    case SYSREG_CNTPCT:
        return counter_now();
    case SYSREG_CNTP_TVAL:
        return (uint32_t)(timer->compare - counter_now());
    case SYSREG_CNTP_CTL:
        return timer->control | (is_due(timer) ? CTL_ISTATUS : 0);
    case SYSREG_CNTP_CVAL:
        return timer->compare;
    }
    return 0;
}

static void write(struct ptimer *timer, enum sysreg_timer which, uint64_t value)
{
    switch (which) {
    case SYSREG_CNTP_TVAL:
        timer->compare = counter_now() + (uint64_t)(int64_t)(int32_t)value;
        break;
    case SYSREG_CNTP_CTL:
        timer->control = (uint32_t)value & (CTL_ENABLE | CTL_IMASK);
        break;
    case SYSREG_CNTP_CVAL:
        timer->compare = value;
        break;
    case SYSREG_CNTPCT:
        break; /* read-only: sysreg.c does not let a write through */
    }
}

void ptimer_access(void *ctx, enum sysreg_timer which, struct sysreg_access *access)
{
    (void)ctx;
    struct ptimer *timer = &timers[access->vcpu];
    mutex_lock(&lock);
    if (access->is_write) {
        write(timer, which, access->value);
        update(access->vcpu);
    } else {
        access->value = read(timer, which);
    }
    mutex_unlock(&lock);
}

void ptimer_event(void)
{
    for (unsigned i = 0; i < vmm.vcpu_count; i++) {
        mutex_lock(&lock);
        if (timers[i].control != 0) {
            update(i);
        }
        mutex_unlock(&lock);
    }
}

void ptimer_reset(unsigned vcpu)
{
    mutex_lock(&lock);
    timers[vcpu] = (struct ptimer){0};
    update(vcpu);
    mutex_unlock(&lock);
}
