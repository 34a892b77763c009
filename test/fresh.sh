#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: fresh.sh [make-target...]
#
# Proves that README's two commands need nothing but git and make: makes a Debian 12 with only these under
# build/fresh, clones the commit that is checked out into it, and runs `make test` there, then `make run` until
# all guests of the demo are there. Other targets on request. Takes half an hour.
#
# Needs root and mmdebstrap or debootstrap; says so and skips otherwise. FRESH_MIRROR=URL names the Debian
# archive (default: the tools' own, deb.debian.org), FRESH_SECONDS=N limits each command, FRESH_KEEP=1 keeps the
# folder.
set -euo pipefail
cd "$(dirname "$0")/.."

fresh=$PWD/build/fresh
root=$fresh/root
limit_s=${FRESH_SECONDS:-5000}

skip() { echo "skip  fresh: $*"; exit 0; }

[ "$(id -u)" -eq 0 ] || skip "needs root (chroot and mounts)"
for tool in chroot unshare git; do
    command -v $tool >/dev/null || skip "needs $tool"
done
command -v mmdebstrap >/dev/null || command -v debootstrap >/dev/null || skip "needs mmdebstrap or debootstrap"
unshare --mount --pid --fork true 2>/dev/null || skip "may not make namespaces here"

install_debian() {
    mkdir -p "$fresh"
    # How this machine reaches the archive (a proxy, say) is how the fresh one does.
    apt-config dump 2>/dev/null | grep '^Acquire::[a-z]*::.*[Pp]roxy' >"$fresh/apt.conf" || true
    if command -v mmdebstrap >/dev/null; then
        mmdebstrap --quiet --mode=root --variant=minbase --include=git,make,ca-certificates \
            --aptopt="$fresh/apt.conf" bookworm "$root" ${FRESH_MIRROR:+"$FRESH_MIRROR"}
    else
        debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$root" \
            ${FRESH_MIRROR:+"$FRESH_MIRROR"}
        cp "$fresh/apt.conf" "$root/etc/apt/apt.conf.d/99machine"
    fi
    [ ! -e /etc/resolv.conf ] || cp -L /etc/resolv.conf "$root/etc/resolv.conf"
}

clone_tree() {
    [ -z "$(git status --porcelain)" ] || echo "fresh: what is not committed is not tested"
    git -c advice.detachedHead=false clone --quiet --no-hardlinks . "$root/home/bulkhead"
}

# Mounts live in a namespace of their own, processes too: both end with the command.
inside() { # shell command
    timeout --kill-after=20 "$limit_s" unshare --mount --pid --fork --kill-child bash -euc '
        mount --make-rprivate /
        mount -t proc proc "$1/proc"
        mount -t tmpfs tmpfs "$1/tmp"
        mount --rbind /dev "$1/dev"
        exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            bash -c "cd /home/bulkhead && $2"' bash "$root" "$1" </dev/null
}

# What a person would do: wait for one guest's login prompt, go to the other's shell with Ctrl-T 2, end QEMU with
# Ctrl-A X. The first time, the demo's disk is made.
run_demo='
    mkfifo /tmp/keys; exec 3<>/tmp/keys
    make run <&3 >/tmp/demo.log 2>&1 & make_pid=$!
    seen() { # text
        for _ in $(seq 1800); do
            ! grep -aq "$1" /tmp/demo.log || return 0
            kill -0 $make_pid 2>/dev/null || return 1
            sleep 1
        done
        return 1
    }
    seen "linux-a login:" && printf "\0242" >&3 && seen "bulkhead-guest: ready"; at_shells=$?
    tail -n 5 /tmp/demo.log
    printf "\001x" >&3
    wait $make_pid && [ $at_shells -eq 0 ]'

passed=0 failed=0
claim() { # name, shell command
    local started=$SECONDS
    if inside "$2"; then
        echo "ok    fresh: $1 ($((SECONDS - started)) s)"
        passed=$((passed + 1))
    else
        echo "FAIL  fresh: $1 ($((SECONDS - started)) s)"
        failed=$((failed + 1))
    fi
}

[ "${FRESH_KEEP:-}" = 1 ] || trap 'rm -rf --one-file-system "$fresh"' EXIT
rm -rf --one-file-system "$fresh"
install_debian
clone_tree
echo "fresh: Debian $(cat "$root/etc/debian_version") with git and make, $(chroot "$root" dpkg-query -W | wc -l) packages"
if [ $# -gt 0 ]; then
    claim "make $*" "make $*"
else
    claim "make test" "make test"
    claim "make run" "$run_demo"
fi
echo "fresh: $passed passed, $failed failed"
[ $failed -eq 0 ]
