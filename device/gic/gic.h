/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/access.h"
#include "lib/mutex.h"

/*
 * The virtual GIC: one interrupt state machine (gic.c, gic_deliver.c) behind two register files,
 * GICv2 (gic_v2.c, Arm IHI 0048B) and GICv3 (gic_v3.c, Arm IHI 0069). The CPU interface is the
 * hardware's. Delivery is by list registers, which belong to the kernel: it can fill one (pending,
 * with an EOI maintenance interrupt) and tells when the guest has deactivated the interrupt in it.
 * It cannot read one back or empty it, so what is in a list register counts as active until its
 * maintenance event arrives, and what came there by an event (an edge, an SGI, a write to ISPENDR)
 * also as pending. README.md lists what follows from that.
 *
 * Threads: any thread may call any function. Every vCPU's private and list-register state has a
 * lock, shared interrupts have one; the distributor's is taken before a vCPU's, never two vCPUs' at
 * once. Private interrupts (SGI, PPI) never take the distributor's.
 */

enum {
    GIC_SGI_COUNT = 16,
    GIC_PPI_BASE = 16,
    GIC_SPI_BASE = 32,
    GIC_SPI_MAX = 256,                          /* shared interrupts at most */
    GIC_INTID_MAX = GIC_SPI_BASE + GIC_SPI_MAX, /* first INTID that never exists */
    GIC_LR_MAX = 16,
    GIC_BANK_BITS = 32, /* interrupts that one register word of one bit each holds */
    GIC_BANK_MAX = GIC_INTID_MAX / GIC_BANK_BITS,
    GIC_PRIORITY_COUNT = 32, /* five bits, as much as the list registers take */

    /* Sizes of the windows that the VMM puts on its bus, in bytes. */
    GIC_V2_DIST_SIZE = 0x1000,
    GIC_V3_DIST_SIZE = 0x10000,
    GIC_V3_REDIST_SIZE = 0x20000, /* one vCPU's: the RD_base and the SGI_base frame */

    GIC_V3_SETSPI_NSR = 0x40, /* in the distributor: the register that messages are written to */

    GIC_V3_SRE_EL1 = 7, /* what ICC_SRE_EL1 reads: SRE, DFB and DIB, none of which can change */
};

enum gic_version { GIC_V2 = 2, GIC_V3 = 3 };

/*
 * A kernel is for one version, and so is a VMM that is built for it: the build says which, and then
 * that is the only model, and gic_port the only port. 0: both are there, and any port (on the
 * host).
 */
#ifndef KERNEL_GIC
#define KERNEL_GIC 0
#endif

/* The system registers by which a guest with GICv3 sends SGIs; their writes trap. */
enum gic_v3_sgi_register { GIC_V3_SGI0R, GIC_V3_SGI1R, GIC_V3_ASGI1R };

/*
 * What the vGIC needs from whoever runs the vCPUs. All are called with locks of the GIC held and
 * must not call back into it.
 */
struct gic_port {
    /*
     * Makes (intid, priority 0..31, group) pending in list register lr of the vCPU, which is empty:
     * nothing was put there yet, or gic_maintenance has told that the guest ended it.
     */
    void (*inject)(void *ctx, unsigned vcpu, unsigned lr, unsigned intid, unsigned priority,
                   unsigned group);
    /*
     * Something was injected: wake this vCPU if it waits for an interrupt. Who announces "I wait"
     * before gic_wfi, and waits on something sticky, loses no wake-up.
     */
    void (*kick)(void *ctx, unsigned vcpu);
    /* The guest has ended (deactivated) this forwarded interrupt: see gic_set_forwarded. */
    void (*ended)(void *ctx, unsigned vcpu, unsigned intid);
    /*
     * Optional. Takes the pending interrupt out of list register lr of a vCPU that is stopped and
     * goes offline. False (or no such function): it stays there, until the vCPU is back and takes
     * it.
     */
    bool (*withdraw)(void *ctx, unsigned vcpu, unsigned lr);
    void *ctx;
};

