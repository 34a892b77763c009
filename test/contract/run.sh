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
cd "$(dirname "$0")/../.." || exit 3
# shellcheck source=test/qemu.sh
. test/qemu.sh

table=$3/table
qemu_prepare "$@"
counted=()
[ "$cores" != 1 ] || counted=(-icount shift=3,sleep=off)
qemu_run '^# contract: end' "${CONTRACT_SECONDS:-240}" "${counted[@]}"

# The kernel's own messages (debug kernels talk) are not of the table.
tr -d '\r' <"$log" | grep -aE '^([a-z0-9_]+(\.[a-z0-9_]+)+ +[^ ]|contract: )' | tee "$table"
if ! grep -q '^contract: ' "$table"; then
    echo "contract: the suite did not end; last lines of $log:" >&2
    tail -n 5 "$log" >&2
    exit 1
fi
grep -q '^contract: .* 0 failed$' "$table"
