// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/psci.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <linux/psci.h>

#define SMC64         0x40000000u
#define RAM           0x40000000ull
#define RAM_SIZE      0x10000000ull
#define ENTRY         0x40080000ull
#define SMCCC_VERSION 0x80000000u
#define ARCH_FEATURES 0x80000001u

enum { COUNT = 4 };

static struct psci_answer call(struct psci *psci, uint32_t fid, uint64_t a, uint64_t b, uint64_t c)
{
    return psci_call(psci, 0,
                     &(struct smccc_call){
                         fid, {a, b, c}
    });
}

/* An error or a number: in W0 and, sign-extended, in X0. */
static void expect_result(struct psci_answer answer, int64_t result)
{
    assert_int_equal(answer.action, PSCI_RESUME);
    assert_int_equal((int64_t)answer.result, result);
}

static int setup(void **state)
{
    struct psci *psci = malloc(sizeof *psci);
    psci_reset(psci, (struct range){RAM, RAM_SIZE}, COUNT);
    *state = psci;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void versions(void **state)
{
    expect_result(call(*state, PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0), 0x10001);
    expect_result(call(*state, SMCCC_VERSION, 0, 0, 0), 0x10001);
    expect_result(call(*state, PSCI_0_2_FN_MIGRATE_INFO_TYPE, 0, 0, 0), PSCI_0_2_TOS_MP);
}

static void unknown_functions_are_not_supported(void **state)
{
    static const uint32_t unknown[] = {
        0,
        1,
        0x7fffffff,
        0xffffffff,
        0x80000002, /* ARCH_SOC_ID */
        0x80003fff, /* ARCH_WORKAROUND_3 */
        0x80007fff, /* ARCH_WORKAROUND_2 */
        0x80008000, /* ARCH_WORKAROUND_1 */
        0x8000ff01, /* UID of the architecture service, which has none */
        0xc0000000, /* SMCCC_VERSION has no 64-bit form */
        0x04000000, /* PSCI_VERSION as a yielding call */
        0x84010000, /* with the hint bit, which SMCCC 1.3 brought */
        PSCI_0_2_FN_MIGRATE,
        PSCI_0_2_FN64_MIGRATE,
        PSCI_0_2_FN_MIGRATE_INFO_UP_CPU,
        PSCI_1_0_FN_CPU_FREEZE,
        PSCI_1_0_FN_CPU_DEFAULT_SUSPEND,
        PSCI_1_0_FN_NODE_HW_STATE,
        PSCI_1_0_FN_SYSTEM_SUSPEND,
        PSCI_1_0_FN64_SYSTEM_SUSPEND,
        PSCI_1_0_FN_SET_SUSPEND_MODE,
        PSCI_1_0_FN_STAT_RESIDENCY,
        PSCI_1_0_FN_STAT_COUNT,
        PSCI_1_1_FN_MEM_PROTECT,
        PSCI_1_1_FN64_MEM_PROTECT_CHECK_RANGE,
        PSCI_0_2_FN_PSCI_VERSION | SMC64,
        PSCI_0_2_FN_CPU_OFF | SMC64,
        PSCI_0_2_FN_SYSTEM_OFF | SMC64,
        PSCI_0_2_FN_SYSTEM_RESET | SMC64,
        PSCI_1_0_FN_PSCI_FEATURES | SMC64,
        0x8400001f,
        0x84000050, /* TRNG_VERSION */
        0xc5000020, /* PV_TIME_FEATURES */
        0x8600ff01, /* UID of a vendor's hypervisor */
        0xbf00ff01, /* UID of a Trusted OS */
    };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        expect_result(call(*state, unknown[i], RAM, RAM, RAM), -1);
        expect_result(call(*state, PSCI_1_0_FN_PSCI_FEATURES, unknown[i], 0, 0), -1);
        expect_result(call(*state, ARCH_FEATURES, unknown[i], 0, 0), -1);
    }
}

