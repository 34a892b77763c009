// SPDX-License-Identifier: BSD-2-Clause
/*
 * A guest that makes every firmware call that PSCI 1.1 (DEN0022) and SMCCC 1.1 (DEN0028) define,
 * right and wrong, by smc and by hvc, and compares the answers with the specifications. Needs two
 * vCPUs; prints a line for each answer that is wrong and then "psci: N passed, M failed", and
 * powers off.
 */
#include <stdbool.h>
#include <stdint.h>

enum {
    SUCCESS = 0,
    NOT_SUPPORTED = -1,
    INVALID_PARAMETERS = -2,
    ALREADY_ON = -4,
    ON_PENDING = -5,
    INVALID_ADDRESS = -9,
    AFFINITY_ON = 0,
    AFFINITY_OFF = 1,
    VERSION_1_1 = 0x10001,
    NO_TRUSTED_OS = 2,
    REGISTERS = 18,
    UNDEFINED = 0xe000, /* and exception class 0: start.S */
};

#define SMC64          0x40000000u
#define SMCCC_VERSION  0x80000000u
#define ARCH_FEATURES  0x80000001u
#define PSCI_VERSION   0x84000000u
#define CPU_SUSPEND    0x84000001u
#define CPU_ON         0x84000003u
#define AFFINITY_INFO  0x84000004u
#define MIGRATE        0x84000005u
#define MIGRATE_INFO   0x84000006u
#define MIGRATE_UP_CPU 0x84000007u
#define SYSTEM_OFF     0x84000008u
#define PSCI_FEATURES  0x8400000au
#define SYSTEM_SUSPEND 0x8400000eu
#define SYSTEM_RESET2  0x84000012u
#define MEM_PROTECT    0x84000013u
#define RAM            0x40000000ull
#define RAM_BYTES      0x01000000ull
#define UART           0x09000000ull
#define GICD_CTLR      0x08000000ull
#define GICD_SGIR      0x08000f00ull
#define GICR_ENABLER0  0x080b0100ull
#define ENTRY          ((uint64_t)(uintptr_t)second_entry)
#define ABOVE_32_BITS  0xdeadbeef00000000ull

void psci_main(void);
void conduit_smc(uint64_t x[REGISTERS]);
void conduit_hvc(uint64_t x[REGISTERS]);
void conduit_smc_1(uint64_t x[REGISTERS]);
void second_entry(void);

/* What the second vCPU found when it started (start.S). */
extern volatile struct {
    uint64_t here, leave, context, level, sctlr, daif, mpidr;
} second;

typedef void conduit_fn(uint64_t x[REGISTERS]);

