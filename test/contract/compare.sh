#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: compare.sh TABLE TABLE...
#
# Compares tables of the contract suite (build/<kernel>/contract/table) with the first one, and fails when a line is
# on one of them only, or says something else, other than: a hazard is absent, or the line was not run. These are what
# docs/kernel.md gives a reason for. Says how many there are of them.
set -u
first=$1
shift
[ $# -gt 0 ] || { echo "usage: compare.sh TABLE TABLE..." >&2; exit 3; }

differs=0
for table in "$@"; do
    awk -v first="$first" -v table="$table" '
        /^contract: / { next }
        { name = $1; sub(/^[^ ]+ +/, ""); names[name] }
        FILENAME == first { a[name] = $0; next }
        { b[name] = $0 }
        END {
            for (name in names) {
                if (!(name in a) || !(name in b)) {
                    printf "  %s: only in %s\n", name, name in a ? first : table; bad++
                } else if (a[name] == b[name]) {
                    equal++
                } else if (a[name] ~ /^not run: / || b[name] ~ /^not run: /) {
                    skipped++
                } else if (name ~ /^hazard\./) {
                    hazards++
                } else {
                    printf "  %s: %s | %s\n", name, a[name], b[name]; bad++
                }
            }
            printf "%s: %d lines equal, %d not run on one, %d hazards of one, %d differ\n", \
                table, equal, skipped, hazards, bad
            exit bad != 0
        }' "$first" "$table" || differs=1
done
exit $differs
