#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: debian.sh ROOT KERNEL INITRD OUT.ext4
#
# Makes the root file system of the demo's Debian guest, arm64, from Debian's packages alone and without
# root rights, mounts, binfmt_misc or a user-mode emulator. mmdebstrap resolves, downloads and unpacks the
# packages, and dpkg unpacks them once more for its own records; what the packages' scripts do is done in a
# machine of QEMU's with KERNEL and INITRD (those of the guests) and test/guest/debian/configure as its first
# process. ROOT is where fetch.sh keeps its apt state: its sources are the ones used here.
# DEBIAN_SECONDS (1800) is how long the machine may take.
set -euo pipefail
cd "$(dirname "$0")/../.."

root=$1 kernel=$2 initrd=$3 out=$4
work=$out.work
limit_s=${DEBIAN_SECONDS:-1800}
suite=bookworm
size_mib=640
here=test/guest/debian

say() { printf '  %-8s %s\n' "$1" "$2"; }
die() { echo "debian.sh: cannot make $out: $*" >&2; exit 1; }

PATH=$PATH:/usr/sbin:/sbin # mke2fs, for a user who is not root
for tool in mmdebstrap dpkg fakeroot ar mke2fs e2fsck qemu-system-aarch64; do
    command -v $tool >/dev/null || die "there is no $tool (./test/packages.sh installs it)"
done

# The machine's own way to Debian, if that has this release.
sources() {
    # shellcheck disable=SC2016 # apt's own $()
    APT_CONFIG=$root/apt/apt.conf apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' | grep " $suite" || cat <<SOURCES
deb http://deb.debian.org/debian $suite main
deb http://deb.debian.org/debian $suite-updates main
deb http://deb.debian.org/debian-security $suite-security main
SOURCES
}

# As if dpkg had been told not to unpack them, which it is when it does so for good.
leave_out() { # tree
    local pattern
    sed -n 's/^path-exclude=//p' $here/root/etc/dpkg/dpkg.cfg.d/* | while read -r pattern; do
        # shellcheck disable=SC2086 # a pattern
        rm -rf "$1"$pattern
    done
}

# Nothing of a package runs here: "chrootless" only means that mmdebstrap needs no rights.
unpack() {
    # shellcheck disable=SC2016 # for the shells that mmdebstrap starts
    local include
    include=$(sed -n 's/^\([a-z][^ ]*\) .*/\1/p' $here/packages | paste -sd,)
    sources >"$work/sources.list"
    { grep -E '^Acquire::(http|https|Check|Retries)' "$root/apt/apt.conf" || true; } >"$work/apt.conf"
    say DEBIAN "downloading and unpacking $suite for arm64"
    mmdebstrap --mode=chrootless --variant=extract --architectures=arm64 --format=directory \
        --include='?essential' --include="$include" \
        --aptopt="$work/apt.conf" --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --setup-hook='mkdir -p "$1"/usr/bin "$1"/usr/sbin "$1"/usr/lib && for each in bin sbin lib; do ln -s usr/$each "$1"/$each; done' \
        --extract-hook="cp \"\$1\"/var/cache/apt/archives/*.deb '$work/debs'" \
        $suite "$work/tree" "$work/sources.list" >"$work/mmdebstrap.log" 2>&1 ||
        { tail -n 20 "$work/mmdebstrap.log" >&2; die "mmdebstrap failed; all it said is in $work/mmdebstrap.log"; }
}

