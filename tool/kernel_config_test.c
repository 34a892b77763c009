// SPDX-License-Identifier: BSD-2-Clause
#include "tool/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Everything that is required, so that a test adds or replaces one line. Later keys do not count.
 */
#define REST                                                                                       \
    "\"ARCH_AARCH64\": true, \"ARM_HYPERVISOR_SUPPORT\": true, \"KERNEL_MCS\": true,"              \
    "\"EXPORT_PCNT_USER\": true, \"AARCH64_USER_CACHE_ENABLE\": true, \"HAVE_FPU\": true, "        \
    "\"NUM_PRIORITIES\": \"256\","                                                                 \
    "\"ROOT_CNODE_SIZE_BITS\": \"13\", \"MAX_NUM_NODES\": \"4\", \"ARM_CORTEX_A53\": true,"        \
    "\"ARM_PA_SIZE_BITS_40\": true, \"TIMER_FREQUENCY\": \"62500000\" }"
#define MEMORY "{\"memory\": [{\"start\": 1610612736, \"end\": 3221225472}]}"

enum { FOUND_MAX = 8 };

struct found {
    struct kernel_finding findings[FOUND_MAX];
    unsigned count;
};

static void keep(void *ctx, const struct kernel_finding *finding)
{
    struct found *found = ctx;
    assert_true(found->count < FOUND_MAX);
    found->findings[found->count++] = *finding;
}

static const char *read_with(const char *config, const char *platform, struct kernel *kernel,
                             struct found *found)
{
    *kernel = (struct kernel){.name = NULL};
    *found = (struct found){.count = 0};
    return kernel_read(kernel, config, platform, keep, found);
}

static void good_kernel(void **state)
{
    (void)state;
    struct kernel kernel;
    struct found found;
    assert_null(read_with("{" REST, MEMORY, &kernel, &found));
    assert_int_equal(found.count, 0);
    assert_int_equal(kernel.machine.core_count, 4);
    assert_int_equal(kernel.machine.gic_version, 2);
    assert_int_equal(kernel.machine.paddr_bits, 40);
    assert_int_equal(kernel.machine.timer_hz, 62500000);
    assert_string_equal(kernel.machine.cpu, "cortex-a53");
    assert_int_equal(kernel.machine.memory_count, 1);
    assert_int_equal(kernel.machine.memory[0].base, 0x60000000);
    assert_int_equal(kernel.machine.memory[0].size_bytes, 0x60000000);
}

static void another_machine(void **state)
{
    (void)state;
    struct kernel kernel;
    struct found found;
    assert_null(read_with("{\"ARM_GIC_V3_SUPPORT\": true, \"ARM_PA_SIZE_BITS_44\": true, " REST,
                          "{\"memory\": [{\"start\": 0, \"end\": 4096}, {\"start\": 8192, \"end\": "
                          "1099511627776}]}",
                          &kernel, &found));
    assert_int_equal(kernel.machine.gic_version, 3);
    assert_int_equal(kernel.machine.paddr_bits, 44);
    assert_int_equal(kernel.machine.memory_count, 2);
    assert_int_equal(kernel.machine.memory[1].size_bytes, 1099511627776 - 8192);
}

