#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs each fuzzer from its committed corpus (test/fuzz/corpus/<name>/) for FUZZ_SECONDS seconds, 3
# unless told. New inputs go to the build folder; `make fuzz FUZZ_SECONDS=600` hunts for longer.
set -u
seconds=${FUZZ_SECONDS:-3}
passed=0 failed=0
for program in "$@"; do
    name=${program##*/}
    corpus=test/fuzz/corpus/${name%_fuzz}
    work=$program.work
    mkdir -p "$work"
    if [ ! -d "$corpus" ]; then
        echo "FAIL  $name: no committed corpus in $corpus"
        failed=$((failed + 1))
        continue
    fi
    timeout --kill-after=5 $((seconds + 60)) "$program" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=2048 \
        -artifact_prefix="$work/" -print_final_stats=1 "$work" "$corpus" >"$program.log" 2>&1 </dev/null
    status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$program.log")
    if [ $status -ne 0 ]; then
        echo "FAIL  $name (exit status $status), input kept in $work"
        grep -v '^#' "$program.log" | tail -n 30 | sed 's/^/      /'
        failed=$((failed + 1))
    else
        echo "ok    $name: ${runs:-?} inputs in $seconds s"
        passed=$((passed + 1))
    fi
done
echo "fuzz: $passed passed, $failed failed"
[ $failed -eq 0 ]
