// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/sysreg.h"

#include <stddef.h>

enum kind {
    CONSTANT, /* reads as `value`, ignores writes */
    ENABLE,   /* the same, but only with GICv3 */
    SGI,      /* `value` is an enum gic_v3_sgi_register */
    TIMER,    /* `value` is an enum sysreg_timer */
};

enum direction { READ = 1, WRITE = 2, BOTH = READ | WRITE };

struct rule {
    uint32_t id, mask; /* of the bits of the id that count */
    uint8_t direction;
    uint8_t kind;
    uint8_t value;
};

/* One row: an encoding, or all that differ in the fields left out; then direction, kind, value. */
#define ONE(op0, op1, crn, crm, op2, ...)                                                          \
    {                                                                                              \
        SYSREG_ID(op0, op1, crn, crm, op2), SYSREG_ID_MASK, __VA_ARGS__                            \
    }
#define ANY_CRM(op0, op1, crn, op2, ...)                                                           \
    {                                                                                              \
        SYSREG_ID(op0, op1, crn, 0, op2), SYSREG_ID(3, 7, 15, 0, 7), __VA_ARGS__                   \
    }
#define ANY_OP2(op0, op1, crn, crm, ...)                                                           \
    {                                                                                              \
        SYSREG_ID(op0, op1, crn, crm, 0), SYSREG_ID(3, 7, 15, 15, 0), __VA_ARGS__                  \
    }
#define ANY_OP2_CRM_FROM_8(op0, op1, crn, ...)                                                     \
    {                                                                                              \
        SYSREG_ID(op0, op1, crn, 8, 0), SYSREG_ID(3, 7, 15, 8, 0), __VA_ARGS__                     \
    }

/*
 * A guest has no debug and no PMU hardware of its own: the kernel does not switch those registers
 * between VMs, so what traps is told that nothing is there. That is enough for a kernel, which
 * clears them at its start; breakpoints, single steps and counters do not work.
 */
