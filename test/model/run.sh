#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: test/model/run.sh   (by `make model`)
#
# Checks ring.pml with spin, exhaustively: the protocol of link/ring.c must hold in all sizes, also when a
# side dies and begins anew; and with one thing taken away it must fail, in the way that is named
# (asleep: a side sleeps for ever; wrong: the consumer gets a byte that was not sent).
set -u
cd "$(dirname "$0")/../.." || exit 1
model=$PWD/test/model/ring.pml
work=build/model
seconds=${MODEL_SECONDS:-120} # for one run
passed=0 failed=0

run() { # expected (holds, asleep, wrong), definitions
    local expected=$1 verdict states
    shift
    rm -rf "$work" && mkdir -p "$work"
    if ! (cd "$work" && spin -a "${@/#/-D}" "$model" && ${HOST_CC:-gcc} -O1 -w -DSAFETY -DNOREDUCE -DMEMLIM=1500 -o pan pan.c) \
        >"$work/build.log" 2>&1; then
        verdict="does not compile"
    else
        (cd "$work" && timeout --kill-after=5 "$seconds" ./pan -m1000000) >"$work/run.log" 2>&1
        case $(grep -E 'errors: |^pan:1: ' "$work/run.log") in
        *"invalid end state"*) verdict=asleep ;;
        *"assertion violated"*) verdict=wrong ;;
        *"errors: 0"*) verdict=holds ;;
        *) verdict="no result" ;;
        esac
        # A search that was cut short has shown nothing.
        grep -qE 'Search not completed|max search depth|out of memory' "$work/run.log" && [ "$verdict" = holds ] && verdict="no result"
    fi
    states=$(sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' "$work/run.log" 2>/dev/null)
    if [ "$verdict" = "$expected" ]; then
        printf 'ok    %-44s %s, %s states\n' "${*:-as it is}" "$verdict" "$states"
        passed=$((passed + 1))
    else
        printf 'FAIL  %-44s %s instead of %s (%s states)\n' "${*:-as it is}" "$verdict" "$expected" "$states"
        tail -n 20 "$work/build.log" "$work/run.log" 2>/dev/null | sed 's/^/      /'
        failed=$((failed + 1))
    fi
}

run holds
run holds SIZE=1 COUNT=5
run holds SIZE=2 COUNT=5
run holds SIZE=4 COUNT=6
run holds SIZE=2 RECORD=2 COUNT=6
run holds SIZE=4 RECORD=2 COUNT=6
run holds CRASH_PRODUCER
run holds CRASH_CONSUMER
run holds CRASH_PRODUCER CRASH_CONSUMER COUNT=3
run holds CRASH_PRODUCER SIZE=4 RECORD=2
run holds CRASH_CONSUMER SIZE=4 RECORD=2

run asleep NO_RECHECK             # sleeps without a second look
run asleep RECHECK_FIRST          # looks, then asks, then sleeps
run asleep WEAK_WISH              # the wish is a release store
run asleep WEAK_PUBLISH           # the head is a release store
run asleep WEAK_FREE              # the tail is a release store
run asleep SIGNAL_FIRST           # the wish is taken back after the signal
run wrong NO_RELEASE              # the head is a relaxed store
run wrong NO_ACQUIRE              # bytes are read before the head
run wrong FREE_EARLY              # space is given back before its bytes are read
run asleep CRASH_PRODUCER NO_GREETING # who begins anew does not signal
run asleep CRASH_CONSUMER NO_GREETING

echo "model: $passed passed, $failed failed"
[ $failed -eq 0 ]
