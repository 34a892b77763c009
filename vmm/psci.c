// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/psci.h"

#include <linux/psci.h>
#include <stddef.h>

#include "lib/check.h"
#include "lib/start_only.h"
#include "link/map.h"

/* DEN0028, "Function Identifiers": bit 30 says that arguments are 64 bits wide. */
#define SMC64 0x40000000u

/* DEN0028, "Arm Architecture Calls". */
#define SMCCC_VERSION       0x80000000u
#define SMCCC_ARCH_FEATURES 0x80000001u
/*
 * Not 1.2: that gives X7 to X17 to calls, and an hvc's X7 does not always reach us (the kernel
 * below takes it for a system call number).
 */
#define SMCCC_VERSION_1_1 0x10001

/* Aff3 to Aff0 as they lie in MPIDR_EL1; a target's other bits must be zero. */
#define AFFINITY_MASK 0xff00ffffffull

/* power_state, original format: StateID 15:0, StateType 16, PowerLevel 25:24, others zero. */
#define POWER_STATE_MUST_BE_ZERO 0xfcfe0000ull
#define POWER_STATE_POWER_DOWN   0x00010000ull
#define POWER_STATE_LEVEL        0x03000000ull

/*
 * Results are signed 32-bit numbers. Sign-extended, the answer to an SMC32 call (in W0) and the one
 * to an SMC64 call (in X0) are the same bits.
 */
static struct psci_answer resume(int32_t result)
{
    return (struct psci_answer){.action = PSCI_RESUME, .result = (uint64_t)(int64_t)result};
}

/* Argument X1 + i; a 32-bit call has W registers, whatever lies above them. */
static uint64_t argument(const struct smccc_call *call, unsigned i)
{
    return (call->fid & SMC64) != 0 ? call->args[i] : (uint32_t)call->args[i];
}

static bool is_entry(const struct psci *psci, uint64_t entry)
{
    return is_aligned(entry, 4) && range_contains(psci->ram, entry, 4);
}

static struct psci_answer version(struct psci *psci, unsigned vcpu, const struct smccc_call *call)
{
    (void)psci, (void)vcpu, (void)call;
    return resume(PSCI_VERSION(1, 1));
}

/*
 * CPU_SUSPEND. The device tree names no idle state, so what the state IDs mean is ours to say: all
 * of them are a standby of one core. A power-down request may be answered by a standby, which keeps
 * all state and returns SUCCESS to the next instruction; but its entry point must be right.
 */
static struct psci_answer cpu_suspend(struct psci *psci, unsigned vcpu,
                                      const struct smccc_call *call)
{
    (void)vcpu;
    uint64_t power_state = (uint32_t)call->args[0];
    if (power_state & (POWER_STATE_MUST_BE_ZERO | POWER_STATE_LEVEL)) {
        return resume(PSCI_RET_INVALID_PARAMS);
    }
    if ((power_state & POWER_STATE_POWER_DOWN) && !is_entry(psci, argument(call, 1))) {
        return resume(PSCI_RET_INVALID_ADDRESS);
    }
    return (struct psci_answer){.action = PSCI_WAIT, .result = PSCI_RET_SUCCESS};
}

/*
 * CPU_OFF. The state stays ON until psci_vcpu_stopped: a CPU_ON from another core must not find the
 * vCPU off while its handler still works on it.
 */
static struct psci_answer cpu_off(struct psci *psci, unsigned vcpu, const struct smccc_call *call)
{
    (void)psci, (void)vcpu, (void)call;
    return (struct psci_answer){.action = PSCI_STOP_VCPU};
}

/*
 * CPU_ON. Of those who call for the same vCPU at the same time, one wins the compare-exchange. Only
 * then may it say where to start, and only when it has said so may the target see ON_PENDING.
 */
static struct psci_answer cpu_on(struct psci *psci, unsigned vcpu, const struct smccc_call *call)
{
    (void)vcpu;
    unsigned target = 0;
    while (target < psci->vcpu_count && (map_mpidr(target) & AFFINITY_MASK) != argument(call, 0)) {
        target++;
    }
    if (target == psci->vcpu_count) {
        return resume(PSCI_RET_INVALID_PARAMS);
    }
    if (!is_entry(psci, argument(call, 1))) {
        return resume(PSCI_RET_INVALID_ADDRESS);
    }
    uint32_t power = PSCI_OFF;
    if (!atomic_compare_exchange_strong(&psci->power[target], &power, PSCI_CLAIMED)) {
        return resume(power == PSCI_ON ? PSCI_RET_ALREADY_ON : PSCI_RET_ON_PENDING);
    }
    psci->start[target] =
        (struct psci_start){.entry = {argument(call, 1)}, .context = argument(call, 2)};
    atomic_store(&psci->power[target], PSCI_ON_PENDING);
    return (struct psci_answer){
        .action = PSCI_START_VCPU,
        .result = PSCI_RET_SUCCESS,
        .target = target,
    };
}

