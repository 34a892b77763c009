#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: run.sh TOOL IMAGE DIR
#
# Boots the image in which a hostile process makes random system calls, and fails unless its watcher says
# that all is well within HOSTILE_SECONDS. The log stays in DIR.
set -u
tool=$1 image=$2 dir=$3
seconds=${HOSTILE_SECONDS:-120}
# What seL4 16 answered to the same calls. With one core nothing but the kernel decides that.
digest=0xb514ff3ff43b5628
mkdir -p "$dir" || exit 3
qemu=
trap '[ $BASHPID -ne $$ ] || { [ -z "$qemu" ] || kill -KILL "$qemu" 2>/dev/null; }' EXIT

mapfile -t command < <("$tool" run --dry-run "$image" | tr ' ' '\n')
cores=1
for ((i = 0; i < ${#command[@]}; i++)); do
    [ "${command[i]}" != -smp ] || cores=${command[i + 1]}
done
log=$dir/log
for ((i = 0; i < ${#command[@]}; i++)); do
    [ "${command[i]}" != -serial ] || command[i + 1]=file:$log
done
: >"$log"
"${command[@]}" -monitor none </dev/null >"$dir/qemu" 2>&1 &
qemu=$!
for ((i = 0; i < seconds * 10; i++)); do
    ! grep -qE 'untouched|CHECK failed|Halted' "$log" || break
    kill -0 "$qemu" 2>/dev/null || break
    sleep 0.1
done
{ kill -KILL "$qemu" && wait "$qemu"; } 2>/dev/null
qemu=

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
if [ "$cores" = 1 ]; then
    result "answers of seL4 16" "$(says "^hostile: digest $digest")" "not digest $digest"
fi
echo "hostile: $passed passed, $failed failed"
[ $failed -eq 0 ]
