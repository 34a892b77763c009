// SPDX-License-Identifier: BSD-2-Clause

/* What seL4 cannot be asked for: the n-th retype fails, an interrupt is lost or late, a budget ends
 * early. A debugger may set the counts too, while the system runs (test/system/switches.py). */

#include "standin/inject.h"
#include "standin/console.h"
#include "standin/irq.h"
#include "standin/refill.h"

#define DELAY_TICKS ticks_from_us(10000)

/* Counts down to the event that is to fail; 0: none, or over. */
static uint64_t fail_retype;
static uint64_t fail_asid;
static uint64_t drop_irq;
static uint64_t delay_irq;
static uint64_t early_budget;
/* Counts down to 1, and from then on all fail. */
static uint64_t fail_retypes;
static bool tracing;

static bool late;
static uint64_t late_index;
static uint64_t late_time;

static const struct {
    const char *name;
    uint64_t *count;
} switches[] = {
    {"standin.fail_retype=",  &fail_retype },
    {"standin.fail_retypes=", &fail_retypes},
    {"standin.fail_asid=",    &fail_asid   },
    {"standin.drop_irq=",     &drop_irq    },
    {"standin.delay_irq=",    &delay_irq   },
    {"standin.early_budget=", &early_budget},
};

/* The text behind prefix, or null. */
static const char *after(const char *text, const char *prefix)
{
    while (*prefix != '\0') {
        if (*text++ != *prefix++) {
            return NULL;
        }
    }
    return text;
}

static uint64_t number(const char *text)
{
    uint64_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
    }
    return value;
}

void inject_init(const char *bootargs)
{
    for (const char *word = bootargs; *word != '\0';) {
        for (unsigned i = 0; i < sizeof switches / sizeof *switches; i++) {
            const char *value = after(word, switches[i].name);
            if (value != NULL) {
                *switches[i].count = number(value);
                console_print("stand-in kernel: %s%lu\n", switches[i].name, *switches[i].count);
            }
        }
        const char *rest = after(word, "standin.trace");
        tracing |= rest != NULL && (*rest == '\0' || *rest == ' ');
        while (*word != '\0' && *word != ' ') {
            word++;
        }
        while (*word == ' ') {
            word++;
        }
    }
}

/* True for the event that the count was for. */
static bool count_down(uint64_t *left)
{
    return *left > 0 && --*left == 0;
}

bool inject_retype_fails(void)
{
    if (fail_retypes == 1) {
        return true;
    }
    fail_retypes -= fail_retypes > 0;
    return count_down(&fail_retype);
}

void inject_retype_again(void)
{
    fail_retype += fail_retype > 0;
    fail_retypes += fail_retypes > 0;
}

bool inject_asid_fails(void)
{
    return count_down(&fail_asid);
}

bool inject_budget_ends(void)
{
    return count_down(&early_budget);
}

enum injection inject_interrupt(uint64_t index)
{
    bool drop = count_down(&drop_irq);
    if (!late && count_down(&delay_irq)) {
        late = true;
        late_index = index;
        late_time = timer_now() + DELAY_TICKS;
        this_cpu()->reprogram = true;
        return INJECT_DELAY;
    }
    return drop ? INJECT_DROP : INJECT_NOTHING;
}

void inject_tick(void)
{
    if (late && this_cpu()->now >= late_time) {
        late = false;
        irq_signal(late_index);
    }
}

uint64_t inject_next_event(void)
{
    return late ? late_time : UINT64_MAX;
}

void inject_trace(const struct call *call, enum outcome outcome)
{
    static const char *const names[] = {"done", "answered", "refused", "again"};
    if (tracing) {
        console_print("trace: core %u thread 0x%lx cap %u label %lu %s", this_cpu()->id,
                      (unsigned long)(uintptr_t)call->caller, (unsigned)call->cap.type, call->label,
                      names[outcome]);
        if (outcome == REFUSED) {
            console_print(" %u", (unsigned)this_cpu()->refusal.error);
        }
        console_print("\n");
    }
}
