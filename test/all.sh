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
kinds=${KINDS:-checks unit model stress tool-test fuzz boot-test contract hostile bench-test system}

# Lines of single compilations are for make's own users.
run() { # kind
    ${MAKE:-make} --no-print-directory "$1" 2>&1 | grep --line-buffered -v '^  [A-Z][A-Z]* '
    return "${PIPESTATUS[0]}"
}

add_up() { # kind, exit status
    local line p f s
    line=$(grep -E '^[a-z][a-z -]*: [0-9]+ passed, [0-9]+ failed' "$log.$1.log" | tail -n 1)
    if [ -z "$line" ]; then
        echo "FAIL  $1: no result (exit status $2)"
        failed=$((failed + 1))
        return
    fi
    read -r p _ f _ s _ <<<"$(sed 's/^[^:]*: //; s/,//g' <<<"$line")"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + ${s:-0}))
    if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then
        echo "FAIL  $1: exit status $2"
        failed=$((failed + 1))
    fi
}

# Fuzzers take what the others leave of the machine, beside what follows them, and are shown at the end.
fuzz=
for kind in $kinds; do
    if [ "$kind" = fuzz ] && [ "$kinds" != fuzz ]; then
        echo "== fuzz runs beside the others"
        (renice -n 19 $BASHPID >/dev/null; run fuzz) >"$log.fuzz.log" 2>&1 &
        fuzz=$!
        continue
    fi
    echo "== $kind"
    start=$SECONDS
    run "$kind" | tee "$log.$kind.log"
    add_up "$kind" "${PIPESTATUS[0]}"
    echo "== $kind took $((SECONDS - start)) s"
done
if [ -n "$fuzz" ]; then
    wait "$fuzz"
    status=$?
    echo "== fuzz"
    cat "$log.fuzz.log"
    add_up fuzz $status
fi
if [ $skipped -ne 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ $failed -eq 0 ]
