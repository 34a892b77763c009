#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The direction of includes: which folder may include which. A table, so that a new folder is a new line.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=test/checks/sources.sh
. test/checks/sources.sh

# folder: folders that its files may include; "kernel" stands for the headers of seL4.
# A folder that is not listed may include all but the stand-in.
declare -A may=(
    [lib]="lib kernel"
    [link]="lib link kernel"
    [device]="lib link device"
    [vmm]="lib link device vmm kernel"
    [service]="lib link service kernel"
    [root]="lib link root kernel"
    [boot]="lib boot"
    [standin]="lib standin kernel"
    [tool]="lib link device vmm root boot tool"
)
all="lib link device vmm service root boot tool test bench kernel"

passed=0 failed=0 bad=0

complain() { # file:line, text
    echo "FAIL  $1: $2"
    bad=1
}

check_include() { # file line include (with its quotes or angle brackets)
    local file=$1 line=$2 include=$3
    local from=${file%%/*} path=${include:1:-1}
    local to=${path%%/*} allowed
    allowed=${may[$from]:-$all}
    # A unit test may use what tests share.
    [[ $file != *_test.c ]] || allowed+=" test"
    case $include in
    \"*)
        if [ "$path" = "$to" ] || [ ! -e "$path" ]; then
            complain "$file:$line" "$include is not written from the top folder"
        elif [[ " $allowed " != *" $to "* ]]; then
            complain "$file:$line" "$from/ may not include $include (it may: $allowed)"
        fi
        ;;
    \<sel4/* | \<kernel/* | \<interfaces/*)
        [[ " $allowed " == *" kernel "* ]] || complain "$file:$line" "$from/ may not include the kernel's $include"
        ;;
    esac
}

while read -r file; do
    bad=0
    while IFS=: read -r line include; do
        check_include "$file" "$line" "$include"
    done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*(["<][^">]*[">]).*/\1/;T;=;p' "$file" | paste -d: - -)
    if [ $bad -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done < <(sources '*.[chS]')
echo "includes: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