static void features_of_what_there_is(void **state)
{
    static const uint32_t psci[] = {
        PSCI_0_2_FN_PSCI_VERSION,  PSCI_0_2_FN_CPU_SUSPEND,     PSCI_0_2_FN64_CPU_SUSPEND,
        PSCI_0_2_FN_CPU_OFF,       PSCI_0_2_FN_CPU_ON,          PSCI_0_2_FN64_CPU_ON,
        PSCI_0_2_FN_AFFINITY_INFO, PSCI_0_2_FN64_AFFINITY_INFO, PSCI_0_2_FN_MIGRATE_INFO_TYPE,
        PSCI_0_2_FN_SYSTEM_OFF,    PSCI_0_2_FN_SYSTEM_RESET,    PSCI_1_0_FN_PSCI_FEATURES,
        PSCI_1_1_FN_SYSTEM_RESET2, PSCI_1_1_FN64_SYSTEM_RESET2,
    };
    for (size_t i = 0; i < sizeof psci / sizeof psci[0]; i++) {
        expect_result(call(*state, PSCI_1_0_FN_PSCI_FEATURES, psci[i], 0, 0), 0);
        expect_result(call(*state, ARCH_FEATURES, psci[i], 0, 0), -1);
    }
    expect_result(call(*state, PSCI_1_0_FN_PSCI_FEATURES, SMCCC_VERSION, 0, 0), 0);
    expect_result(call(*state, PSCI_1_0_FN_PSCI_FEATURES, ARCH_FEATURES, 0, 0), -1);
    expect_result(call(*state, ARCH_FEATURES, SMCCC_VERSION, 0, 0), 0);
    expect_result(call(*state, ARCH_FEATURES, ARCH_FEATURES, 0, 0), 0);
    /* The argument is a W register, whatever lies above it. */
    expect_result(call(*state, PSCI_1_0_FN_PSCI_FEATURES, ~0xffffffffull | SMCCC_VERSION, 0, 0), 0);
}

static void cpu_on_starts_a_vcpu(void **state)
{
    struct psci *psci = *state;
    struct psci_answer a = call(psci, PSCI_0_2_FN64_CPU_ON, 2, ENTRY, 0x123456789abcdef0);
    assert_int_equal(a.action, PSCI_START_VCPU);
    assert_int_equal(a.result, 0);
    assert_int_equal(a.target, 2);
    assert_int_equal(psci->start[2].entry.value, ENTRY);
    assert_int_equal(psci->start[2].context, 0x123456789abcdef0);
    expect_result(call(psci, PSCI_0_2_FN64_CPU_ON, 2, ENTRY, 0), PSCI_RET_ON_PENDING);
    psci_vcpu_started(psci, 2);
    expect_result(call(psci, PSCI_0_2_FN64_CPU_ON, 2, ENTRY, 0), PSCI_RET_ALREADY_ON);
    expect_result(call(psci, PSCI_0_2_FN64_CPU_ON, 0, ENTRY, 0), PSCI_RET_ALREADY_ON);
}

static void cpu_on_refuses_targets_that_are_not_there(void **state)
{
    static const uint64_t targets[] = {COUNT,      0x80000001, 0x100,      0x10000,
                                       1ull << 24, 1ull << 32, 1ull << 40, UINT64_MAX};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        expect_result(call(*state, PSCI_0_2_FN64_CPU_ON, targets[i], ENTRY, 0),
                      PSCI_RET_INVALID_PARAMS);
        /* Which mistake is named first: there is no vCPU, wherever it should begin. */
        expect_result(call(*state, PSCI_0_2_FN64_CPU_ON, targets[i], 0, 0),
                      PSCI_RET_INVALID_PARAMS);
    }
}

static const uint64_t bad_entries[] = {
    0,       RAM - 4,    RAM + RAM_SIZE, RAM + RAM_SIZE - 2, RAM + 1,
    RAM + 2, UINT64_MAX, UINT64_MAX - 3, ENTRY | 1ull << 32};

static void cpu_on_refuses_entries_outside_ram(void **state)
{
    struct psci *psci = *state;
    for (size_t i = 0; i < sizeof bad_entries / sizeof bad_entries[0]; i++) {
        expect_result(call(psci, PSCI_0_2_FN64_CPU_ON, 1, bad_entries[i], 0),
                      PSCI_RET_INVALID_ADDRESS);
        assert_int_equal(psci->power[1], PSCI_OFF);
    }
    assert_int_equal(call(psci, PSCI_0_2_FN64_CPU_ON, 1, RAM, 0).action, PSCI_START_VCPU);
    assert_int_equal(call(psci, PSCI_0_2_FN64_CPU_ON, 2, RAM + RAM_SIZE - 4, 0).action,
                     PSCI_START_VCPU);
}

