// SPDX-License-Identifier: BSD-2-Clause
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "tool/kernel.h"

enum { PRIORITIES_MIN = 256, ROOT_CNODE_BITS_MIN = 12 };

/* An option whose value decides whether Bulkhead can run. Absent counts as off. */
struct rule {
    enum where { EVERYWHERE, QEMU, HARDWARE } where; /* which platforms it is about */
    const char *key;                                 /* in gen_config.json */
    const char *cmake;                               /* where a person sets it */
    bool wanted;
    bool is_error;
    const char *why;
};

static const struct rule rules[] = {
    {EVERYWHERE, "ARCH_AARCH64",              "KernelSel4Arch=aarch64",       true,  true,
     "Bulkhead runs on 64-bit Arm, set -DKernelSel4Arch=aarch64"                                                         },
    {EVERYWHERE, "ARM_HYPERVISOR_SUPPORT",    "KernelArmHypervisorSupport",   true,  true,
     "guests need EL1 for themselves, so the kernel must run at EL2"                                                     },
    {EVERYWHERE, "KERNEL_MCS",                "KernelIsMCS",                  true,  true,
     "budgets, passive handlers and timeouts are scheduling contexts"                                                    },
    {EVERYWHERE, "EXPORT_PCNT_USER",          "KernelArmExportPCNTUser",      true,  true,
     "VMMs and the timer service read the time from the physical counter"                                                },
    {EVERYWHERE, "AARCH64_USER_CACHE_ENABLE", "KernelAArch64UserCacheEnable", true,  true,
     "VMMs clean a guest's files out of the cache themselves"                                                            },
    {EVERYWHERE, "HAVE_FPU",                  "KernelHaveFPU",                true,  true,  "guests use vector registers"},
    {EVERYWHERE, "DISABLE_WFI_WFE_TRAPS",     "KernelArmDisableWFIWFETraps",  false, true,
     "a guest that waits must give its core to others, so WFI has to trap"                                               },
    {EVERYWHERE, "VTIMER_UPDATE_VOFFSET",     "KernelArmVtimerUpdateVOffset", false, true,
     "a guest's clock would stand still whenever its vCPU does not run"                                                  },
    {EVERYWHERE, "DANGEROUS_CODE_INJECTION",  "KernelDangerousCodeInjection", false, true,
     "any process could run its own code in the kernel"                                                                  },
    {QEMU,       "EXPORT_PTMR_USER",          "KernelArmExportPTMRUser",      true,  true,
     "QEMU up to 7.2 at least lets processes read the physical counter only with the physical "
     "timer"                                                                                                             },
    {HARDWARE,   "EXPORT_PTMR_USER",          "KernelArmExportPTMRUser",      false, false,
     "guests can program the physical timer, and so disturb each other"                                                  },
    {EVERYWHERE, "EXPORT_VTMR_USER",          "KernelArmExportVTMRUser",      false, false,
     "processes can program the virtual timer of the core that they run on"                                              },
    {EVERYWHERE, "HARDWARE_DEBUG_API",        "KernelHardwareDebugAPI",       false, false,
     "guests share the debug registers with the kernel"                                                                  },
    {EVERYWHERE, "DEBUG_BUILD",               "KernelDebugBuild",             false, false,
     "a guest's HVC can reach the kernel's debug system calls: for development only"                                     },
};

static void check_rules(const cJSON *config, kernel_finding_fn *report, void *ctx)
{
    enum where here = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, "PLAT_QEMU_ARM_VIRT"))
                          ? QEMU
                          : HARDWARE;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        if (rule->where != EVERYWHERE && rule->where != here) {
            continue;
        }
        bool found = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, rule->key));
        if (found != rule->wanted) {
            report(ctx, &(struct kernel_finding){
                            .is_error = rule->is_error,
                            .option = rule->cmake,
                            .wanted = rule->wanted ? "ON" : "OFF",
                            .found = found ? "ON" : "OFF",
                            .why = rule->why,
                        });
        }
    }
}

