#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: packages.sh [--list]
#
# Installs the Debian packages that a build, a run and the tests need and that this machine does not
# have; says which and why before it does. --list only prints them all. As root, or through sudo.
# BULKHEAD_PACKAGES=skip leaves the machine as it is (you have brought the tools yourself).
set -euo pipefail

packages='
gcc                     compiler of the host tool and the unit tests
libc6-dev               C library of the host
gcc-aarch64-linux-gnu   compiler of everything that runs on the target
libc6-dev-arm64-cross   C headers that libfdt includes on the target
device-tree-compiler    compiles system descriptions
libfdt-dev              device trees in the host tool and the unit tests
libcjson-dev            JSON in the host tool
zlib1g-dev              gzip in the tests of compressed kernel images
libcmocka-dev           unit tests
spin                    model checker: the signalling between processes
clang                   fuzzers
libclang-rt-dev         libFuzzer and the sanitizers of clang
qemu-system-arm         the machine that everything runs on
mmdebstrap              downloads and unpacks the Debian guest of the demo
binutils                repacks some of its packages
fakeroot                owners of its files, where you are not root
e2fsprogs               file systems of the disk of the demo
fdisk                   partitions of that disk
python3                 guest file systems and system tests
'

die() { echo "packages.sh: $*" >&2; exit 1; }

missing() { # prints the lines of the packages that are not installed
    while read -r name why; do
        [ -n "$name" ] || continue
        state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
        [ "$state" = installed ] || printf '  %-23s %s\n' "$name" "$why"
    done <<<"$packages"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

# --no-remove: a package of the user's that conflicts (gcc-multilib does) is theirs to decide about.
install() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y --no-install-recommends --no-remove install "${names[@]}" </dev/null
}

# The archive drops a version when a newer one is there: lists of last month name files that are gone.
lists_known() {
    [ "$(apt-cache policy "${names[@]}" | grep -c '^  Candidate: [^(]')" -eq "${#names[@]}" ]
}

if [ "${1:-}" = --list ]; then
    printf '%s' "$packages" | sed '/^$/d'
    exit 0
fi
[ "${BULKHEAD_PACKAGES:-}" != skip ] || exit 0

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    die "this is not Debian: install the equivalents of these yourself, then set BULKHEAD_PACKAGES=skip
$packages"
fi

wanted=$(missing)
[ -n "$wanted" ] || exit 0
mapfile -t names <<<"$(awk '{print $1}' <<<"$wanted")"

echo "Bulkhead needs ${#names[@]} Debian packages that this machine does not have:"
echo "$wanted"
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    die "you are not root and there is no sudo; have root run this, then start again:
  apt-get update && apt-get install --no-install-recommends ${names[*]}"
fi
echo "Installing them with apt-get (nothing that is installed is removed) ..."

lists_known || as_root apt-get -q update </dev/null
if ! install; then
    echo "packages.sh: trying once more with new package lists" >&2
    as_root apt-get -q update </dev/null
    install || die "apt-get could not install: ${names[*]}"
fi
wanted=$(missing)
[ -z "$wanted" ] || die "still not installed:
$wanted"