# The scripts that run before a package is unpacked are arm64's too: they wait in the tree for `configure`.
postpone_preinst() { # deb
    local deb=$1 name=${1##*/} part=$work/part
    mkdir "$part"
    dpkg-deb --ctrl-tarfile "$deb" >"$part/control.tar"
    if tar -xOf "$part/control.tar" ./preinst >"$work/tree/bulkhead/${name%%_*}.preinst" 2>/dev/null; then
        tar --delete -f "$part/control.tar" ./preinst
        dpkg-deb --fsys-tarfile "$deb" >"$part/data.tar"
        echo 2.0 >"$part/debian-binary"
        rm "$deb"
        (cd "$part" && ar rcS "$deb" debian-binary control.tar data.tar)
    else
        rm "$work/tree/bulkhead/${name%%_*}.preinst"
    fi
    rm -r "$part"
}

# Native, so in seconds; what is left for the slow machine is what only that can do.
register() {
    local deb
    say DEBIAN "unpacking $count packages"
    leave_out "$work/tree"
    mkdir "$work/tree/bulkhead"
    cp -R $here/root $here/configure "$work/tree/bulkhead/"
    for deb in "$work"/debs/*.deb; do
        postpone_preinst "$deb"
    done
    mapfile -t options <$here/root/etc/dpkg/dpkg.cfg.d/bulkhead
    # --log: the machine's configuration may name the machine's log.
    dpkg --root="$work/tree" --log="$work/dpkg.log" --force-architecture --force-depends --force-bad-path \
        --force-unsafe-io --no-triggers "${options[@]/#path/--path}" --unpack "$work"/debs/*.deb >"$work/unpack.log" 2>&1 ||
        { tail -n 20 "$work/unpack.log" >&2; die "dpkg failed; all it said is in $work/unpack.log"; }
    say MKE2FS "$out"
    truncate -s ${size_mib}M "$work/root.ext4"
    mke2fs -q -F -t ext4 -L root-a -m 1 -E root_owner=0:0 -d "$work/tree" "$work/root.ext4"
}

progress() { # what its log says last, in a line of its own when it is a new step
    local log=$1 step
    step=$(sed -n '/^configure: /h; ${x; s/\r//; p}' "$log")
    if [ "$step" != "$shown" ]; then
        say DEBIAN "${step#configure: }"
        shown=$step
    elif [ -t 1 ]; then
        printf '           %d of %d, %d s\r' "$(grep -ac '^Setting up' "$log")" "$count" $SECONDS
    fi
}

# Ends with the machine in any case, and with nothing else.
configure() {
    local log=$work/configure.log qemu shown='' start=$SECONDS
    say DEBIAN "installing in a machine of QEMU's (a few minutes)"
    qemu-system-aarch64 -M virt -cpu cortex-a53 -smp 2 -m 1024 -nodefaults -display none -no-reboot \
        -global virtio-mmio.force-legacy=false -serial "file:$log" -kernel "$kernel" -initrd "$initrd" \
        -append "console=ttyAMA0 quiet root=LABEL=root-a rootflags=noatime,discard init=/bulkhead/configure" \
        -drive "file=$work/root.ext4,format=raw,if=none,id=root,cache=unsafe,discard=unmap" -device virtio-blk-device,drive=root \
        </dev/null &
    qemu=$!
    # shellcheck disable=SC2064 # this process
    trap "kill $qemu 2>/dev/null || true" EXIT
    while kill -0 $qemu 2>/dev/null; do
        [ ! -e "$log" ] || progress "$log"
        [ $((SECONDS - start)) -lt "$limit_s" ] || { kill $qemu; die "not ready within $limit_s s; see $log"; }
        sleep 1
    done
    trap - EXIT
    grep -aq '^configure: done' "$log" || { tail -n 40 "$log" >&2; die "installing failed; see $log"; }
    say DEBIAN "installed in $((SECONDS - start)) s"
    mkdir -p build/log && cp "$log" build/log/debian.log
}

# mke2fs has to see the owners that tar and dpkg gave to files, also where this is not root's machine.
if [ "$(id -u)" -ne 0 ] && [ -z "${FAKEROOTKEY:-}" ]; then
    exec fakeroot test/guest/debian.sh "$@"
fi
rm -rf "$work"
mkdir -p "$work/debs"
work=$(realpath "$work")
unpack
count=$(find "$work/debs" -name '*.deb' | wc -l)
register
configure
# Gives what was deleted back to the host: the file is sparse.
e2fsck -fp -E discard "$work/root.ext4" >"$work/e2fsck.log" 2>&1 || [ $? -eq 1 ] || die "e2fsck: $(cat "$work/e2fsck.log")"
mv "$work/root.ext4" "$out"
rm -rf "$work"
