#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: test/all.sh KERNEL-NAME   (by `make test`, which passes SEL4_SDK and its like on)
#
# Runs every kind of test, each to its end whatever the others did, and adds up their lines
# "name: N passed, N failed[, N skipped]". Ends with the sum; fails if anything failed, or said nothing.
set -u
log=build/log/test.log
mkdir -p build/log
: >"$log"
echo "kernel: $1"
if [ "${1#standin}" != "$1" ]; then
    echo "This is the stand-in kernel, for development only. SEL4_SDK=DIR tests on seL4."
fi
passed=0 failed=0 skipped=0
for kind in checks unit wrong fuzz boot-errors contract system; do
    echo "== $kind"
    start=$SECONDS
    ${MAKE:-make} --no-print-directory "$kind" 2>&1 | grep -v '^  [A-Z]* *[a-z]' | tee "$log.$kind"
    status=${PIPESTATUS[0]}
    # The last one counts: a kind may print lines of its parts before.
    line=$(grep -E '^[a-z-]+: [0-9]+ passed, [0-9]+ failed' "$log.$kind" | tail -n 1)
    cat "$log.$kind" >>"$log"
    if [ -z "$line" ]; then
        echo "FAIL  $kind: no result (exit status $status)"
        failed=$((failed + 1))
        continue
    fi
    read -r _ p _ f _ s _ <<<"${line//,/ }"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + ${s:-0}))
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
        echo "FAIL  $kind: exit status $status"
        failed=$((failed + 1))
    fi
    echo "== $kind took $((SECONDS - start)) s"
done
if [ $skipped -ne 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ $failed -eq 0 ]