static const struct call {
    const char *name;
    uint32_t fid;
    uint64_t a, b, c;
    int64_t wanted;
} calls[] = {
    {"PSCI_VERSION",                         PSCI_VERSION,           0,                     0,                   0, VERSION_1_1       },
    {"PSCI_VERSION has no 64-bit form",      PSCI_VERSION | SMC64,   0,                     0,                   0, NOT_SUPPORTED     },

    {"CPU_ON, no such Aff0",                 CPU_ON | SMC64,         2,                     0,                   0, INVALID_PARAMETERS},
    {"CPU_ON, no such Aff1",                 CPU_ON | SMC64,         0x101,                 0,                   0, INVALID_PARAMETERS},
    {"CPU_ON, no such Aff3",                 CPU_ON | SMC64,         0x100000001,           0,                   0, INVALID_PARAMETERS},
    {"CPU_ON, bit 31 of MPIDR",              CPU_ON | SMC64,         0x80000001,            0,                   0, INVALID_PARAMETERS},
    {"CPU_ON of 32 bits, no such Aff0",      CPU_ON,                 2,                     0,                   0, INVALID_PARAMETERS},
    {"CPU_ON at a device",                   CPU_ON | SMC64,         1,                     UART,                0, INVALID_ADDRESS   },
    {"CPU_ON at 0",                          CPU_ON | SMC64,         1,                     0,                   0, INVALID_ADDRESS   },
    {"CPU_ON behind RAM",                    CPU_ON | SMC64,         1,                     RAM + RAM_BYTES,     0, INVALID_ADDRESS   },
    {"CPU_ON between instructions",          CPU_ON | SMC64,         1,                     RAM + 2,             0, INVALID_ADDRESS   },
    {"CPU_ON above all addresses",           CPU_ON | SMC64,         1,                     ~3ull,               0, INVALID_ADDRESS   },
    {"CPU_ON of the caller",                 CPU_ON | SMC64,         0,                     RAM,                 0, ALREADY_ON        },
    {"CPU_ON of the caller, 32 bits",        CPU_ON,                 0 | ABOVE_32_BITS,     RAM | ABOVE_32_BITS, 0,
     ALREADY_ON                                                                                                                       },

    {"CPU_SUSPEND, level 2",                 CPU_SUSPEND | SMC64,    0x02000000,            RAM,                 0, INVALID_PARAMETERS},
    {"CPU_SUSPEND, reserved bit",            CPU_SUSPEND | SMC64,    0x80000000,            RAM,                 0, INVALID_PARAMETERS},
    {"CPU_SUSPEND of 32 bits, reserved bit", CPU_SUSPEND,            0x00020000,            RAM,                 0, INVALID_PARAMETERS},
    {"CPU_SUSPEND, power down, at a device", CPU_SUSPEND | SMC64,    0x10000,               UART,                0,
     INVALID_ADDRESS                                                                                                                  },

    {"AFFINITY_INFO of the caller",          AFFINITY_INFO | SMC64,  0,                     0,                   0, AFFINITY_ON       },
    {"AFFINITY_INFO of the other",           AFFINITY_INFO | SMC64,  1,                     0,                   0, AFFINITY_OFF      },
    {"AFFINITY_INFO of 32 bits",             AFFINITY_INFO,          1 | ABOVE_32_BITS,     ABOVE_32_BITS,       0, AFFINITY_OFF      },
    {"AFFINITY_INFO of level 1",             AFFINITY_INFO | SMC64,  1,                     1,                   0, AFFINITY_ON       },
    {"AFFINITY_INFO of level 3",             AFFINITY_INFO | SMC64,  1,                     3,                   0, AFFINITY_ON       },
    {"AFFINITY_INFO of level 4",             AFFINITY_INFO | SMC64,  0,                     4,                   0, INVALID_PARAMETERS},
    {"AFFINITY_INFO of nobody",              AFFINITY_INFO | SMC64,  5,                     0,                   0, INVALID_PARAMETERS},
    {"AFFINITY_INFO, bit 31 of MPIDR",       AFFINITY_INFO | SMC64,  0x80000000,            0,                   0, INVALID_PARAMETERS},

    {"MIGRATE",                              MIGRATE,                0,                     0,                   0, NOT_SUPPORTED     },
    {"MIGRATE of 64 bits",                   MIGRATE | SMC64,        1,                     0,                   0, NOT_SUPPORTED     },
    {"MIGRATE_INFO_TYPE",                    MIGRATE_INFO,           0,                     0,                   0, NO_TRUSTED_OS     },
    {"MIGRATE_INFO_UP_CPU",                  MIGRATE_UP_CPU | SMC64, 0,                     0,                   0, NOT_SUPPORTED     },

    {"PSCI_FEATURES of CPU_ON",              PSCI_FEATURES,          CPU_ON | SMC64,        0,                   0, SUCCESS           },
    {"PSCI_FEATURES of CPU_SUSPEND",         PSCI_FEATURES,          CPU_SUSPEND | SMC64,   0,                   0, SUCCESS           },
    {"PSCI_FEATURES of itself",              PSCI_FEATURES,          PSCI_FEATURES,         0,                   0, SUCCESS           },
    {"PSCI_FEATURES of SYSTEM_RESET2",       PSCI_FEATURES,          SYSTEM_RESET2 | SMC64, 0,                   0, SUCCESS           },
    {"PSCI_FEATURES of SMCCC_VERSION",       PSCI_FEATURES,          SMCCC_VERSION,         0,                   0, SUCCESS           },
    {"PSCI_FEATURES of MIGRATE",             PSCI_FEATURES,          MIGRATE,               0,                   0, NOT_SUPPORTED     },
    {"PSCI_FEATURES of nothing",             PSCI_FEATURES,          0x8400ffff,            0,                   0, NOT_SUPPORTED     },
    {"SYSTEM_SUSPEND",                       SYSTEM_SUSPEND | SMC64, RAM,                   0,                   0, NOT_SUPPORTED     },
    {"SYSTEM_RESET2, undefined type",        SYSTEM_RESET2 | SMC64,  1,                     0,                   0, INVALID_PARAMETERS},
    {"SYSTEM_RESET2, vendor's type",         SYSTEM_RESET2,          0x80000000,            0,                   0, INVALID_PARAMETERS},
    {"MEM_PROTECT",                          MEM_PROTECT,            1,                     0,                   0, NOT_SUPPORTED     },
    {"a function that PSCI does not have",   0x8400001f,             0,                     0,                   0, NOT_SUPPORTED     },

    {"SMCCC_VERSION",                        SMCCC_VERSION,          0,                     0,                   0, VERSION_1_1       },
    {"SMCCC_ARCH_FEATURES of SMCCC_VERSION", ARCH_FEATURES,          SMCCC_VERSION,         0,                   0, SUCCESS           },
    {"SMCCC_ARCH_FEATURES of WORKAROUND_1",  ARCH_FEATURES,          0x80008000,            0,                   0, NOT_SUPPORTED     },
    {"SMCCC_ARCH_WORKAROUND_1",              0x80008000,             0,                     0,                   0, NOT_SUPPORTED     },
    {"a hypervisor's UID",                   0x8600ff01,             0,                     0,                   0, NOT_SUPPORTED     },
    {"a trusted OS's call",                  0xb2000000,             0,                     0,                   0, NOT_SUPPORTED     },
    {"a yielding call",                      0x02000000,             0,                     0,                   0, NOT_SUPPORTED     },
    {"all ones",                             0xffffffff,             0,                     0,                   0, NOT_SUPPORTED     },
};