static const struct rule rules[] = {
    /* Interrupts first: the only ones that a running guest uses often. */
    ONE(3, 0, 12, 11, 5, WRITE, SGI, GIC_V3_SGI1R),     /* ICC_SGI1R_EL1 */
    ONE(3, 0, 12, 11, 6, WRITE, SGI, GIC_V3_ASGI1R),    /* ICC_ASGI1R_EL1 */
    ONE(3, 0, 12, 11, 7, WRITE, SGI, GIC_V3_SGI0R),     /* ICC_SGI0R_EL1 */
    ONE(3, 3, 14, 0, 1, READ, TIMER, SYSREG_CNTPCT),    /* CNTPCT_EL0 */
    ONE(3, 3, 14, 0, 5, READ, TIMER, SYSREG_CNTPCT),    /* CNTPCTSS_EL0 */
    ONE(3, 3, 14, 2, 0, BOTH, TIMER, SYSREG_CNTP_TVAL), /* CNTP_TVAL_EL0 */
    ONE(3, 3, 14, 2, 1, BOTH, TIMER, SYSREG_CNTP_CTL),  /* CNTP_CTL_EL0 */
    ONE(3, 3, 14, 2, 2, BOTH, TIMER, SYSREG_CNTP_CVAL), /* CNTP_CVAL_EL0 */

    /* ICC_SRE_EL1: system registers are on (SRE), no bypass (DFB, DIB), and that is fixed. */
    ONE(3, 0, 12, 12, 5, BOTH, ENABLE, 7),

    /* Set/way maintenance: guests' memory is coherent; what is cached is the host's business. */
    ONE(1, 0, 7, 6, 2, WRITE, CONSTANT, 0),  /* DC ISW */
    ONE(1, 0, 7, 10, 2, WRITE, CONSTANT, 0), /* DC CSW */
    ONE(1, 0, 7, 14, 2, WRITE, CONSTANT, 0), /* DC CISW */

    ONE(3, 0, 1, 0, 1, BOTH, CONSTANT, 0), /* ACTLR_EL1 */

    /* Debug (Arm ARM, "Debug registers"), in the order of their encodings. */
    ANY_CRM(2, 0, 0, 4, BOTH, CONSTANT, 0), /* DBGBVR<n>_EL1 */
    ANY_CRM(2, 0, 0, 5, BOTH, CONSTANT, 0), /* DBGBCR<n>_EL1 */
    ANY_CRM(2, 0, 0, 6, BOTH, CONSTANT, 0), /* DBGWVR<n>_EL1 */
    ANY_CRM(2, 0, 0, 7, BOTH, CONSTANT, 0), /* DBGWCR<n>_EL1 */
    ONE(2, 0, 0, 0, 2, BOTH, CONSTANT, 0),  /* OSDTRRX_EL1 */
    ONE(2, 0, 0, 2, 0, BOTH, CONSTANT, 0),  /* MDCCINT_EL1 */
    ONE(2, 0, 0, 2, 2, BOTH, CONSTANT, 0),  /* MDSCR_EL1 */
    ONE(2, 0, 0, 3, 2, BOTH, CONSTANT, 0),  /* OSDTRTX_EL1 */
    ONE(2, 0, 0, 6, 2, BOTH, CONSTANT, 0),  /* OSECCR_EL1 */
    ONE(2, 0, 1, 0, 0, READ, CONSTANT, 0),  /* MDRAR_EL1 */
    ONE(2, 0, 1, 0, 4, WRITE, CONSTANT, 0), /* OSLAR_EL1 */
    ONE(2, 0, 1, 1, 4, READ, CONSTANT, 8),  /* OSLSR_EL1: there is an OS lock, it is open */
    ONE(2, 0, 1, 3, 4, BOTH, CONSTANT, 0),  /* OSDLR_EL1 */
    ONE(2, 0, 1, 4, 4, BOTH, CONSTANT, 0),  /* DBGPRCR_EL1 */
    ONE(2, 0, 7, 8, 6, BOTH, CONSTANT, 0),  /* DBGCLAIMSET_EL1 */
    ONE(2, 0, 7, 9, 6, BOTH, CONSTANT, 0),  /* DBGCLAIMCLR_EL1 */
    ONE(2, 0, 7, 14, 6, READ, CONSTANT, 0), /* DBGAUTHSTATUS_EL1 */
    ONE(2, 3, 0, 1, 0, READ, CONSTANT, 0),  /* MDCCSR_EL0 */
    ONE(2, 3, 0, 4, 0, BOTH, CONSTANT, 0),  /* DBGDTR_EL0 */
    ONE(2, 3, 0, 5, 0, BOTH, CONSTANT, 0),  /* DBGDTRRX_EL0, DBGDTRTX_EL0 */

    /* Performance monitors: PMCR_EL0.N is zero, so there is no event counter either. */
    ONE(3, 0, 9, 14, 1, BOTH, CONSTANT, 0),  /* PMINTENSET_EL1 */
    ONE(3, 0, 9, 14, 2, BOTH, CONSTANT, 0),  /* PMINTENCLR_EL1 */
    ONE(3, 0, 9, 14, 6, READ, CONSTANT, 0),  /* PMMIR_EL1 */
    ONE(3, 3, 9, 12, 4, WRITE, CONSTANT, 0), /* PMSWINC_EL0 */
    ONE(3, 3, 9, 12, 6, READ, CONSTANT, 0),  /* PMCEID0_EL0 */
    ONE(3, 3, 9, 12, 7, READ, CONSTANT, 0),  /* PMCEID1_EL0 */
    ANY_OP2(3, 3, 9, 12, BOTH, CONSTANT, 0), /* PMCR, PMCNTENSET, -CLR, PMOVSCLR, PMSELR (_EL0) */
    ONE(3, 3, 9, 13, 0, BOTH, CONSTANT, 0),  /* PMCCNTR_EL0 */
    ONE(3, 3, 9, 13, 1, BOTH, CONSTANT, 0),  /* PMXEVTYPER_EL0 */
    ONE(3, 3, 9, 13, 2, BOTH, CONSTANT, 0),  /* PMXEVCNTR_EL0 */
    ONE(3, 3, 9, 14, 0, BOTH, CONSTANT, 0),  /* PMUSERENR_EL0 */
    ONE(3, 3, 9, 14, 3, BOTH, CONSTANT, 0),  /* PMOVSSET_EL0 */
    ANY_OP2_CRM_FROM_8(3, 3, 14, BOTH, CONSTANT, 0), /* PMEVCNTR, PMEVTYPER<n>, PMCCFILTR (_EL0) */
};

static const struct rule *find(uint32_t id)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (((id ^ rules[i].id) & rules[i].mask) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

/* A GICv2 guest has no interrupt system registers, and without a callback no physical timer. */
static bool exists(const struct sysreg_port *port, const struct rule *rule)
{
    switch (rule->kind) {
    case SGI:
    case ENABLE:
        return port->gic == GIC_V3;
    case TIMER:
        return port->timer != NULL;
    default:
        return true;
    }
}

enum outcome sysreg_access(const struct sysreg_port *port, struct sysreg_access *access)
{
    const struct rule *rule = find(access->id);
    if (rule == NULL || !exists(port, rule)) {
        return OUTCOME_UNHANDLED;
    }
    if ((rule->direction & (access->is_write ? WRITE : READ)) == 0) {
        return OUTCOME_GUEST_FAULT;
    }
    if (rule->kind == SGI) {
        port->send_sgi(port->ctx, access->vcpu, (enum gic_v3_sgi_register)rule->value,
                       access->value);
    } else if (rule->kind == TIMER) {
        port->timer(port->ctx, (enum sysreg_timer)rule->value, access);
    } else if (!access->is_write) {
        access->value = rule->value;
    }
    return OUTCOME_DONE;
}

struct sysreg_name sysreg_name(uint32_t id)
{
    return (struct sysreg_name){
        .op0 = (id >> 20) & 3,
        .op1 = (id >> 14) & 7,
        .crn = (id >> 10) & 15,
        .crm = (id >> 1) & 15,
        .op2 = (id >> 17) & 7,
    };
}
