#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: tool.sh TOOL
#
# The command line of `bulkhead`: exit statuses, what it says and where, both kinds of SDK, JSON.
set -u
tool=$1
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

result() { # name, good or not
    if [ "$2" = good ]; then
        passed=$((passed + 1))
    else
        echo "FAIL  $1"
        sed 's/^/      /' "$work/out" "$work/err" | head -20
        failed=$((failed + 1))
    fi
}

try() { # exit status, text on standard output or error, arguments
    local status=$1 text=$2 found
    shift 2
    timeout 20 env PATH="${search:-$PATH}" "$tool" "$@" >"$work/out" 2>"$work/err" </dev/null
    found=$?
    if [ $found -eq "$status" ] && cat "$work/out" "$work/err" | grep -qF -e "$text"; then
        result "$*" good
    else
        result "bulkhead $* (exit status $found, wanted $status and \"$text\")" bad
    fi
}

test/guest_files.sh "$work" || exit 3

# ---- usage ----
try 2 'Usage: bulkhead COMMAND'
try 0 'Usage: bulkhead COMMAND' --help
try 2 'there is no command "frob"' frob
for command in check build run show kernel capture; do
    try 0 "Usage: bulkhead $command" "$command" --help
    try 2 "there is no option like \"--frob\"" "$command" --frob
    try 2 'there is no option -Z' "$command" -Z
done
try 2 'which description?' check
try 2 'one argument only' check a b
try 2 '--kernel needs its SDK' check -k
try 2 'what to work on is missing' build
try 2 '-o IMAGE is missing' build system/demo.dts
try 2 '--kernel SDK is missing' build system/demo.dts -o "$work/x.img"
try 2 "put QEMU's options behind --" run a b
try 2 'takes nothing behind --' show a -- b

# ---- inputs that are not there ----
try 1 'none.dts: No such file' check none.dts
try 1 'none: No such file' run none
try 1 'is not a Bulkhead image' show system/demo.dts
try 1 'neither the install prefix of a seL4 build (no bin/kernel.elf) nor a Microkit SDK' kernel "$work"

# ---- a kernel, in both of its layouts: what seL4's `ninja install` and Microkit's build_sdk.py leave, as far as we
# look at it; platform_gen.json is one line, as they write it
config='"ARCH_AARCH64": true, "ARM_HYPERVISOR_SUPPORT": true, "EXPORT_PCNT_USER": true, "AARCH64_USER_CACHE_ENABLE": true, "HAVE_FPU": true,
"NUM_PRIORITIES": "256", "ROOT_CNODE_SIZE_BITS": "13", "MAX_NUM_NODES": "2", "ARM_CORTEX_A57": true }'
memory='{"devices": [{"start": 0, "end": 134217728}, {"start": 3221225472, "end": 1099511627776}], "memory": [{"start": 1610612736, "end": 3221225472}]}'
plain=$work/plain microkit=$work/microkit/board/some_board/release
mkdir -p "$plain/bin" "$plain/libsel4/include/kernel" "$plain/support" "$microkit/elf" "$microkit/include/kernel"
cp "$work/kernel.img" "$plain/bin/kernel.elf"
cp "$work/kernel.img" "$microkit/elf/sel4.elf"
touch "$work/microkit/VERSION" "$microkit/elf/"{loader,monitor}.elf "$microkit/"{invocations_all,object_sizes}.json
printf '%s' "$memory" | tee "$plain/support/platform_gen.json" >"$microkit/platform_gen.json"
echo "{ \"KERNEL_MCS\": true, \"NUM_DOMAINS\": \"16\", \"ALLOW_SMC_CALLS\": true, $config" >"$microkit/include/kernel/gen_config.json"
echo "{ \"KERNEL_MCS\": false, $config" >"$plain/libsel4/include/kernel/gen_config.json"

try 1 'error: KernelIsMCS is OFF, must be ON: ' kernel "$plain"
try 1 'Bulkhead does not run on it.' kernel "$plain"
try 0 'cortex-a57' kernel "$work/microkit" --board some_board --config release
try 0 'memory    0x60000000 to 0xbfffffff, 1536 MiB' kernel "$work/microkit" --board some_board --config release
try 1 '--board can be one of: some_board' kernel "$work/microkit"
try 1 '--config can be one of: release' kernel "$work/microkit" --board some_board
echo nonsense >"$plain/support/platform_gen.json"
try 1 'platform_gen.json is not JSON' kernel "$plain"
rm "$plain/support/platform_gen.json"
try 1 'platform_gen.json: No such file' kernel "$plain"