static void a_32_bit_call_sees_w_registers(void **state)
{
    const uint64_t high = 0xdeadbeef00000000;
    struct psci *psci = *state;
    struct psci_answer a =
        call(psci, PSCI_0_2_FN_CPU_ON, high | 3, high | ENTRY, high | 0x89abcdef);
    assert_int_equal(a.action, PSCI_START_VCPU);
    assert_int_equal(a.target, 3);
    assert_int_equal(psci->start[3].entry.value, ENTRY);
    assert_int_equal(psci->start[3].context, 0x89abcdef);
    expect_result(call(psci, PSCI_0_2_FN_AFFINITY_INFO, high | 3, high, 0),
                  PSCI_0_2_AFFINITY_LEVEL_ON_PENDING);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, high | 3, 0, 0), PSCI_RET_INVALID_PARAMS);
}

static void a_vcpu_that_could_not_be_started_is_off(void **state)
{
    struct psci *psci = *state;
    call(psci, PSCI_0_2_FN64_CPU_ON, 1, ENTRY, 0);
    assert_int_equal((int64_t)psci_start_failed(psci, 1), PSCI_RET_INTERNAL_FAILURE);
    assert_int_equal(call(psci, PSCI_0_2_FN64_CPU_ON, 1, ENTRY, 0).action, PSCI_START_VCPU);
}

static void cpu_off_is_seen_when_the_vcpu_has_stopped(void **state)
{
    struct psci *psci = *state;
    call(psci, PSCI_0_2_FN64_CPU_ON, 1, ENTRY, 0);
    psci_vcpu_started(psci, 1);
    struct psci_answer a = psci_call(psci, 1, &(struct smccc_call){PSCI_0_2_FN_CPU_OFF, {0}});
    assert_int_equal(a.action, PSCI_STOP_VCPU);
    expect_result(call(psci, PSCI_0_2_FN64_CPU_ON, 1, ENTRY, 0), PSCI_RET_ALREADY_ON);
    assert_false(psci_vcpu_stopped(psci, 1));
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 1, 0, 0), PSCI_0_2_AFFINITY_LEVEL_OFF);
    assert_int_equal(call(psci, PSCI_0_2_FN64_CPU_ON, 1, ENTRY, 0).action, PSCI_START_VCPU);
}

static void the_last_vcpu_to_stop_is_told_so(void **state)
{
    struct psci *psci = *state;
    call(psci, PSCI_0_2_FN64_CPU_ON, 1, ENTRY, 0);
    assert_false(psci_vcpu_stopped(psci, 0)); /* one is pending */
    psci_vcpu_started(psci, 1);
    assert_true(psci_vcpu_stopped(psci, 1));
}

static void affinity_info(void **state)
{
    struct psci *psci = *state;
    call(psci, PSCI_0_2_FN64_CPU_ON, 1, ENTRY, 0);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 0, 0, 0), PSCI_0_2_AFFINITY_LEVEL_ON);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 1, 0, 0),
                  PSCI_0_2_AFFINITY_LEVEL_ON_PENDING);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 2, 0, 0), PSCI_0_2_AFFINITY_LEVEL_OFF);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, COUNT, 0, 0), PSCI_RET_INVALID_PARAMS);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 0x80000000, 0, 0),
                  PSCI_RET_INVALID_PARAMS);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 0, 4, 0), PSCI_RET_INVALID_PARAMS);
    /* lowest_affinity_level is a 32-bit argument in both forms */
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 0, 1ull << 32, 0),
                  PSCI_0_2_AFFINITY_LEVEL_ON);
}