static unsigned passed, failed;

static void print(const char *text)
{
    for (; *text != '\0'; text++) {
        *(volatile uint32_t *)UART = (uint8_t)*text;
    }
}

static void print_hex(uint64_t value)
{
    print("0x");
    for (int shift = 60; shift >= 0; shift -= 4) {
        char digit[2] = {"0123456789abcdef"[value >> shift & 15], '\0'};
        print(digit);
    }
}

static void print_count(unsigned value)
{
    char text[2] = {(char)('0' + value % 10), '\0'};
    if (value >= 10) {
        print_count(value / 10);
    }
    print(text);
}

static void expect(const char *how, const char *name, bool good, uint64_t found)
{
    if (good) {
        passed++;
        return;
    }
    failed++;
    print("psci: FAIL ");
    print(how);
    print(" ");
    print(name);
    print(": ");
    print_hex(found);
    print("\r\n");
}

static int64_t call(conduit_fn *conduit, const char *how, const struct call *c)
{
    uint64_t x[REGISTERS] = {ABOVE_32_BITS | c->fid, c->a, c->b, c->c};
    /* hvc with other values in x7 may be a system call of the kernel below (docs/kernel.md). */
    for (unsigned i = 4; i < REGISTERS; i++) {
        x[i] = i == 7 && conduit == conduit_hvc ? 0 : ~0ull - i;
    }
    conduit(x);
    for (unsigned i = 4; i < REGISTERS; i++) { /* DEN0028: a callee of version 1.1 keeps them */
        bool was_zero = i == 7 && conduit == conduit_hvc;
        if (x[i] != (was_zero ? 0 : ~0ull - i)) {
            expect(how, "changed a register of the caller", false, i);
        }
    }
    /* A 32-bit call answers in W0. */
    return (c->fid & SMC64) != 0 ? (int64_t)x[0] : (int32_t)x[0];
}

static int64_t simple(uint32_t fid, uint64_t a, uint64_t b, uint64_t c)
{
    const struct call one = {"", fid, a, b, c, 0};
    return call(conduit_smc, "smc", &one);
}

static void check_table(conduit_fn *conduit, const char *how)
{
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int64_t found = call(conduit, how, &calls[i]);
        expect(how, calls[i].name, found == calls[i].wanted, (uint64_t)found);
    }
}

/* A standby ends with an interrupt, here that of the virtual timer, which the CPU has masked. */
static void check_suspend(uint64_t power_state)
{
    __asm__ volatile("msr cntv_tval_el0, %0; msr cntv_ctl_el0, %1; isb"
                     :
                     : "r"(100000ull), "r"(1ull));
    int64_t found = simple(CPU_SUSPEND | SMC64, power_state, ENTRY, 0);
    expect("smc", "CPU_SUSPEND as a standby", found == SUCCESS, (uint64_t)found);
    __asm__ volatile("msr cntv_ctl_el0, xzr; isb");
}

