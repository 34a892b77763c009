#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Writes the configuration of one stand-in kernel as seL4's build would: gen_config.h, gen_config.json
# and platform_gen.json. Only options that are true of the stand-in, or that somebody may ask for.
# usage: config.sh GIC_VERSION CPUS OUTPUT_FOLDER
set -eu
gic=$1
cpus=$2
out=$3
config=$out/libsel4/include/kernel
mkdir -p "$config" "$out/support"

truth() {
    if [ "$1" "$2" "$3" ]; then echo true; else echo false; fi
}
v3=$(truth "$gic" = 3)
smp=$(truth "$cpus" -gt 1)

options="
SEL4_ARCH aarch64
ARCH arm
ARCH_ARM true
ARCH_AARCH64 true
ARCH_AARCH32 false
WORD_SIZE 64
PLAT qemu-arm-virt
PLAT_QEMU_ARM_VIRT true
ARM_CORTEX_A53 true
ARM_CORTEX_A57 false
ARM_PA_SIZE_BITS_40 true
ARM_PA_SIZE_BITS_44 false
TIMER_FREQUENCY 62500000
KERNEL_MCS true
ARM_HYPERVISOR_SUPPORT true
ARM_GIC_V3_SUPPORT $v3
ARM_SMMU false
TK1_SMMU false
AARCH64_USER_CACHE_ENABLE true
AARCH64_SERROR_IGNORE true
ALLOW_SMC_CALLS false
DISABLE_WFI_WFE_TRAPS false
HAVE_FPU true
ARM_TLS_REG_TPIDRU true
EXPORT_PCNT_USER true
EXPORT_VCNT_USER false
EXPORT_PTMR_USER true
EXPORT_VTMR_USER false
EXPORT_PMU_USER false
VTIMER_UPDATE_VOFFSET false
PADDR_USER_DEVICE_TOP 1099511627776
ROOT_CNODE_SIZE_BITS 13
BOOT_THREAD_TIME_SLICE 5
RETYPE_FAN_OUT_LIMIT 256
MAX_NUM_BOOTINFO_UNTYPED_CAPS 230
NUM_DOMAINS 1
NUM_PRIORITIES 256
MAX_NUM_NODES $cpus
ENABLE_SMP_SUPPORT $smp
FASTPATH false
EXCEPTION_FASTPATH false
SIGNAL_FASTPATH false
DEBUG_BUILD false
PRINTING false
HARDWARE_DEBUG_API false
VERIFICATION_BUILD false
KERNEL_WCET_SCALE 1
BULKHEAD_STANDIN true
"

{
    echo "#pragma once"
    echo
    echo "$options" | while read -r name value; do
        case $value in
        '') ;;
        true) echo "#define CONFIG_$name 1" ;;
        false) echo "/* disabled: CONFIG_$name */" ;;
        *) echo "#define CONFIG_$name $value" ;;
        esac
    done
} >"$config/gen_config.h"

{
    echo "{"
    echo "$options" | sed '/^$/d' | sed -E \
        -e 's/^(\S+) (true|false)$/    "\1": \2,/; t' \
        -e 's/^(\S+) (.*)$/    "\1": "\2",/' | sed '$ s/,$//'
    echo "}"
} >"$config/gen_config.json"

if [ "$gic" = 3 ]; then
    holes="134217728 134283264 134873088 135921664"
else
    holes="134217728 134221824 134283264 134287360 134414336 134418432"
fi
{
    start=0
    printf '{"devices": ['
    while [ -n "$holes" ]; do
        printf '{"start": %s, "end": %s}, ' "$start" "${holes%% *}"
        holes=${holes#* }
        start=${holes%% *}
        case $holes in *' '*) holes=${holes#* } ;; *) holes= ;; esac
    done
    printf '{"start": %s, "end": 1610612736}, ' "$start"
    printf '{"start": 3221225472, "end": 1099511627776}], '
    printf '"memory": [{"start": 1610612736, "end": 3221225472}]}\n'
} >"$out/support/platform_gen.json"