static void each_option_by_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *line, *option, *found;
        bool is_error;
    } cases[] = {
        {"\"KERNEL_MCS\": false,",                "KernelIsMCS",                  "OFF",   true },
        {"\"ARCH_AARCH64\": false,",              "KernelSel4Arch=aarch64",       "OFF",   true },
        {"\"ARM_HYPERVISOR_SUPPORT\": false,",    "KernelArmHypervisorSupport",   "OFF",   true },
        {"\"AARCH64_USER_CACHE_ENABLE\": false,", "KernelAArch64UserCacheEnable", "OFF",   true },
        {"\"EXPORT_PCNT_USER\": false,",          "KernelArmExportPCNTUser",      "OFF",   true },
        {"\"HAVE_FPU\": false,",                  "KernelHaveFPU",                "OFF",   true },
        {"\"DISABLE_WFI_WFE_TRAPS\": true,",      "KernelArmDisableWFIWFETraps",  "ON",    true },
        {"\"VTIMER_UPDATE_VOFFSET\": true,",      "KernelArmVtimerUpdateVOffset", "ON",    true },
        {"\"DANGEROUS_CODE_INJECTION\": true,",   "KernelDangerousCodeInjection", "ON",    true },
        {"\"EXPORT_PTMR_USER\": true,",           "KernelArmExportPTMRUser",      "ON",    false},
        {"\"EXPORT_VTMR_USER\": true,",           "KernelArmExportVTMRUser",      "ON",    false},
        {"\"HARDWARE_DEBUG_API\": true,",         "KernelHardwareDebugAPI",       "ON",    false},
        {"\"DEBUG_BUILD\": true,",                "KernelDebugBuild",             "ON",    false},
        {"\"NUM_PRIORITIES\": \"16\",",           "KernelNumPriorities",          "fewer", true },
        {"\"ROOT_CNODE_SIZE_BITS\": \"11\",",     "KernelRootCNodeSizeBits",      "fewer", true },
        {"\"NUM_PRIORITIES\": \"many\",",         "KernelNumPriorities",          "fewer", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char config[1024];
        struct kernel kernel;
        struct found found;
        snprintf(config, sizeof config, "{%s%s", cases[i].line, REST);
        assert_null(read_with(config, MEMORY, &kernel, &found));
        assert_int_equal(found.count, 1);
        assert_string_equal(found.findings[0].option, cases[i].option);
        assert_string_equal(found.findings[0].found, cases[i].found);
        assert_int_equal(found.findings[0].is_error, cases[i].is_error);
        assert_string_not_equal(found.findings[0].wanted, found.findings[0].found);
    }
}

/* QEMU's machine needs what a board had better not have. */
static void the_physical_timer_depends_on_the_platform(void **state)
{
    (void)state;
    struct kernel kernel;
    struct found found;
    assert_null(read_with("{\"PLAT_QEMU_ARM_VIRT\": true, " REST, MEMORY, &kernel, &found));
    assert_int_equal(found.count, 1);
    assert_true(found.findings[0].is_error);
    assert_string_equal(found.findings[0].option, "KernelArmExportPTMRUser");
    assert_string_equal(found.findings[0].wanted, "ON");
    assert_null(read_with("{\"PLAT_QEMU_ARM_VIRT\": true, \"EXPORT_PTMR_USER\": true, " REST,
                          MEMORY, &kernel, &found));
    assert_int_equal(found.count, 0);
}

static void an_empty_configuration_lacks_all(void **state)
{
    (void)state;
    struct kernel kernel;
    struct found found;
    assert_null(read_with("{}", MEMORY, &kernel, &found));
    assert_int_equal(found.count, 8);
    assert_int_equal(kernel.machine.core_count, 1);
}

static void texts_that_are_no_configuration(void **state)
{
    (void)state;
    struct kernel kernel;
    struct found found;
    assert_non_null(read_with("", MEMORY, &kernel, &found));
    assert_non_null(read_with("[1]", MEMORY, &kernel, &found));
    static const char *const platforms[] = {
        "",
        "{}",
        "{\"memory\": []}",
        "{\"memory\": [{\"start\": 1}]}",
        "{\"memory\": [{\"start\": 2, \"end\": 1}]}",
        "{\"memory\": [{\"start\": -1, \"end\": 1}]}",
        "{\"memory\": [{\"start\": 0, \"end\": 1e300}]}",
        "{\"memory\": [{\"start\": \"0\", \"end\": 1}]}",
        "{\"memory\": [1,2,3]}",
        "{\"memory\": [{\"start\":0,\"end\":1},{\"start\":0,\"end\":1},{\"start\":0,\"end\":1},"
        "{\"start\":0,\"end\":1},{\"start\":0,\"end\":1},{\"start\":0,\"end\":1},{\"start\":0,"
        "\"end\":1},"
        "{\"start\":0,\"end\":1},{\"start\":0,\"end\":1}]}",
    };
    for (size_t i = 0; i < sizeof platforms / sizeof platforms[0]; i++) {
        assert_non_null(read_with("{" REST, platforms[i], &kernel, &found));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_kernel),
        cmocka_unit_test(another_machine),
        cmocka_unit_test(each_option_by_its_name),
        cmocka_unit_test(the_physical_timer_depends_on_the_platform),
        cmocka_unit_test(an_empty_configuration_lacks_all),
        cmocka_unit_test(texts_that_are_no_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
