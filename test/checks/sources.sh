#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Sourced by the checks. sources PATTERN...: the tree's own files of these names, one a line, from the top
# folder; with or without git (a release archive has none).

sources() {
    local names=() pattern
    for pattern in "$@"; do
        names+=(-o -name "$pattern")
    done
    find . \( -path ./build -o -path ./.git \) -prune -o -type f \( "${names[@]:1}" \) -print | sed 's|^\./||' | LC_ALL=C sort
}
