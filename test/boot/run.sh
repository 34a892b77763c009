#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: run.sh TOOL PROGRAMS KERNEL-OPTION...
#
# Boots an image with a small root task (test/boot/root.c) in QEMU: as it is, on machines that it was not
# built for, and damaged. Each case has a line that must appear on the UART. PROGRAMS is the build folder
# with boot.elf, boot_test.elf and firmware.bin for the kernel that the options (--kernel SDK ...) name.
# BOOT_TESTS=REGEX takes the cases whose names match.
set -u
tool=$1 programs=$2
shift 2
work=$(mktemp -d) || exit 3
qemu=
# A child that is killed before it has become QEMU is still this shell, trap included.
trap '[ $BASHPID -ne $$ ] || { [ -z "$qemu" ] || kill "$qemu" 2>/dev/null; rm -rf "$work"; }' EXIT
passed=0 failed=0
limit_s=${BOOT_TIMEOUT_S:-30}

# ---- images ----------------------------------------------------------------------------------------------

test/guest_files.sh "$work" || exit 3

good=$work/good.img
"$tool" build -q -I system -I "$work" test/boot/system.dts -o "$good" "$@" \
    --programs "$programs" --root "$programs/boot_test.elf" || exit 1
kernel=$("$tool" show "$good" | sed -n 's/^kernel  *//p' | head -1)
size=$(stat -c %s "$good")

offset_of() { "$tool" show "$good" | awk -v type="$1" -v name="$2" '$1 == type && $5 == name { print $2 }'; }

