#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# For information, never a failure: functions over 60 lines and files over 500, for a reviewer to judge.
# Tests are left out: a table of cases may be long.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=test/checks/sources.sh
. test/checks/sources.sh

sources '*.[ch]' | grep -vE '_test\.c$|^test/' | xargs awk '
    FNR == 1 { start = 0; if (file != "") finish(); file = FILENAME }
    # clang-format puts the brackets of a function, and of no statement, into the first column.
    /^{/ { start = FNR; name = before }
    /^}/ {
        if (start && FNR - start - 1 > 60)
            printf "note  %s:%d: %d lines: %s\n", FILENAME, start, FNR - start - 1, name
        if (start) functions++
        start = 0
    }
    { if ($0 !~ /^[[:space:]]/) before = $0; lines = FNR }
    function finish() { files++; if (lines > 500) printf "note  %s: %d lines\n", file, lines }
    END { finish(); printf "length: %d functions in %d files looked at\n", functions, files }'
