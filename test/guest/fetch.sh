#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: fetch.sh FOLDER PACKAGE...
#
# Unpacks Debian's arm64 packages into FOLDER: libfdt for the target programs, a kernel and busybox for
# the guests. The machine's own package state stays as it is: apt works on a state of its own in
# FOLDER/apt, with the machine's sources and keyrings but for arm64. So there is no
# `dpkg --add-architecture` and no need of root rights.
#
# A package that is empty but for a dependency (linux-image-arm64) is given as PACKAGE/PREFIX: what is
# unpacked is its dependency whose name starts with PREFIX.
# FOLDER/versions/PACKAGE says what was unpacked ("name version").
set -euo pipefail

root=$(realpath -m "$1")
shift
apt=$root/apt
lists_minutes_max=1440

say() { printf '  %-8s %s\n' "$1" "$2"; }
die() { echo "fetch.sh: $*" >&2; exit 1; }

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || die "needs Debian's apt-get and dpkg-deb"

# Of the machine's configuration only the way to the archive counts (a proxy, a time-out): its hooks and
# cache settings are about the machine's state, not ours.
configure() {
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,log,download} "$root/versions"
    : >"$apt/status"
    {
        apt-config dump | grep '^Acquire::' || true
        cat <<CONFIG
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root"; // the user _apt may have no way into the build folder
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Log "$apt/log";
CONFIG
    } >"$apt/apt.conf.new"
    mv "$apt/apt.conf.new" "$apt/apt.conf"
    export APT_CONFIG=$apt/apt.conf LC_ALL=C
}

lists_fresh() {
    [ -n "$(find "$apt/lists" -name '*_binary-arm64_Packages*' -mmin "-$lists_minutes_max" -print -quit)" ]
}

update() {
    say LISTS "Debian's arm64 package lists"
    # apt-get succeeds when it could reach no server at all, so look for the lists themselves.
    apt-get -q update >"$apt/log/update" 2>&1 &&
        find "$apt/lists" -name '*_binary-arm64_Packages*' | grep -q . ||
        { cat "$apt/log/update" >&2; die "cannot read the arm64 package lists from this machine's apt sources"; }
    touch "$apt"/lists/*_binary-arm64_Packages*
}

resolve() { # package or package/prefix: prints the name of the package that has the files
    case $1 in
    */*) apt-cache depends --important "${1%%/*}" | sed -n "s/^ *Depends: \(${1#*/}[^ ]*\)$/\1/p" | head -n 1 ;;
    *) echo "$1" ;;
    esac
}

download() { # package
    (cd "$apt/download" && rm -f ./*.deb && apt-get -q download "$1" >"$apt/log/$1" 2>&1)
}

configure
lists_fresh || update
for wanted in "$@"; do
    package=$(resolve "$wanted")
    [ -n "$package" ] || die "${wanted%%/*} depends on no package whose name starts with ${wanted#*/}"
    say ARM64 "$package"
    # A list of yesterday may name a version that the archive has replaced since.
    if ! download "$package"; then
        update
        package=$(resolve "$wanted")
        download "$package" || { cat "$apt/log/$package" >&2; die "cannot download $package for arm64"; }
    fi
    dpkg-deb -x "$apt/download/$package"_*.deb "$root"
    # shellcheck disable=SC2016 # dpkg's own ${} fields
    dpkg-deb -W --showformat='${Package} ${Version}\n' "$apt/download/$package"_*.deb >"$root/versions/${wanted%%/*}"
    rm -f "$apt/download"/*.deb
done
