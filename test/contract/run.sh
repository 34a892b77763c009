#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Boots the image of the contract suite in QEMU as its kernel was configured (GIC, processor, cores),
# prints the table, and fails when a line failed or the suite did not end.
#
#   run.sh gen_config.json contract.img log
#
# CONTRACT_SECONDS limits the real time. Time inside is counted in instructions, so that the table
# does not depend on how busy this machine is; CONTRACT_QEMU= (empty) runs in real time instead.
set -u
config=$1 image=$2 log=$3
seconds=${CONTRACT_SECONDS:-180}
qemu_options=${CONTRACT_QEMU--icount shift=3,sleep=off}

value() { sed -n "s/.*\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" "$config" | head -n 1; }

gic=2
[ "$(value ARM_GIC_V3_SUPPORT)" = true ] && gic=3
cpu=cortex-a53
for core in A57 A72 A76; do
    [ "$(value ARM_CORTEX_$core)" = true ] && cpu=cortex-${core,,}
done
cores=$(value MAX_NUM_NODES)

: >"$log"
# shellcheck disable=SC2086 # the options are words
qemu-system-aarch64 -M virt,virtualization=on,highmem=off,secure=off,gic-version=$gic -cpu "$cpu" \
    -smp "${cores:-1}" -m 2048 -display none -monitor none -serial file:"$log" $qemu_options \
    -kernel "$image" </dev/null &
qemu=$!
trap 'kill -KILL $qemu 2>/dev/null' EXIT

for ((tenths = 0; tenths < seconds * 10; tenths++)); do
    grep -q '^# contract: end' "$log" && break
    kill -0 $qemu 2>/dev/null || break
    sleep 0.1
done
kill -KILL $qemu 2>/dev/null # a spinning guest under icount starves its handling of SIGTERM
wait $qemu 2>/dev/null

# The kernel's own messages (debug kernels talk) are not of the table.
tr -d '\r' <"$log" | grep -aE '^([a-z0-9_]+(\.[a-z0-9_]+)+ +[^ ]|contract: )' >"$log.table"
cat "$log.table"
summary=$(grep '^contract: ' "$log.table")
if [ -z "$summary" ]; then
    echo "contract: did not end (GICv$gic, $cpu, $cores cores); last lines of $log:" >&2
    tail -n 5 "$log" >&2
    exit 1
fi
case $summary in *' 0 failed') ;; *) exit 1 ;; esac
