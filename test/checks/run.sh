#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs the checks, each to its end, and adds up their lines "name: N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1

passed=0 failed=0
for check in headers includes licence layout length; do
    output=$(./test/checks/$check.sh 2>&1)
    status=$?
    echo "$output"
    read -r p f <<<"$(sed -nE "s/^$check: ([0-9]+) passed, ([0-9]+) failed\$/\1 \2/p" <<<"$output")"
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0}))
    if [ $status -ne 0 ] && [ "${f:-0}" -eq 0 ]; then
        echo "FAIL  $check: exit status $status"
        failed=$((failed + 1))
    fi
done
echo "checks: $passed passed, $failed failed"
[ $failed -eq 0 ]