/*
 * The state of 32 consecutive INTIDs, bit i for the i-th. Bank 0 (SGIs and PPIs) is each vCPU's
 * own, banks 1.. are the distributor's. An interrupt is pending by its line (level-sensitive ones)
 * or by a latched event. Claimed means: on its way to one vCPU, in its queue or in one of its list
 * registers; nobody else may deliver it until that vCPU's guest has ended it or it was recalled
 * from the queue.
 */
struct gic_bank {
    uint32_t enabled;
    uint32_t group;     /* 1: group 1 */
    uint32_t edge;      /* 1: edge-triggered */
    uint32_t line;      /* level of the input; not ours, so a reset leaves it */
    uint32_t forwarded; /* the line of real hardware, see gic_set_forwarded; a reset leaves it */
    uint32_t latch;     /* an event that waits to be claimed */
    uint32_t active;    /* by ISACTIVER; does not include what is active in a list register */
    uint32_t claimed;
    uint32_t event; /* of claimed: a latched event went with it */
    uint8_t priority[GIC_BANK_BITS];
};

/* What waits for a list register of one vCPU: a set of INTIDs for each priority, with summaries. */
struct gic_queue {
    uint32_t levels;                                /* bit p: something waits with priority p */
    uint16_t words[GIC_PRIORITY_COUNT];             /* bit w: set[p][w] is not empty */
    uint32_t set[GIC_PRIORITY_COUNT][GIC_BANK_MAX]; /* bit i of word w: INTID 32 w + i */
    uint32_t group[GIC_BANK_MAX];                   /* of what waits */
};

struct gic_vcpu {
    alignas(64) struct mutex lock; /* for all of this struct */
    uint8_t index;                 /* in gic.vcpu[] */
    bool asleep;                   /* GICR_WAKER.ProcessorSleep */
    uint8_t groups; /* gic.groups, so that private interrupts need no other lock; 0 offline */
    uint32_t lr_used;
    uint32_t lr_fresh; /* filled since the last gic_wfi; some have been ended since */
    uint16_t lr_intid[GIC_LR_MAX];
    struct gic_bank bank;
    uint8_t sgi_sources[GIC_SGI_COUNT]; /* GICv2: vCPUs whose SGI waits, bit i for vCPU i */
    uint8_t sgi_claimed[GIC_SGI_COUNT]; /* GICv2: the one whose SGI is claimed */
    struct gic_queue queue;
};

extern const struct gic_port gic_port; /* with KERNEL_GIC: the program's */

struct irqchip;

/* Zero-initialise or not, then gic_init. Everything but `wiring` is plain state. */
struct gic {
    struct mutex dist_lock; /* for all but vcpu[] */
    struct gic_wiring {
        const struct irqchip *chip;
        const struct gic_port *port;
    } wiring;
    uint16_t lr_all; /* bit n: there is a list register n */
    uint8_t vcpu_count;
    uint8_t bank_count; /* banks that exist, the private one included */
    uint8_t groups;     /* GICD_CTLR: bit g set: interrupts of group g are delivered */
    uint32_t online;    /* bit i: vCPU i can take interrupts */
    struct gic_bank spi[GIC_BANK_MAX - 1];
    uint8_t spi_home[GIC_SPI_MAX];   /* of a claimed interrupt: its vCPU */
    uint32_t spi_route[GIC_SPI_MAX]; /* ITARGETSR's byte, or IROUTER's low word */
    struct gic_vcpu vcpu[VCPU_MAX];
};

/*
 * vcpu_count 1..VCPU_MAX, spi_count a multiple of 32 up to GIC_SPI_MAX, lr_count 1..GIC_LR_MAX
 * (what the hardware has). `port` stays the caller's and must outlive the GIC. Mutex ids: 0 is the
 * distributor's, 1 + i vCPU i's. Afterwards vCPU 0 is online and the others are not. Call once,
 * before any other thread knows of it.
 */
void gic_init(struct gic *gic, enum gic_version version, unsigned vcpu_count, unsigned spi_count,
              unsigned lr_count, const struct gic_port *port);

/*
 * Reset of the whole GIC, when no vCPU runs. The kernel's list registers must be empty (new vCPU
 * objects). Lines keep their level, except forwarded ones: see gic_set_forwarded.
 */
