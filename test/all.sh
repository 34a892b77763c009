#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: test/all.sh KERNEL-NAME   (by `make test`, which passes SEL4_SDK and its like on)
#
# Runs every kind of test, each to its end whatever the others did, and adds up the last result line of
# each, "name: N passed, N failed[, N skipped]". Ends with the sum; fails if anything failed or said nothing.
set -u
log=build/log/test
mkdir -p build/log
echo "kernel: $1"
if [ "${1#standin}" != "$1" ]; then
    echo "This is the stand-in kernel, for development only. SEL4_SDK=DIR tests on seL4."
fi
passed=0 failed=0 skipped=0
for kind in ${KINDS:-checks unit model stress tool-test fuzz boot-test contract hostile bench-test system}; do
    echo "== $kind"
    start=$SECONDS
    # Lines of single compilations are for make's own users.
    ${MAKE:-make} --no-print-directory "$kind" 2>&1 | grep --line-buffered -v '^  [A-Z][A-Z]* ' | tee "$log.$kind.log"
    status=${PIPESTATUS[0]}
    line=$(grep -E '^[a-z][a-z -]*: [0-9]+ passed, [0-9]+ failed' "$log.$kind.log" | tail -n 1)
    if [ -z "$line" ]; then
        echo "FAIL  $kind: no result (exit status $status)"
        failed=$((failed + 1))
        continue
    fi
    read -r p _ f _ s _ <<<"$(sed 's/^[^:]*: //; s/,//g' <<<"$line")"
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
