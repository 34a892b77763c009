// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/irq.h"

#include "lib/check.h"
#include "lib/start_only.h"
#include "link/map.h"
#include "vmm/clock.h"
#include "vmm/vcpu.h"

/* seL4_ARM_VCPU_InjectIRQ */
static void inject(void *ctx, unsigned index, unsigned lr, unsigned intid, unsigned priority,
                   unsigned group)
{
    (void)ctx;
    vmm.vcpu[index].count[COUNT_INJECTED]++;
    irq_ask(index, ARMVCPUInjectIRQ, (seL4_Word)lr << 32 | group << 24 | priority << 16 | intid);
}

static void kick(void *ctx, unsigned index)
{
    (void)ctx;
    vcpu_wake(index);
}

/* The kernel masks real interrupts when it reports them, until the guest has dealt with them. */
static void ended(void *ctx, unsigned index, unsigned intid)
{
    (void)ctx;
    if (intid == IRQ_VTIMER) {
        irq_unmask_timer(index);
    } else if (intid == GIC_SPI_BASE + MAP_PL031_SPI) {
        clock_ended();
    }
}

const struct gic_port gic_port = {.inject = inject, .kick = kick, .ended = ended};

/* The kernel tells how many there are when asked for one that cannot be. */
static unsigned list_register_count(void)
{
    enum { IMPOSSIBLE = 255, RANGE_MAX_MR = 1 };
    seL4_Error error = (seL4_Error)seL4_ARM_VCPU_InjectIRQ(vcpu_slot(0, VCPU_SLOT_VCPU), IRQ_VTIMER,
                                                           0, 1, IMPOSSIBLE);
    CHECK(error == seL4_RangeError);
    seL4_Word count = seL4_GetMR(RANGE_MAX_MR) + 1;
    return count < GIC_LR_MAX ? (unsigned)count : GIC_LR_MAX;
}

static enum outcome access_dist(void *state, struct access *access)
{
    return gic_dist_access(state, access);
}

static enum outcome access_redist(void *state, struct access *access)
{
    return gic_redist_access(state, access);
}

static START_ONLY void add_windows(void)
{
    bool v3 = vmm.boot->gic_version == 3;
    const struct bus_window dist = {
        .range = {MAP_GICD_BASE, v3 ? MAP_GICD_SIZE_V3 : MAP_GICD_SIZE_V2},
        .access = access_dist,
        .state = &vmm.gic,
    };
    const struct bus_window redist = {
        .range = {MAP_GICR_BASE, MAP_GICR_VCPU_SIZE * vmm.vcpu_count},
        .access = access_redist,
        .state = &vmm.gic,
    };
    /* Our own map: nothing overlaps. */
    CHECK(bus_add(&vmm.bus, &dist) && (!v3 || bus_add(&vmm.bus, &redist)));
}

START_ONLY void irq_init(void)
{
    gic_init(&vmm.gic, (enum gic_version)vmm.boot->gic_version, vmm.vcpu_count, GIC_SPI_MAX,
             list_register_count(), &gic_port);
    add_windows();
    gic_set_forwarded(&vmm.gic, IRQ_VTIMER);
    gic_vcpu_set_online(&vmm.gic, 0, false); /* vcpu_park puts each online when it starts */
}

void irq_set_level(void *ctx, bool high)
{
    gic_set_level(&vmm.gic, 0, (unsigned)(uintptr_t)ctx, high);
}
