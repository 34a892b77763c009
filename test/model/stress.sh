#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: test/model/stress.sh RING RING_tsan INTERRUPT INTERRUPT_tsan   (by `make stress`)
# Runs each for a bounded time: STRESS_RECORDS records, a hundredth as many interrupts, and a twentieth of
# each under the sanitizer.
set -u
records=${STRESS_RECORDS:-1000000}
passed=0 failed=0

try() { # program, records
    if timeout --kill-after=5 120 "$1" "$2" 2>&1 | head -n 60; [ "${PIPESTATUS[0]}" -eq 0 ]; then
        passed=$((passed + 1))
    else
        echo "FAIL  ${1##*/}"
        failed=$((failed + 1))
    fi
}

try "$1" "$records"
try "$2" $((records / 20))
try "$3" $((records / 100))
try "$4" $((records / 2000))
echo "stress: $passed passed, $failed failed"
[ $failed -eq 0 ]
