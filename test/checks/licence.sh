#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every source says under which licence it is, in its first three lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=test/checks/sources.sh
. test/checks/sources.sh

passed=0 failed=0
while read -r file; do
    if head -n 3 "$file" | grep -q 'SPDX-License-Identifier: BSD-2-Clause'; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL  $file: no 'SPDX-License-Identifier: BSD-2-Clause' in its first three lines"
    fi
done < <(sources '*.[chS]' '*.py' '*.sh' '*.mk' '*.dts' '*.dtsi' '*.ld' '*.lds' Makefile run)
echo "licence: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