/* AFFINITY_INFO: of one core, or of all cores that share the affinity fields above the level. */
static struct psci_answer affinity_info(struct psci *psci, unsigned vcpu,
                                        const struct smccc_call *call)
{
    static const uint64_t masks[] = {AFFINITY_MASK, 0xff00ffff00, 0xff00ff0000, 0xff00000000};
    (void)vcpu;
    uint64_t affinity = argument(call, 0);
    uint32_t level = (uint32_t)call->args[1];
    if (level >= sizeof masks / sizeof masks[0] || (affinity & ~AFFINITY_MASK) != 0) {
        return resume(PSCI_RET_INVALID_PARAMS);
    }
    uint32_t highest = PSCI_OFF;
    bool found = false;
    for (unsigned i = 0; i < psci->vcpu_count; i++) {
        if (((map_mpidr(i) ^ affinity) & masks[level]) == 0) {
            uint32_t power = atomic_load(&psci->power[i]);
            highest = power > highest ? power : highest;
            found = true;
        }
    }
    if (!found) {
        return resume(PSCI_RET_INVALID_PARAMS);
    }
    static const int32_t infos[] = {
        [PSCI_OFF] = PSCI_0_2_AFFINITY_LEVEL_OFF,
        [PSCI_CLAIMED] = PSCI_0_2_AFFINITY_LEVEL_ON_PENDING,
        [PSCI_ON_PENDING] = PSCI_0_2_AFFINITY_LEVEL_ON_PENDING,
        [PSCI_ON] = PSCI_0_2_AFFINITY_LEVEL_ON,
    };
    return resume(infos[highest]);
}

/* MIGRATE_INFO_TYPE: there is no Trusted OS, so nothing to migrate. */
static struct psci_answer migrate_info_type(struct psci *psci, unsigned vcpu,
                                            const struct smccc_call *call)
{
    (void)psci, (void)vcpu, (void)call;
    return resume(PSCI_0_2_TOS_MP);
}

static struct psci_answer system_off(struct psci *psci, unsigned vcpu,
                                     const struct smccc_call *call)
{
    (void)psci, (void)vcpu, (void)call;
    return (struct psci_answer){.action = PSCI_VM_OFF};
}

static struct psci_answer system_reset(struct psci *psci, unsigned vcpu,
                                       const struct smccc_call *call)
{
    (void)psci, (void)vcpu, (void)call;
    return (struct psci_answer){.action = PSCI_VM_RESET};
}

/* SYSTEM_RESET2: of the resets that the architecture names, SYSTEM_WARM_RESET; no vendor's. */
static struct psci_answer system_reset2(struct psci *psci, unsigned vcpu,
                                        const struct smccc_call *call)
{
    if ((uint32_t)call->args[0] != PSCI_1_1_RESET_TYPE_SYSTEM_WARM_RESET) {
        return resume(PSCI_RET_INVALID_PARAMS);
    }
    return system_reset(psci, vcpu, call);
}

static struct psci_answer smccc_version(struct psci *psci, unsigned vcpu,
                                        const struct smccc_call *call)
{
    (void)psci, (void)vcpu, (void)call;
    return resume(SMCCC_VERSION_1_1);
}

static struct psci_answer psci_features(struct psci *psci, unsigned vcpu,
                                        const struct smccc_call *call);
static struct psci_answer arch_features(struct psci *psci, unsigned vcpu,
                                        const struct smccc_call *call);

/*
 * Everything that there is. What is missing is optional and answers NOT_SUPPORTED, among it:
 * - SMCCC_ARCH_WORKAROUND_1, _2 and _3: a VMM cannot do what they promise, nor does it know whether
 *   the CPU needs it, so a guest's kernel judges by the CPU's identity alone and tells its user;
 * - SMCCC_ARCH_SOC_ID, TRNG, paravirtual time, and all vendors' calls and their UID.
 */
