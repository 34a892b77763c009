// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/sysreg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* What the port was asked, and what its timer answers. */
struct called {
    unsigned sgis, timers;
    unsigned vcpu;
    unsigned which;
    uint64_t value;
};

static void send_sgi(void *ctx, unsigned vcpu, enum gic_v3_sgi_register which, uint64_t value)
{
    struct called *called = ctx;
    called->sgis++;
    called->vcpu = vcpu;
    called->which = which;
    called->value = value;
}

static void timer(void *ctx, enum sysreg_timer which, struct sysreg_access *access)
{
    struct called *called = ctx;
    called->timers++;
    called->vcpu = access->vcpu;
    called->which = which;
    called->value = access->value;
    if (!access->is_write) {
        access->value = 0x7777;
    }
}

static const uint64_t dirty = 0x5a5a5a5a5a5a5a5a;

static enum outcome do_access(const struct sysreg_port *port, uint32_t id, bool is_write,
                              uint64_t *value)
{
    struct sysreg_access access = {.id = id, .value = dirty, .is_write = is_write, .vcpu = 3};
    enum outcome outcome = sysreg_access(port, &access);
    *value = access.value;
    return outcome;
}

static void expect(const struct sysreg_port *port, uint32_t id, bool is_write, enum outcome outcome)
{
    uint64_t value;
    if (do_access(port, id, is_write, &value) != outcome) {
        struct sysreg_name n = sysreg_name(id);
        fail_msg("%s of S%u_%u_C%u_C%u_%u", is_write ? "write" : "read", n.op0, n.op1, n.crn, n.crm,
                 n.op2);
    }
}

static void expect_reads(const struct sysreg_port *port, uint32_t id, uint64_t expected)
{
    uint64_t value;
    expect(port, id, false, OUTCOME_DONE);
    do_access(port, id, false, &value);
    assert_int_equal(value, expected);
}

static void sgis_go_to_the_gic(void **state)
{
    (void)state;
    static const struct {
        uint32_t id;
        enum gic_v3_sgi_register which;
    } registers[] = {
        {SYSREG_ID(3, 0, 12, 11, 5), GIC_V3_SGI1R },
        {SYSREG_ID(3, 0, 12, 11, 6), GIC_V3_ASGI1R},
        {SYSREG_ID(3, 0, 12, 11, 7), GIC_V3_SGI0R }
    };
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        struct called called = {0};
        struct sysreg_port v3 = {.gic = GIC_V3, .send_sgi = send_sgi, .ctx = &called};
        struct sysreg_port v2 = {.gic = GIC_V2, .ctx = &called};
        expect(&v3, registers[i].id, true, OUTCOME_DONE);
        assert_int_equal(called.sgis, 1);
        assert_int_equal(called.vcpu, 3);
        assert_int_equal(called.which, registers[i].which);
        assert_int_equal(called.value, dirty);
        expect(&v3, registers[i].id, false, OUTCOME_GUEST_FAULT);
        expect(&v2, registers[i].id, true, OUTCOME_UNHANDLED);
        expect(&v2, registers[i].id, false, OUTCOME_UNHANDLED);
        assert_int_equal(called.sgis, 1);
    }
}

static void system_register_interface_is_on_and_stays_on(void **state)
{
    (void)state;
    struct sysreg_port v3 = {.gic = GIC_V3, .send_sgi = send_sgi}, v2 = {.gic = GIC_V2};
    const uint32_t icc_sre = SYSREG_ID(3, 0, 12, 12, 5);
    expect_reads(&v3, icc_sre, 7);
    expect(&v3, icc_sre, true, OUTCOME_DONE);
    expect_reads(&v3, icc_sre, 7);
    expect(&v2, icc_sre, false, OUTCOME_UNHANDLED);
}

static void the_physical_timer_is_a_callback(void **state)
{
    (void)state;
    static const struct {
        uint32_t id;
        enum sysreg_timer which;
        bool writable;
    } registers[] = {
        {SYSREG_ID(3, 3, 14, 0, 1), SYSREG_CNTPCT,    false},
        {SYSREG_ID(3, 3, 14, 0, 5), SYSREG_CNTPCT,    false},
        {SYSREG_ID(3, 3, 14, 2, 0), SYSREG_CNTP_TVAL, true },
        {SYSREG_ID(3, 3, 14, 2, 1), SYSREG_CNTP_CTL,  true },
        {SYSREG_ID(3, 3, 14, 2, 2), SYSREG_CNTP_CVAL, true },
    };
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        struct called called = {0};
        struct sysreg_port with = {.gic = GIC_V2, .timer = timer, .ctx = &called};
        struct sysreg_port without = {.gic = GIC_V2};
        expect_reads(&with, registers[i].id, 0x7777);
        assert_int_equal(called.which, registers[i].which);
        assert_int_equal(called.vcpu, 3);
        unsigned reads = called.timers;
        expect(&with, registers[i].id, true,
               registers[i].writable ? OUTCOME_DONE : OUTCOME_GUEST_FAULT);
        assert_int_equal(called.timers - reads, registers[i].writable);
        assert_int_equal(called.value, dirty);
        expect(&without, registers[i].id, false, OUTCOME_UNHANDLED);
    }
}

