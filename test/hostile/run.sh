#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: run.sh TOOL IMAGE DIR
#
# Boots the image in which a hostile process makes random system calls, and fails unless its watcher says
# that all is well within HOSTILE_SECONDS. The log stays in DIR.
set -u
cd "$(dirname "$0")/../.." || exit 3
# shellcheck source=test/qemu.sh
. test/qemu.sh

# What seL4 16 answered to the same calls. With one core nothing but the kernel decides that.
seed=0x9e3779b97f4a7c15
digest=0xb514ff3ff43b5628

qemu_prepare "$@"
qemu_run 'untouched|CHECK failed|Halted' "${HOSTILE_SECONDS:-240}"
tr -d '\r' <"$log" | grep -a '^hostile: ' | sed 's/^hostile: /# /'

passed=0 failed=0
result() { # name, whether it holds, and what is said if not
    if [ "$2" = true ]; then
        echo "ok    $1"
        passed=$((passed + 1))
    else
        echo "FAIL  $1: $3"
        failed=$((failed + 1))
    fi
}
says() { grep -q "$1" "$log" && echo true || echo false; }

result "kernel and memory survive" "$(says untouched)" "last line of $log: $(tail -n 1 "$log")"
# A process that is stopped early would prove nothing.
made=$(sed -nE 's/^hostile: [0-9]+ rounds of ([0-9]+) threads, ([0-9]+) calls.*/\2 \1/p' "$log")
read -r calls threads <<<"${made:-0 0}"
least=$((threads * 40 * 2500 / 10)) # a busy machine gets some of its threads killed early
result "$calls calls were made" "$([ "$calls" -gt 0 ] && [ "$calls" -ge $least ] && echo true)" "less than $least"
if [ "$cores" = 1 ] && [ "$(says "^hostile: seed $seed,")" = true ]; then
    result "answers of seL4 16" "$(says "^hostile: digest $digest")" "not digest $digest"
fi
echo "hostile: $passed passed, $failed failed"
[ $failed -eq 0 ]
