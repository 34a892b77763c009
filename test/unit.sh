#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs unit test programs (cmocka, one after the other), each for at most a minute; prints a line for
# each program and "N passed, N failed" over all their tests.
set -u
passed=0 failed=0
for program in "$@"; do
    name=${program##*/test/bin/}
    log=$program.log
    timeout --kill-after=5 60 "$program" >"$log" 2>&1 </dev/null
    status=$?
    ok=$(grep -c '^\[       OK \]' "$log")
    # cmocka names each failed test again at the end.
    bad=$(sed '/listed below:$/q' "$log" | grep -c '^\[  FAILED  \] [A-Za-z0-9_]*$')
    if [ $status -ne 0 ]; then
        [ "$bad" -gt 0 ] || bad=1
        echo "FAIL  $name (exit status $status)"
        tail -n 40 "$log" | sed 's/^/      /'
    elif [ "$ok" -eq 0 ]; then
        bad=1
        echo "FAIL  $name: ran no test"
    else
        echo "ok    $name: $ok tests"
    fi
    passed=$((passed + ok)) failed=$((failed + bad))
done
echo "unit: $passed passed, $failed failed"
[ $failed -eq 0 ]
