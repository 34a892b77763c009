#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: disk.sh OUT NAME=FILE...
#
# Makes a disk image with a GUID partition table: a partition NAME for each FILE, as large as the file (rounded
# up to 1 MiB) and with its content. Holes stay holes, so a sparse image stays small. Needs no rights.
set -euo pipefail

[ $# -ge 2 ] || { sed -n 's/^# \(Usage:.*\)/\1/p' "$0" >&2; exit 2; }
out=$1
shift

PATH=$PATH:/usr/sbin:/sbin # sfdisk, for a user who is not root
die() { echo "disk.sh: cannot make $out: $*" >&2; exit 1; }
command -v sfdisk >/dev/null || die "there is no sfdisk (./test/packages.sh installs it)"

# The tables take less than 1 MiB at either end. The same names give the same UUIDs and so the same image.
uuid() { md5sum <<<"bulkhead $1" | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-4\3-8\4-\5/'; }
linux=0FC63DAF-8483-4772-8E79-3D69D8477DE4
start_mib=1 table="label: gpt
label-id: $(uuid disk)
"
for part in "$@"; do
    name=${part%%=*} file=${part#*=}
    [ -s "$file" ] || die "$name: $file is not there or empty"
    size_mib=$((($(stat -c %s "$file") + 1048575) / 1048576))
    table+="start=${start_mib}MiB, size=${size_mib}MiB, type=$linux, name=\"$name\", uuid=$(uuid "$name")
"
    start_mib=$((start_mib + size_mib))
done

new=$out.new
trap 'rm -f "$new"' EXIT
rm -f "$new"
truncate -s $(((start_mib + 1) * 1048576)) "$new"
sfdisk --quiet --no-reread --no-tell-kernel "$new" <<<"$table" || die "sfdisk refuses
$table"
start_mib=1
for part in "$@"; do
    file=${part#*=}
    dd if="$file" of="$new" bs=64K seek=$((start_mib * 16)) conv=notrunc,sparse status=none
    start_mib=$((start_mib + ($(stat -c %s "$file") + 1048575) / 1048576))
done
mv "$new" "$out"