enum rights { RW, RO, WO };

static void debug_and_pmu_registers_are_not_there(void **state)
{
    (void)state;
    static const struct {
        uint32_t id;
        enum rights rights;
        uint64_t reads;
    } registers[] = {
        {SYSREG_ID(2, 0, 0,  2,  2), RW, 0  }, /* MDSCR_EL1 */
        {SYSREG_ID(2, 0, 0,  2,  0), RW, 0  }, /* MDCCINT_EL1 */
        {SYSREG_ID(2, 0, 0,  0,  2), RW, 0  }, /* OSDTRRX_EL1 */
        {SYSREG_ID(2, 0, 0,  3,  2), RW, 0  }, /* OSDTRTX_EL1 */
        {SYSREG_ID(2, 0, 0,  6,  2), RW, 0  }, /* OSECCR_EL1 */
        {SYSREG_ID(2, 0, 1,  0,  0), RO, 0  }, /* MDRAR_EL1 */
        {SYSREG_ID(2, 0, 1,  0,  4), WO, 0  }, /* OSLAR_EL1 */
        {SYSREG_ID(2, 0, 1,  1,  4), RO, 0x8}, /* OSLSR_EL1: OSLM 0b10, OSLK 0 */
        {SYSREG_ID(2, 0, 1,  3,  4), RW, 0  }, /* OSDLR_EL1 */
        {SYSREG_ID(2, 0, 1,  4,  4), RW, 0  }, /* DBGPRCR_EL1 */
        {SYSREG_ID(2, 0, 7,  8,  6), RW, 0  }, /* DBGCLAIMSET_EL1 */
        {SYSREG_ID(2, 0, 7,  9,  6), RW, 0  }, /* DBGCLAIMCLR_EL1 */
        {SYSREG_ID(2, 0, 7,  14, 6), RO, 0  }, /* DBGAUTHSTATUS_EL1 */
        {SYSREG_ID(2, 3, 0,  1,  0), RO, 0  }, /* MDCCSR_EL0 */
        {SYSREG_ID(2, 3, 0,  4,  0), RW, 0  }, /* DBGDTR_EL0 */
        {SYSREG_ID(2, 3, 0,  5,  0), RW, 0  }, /* DBGDTRRX_EL0 */
        {SYSREG_ID(3, 0, 1,  0,  1), RW, 0  }, /* ACTLR_EL1 */
        {SYSREG_ID(3, 0, 9,  14, 1), RW, 0  }, /* PMINTENSET_EL1 */
        {SYSREG_ID(3, 0, 9,  14, 2), RW, 0  }, /* PMINTENCLR_EL1 */
        {SYSREG_ID(3, 0, 9,  14, 6), RO, 0  }, /* PMMIR_EL1 */
        {SYSREG_ID(3, 3, 9,  12, 0), RW, 0  }, /* PMCR_EL0 */
        {SYSREG_ID(3, 3, 9,  12, 1), RW, 0  }, /* PMCNTENSET_EL0 */
        {SYSREG_ID(3, 3, 9,  12, 2), RW, 0  }, /* PMCNTENCLR_EL0 */
        {SYSREG_ID(3, 3, 9,  12, 3), RW, 0  }, /* PMOVSCLR_EL0 */
        {SYSREG_ID(3, 3, 9,  12, 4), WO, 0  }, /* PMSWINC_EL0 */
        {SYSREG_ID(3, 3, 9,  12, 5), RW, 0  }, /* PMSELR_EL0 */
        {SYSREG_ID(3, 3, 9,  12, 6), RO, 0  }, /* PMCEID0_EL0 */
        {SYSREG_ID(3, 3, 9,  12, 7), RO, 0  }, /* PMCEID1_EL0 */
        {SYSREG_ID(3, 3, 9,  13, 0), RW, 0  }, /* PMCCNTR_EL0 */
        {SYSREG_ID(3, 3, 9,  13, 1), RW, 0  }, /* PMXEVTYPER_EL0 */
        {SYSREG_ID(3, 3, 9,  13, 2), RW, 0  }, /* PMXEVCNTR_EL0 */
        {SYSREG_ID(3, 3, 9,  14, 0), RW, 0  }, /* PMUSERENR_EL0 */
        {SYSREG_ID(3, 3, 9,  14, 3), RW, 0  }, /* PMOVSSET_EL0 */
        {SYSREG_ID(3, 3, 14, 8,  0), RW, 0  }, /* PMEVCNTR0_EL0 */
        {SYSREG_ID(3, 3, 14, 11, 6), RW, 0  }, /* PMEVCNTR30_EL0 */
        {SYSREG_ID(3, 3, 14, 12, 0), RW, 0  }, /* PMEVTYPER0_EL0 */
        {SYSREG_ID(3, 3, 14, 15, 7), RW, 0  }, /* PMCCFILTR_EL0 */
        {SYSREG_ID(1, 0, 7,  6,  2), WO, 0  }, /* DC ISW */
        {SYSREG_ID(1, 0, 7,  10, 2), WO, 0  }, /* DC CSW */
        {SYSREG_ID(1, 0, 7,  14, 2), WO, 0  }, /* DC CISW */
    };
    const struct sysreg_port port = {.gic = GIC_V2};
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        expect(&port, registers[i].id, true,
               registers[i].rights == RO ? OUTCOME_GUEST_FAULT : OUTCOME_DONE);
        if (registers[i].rights == WO) {
            expect(&port, registers[i].id, false, OUTCOME_GUEST_FAULT);
        } else {
            expect_reads(&port, registers[i].id, registers[i].reads);
        }
    }
    for (unsigned n = 0; n < 16; n++) {
        for (unsigned op2 = 4; op2 < 8; op2++) { /* break- and watchpoints: value and control */
            expect_reads(&port, SYSREG_ID(2, 0, 0, n, op2), 0);
            expect(&port, SYSREG_ID(2, 0, 0, n, op2), true, OUTCOME_DONE);
        }
    }
}