void gic_reset(struct gic *gic);

/*
 * Reset of one vCPU's private interrupts, when it does not run and the kernel's list registers of
 * it are empty. Shared interrupts that were there become pending again. It stays on- or offline.
 */
void gic_vcpu_reset(struct gic *gic, unsigned vcpu);

/*
 * A vCPU that is offline (PSCI CPU_OFF) gets nothing: what is for it alone waits, what others may
 * take goes to them. Take it offline when it is stopped, and online before it runs.
 */
void gic_vcpu_set_online(struct gic *gic, unsigned vcpu, bool online);

/*
 * Register accesses. Odd ones (reserved offset, width or alignment that the register does not have)
 * read as zero and change nothing; outside the window is OUTCOME_UNHANDLED.
 */
enum outcome gic_dist_access(struct gic *gic, struct access *access);
/* GICv3: offset counts from the redistributor of vCPU 0, GIC_V3_REDIST_SIZE for each. */
enum outcome gic_redist_access(struct gic *gic, struct access *access);

/* GICv3: vCPU `vcpu` wrote `value` to a system register that sends SGIs. vCPU i is affinity
 * 0.0.0.i. */
void gic_v3_sgi(struct gic *gic, unsigned vcpu, enum gic_v3_sgi_register which, uint64_t value);

/*
 * The input lines, PPI or SPI; for a PPI, `vcpu` says whose, for an SPI it does not matter.
 * gic_set_level drives a line: a level-sensitive interrupt is pending while it is high, an
 * edge-triggered one when it rises. gic_pulse makes either kind pending once.
 */
void gic_set_level(struct gic *gic, unsigned vcpu, unsigned intid, bool high);
void gic_pulse(struct gic *gic, unsigned vcpu, unsigned intid);

/*
 * gic_set_level of a PPI to high, as short as can be, for the timer: only for who serves the exits
 * of this vCPU, one of gic->vcpu[], which therefore is awake and is not kicked.
 */
void gic_raise_own(struct gic *gic, struct gic_vcpu *v, unsigned ppi);

/*
 * A message-based SPI (IHI 0069, GICD_SETSPI_NSR and GICD_CLRSPI_NSR): `pend` is an edge, or raises
 * the line of a level-sensitive one, and else its pending state goes, or its line falls. False: no
 * SPI has this INTID, which may be anything. Works with GICv2, too, whose distributor does not have
 * those registers.
 */
bool gic_message(struct gic *gic, uint64_t intid, bool pend);

/*
 * The line comes from hardware that the kernel masks when it fires (the virtual timer, a device
 * that is passed through): drive it high with gic_set_level at each event. The guest's end of
 * interrupt lowers it, then port->ended is to unmask the hardware, which fires again if it must. A
 * reset does the same. Holds for a PPI of every vCPU. Call after gic_init, before any vCPU runs.
 */
void gic_set_forwarded(struct gic *gic, unsigned intid);

/*
 * The guest ended what was in list register lr of a vCPU, one of gic->vcpu[]: fills the register
 * again. If that was a forwarded SPI, port->ended is told; if a forwarded PPI, the caller is, by
 * its INTID, and does the same. Else the answer is 0. Events for a register that holds nothing (the
 * kernel has spurious ones) are ignored, so are lr numbers that do not exist.
 */
unsigned gic_maintenance(struct gic *gic, struct gic_vcpu *v, unsigned lr);

/*
 * A vCPU executes WFI, which is over as soon as an interrupt is pending, whether the guest masks it
 * or not (Arm ARM, "Wait for Interrupt"). Nobody can see whether what is in a list register is
 * still pending, or active since the guest took it; but what the guest has ended is neither. So:
 */
enum gic_wfi {
    GIC_WFI_PASS, /* do not wait: something may be pending that came since this was asked last */
    GIC_WFI_DOZE, /* wait for a kick, but not long: a WFI has passed, and it may be pending still */
    GIC_WFI_BLOCK, /* wait for a kick: nothing is pending */
};
enum gic_wfi gic_wfi(struct gic *gic, unsigned vcpu);
