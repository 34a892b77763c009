#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: run.sh TOOL IMAGE DIR
#
# Boots the image of the contract suite in QEMU, on the machine that its kernel was built for, prints the
# table, and fails when a line failed or the suite did not end. The table also goes to DIR/table.
#
# A kernel for one core runs with time counted in instructions, so that its table does not depend on how busy
# this machine is. Several cores need real time: with counted time QEMU runs them in turns of seconds.
# CONTRACT_SECONDS limits the run.
set -u
tool=$1 image=$2 dir=$3
seconds=${CONTRACT_SECONDS:-120}
mkdir -p "$dir" || exit 3
qemu=
trap '[ $BASHPID -ne $$ ] || { [ -z "$qemu" ] || kill -KILL "$qemu" 2>/dev/null; }' EXIT

mapfile -t machine < <("$tool" run --dry-run "$image" | tr ' ' '\n')
cores=1
for ((i = 0; i < ${#machine[@]}; i++)); do
    [ "${machine[i]}" != -smp ] || cores=${machine[i + 1]}
done

log=$dir/log table=$dir/table
command=("${machine[@]}" -monitor none)
for ((i = 0; i < ${#command[@]}; i++)); do
    [ "${command[i]}" != -serial ] || command[i + 1]=file:$log
done
[ "$cores" != 1 ] || command+=(-icount shift=3,sleep=off)
: >"$log"
"${command[@]}" </dev/null >"$dir/qemu" 2>&1 &
qemu=$!
for ((i = 0; i < seconds * 10; i++)); do
    ! grep -q '^# contract: end' "$log" || break
    kill -0 "$qemu" 2>/dev/null || break
    sleep 0.1
done
# A core that spins keeps QEMU from hearing anything gentler.
{ kill -KILL "$qemu" && wait "$qemu"; } 2>/dev/null
qemu=

# The kernel's own messages (debug kernels talk) are not of the table.
tr -d '\r' <"$log" | grep -aE '^([a-z0-9_]+(\.[a-z0-9_]+)+ +[^ ]|contract: )' | tee "$table"
if ! grep -q '^contract: ' "$table"; then
    echo "contract: the suite did not end; last lines of $log:" >&2
    tail -n 5 "$log" >&2
    exit 1
fi
grep -q '^contract: .* 0 failed$' "$table"
