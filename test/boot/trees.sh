# SPDX-License-Identifier: BSD-2-Clause
# Sourced by run.sh: machines whose device trees QEMU does not make, and firmware that is not QEMU's. firmware.S
# enters the image from EL3 on all cores, without PSCI, so secondary cores come by a spin table.

TREE=0x48000000 IMAGE=0x50000000 SPIN_TABLE=0x4fff0000 SPIN_SHARED=0x4fff0100 # as in firmware.S
secure=${virt/secure=off/secure=on}

# The command line of a machine that starts our firmware. The image's own options are replaced as usual.
firmware_line() { # device tree, replaced options
    local tree=$1 i
    shift
    command_line unused -machine "$secure" "$@"
    for ((i = 0; i < ${#command[@]}; i++)); do
        [ "${command[i]}" != -kernel ] || command[i]=-bios command[i + 1]=$programs/firmware.bin
    done
    command+=(-device "loader,file=$good,addr=$IMAGE,force-raw=on" -device "loader,file=$tree,addr=$TREE,force-raw=on")
}

expect_firmware() { # name, expected line, device tree, replaced options
    local name=$1 wanted=$2
    shift 2
    firmware_line "$@"
    expect_of "$name" "$wanted" </dev/null
}

dump_tree() { # file, machine, replaced options
    local file=$1 kind=$2
    shift 2
    firmware_line /dev/null -machine "$kind,dumpdtb=$file" "$@"
    "${command[@]}" >"$work/log" 2>&1 </dev/null || cat "$work/log"
}

# A tree in which each core spins at its own word, or all at one.
spin_tree() { # file, cores, shared address or nothing
    dump_tree "$1" "$secure" -smp "$2"
    local i address
    for ((i = 0; i < $2; i++)); do
        address=$(printf '%x' $((${3:-$((SPIN_TABLE + 8 * i))})))
        fdtput -t s "$1" "/cpus/cpu@$i" enable-method spin-table
        fdtput -t x "$1" "/cpus/cpu@$i" cpu-release-addr 0 "$address"
    done
}

changed() { # the good spin tree's copy, to be changed
    cp "$work/spin.dtb" "$work/changed.dtb"
    echo "$work/changed.dtb"
}

last=$((cores - 1))
spin_tree "$work/spin.dtb" "$cores"
expect_firmware "firmware without PSCI, spin table" "boot test: done" "$work/spin.dtb"

tree=$(changed)
fdtput -r "$tree" "$(fdtget -l "$tree" / | grep '^memory@' | sed 's,^,/,')"
expect_firmware "no memory in the device tree" "boot: error: the device tree has no /memory node" "$tree"

head -c 200000 /dev/zero >"$work/filler"
{
    dtc -q -I dtb -O dts "$work/spin.dtb"
    echo "/ { filler = /incbin/(\"$work/filler\"); };"
} | dtc -q -O dtb -o "$work/changed.dtb"
expect_firmware "device tree that is too large" "bytes is too large for the loader" "$work/changed.dtb"

head -c 4096 /dev/zero >"$work/zeros.dtb"
expect_firmware "no device tree" "boot: error: no device tree at 0x48000000" "$work/zeros.dtb"

# QEMU starts the first core in the image itself, as the reset left it.
command_line unused -machine "$secure"
for ((i = 0; i < ${#command[@]}; i++)); do
    [ "${command[i]}" != -kernel ] || command[i]=-device command[i + 1]="loader,file=$good,addr=$IMAGE,force-raw=on"
done
command+=(-device "loader,addr=$IMAGE,cpu-num=0")
expect_of "entered at EL3" "boot: error: entered at EL3, but seL4 as a hypervisor needs EL2" </dev/null

if [ "$cores" -gt 1 ]; then
    spin_tree "$work/shared.dtb" "$cores" $SPIN_SHARED
    expect_firmware "one release address for all cores" "boot test: done" "$work/shared.dtb"
    # That the surplus core stops by itself cannot be seen from here, only that it hinders nobody.
    spin_tree "$work/shared.dtb" $((cores + 1)) $SPIN_SHARED
    expect_firmware "and a core more than the kernel wants" "boot test: done" "$work/shared.dtb" -smp $((cores + 1))

    tree=$(changed)
    fdtput -t x "$tree" "/cpus/cpu@$last" cpu-release-addr 0 4fff0200
    expect_firmware "a core that does not come" \
        "boot: error: core $last (reg 0x$last) was started and did not arrive within a second" "$tree"

    tree=$(changed)
    fdtput -d "$tree" "/cpus/cpu@$last" cpu-release-addr
    expect_firmware "a core that nothing can start" \
        "boot: error: core $last (reg 0x$last) cannot be started: the device tree has neither /psci nor" "$tree"

    tree=$(changed)
    fdtput -t x "$tree" /cpus/cpu@0 reg 99
    expect_firmware "a device tree without the core that runs" \
        "boot: error: the device tree's cpu nodes do not name the core that runs (reg 0x0)" "$tree"

    dump_tree "$work/psci.dtb" "$virt"
    fdtput -t x "$work/psci.dtb" "/cpus/cpu@$last" reg 99
    command_line "$good"
    command+=(-dtb "$work/psci.dtb")
    expect_of "a core that the firmware does not know" \
        "boot: error: core $last (reg 0x99) does not start: PSCI CPU_ON says -2" </dev/null
fi