static void affinity_info_of_a_cluster(void **state)
{
    struct psci *psci = *state;
    for (unsigned level = 1; level <= 3; level++) {
        /* fields below the level do not count */
        expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 0x77, level, 0),
                      PSCI_0_2_AFFINITY_LEVEL_ON);
        expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 1ull << 32, level, 0),
                      PSCI_RET_INVALID_PARAMS);
    }
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 0x100, 1, 0), PSCI_RET_INVALID_PARAMS);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 0x100, 2, 0), PSCI_0_2_AFFINITY_LEVEL_ON);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 0x10000, 2, 0), PSCI_RET_INVALID_PARAMS);
    call(psci, PSCI_0_2_FN64_CPU_ON, 1, ENTRY, 0);
    psci_vcpu_stopped(psci, 0);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 0, 1, 0),
                  PSCI_0_2_AFFINITY_LEVEL_ON_PENDING);
    psci_start_failed(psci, 1);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 0, 1, 0), PSCI_0_2_AFFINITY_LEVEL_OFF);
}

static void cpu_suspend_is_a_standby(void **state)
{
    static const struct {
        uint32_t fid;
        uint64_t power_state, entry;
    } good[] = {
        {PSCI_0_2_FN64_CPU_SUSPEND, 0,                  0                         },
        {PSCI_0_2_FN64_CPU_SUSPEND, 0xffff,             0                         },
        {PSCI_0_2_FN64_CPU_SUSPEND, 0x10000,            ENTRY                     },
        {PSCI_0_2_FN64_CPU_SUSPEND, 0xdeadbeef0001ffff, ENTRY                     },
        {PSCI_0_2_FN_CPU_SUSPEND,   0xdeadbeef00010000, 0xdeadbeef00000000 | ENTRY},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct psci_answer a = call(*state, good[i].fid, good[i].power_state, good[i].entry, 0);
        assert_int_equal(a.action, PSCI_WAIT);
        assert_int_equal(a.result, PSCI_RET_SUCCESS);
    }
}

static void cpu_suspend_refuses_other_states(void **state)
{
    for (unsigned bit = 17; bit < 32; bit++) {
        expect_result(call(*state, PSCI_0_2_FN64_CPU_SUSPEND, 1ull << bit, ENTRY, 0),
                      PSCI_RET_INVALID_PARAMS);
    }
    for (size_t i = 0; i < sizeof bad_entries / sizeof bad_entries[0]; i++) {
        expect_result(call(*state, PSCI_0_2_FN64_CPU_SUSPEND, 0x10000, bad_entries[i], 0),
                      PSCI_RET_INVALID_ADDRESS);
    }
}

static void the_vm_is_turned_off_and_reset(void **state)
{
    assert_int_equal(call(*state, PSCI_0_2_FN_SYSTEM_OFF, 0, 0, 0).action, PSCI_VM_OFF);
    assert_int_equal(call(*state, PSCI_0_2_FN_SYSTEM_RESET, 0, 0, 0).action, PSCI_VM_RESET);
    assert_int_equal(call(*state, PSCI_1_1_FN_SYSTEM_RESET2, 0, 5, 0).action, PSCI_VM_RESET);
    assert_int_equal(call(*state, PSCI_1_1_FN64_SYSTEM_RESET2, 1ull << 32, 5, 0).action,
                     PSCI_VM_RESET);
    static const uint32_t types[] = {1, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        expect_result(call(*state, PSCI_1_1_FN64_SYSTEM_RESET2, types[i], 0, 0),
                      PSCI_RET_INVALID_PARAMS);
    }
}

static void reset_leaves_only_vcpu_0_on(void **state)
{
    struct psci *psci = *state;
    call(psci, PSCI_0_2_FN64_CPU_ON, 1, ENTRY, 0);
    psci_reset(psci, (struct range){RAM, RAM_SIZE}, 1);
    expect_result(call(psci, PSCI_0_2_FN64_AFFINITY_INFO, 0, 0, 0), PSCI_0_2_AFFINITY_LEVEL_ON);
    expect_result(call(psci, PSCI_0_2_FN64_CPU_ON, 1, ENTRY, 0), PSCI_RET_INVALID_PARAMS);
    assert_int_equal(psci->power[1], PSCI_OFF);
}

enum { ROUNDS = 4000000, CALLERS = 2, TARGET = 3 };

struct race {
    struct psci *psci;
    _Atomic bool over;
    _Atomic unsigned wins, starts, odd;
};

struct caller {
    struct race *race;
    unsigned vcpu;
};

