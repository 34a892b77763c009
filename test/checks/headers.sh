#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every header compiles alone, as the first and only thing that a source includes. A header that comes to
# a kernel header is compiled as the target is, every other one by the host's compiler, because unit
# tests and fuzzers include it there. Needs from the environment (the Makefile sets it): HOST_CC
# HOST_CFLAGS TARGET_CC TARGET_CFLAGS KERNEL_INCLUDE LIBFDT_INCLUDE.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=test/checks/sources.sh
. test/checks/sources.sh

passed=0 failed=0 skipped=0

compile() { # header: prints the compiler's complaints
    local header=$1
    local host target
    read -ra host <<<"$HOST_CC $HOST_CFLAGS"
    read -ra target <<<"$TARGET_CC $TARGET_CFLAGS -isystem $KERNEL_INCLUDE -isystem $LIBFDT_INCLUDE"
    # -MG lists headers that are not found, so that the host's compiler can tell without the kernel's.
    if [[ $header == standin/* || $header == */aarch64/* ]] ||
        "${host[@]}" -M -MG "$header" 2>/dev/null | grep -qE '(^|[[:space:]])(sel4|kernel)/'; then
        "${target[@]}" -fsyntax-only -x c - <<<"#include \"$header\"" 2>&1
    else
        "${host[@]}" -fsyntax-only -x c - <<<"#include \"$header\"" 2>&1
    fi
}

while read -r header; do
    # The stand-in's headers have the names of the kernel's that it plays.
    if [[ $header == standin/* && $KERNEL_INCLUDE != build/standin/* ]]; then
        skipped=$((skipped + 1))
        continue
    fi
    if complaint=$(compile "$header"); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL  $header does not compile alone:"
        head -n 12 <<<"$complaint" | sed 's/^/      /'
    fi
done < <(sources '*.h')
[ $skipped -eq 0 ] || echo "skip  $skipped headers of the stand-in: this build is for another kernel"
echo "headers: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