# ---- check ----
sdk=(--kernel "$work/microkit" --board some_board --config release)
try 0 'test/boot/system.dts: good' check -I system -I "$work" "${sdk[@]}" test/boot/system.dts
try 0 'not checked: no kernel given' check -I system -I "$work" test/boot/system.dts
try 1 'there is no file "kernel.img" in test/boot/, system: ' check -I system test/boot/system.dts
try 0 '| `memory-mib` |' check --explain
try 0 '| `memory-mib` |' check --explain memory-mib
try 2 'there is no property "memory"' check --explain memory
search=/nowhere try 3 'Debian package device-tree-compiler' check -I system test/boot/system.dts

json() { # name, python expression about the parsed output d
    if python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' \
        "$work/out" "$2" 2>>"$work/err"; then
        result "$1" good
    else
        result "$1" bad
    fi
}
try 1 '"ok"' check --json -q -I system -I "$work" test/system/wrong/67-all-at-once.dts
json "JSON of many problems" 'not d["ok"] and len(d["problems"]) > 5 and all(p["line"] > 0 and p["text"] for p in d["problems"])'
json "JSON of one problem" '[p["property"] for p in d["problems"] if p["node"] == "/console"] == ["attach"]'
try 0 '"ok"' check --json -I system -I "$work" test/boot/system.dts
json "JSON of no problem" 'd["ok"] and d["problems"] == []'
# A choice that gives something away is said, and is no mistake.
cat >"$work/zero-copy.dts" <<'DTS'
/dts-v1/;
/ { compatible = "bulkhead,system-v1"; board = "qemu-virt";
	disks { image { backend = "ram"; file = "kernel.img"; }; };
	vms { a { memory-mib = <16>; kernel = "kernel.img"; devices {
		disk { device = "virtio-blk"; disk = "image"; read-only = "yes"; zero-copy = "yes"; }; }; }; };
};
DTS
try 0 'zero-copy.dts:5: note: /vms/a/devices/disk: zero-copy: the block service can read and write all memory of this VM' \
    check -I system -I "$work" "$work/zero-copy.dts"
try 0 '"ok"' check --json -I system -I "$work" "$work/zero-copy.dts"
json "JSON of a note" 'd["ok"] and [(p["severity"], p["property"]) for p in d["problems"]] == [("note", "zero-copy")]'

# ---- build, show, run ----
mkdir "$work/programs"
try 3 'boot.elf: No such file' build -I system -I "$work" "${sdk[@]}" test/boot/system.dts -o "$work/x.img" -p "$work/programs"
cp "$work/kernel.img" "$work/programs/boot.elf"
try 1 'the loader is not an ELF file' build -I system -I "$work" "${sdk[@]}" test/boot/system.dts -o "$work/x.img" \
    -p "$work/programs" --root "$work/kernel.img"
[ ! -e "$work/x.img" ] && result "no image of a failed build" good || result "no image of a failed build" bad

# ---- capture ----
printf '%s\r\n' '-----BEGIN PCAP lan-----' '[root] a line of the log' '1MOyoQIABAAAAAAAAAAAAGQAAAABAAAA' \
    '-----END PCAP lan: 24 bytes, crc 00000000-----' >"$work/damaged.log"
sum=$(sed -n 3p "$work/damaged.log" | tr -d '\r' | base64 -d | gzip -c | tail -c 8 | od -An -tx4 -N4 | tr -d ' ')
sed "s/crc 00000000/crc $sum/" "$work/damaged.log" >"$work/good.log"
head -n 3 "$work/damaged.log" >"$work/cut.log"
try 2 '-o FILE is missing' capture "$work/good.log"
try 1 'none: No such file' capture -o "$work/x.pcap" none
try 1 'has no capture of this network' capture -n wan -o "$work/x.pcap" "$work/good.log"
try 1 'the capture has no end' capture -o "$work/x.pcap" "$work/cut.log"
try 1 'the capture is damaged' capture -o "$work/x.pcap" "$work/damaged.log"
[ ! -e "$work/x.pcap" ] && result "no file of a capture that is not whole" good || result "no file of a capture that is not whole" bad
try 0 'x.pcap: 24 bytes' capture -n lan -o "$work/x.pcap" "$work/good.log"
[ "$(wc -c <"$work/x.pcap")" = 24 ] && result "a capture's file" good || result "a capture's file" bad
# Before anything runs; what a run writes is in test/system/io_test.py.
try 3 '--capture /nowhere/x.pcap: No such file' run --capture /nowhere/x.pcap "$work/x.img"
try 3 "--capture $work: Is a directory" run --capture "$work" "$work/x.img"
try 2 '--network lan is for --capture FILE' run --network lan "$work/x.img"
try 1 'none.img: No such file' run --capture "$work/y.pcap" none.img
[ -z "$(find "$work" -name 'y.pcap*')" ] && result "no file of a run that never was" good || result "no file of a run that never was" bad

echo "tool: $passed passed, $failed failed"
[ $failed -eq 0 ]