/* Calls for the target again and again; entry and context say who it is. */
static void *call_again(void *argument)
{
    const struct caller *caller = argument;
    struct race *race = caller->race;
    const struct smccc_call c = {
        PSCI_0_2_FN64_CPU_ON, {TARGET, ENTRY + 4 * caller->vcpu, caller->vcpu}
    };
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct psci_answer a = psci_call(race->psci, caller->vcpu, &c);
        if (a.action == PSCI_START_VCPU) {
            race->wins++;
        } else if ((int64_t)a.result != PSCI_RET_ALREADY_ON &&
                   (int64_t)a.result != PSCI_RET_ON_PENDING) {
            race->odd++;
        }
    }
    return NULL;
}

/* The winner is the target's thread, too, so that losers meet every state at full speed. */
static void *call_and_run(void *argument)
{
    const struct caller *caller = argument;
    struct race *race = caller->race;
    const struct smccc_call c = {
        PSCI_0_2_FN64_CPU_ON, {TARGET, ENTRY, caller->vcpu}
    };
    for (unsigned i = 0; i < 2 * ROUNDS; i++) {
        if (psci_call(race->psci, caller->vcpu, &c).action == PSCI_START_VCPU) {
            race->odd += race->psci->start[TARGET].context != caller->vcpu;
            psci_vcpu_started(race->psci, TARGET); /* CHECKs that nobody else did */
            psci_vcpu_stopped(race->psci, TARGET);
            race->wins++;
        }
    }
    return NULL;
}

/* The target's own thread: does not wait to be told, looks at its power state only. */
static void *start_again(void *argument)
{
    struct race *race = argument;
    struct psci *psci = race->psci;
    for (;;) {
        bool over = race->over;
        if (psci->power[TARGET] == PSCI_ON_PENDING) {
            struct psci_start start = psci->start[TARGET];
            race->odd += start.entry.value != ENTRY + 4 * start.context;
            psci->start[TARGET] = (struct psci_start){0};
            psci_vcpu_started(psci, TARGET);
            psci_vcpu_stopped(psci, TARGET);
            race->starts++;
        } else if (over) {
            return NULL;
        }
    }
}

static void run_callers(struct race *race, void *(*thread)(void *))
{
    struct caller callers[CALLERS];
    pthread_t threads[CALLERS];
    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){race, i};
        assert_int_equal(pthread_create(&threads[i], NULL, thread, &callers[i]), 0);
    }
    for (unsigned i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void one_of_the_callers_of_cpu_on_wins(void **state)
{
    struct race race = {.psci = *state};
    run_callers(&race, call_and_run);
    assert_int_equal(race.odd, 0);
    assert_true(race.wins > 0);
}

static void each_cpu_on_that_wins_starts_the_vcpu_once(void **state)
{
    struct race race = {.psci = *state};
    pthread_t target;
    assert_int_equal(pthread_create(&target, NULL, start_again, &race), 0);
    run_callers(&race, call_again);
    race.over = true;
    pthread_join(target, NULL);
    assert_int_equal(race.odd, 0);
    assert_true(race.wins > 0);
    assert_int_equal(race.wins, race.starts);
    assert_int_equal(race.psci->power[TARGET], PSCI_OFF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(versions),
        TEST(unknown_functions_are_not_supported),
        TEST(features_of_what_there_is),
        TEST(cpu_on_starts_a_vcpu),
        TEST(cpu_on_refuses_targets_that_are_not_there),
        TEST(cpu_on_refuses_entries_outside_ram),
        TEST(a_32_bit_call_sees_w_registers),
        TEST(a_vcpu_that_could_not_be_started_is_off),
        TEST(cpu_off_is_seen_when_the_vcpu_has_stopped),
        TEST(the_last_vcpu_to_stop_is_told_so),
        TEST(affinity_info),
        TEST(affinity_info_of_a_cluster),
        TEST(cpu_suspend_is_a_standby),
        TEST(cpu_suspend_refuses_other_states),
        TEST(the_vm_is_turned_off_and_reset),
        TEST(reset_leaves_only_vcpu_0_on),
        TEST(one_of_the_callers_of_cpu_on_wins),
        TEST(each_cpu_on_that_wins_starts_the_vcpu_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