/* Numbers are strings in gen_config.json. 0 when absent or not a number. */
static unsigned number(const cJSON *config, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(config, key);
    if (cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= UINT32_MAX) {
        return (unsigned)item->valuedouble;
    }
    const char *text = cJSON_GetStringValue(item);
    if (text == NULL || *text < '0' || *text > '9') {
        return 0;
    }
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    return *end == '\0' && value <= UINT32_MAX ? (unsigned)value : 0;
}

static void check_numbers(const cJSON *config, kernel_finding_fn *report, void *ctx)
{
    if (number(config, "NUM_PRIORITIES") < PRIORITIES_MIN) {
        report(ctx, &(struct kernel_finding){
                        true, "KernelNumPriorities", "256", "fewer",
                        "VMs, handlers and services have priorities of their own up to 255"});
    }
    if (number(config, "ROOT_CNODE_SIZE_BITS") < ROOT_CNODE_BITS_MIN) {
        report(ctx, &(struct kernel_finding){true, "KernelRootCNodeSizeBits", "12 or more", "fewer",
                                             "root keeps every capability in its CNode"});
    }
}

/* "ARM_CORTEX_A53": true becomes "cortex-a53". */
static void read_cpu(const cJSON *config, char *cpu, size_t size)
{
    static const char prefix[] = "ARM_CORTEX_";
    const cJSON *item;
    cJSON_ArrayForEach(item, config)
    {
        if (!cJSON_IsTrue(item) || strncmp(item->string, prefix, sizeof prefix - 1) != 0) {
            continue;
        }
        size_t length = (size_t)snprintf(cpu, size, "cortex-%s", item->string + sizeof prefix - 1);
        for (size_t i = 0; i < length && i + 1 < size; i++) {
            cpu[i] = (char)(cpu[i] >= 'A' && cpu[i] <= 'Z' ? cpu[i] - 'A' + 'a' : cpu[i]);
        }
    }
}

static bool read_address(const cJSON *object, const char *key, uint64_t *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > 0x1p52) {
        return false;
    }
    *value = (uint64_t)item->valuedouble; /* exact: below 2^53 */
    return true;
}

static const char *read_platform(struct image_machine *machine, const char *json)
{
    cJSON *platform = cJSON_Parse(json);
    const char *error = platform == NULL ? "platform_gen.json is not JSON" : NULL;
    const cJSON *memory = cJSON_GetObjectItemCaseSensitive(platform, "memory"), *item;
    cJSON_ArrayForEach(item, memory)
    {
        uint64_t start, end;
        if (machine->memory_count == IMAGE_MEMORY_MAX) {
            error = "platform_gen.json has more memory ranges than we take";
            break;
        }
        if (!read_address(item, "start", &start) || !read_address(item, "end", &end) ||
            start >= end) {
            error = "platform_gen.json has a memory range without a proper start and end";
            break;
        }
        machine->memory[machine->memory_count++] = (struct image_range){start, end - start};
    }
    if (error == NULL && machine->memory_count == 0) {
        error = "platform_gen.json names no memory";
    }
    cJSON_Delete(platform);
    return error;
}

const char *kernel_read(struct kernel *kernel, const char *config_json, const char *platform_json,
                        kernel_finding_fn *report, void *ctx)
{
    cJSON *config = cJSON_Parse(config_json);
    if (!cJSON_IsObject(config)) {
        cJSON_Delete(config);
        return "gen_config.json is not a JSON object";
    }
    check_rules(config, report, ctx);
    check_numbers(config, report, ctx);

    struct image_machine *machine = &kernel->machine;
    *machine = (struct image_machine){
        .core_count = number(config, "MAX_NUM_NODES"),
        .gic_version =
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, "ARM_GIC_V3_SUPPORT")) ? 3 : 2,
        .paddr_bits =
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, "ARM_PA_SIZE_BITS_44")) ? 44 : 40,
        .timer_hz = number(config, "TIMER_FREQUENCY"),
    };
    machine->core_count = machine->core_count != 0 ? machine->core_count : 1;
    kernel->priority_count = number(config, "NUM_PRIORITIES");
    kernel->is_standin = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, "BULKHEAD_STANDIN"));
    read_cpu(config, machine->cpu, sizeof machine->cpu);
    cJSON_Delete(config);
    return read_platform(machine, platform_json);
}
