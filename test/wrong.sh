#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: wrong.sh TOOL [--print]
#
# Every file in test/system/wrong/ is a description with mistakes. Its "// expect: " lines are what
# `bulkhead check` must say about it, all of it and nothing else; "// exit: " is the exit status, 1 unless
# told. The kernel is a made-up one: 4 cores, GICv2, 1536 MiB. --print shows what it says now.
set -u
tool=$1 print=${2:-}
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

mkdir -p "$work/sdk/bin" "$work/sdk/libsel4/include/kernel" "$work/sdk/support"
: >"$work/sdk/bin/kernel.elf"
cat >"$work/sdk/libsel4/include/kernel/gen_config.json" <<'JSON'
{ "ARCH_AARCH64": true, "ARM_HYPERVISOR_SUPPORT": true, "KERNEL_MCS": true, "EXPORT_PCNT_USER": true, "AARCH64_USER_CACHE_ENABLE": true,
  "HAVE_FPU": true, "NUM_PRIORITIES": "256", "ROOT_CNODE_SIZE_BITS": "13", "MAX_NUM_NODES": "4",
  "ARM_CORTEX_A53": true, "TIMER_FREQUENCY": "62500000" }
JSON
echo '{ "memory": [ { "start": 1610612736, "end": 3221225472 } ] }' >"$work/sdk/support/platform_gen.json"
test/guest_files.sh "$work" || exit 3

for file in test/system/wrong/*.dts; do
    name=${file##*/}
    sed -n 's|^// expect: ||p' "$file" >"$work/wanted"
    status=$(sed -n 's|^// exit: ||p' "$file")
    timeout 20 "$tool" check -q -I system -I "$work" --kernel "$work/sdk" "$file" >"$work/out" 2>"$work/err"
    found=$?
    # The last line counts; paths are as they were given.
    sed -e '$d' -e "s|^test/system/wrong/||" -e "s|$work|FILES|g" "$work/err" >"$work/said"
    if [ "$print" = --print ]; then
        sed "s|^|$name ($found): |" "$work/said"
    elif [ "$found" -eq "${status:-1}" ] && [ -s "$work/wanted" ] && [ ! -s "$work/out" ] &&
        diff "$work/wanted" "$work/said" >"$work/diff"; then
        passed=$((passed + 1))
    else
        echo "FAIL  $name (exit status $found)"
        sed 's/^/      /' "$work/diff" "$work/out"
        failed=$((failed + 1))
    fi
done
[ "$print" = --print ] || echo "wrong descriptions: $passed passed, $failed failed"
[ $failed -eq 0 ]