static void unknown_registers_are_undefined(void **state)
{
    (void)state;
    static const uint32_t unknown[] = {
        SYSREG_ID(3, 0, 0, 0, 0),   /* MIDR_EL1: does not trap, so nobody asks */
        SYSREG_ID(3, 0, 1, 0, 0),   /* SCTLR_EL1 */
        SYSREG_ID(3, 0, 2, 1, 0),   /* APIAKeyLo_EL1 */
        SYSREG_ID(3, 0, 9, 13, 0),  /* PMCCNTR's neighbour in op1 */
        SYSREG_ID(3, 0, 12, 11, 1), /* ICC_DIR_EL1 */
        SYSREG_ID(3, 3, 14, 3, 1),  /* CNTV_CTL_EL0 */
        SYSREG_ID(3, 3, 14, 7, 7),  /* below PMEVCNTR0_EL0 */
        SYSREG_ID(3, 3, 9, 14, 1),  /* unallocated */
        SYSREG_ID(3, 1, 15, 2, 1),  /* CPUECTLR_EL1 of a Cortex */
        SYSREG_ID(2, 0, 0, 1, 2),   /* unallocated debug register */
        SYSREG_ID(2, 4, 0, 7, 0),   /* DBGVCR32_EL2 */
        SYSREG_ID(1, 0, 7, 6, 1),   /* DC IVAC */
        SYSREG_ID(0, 0, 0, 0, 0),   SYSREG_ID_MASK,
    };
    const struct sysreg_port port = {.gic = GIC_V3, .send_sgi = send_sgi, .timer = timer};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        expect(&port, unknown[i], false, OUTCOME_UNHANDLED);
        expect(&port, unknown[i], true, OUTCOME_UNHANDLED);
    }
}

static void names(void **state)
{
    (void)state;
    struct sysreg_name n = sysreg_name(SYSREG_ID(3, 5, 11, 13, 6));
    assert_int_equal(n.op0, 3);
    assert_int_equal(n.op1, 5);
    assert_int_equal(n.crn, 11);
    assert_int_equal(n.crm, 13);
    assert_int_equal(n.op2, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgis_go_to_the_gic),
        cmocka_unit_test(system_register_interface_is_on_and_stays_on),
        cmocka_unit_test(the_physical_timer_is_a_callback),
        cmocka_unit_test(debug_and_pmu_registers_are_not_there),
        cmocka_unit_test(unknown_registers_are_undefined),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
