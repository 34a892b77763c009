#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Sources are laid out as clang-format does with .clang-format. Other versions of it lay out otherwise,
# so this is for Debian 12's only.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=test/checks/sources.sh
. test/checks/sources.sh

version=14
tool=$(command -v clang-format-$version || command -v clang-format)
if [ -z "$tool" ] || ! "$tool" --version | grep -q "version $version\."; then
    echo "skip  layout: no clang-format $version here"
    exit 0
fi

passed=0 failed=0
while read -r file; do
    if complaint=$("$tool" --dry-run -Werror "$file" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL  $file: run clang-format -i on it ($(grep -c 'error:' <<<"$complaint") places)"
    fi
done < <(sources '*.[ch]')
echo "layout: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