/* An SGI that the CPU sends itself, and keeps masked. */
static void pend_sgi(void)
{
    enum { SGI = 1, GROUP_1 = 2, TO_SELF = 2 << 24 };
    uint64_t features;
    __asm__ volatile("mrs %0, id_aa64pfr0_el1" : "=r"(features));
    bool v3 = (features >> 24 & 0xf) != 0;
    *(volatile uint32_t *)GICD_CTLR = v3 ? GROUP_1 : 1;
    if (v3) {
        *(volatile uint32_t *)GICR_ENABLER0 = 1u << SGI;
        uint64_t to_first = (uint64_t)SGI << 24 | 1;
        __asm__ volatile("msr s3_0_c12_c11_5, %0; isb" : : "r"(to_first)); /* ICC_SGI1R_EL1 */
    } else {
        *(volatile uint32_t *)GICD_SGIR = TO_SELF | SGI;
    }
}

/* While an interrupt is pending no standby lasts: not the first, and none after it. */
static void check_suspend_with_pending(void)
{
    pend_sgi();
    for (unsigned i = 0; i < 3; i++) {
        int64_t found = simple(CPU_SUSPEND | SMC64, 0, 0, 0);
        expect("smc", "CPU_SUSPEND with an interrupt pending", found == SUCCESS, (uint64_t)found);
        __asm__ volatile("wfi");
    }
}

static bool becomes(int64_t state)
{
    for (unsigned i = 0; i < 1000000; i++) {
        if (simple(AFFINITY_INFO | SMC64, 1, 0, 0) == state) {
            return true;
        }
    }
    return false;
}

/* The second vCPU's way from off to on and back. */
static void check_cpu_on(uint32_t fid, uint64_t context, uint64_t context_wanted)
{
    enum { EL1 = 1 << 2, SCTLR_MMU_AND_CACHES = 1 << 0 | 1 << 2 | 1 << 12, DAIF_ALL = 0x3c0 };
    second.here = 0;
    second.leave = 0;
    int64_t found = simple(fid, 1, ENTRY, context);
    expect("smc", "CPU_ON", found == SUCCESS, (uint64_t)found);
    found = simple(fid, 1, ENTRY, 0);
    expect("smc", "CPU_ON at once again", found == ON_PENDING || found == ALREADY_ON,
           (uint64_t)found);
    expect("smc", "AFFINITY_INFO becomes ON", becomes(AFFINITY_ON), 0);
    while (second.here == 0) {
    }
    found = simple(fid, 1, ENTRY, 0);
    expect("smc", "CPU_ON of one that is on", found == ALREADY_ON, (uint64_t)found);
    expect("smc", "CPU_ON's context", second.context == context_wanted, second.context);
    expect("smc", "CPU_ON's exception level", second.level == EL1, second.level);
    expect("smc", "CPU_ON's SCTLR", (second.sctlr & SCTLR_MMU_AND_CACHES) == 0, second.sctlr);
    expect("smc", "CPU_ON's masks", second.daif == DAIF_ALL, second.daif);
    expect("smc", "CPU_ON's MPIDR", (second.mpidr & 0xff00ffffffull) == 1, second.mpidr);
    second.leave = 1;
    expect("smc", "CPU_OFF, AFFINITY_INFO becomes OFF", becomes(AFFINITY_OFF), 0);
}

void psci_main(void)
{
    check_table(conduit_smc, "smc");
    check_table(conduit_hvc, "hvc");

    const struct call version = {"", PSCI_VERSION, 0, 0, 0, 0};
    int64_t found = call(conduit_smc_1, "smc #1", &version);
    expect("smc #1", "is undefined", found == UNDEFINED, (uint64_t)found);

    check_suspend(0);
    check_suspend(0x10000);
    check_suspend_with_pending();
    check_cpu_on(CPU_ON | SMC64, 0x123456789abcdef0, 0x123456789abcdef0);
    check_cpu_on(CPU_ON, ABOVE_32_BITS | 0x87654321, 0x87654321);

    print("psci: ");
    print_count(passed);
    print(" passed, ");
    print_count(failed);
    print(" failed\r\n");
    simple(SYSTEM_OFF, 0, 0, 0);
    print("psci: FAIL SYSTEM_OFF returned\r\n");
    for (;;) {
    }
}