static const struct function {
    uint32_t fid;
    bool has_smc64;
    struct psci_answer (*call)(struct psci *psci, unsigned vcpu, const struct smccc_call *call);
} functions[] = {
    {PSCI_0_2_FN_PSCI_VERSION,      false, version          },
    {PSCI_0_2_FN_CPU_SUSPEND,       true,  cpu_suspend      },
    {PSCI_0_2_FN_CPU_OFF,           false, cpu_off          },
    {PSCI_0_2_FN_CPU_ON,            true,  cpu_on           },
    {PSCI_0_2_FN_AFFINITY_INFO,     true,  affinity_info    },
    {PSCI_0_2_FN_MIGRATE_INFO_TYPE, false, migrate_info_type},
    {PSCI_0_2_FN_SYSTEM_OFF,        false, system_off       },
    {PSCI_0_2_FN_SYSTEM_RESET,      false, system_reset     },
    {PSCI_1_0_FN_PSCI_FEATURES,     false, psci_features    },
    {PSCI_1_1_FN_SYSTEM_RESET2,     true,  system_reset2    },
    {SMCCC_VERSION,                 false, smccc_version    },
    {SMCCC_ARCH_FEATURES,           false, arch_features    },
};

static const struct function *find(uint32_t fid)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const struct function *f = &functions[i];
        if (f->fid == fid || (f->has_smc64 && (f->fid | SMC64) == fid)) {
            return f;
        }
    }
    return NULL;
}

static bool is_arch(uint32_t fid)
{
    return (fid & 0x3f000000) == 0; /* owning entity 0 */
}

/* PSCI_FEATURES. No function has a flag set: CPU_SUSPEND has the original format, no OS initiation.
 */
static struct psci_answer psci_features(struct psci *psci, unsigned vcpu,
                                        const struct smccc_call *call)
{
    (void)psci, (void)vcpu;
    uint32_t fid = (uint32_t)call->args[0];
    bool supported = find(fid) != NULL && (!is_arch(fid) || fid == SMCCC_VERSION);
    return resume(supported ? PSCI_RET_SUCCESS : PSCI_RET_NOT_SUPPORTED);
}

/* SMCCC_ARCH_FEATURES. */
static struct psci_answer arch_features(struct psci *psci, unsigned vcpu,
                                        const struct smccc_call *call)
{
    (void)psci, (void)vcpu;
    uint32_t fid = (uint32_t)call->args[0];
    bool supported = find(fid) != NULL && is_arch(fid);
    return resume(supported ? PSCI_RET_SUCCESS : PSCI_RET_NOT_SUPPORTED);
}

struct psci_answer psci_call(struct psci *psci, unsigned vcpu, const struct smccc_call *call)
{
    CHECK(vcpu < psci->vcpu_count);
    const struct function *f = find(call->fid);
    if (f == NULL) {
        return resume(PSCI_RET_NOT_SUPPORTED);
    }
    return f->call(psci, vcpu, call);
}

START_ONLY void psci_reset(struct psci *psci, struct range ram, unsigned vcpu_count)
{
    CHECK(vcpu_count >= 1 && vcpu_count <= VCPU_MAX);
    psci->ram = ram;
    psci->vcpu_count = vcpu_count;
    for (unsigned i = 0; i < VCPU_MAX; i++) {
        atomic_store(&psci->power[i], i == 0 ? PSCI_ON : PSCI_OFF);
    }
}

static void change(struct psci *psci, unsigned vcpu, uint32_t from, uint32_t to)
{
    CHECK(vcpu < psci->vcpu_count);
    uint32_t before = atomic_exchange(&psci->power[vcpu], to);
    CHECK(before == from);
}

void psci_vcpu_started(struct psci *psci, unsigned vcpu)
{
    change(psci, vcpu, PSCI_ON_PENDING, PSCI_ON);
}

uint64_t psci_start_failed(struct psci *psci, unsigned vcpu)
{
    change(psci, vcpu, PSCI_ON_PENDING, PSCI_OFF);
    return resume(PSCI_RET_INTERNAL_FAILURE).result;
}

bool psci_vcpu_stopped(struct psci *psci, unsigned vcpu)
{
    change(psci, vcpu, PSCI_ON, PSCI_OFF);
    /* Of several that stop at once, the one whose store comes last sees all the others off. */
    for (unsigned i = 0; i < psci->vcpu_count; i++) {
        if (atomic_load(&psci->power[i]) != PSCI_OFF) {
            return false;
        }
    }
    return true;
}
