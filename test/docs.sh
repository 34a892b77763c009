#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: docs.sh TOOL
#
# docs/description.md has the tables that the tool prints.
set -u
if diff <(sed -n '/^<!-- bulkhead check --explain: from here -->$/,/^<!-- to here -->$/p' docs/description.md | sed '1d;$d') \
    <("$1" check --explain | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'); then
    echo "docs: 1 passed, 0 failed"
else
    echo "FAIL  docs/description.md: copy the output of \"bulkhead check --explain\" between its two marks"
    echo "docs: 0 passed, 1 failed"
    exit 1
fi