flip() { # file offset
    cp "$good" "$1"
    local byte
    byte=$(od -An -tu1 -j "$2" -N1 "$1")
    printf "$(printf '\\x%02x' $((byte ^ 4)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

cut_at() { head -c "$2" "$good" >"$1"; }

# ---- machines --------------------------------------------------------------------------------------------

mapfile -t line < <("$tool" run --dry-run "$good" | tr ' ' '\n')

# The command line of the image's own machine with some options replaced: "-m" "512".
command_line() {
    local image=$1 i
    shift
    command=("${line[@]}")
    for ((i = 0; i < ${#command[@]}; i++)); do
        case ${command[i]} in
        -serial) command[i + 1]=stdio ;;
        -kernel) command[i + 1]=$image ;;
        esac
    done
    command+=(-monitor none)
    while [ $# -gt 1 ]; do
        for ((i = 0; i < ${#command[@]}; i++)); do
            [ "${command[i]}" != "$1" ] || command[i + 1]=$2
        done
        shift 2
    done
}

expect() { # name, expected line, image, replaced options
    local name=$1 wanted=$2 image=$3
    shift 3
    command_line "$image" "$@"
    expect_of "$name" "$wanted" </dev/null
}

# Runs ${command[@]} until it says the line.
expect_of() {
    local name=$1 wanted=$2 log=$work/log tenths=0
    [[ $name =~ ${BOOT_TESTS:-.} ]] || return 0
    : >"$log" # here, not in the child: what the last case said must be gone
    "${command[@]}" >"$log" 2>&1 <&0 &
    qemu=$!
    until grep -qF -e "$wanted" "$log" || [ $tenths -ge $((limit_s * 10)) ] || ! kill -0 "$qemu" 2>/dev/null; do
        sleep 0.1
        tenths=$((tenths + 1))
    done
    kill "$qemu" 2>/dev/null
    wait "$qemu" 2>/dev/null
    qemu=
    if grep -qF -e "$wanted" "$log"; then
        echo "ok    $name"
        passed=$((passed + 1))
    else
        echo "FAIL  $name: did not see \"$wanted\" but"
        sed 's/^/      /' "$log" | head -20
        failed=$((failed + 1))
    fi
}

machine() { for ((i = 0; i < ${#line[@]}; i++)); do [ "${line[i]}" != "$1" ] || echo "${line[i + 1]}"; done; }

# ---- cases -----------------------------------------------------------------------------------------------

echo "boot: on $kernel"
cores=$(machine -smp) virt=$(machine -machine) cpu=$(machine -cpu)

expect "good image" "boot test: done" "$good"
expect "more RAM than the kernel knows" "boot test: done" "$good" -m 3072
expect "more cores than the kernel wants" "boot test: done" "$good" -smp $((cores + 1))

# A copy that QEMU puts into the kernel's RAM: text_offset is bytes 8 to 15 of the Image header.
cp "$good" "$work/moved.img"
printf '\x00\x00\x00\x30' | dd of="$work/moved.img" bs=1 seek=8 conv=notrunc status=none
expect "image in the kernel's RAM is moved" "boot: moving the image from 0x70000000 to" "$work/moved.img"
expect "and starts from there" "boot test: done" "$work/moved.img"

expect "too little RAM" "boot: error: too little RAM: the kernel was built for RAM at 0x60000000 to 0xbfffffff, this machine has 512 MiB from 0x40000000: give it 2048 MiB (QEMU: -m 2048)" "$good" -m 512
expect "entered at EL1" "boot: error: entered at EL1, but seL4 as a hypervisor needs EL2" "$good" \
    -machine "${virt/virtualization=on/virtualization=off}"
case $virt in
*gic-version=2*) expect "wrong GIC" "boot: error: wrong interrupt controller: the kernel was built for GICv2, this machine has GICv3" "$good" -machine "${virt/gic-version=2/gic-version=3}" ;;
*) expect "wrong GIC" "boot: error: wrong interrupt controller: the kernel was built for GICv3, this machine has GICv2" "$good" -machine "${virt/gic-version=3/gic-version=2}" ;;
esac
if [ "$cores" -gt 1 ]; then
    expect "too few cores" "boot: error: too few cores: the kernel waits for $cores, this machine has 1" "$good" -smp 1
fi
if [ "$cpu" = cortex-a57 ]; then
    expect "CPU with too few address bits" "boot: error: wrong CPU: the kernel was built for cortex-a57" "$good" -cpu cortex-a53
fi

cut_at "$work/short.img" $((size - 5000))
expect "truncated in the last file" "boot: error: the image is truncated: its header says $size bytes" "$work/short.img"
cut_at "$work/short.img" $(($(offset_of kernel kernel) + 5000))
expect "truncated in the kernel" "boot: error: the image is truncated" "$work/short.img"
cut_at "$work/short.img" $(($(offset_of kernel kernel) - 1000 & ~4095))
expect "truncated before the file table" "boot: error: the image is damaged: header or file table" "$work/short.img"

for file in "kernel kernel" "root root" "description description" "guest kernel.img" "guest initrd.img" "loader loader"; do
    read -r type name <<<"$file"
    at=$(($(offset_of "$type" "$name") + 3000))
    # Somewhere in the loader's texts, which the loader does not run through.
    [ "$type" != loader ] || at=$(grep -aobF 'the image is truncated: its header' "$good" | head -1 | cut -d: -f1)
    [ "$type" != description ] || at=$((at - 2900)) # it is smaller than that
    flip "$work/flipped.img" "$at"
    expect "flipped bit in $type \"$name\"" "boot: error: the image is damaged: $type \"$name\"" "$work/flipped.img"
done
flip "$work/flipped.img" 300
expect "flipped bit in the header" "boot: error: the image is damaged: header or file table" "$work/flipped.img"
flip "$work/flipped.img" $((64 + 40 + 16)) # the UART's type: the loader must find another way to speak
expect "flipped bit in the header's UART" "boot: error: the image is damaged: header or file table" "$work/flipped.img"
flip "$work/flipped.img" $(($(offset_of kernel kernel) - 1000 & ~4095))
expect "flipped bit in the file table" "boot: error: the image is damaged: header or file table" "$work/flipped.img"

# Machines that QEMU does not make by itself: other device trees, other firmware.
source test/boot/trees.sh

# U-Boot's booti, on machines that have it (Debian package u-boot-qemu). It takes no input before it is up,
# and puts the device tree into the kernel's RAM.
uboot=${UBOOT:-/usr/lib/u-boot/qemu_arm64/u-boot.bin}
expect_uboot() { # name, expected line, image, its address, replaced options
    local name=$1 wanted=$2 image=$3 address=$4 i
    shift 4
    command_line unused "$@"
    for ((i = 0; i < ${#command[@]}; i++)); do
        [ "${command[i]}" != -kernel ] || command[i]=-bios command[i + 1]=$uboot
    done
    command+=(-device "loader,file=$image,addr=$address,force-raw=on" -nic none)
    expect_of "U-Boot's booti$name" "$wanted" \
        < <(for _ in $(seq 10); do sleep 2; printf '\nbooti %s - ${fdtcontroladdr}\n' $address; done)
}
if [ -e "$uboot" ]; then
    expect_uboot " from 0x50000000" "boot test: done" "$good" 0x50000000
    expect_uboot " from 0x70000000" "boot test: done" "$good" 0x70000000
    expect_uboot ", too little RAM" "boot: error: too little RAM: the kernel was built for RAM at 0x60000000 to 0xbfffffff, this machine has 1024 MiB" \
        "$good" 0x50000000 -m 1024
    flip "$work/flipped.img" $(($(offset_of kernel kernel) + 3000))
    expect_uboot ", damaged image" "boot: error: the image is damaged: kernel \"kernel\"" "$work/flipped.img" 0x50000000
else
    echo "skip  U-Boot's booti: no $uboot (Debian package u-boot-qemu)"
fi

echo "boot: $passed passed, $failed failed"
[ $failed -eq 0 ]
