#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Benchmarks of disks, networks and consoles; see docs/performance-io.md for what each name means.

usage: bench_io.py [PATTERN...]   only what has one of the words in its name; run by `make bench-io`

The board's disk is QEMU's null-co, which answers at once: what is counted are instructions, and no host's disk is
in them. Its answer still comes from QEMU's main loop, on a thread of its own: both are held on one host processor and
scheduled in batches, so that the answer comes when the guest's machine has nothing more to do.
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

from bench import MACHINE, commit, number  # noqa: E402
from cases import gic_version, vm  # noqa: E402
from machine import Bench, Failure, NS_PER_TICK, run_tool  # noqa: E402

OUTPUT = "build/bench-io.json"
GUESTS = "build/guest"
COPY_INS_PER_BYTE = 12 / 64  # lib/bytes.c on the target
DISK = "null-co://"
BOARD_DISK = '\tdisks {\n\t\tdisk {\n\t\t\tbackend = "virtio-blk";\n\t\t};\n\t};\n'
RAM_DISK = '\tdisks {\n\t\tdisk {\n\t\t\tbackend = "ram";\n\t\t\tsize-mib = <2>;\n\t\t};\n\t};\n'
ZERO_COPY = 'zero-copy = "yes"'
HELD = ["chrt", "--batch", "0", "taskset", "-c", str(max(os.sched_getaffinity(0)))]


def device(name, *properties):
    lines = "".join(f"\t\t\t\t\t{line};\n" for line in properties)
    return f"\t\t\t\t{name} {{\n{lines}\t\t\t\t}};\n"


def io_vm(name, kernel, *devices):
    uart = device("serial@9000000", 'device = "pl011"')
    node = vm(name, kernel, "memory-mib = <16>", "cores = <0>")
    return node[:-len("\t\t};\n")] + f"\t\t\tdevices {{\n{uart}{''.join(devices)}\t\t\t}};\n\t\t}};\n"


def results_of(said):
    results = {name: (ticks, count) for name, (ticks, count) in said}
    if not results:
        raise Failure("the guest measured nothing")
    return results


def run(bench, name, image, board_disk=False):
    command = run_tool("run", "--dry-run", *(["--disk", DISK] if board_disk else []), image).split()
    return results_of(bench.run_command(name, [*HELD, *command]))


def run_native(bench, name, guest, *extra):
    return results_of(bench.run_command(f"{name}-native", [
        *HELD, "qemu-system-aarch64", "-machine", f"virt,gic-version={gic_version(bench)}", "-cpu", "cortex-a53",
        "-m", "512", "-display", "none", "-nic", "none", "-serial", "mon:stdio", "-kernel", f"{GUESTS}/{guest}",
        "-global", "virtio-mmio.force-legacy=false", *extra]))


def ins(result):
    return (round(result[0] * NS_PER_TICK / result[1]), "ins")


def ratio(result):
    return (round(result[0] / result[1], 3), "")


def block_names(prefix, said):
    more = ins(said["read_32k"])[0] - ins(said["read_4k"])[0]
    results = {f"{prefix}copies_per_byte": (round(more / (32768 - 4096) / COPY_INS_PER_BYTE, 2), "")}
    for name, result in said.items():
        base, _, what = name.partition(".")
        if what == "":
            results[f"{prefix}{name}"] = ins(result)
        elif base in ("read_4k", "read_4k_qd32"):
            results[f"{prefix}{what}_per_request_qd{32 if base.endswith('32') else 1}"] = ratio(result)
    return results


def block(name, disks, prefix, *properties):
    def case(bench):
        disk = device("disk", 'device = "virtio-blk"', 'disk = "disk"', *properties)
        image = bench.image(name, io_vm("bench", "bench-io-blk.elf", disk), before=disks)
        return block_names(prefix, run(bench, name, image, board_disk=disks == BOARD_DISK))
    return case


def block_native(bench):
    said = run_native(bench, "blk", "bench-io-blk.elf", "-drive", f"file={DISK},if=none,format=raw,id=disk",
                      "-device", "virtio-blk-device,drive=disk")
    return block_names("native.blk.", said)


def net_vm(name, number):
    return io_vm(name, "bench-io-net.elf", device("net", 'device = "virtio-net"', 'network = "lan"',
                                                  f'mac = "02:be:00:00:00:0{number}"'))


NETWORK = "\tnetworks {\n\t\tlan {\n\t\t};\n\t};\n"


def net(bench):
    """tx: to the switch, which drops it. rx: what a whole way from guest to guest costs more than that."""
    alone = run(bench, "net-alone", bench.image("net-alone", net_vm("bench", 3), before=NETWORK))
    pair = run(bench, "net-pair", bench.image("net-pair", net_vm("bench", 1) + net_vm("echo", 2), before=NETWORK))
    results = {}
    for size in ("64", "1514", "64_burst32", "1514_burst32"):
        sent, way = ins(alone[f"alone_{size}"])[0], ins(pair[f"pair_{size}"])[0] // 2
        results[f"net.tx_{size}"] = (sent, "ins")
        results[f"net.rx_{size}"] = (way - sent, "ins")
        results[f"net.way_{size}"] = (way, "ins")
    for what in ("kicks", "interrupts"):
        for depth, size in ((1, "64"), (32, "64_burst32")):
            results[f"net.{what}_per_packet_burst{depth}"] = ratio(pair[f"pair_{size}.{what}"])
    return results


LINUX_ARGS = "console=ttyAMA0 quiet rdinit=/bench-io-init"
LINUX_INITRD = "bench-io-initramfs.cpio.gz"


def linux(name, transport, prefix):
    """A program of a Debian guest that reads and writes its disk past the page cache."""
    def case(bench):
        disk = device("disk", 'device = "virtio-blk"', 'disk = "disk"', f'transport = "{transport}"')
        node = io_vm("linux", "vmlinuz", disk).replace(
            "memory-mib = <16>;", f'memory-mib = <128>;\n\t\t\tinitrd = "{LINUX_INITRD}";\n'
            f'\t\t\tbootargs = "{LINUX_ARGS}";')
        said = run(bench, name, bench.image(name, node, before=BOARD_DISK), board_disk=True)
        return {f"{prefix}{key}": ins(result) for key, result in said.items()}
    return case


def linux_native(name, model, prefix):
    def case(bench):
        said = run_native(bench, name, "vmlinuz", "-drive", f"file={DISK},if=none,format=raw,id=disk", "-device",
                          f"{model},drive=disk", "-initrd", f"{GUESTS}/{LINUX_INITRD}", "-append", LINUX_ARGS)
        return {f"{prefix}{key}": ins(result) for key, result in said.items()}
    return case


def console(bench):
    image = bench.image("console", io_vm("bench", "bench-io-console.elf", device("console", 'device = "virtio-console"')))
    ours = run(bench, "console", image)
    native = run_native(bench, "console", "bench-io-console.elf", "-device", "virtio-serial-device", "-chardev",
                        "null,id=null", "-device", "virtconsole,chardev=null")
    results = {f"console.{name}": (round(ticks * NS_PER_TICK / count, 1), "ins")
               for name, (ticks, count) in ours.items() if name != "end"}
    results.update({f"native.console.{name}": (round(ticks * NS_PER_TICK / count, 1), "ins")
                    for name, (ticks, count) in native.items() if name != "end"})
    return results


CASES = {
    "blk.board": block("blk", BOARD_DISK, "blk."),
    "blk.native": block_native,
    "blk.ram": block("blk-ram", RAM_DISK, "blk.ram_"),
    "blk.zero_copy.board": block("blk-zero-copy", BOARD_DISK, "blk.zero_copy.", ZERO_COPY),
    "blk.zero_copy.ram": block("blk-zero-copy-ram", RAM_DISK, "blk.zero_copy.ram_", ZERO_COPY),
    "blk.linux.mmio": linux("blk-linux", "mmio", "blk."),
    "blk.linux.mmio.native": linux_native("blk-linux", "virtio-blk-device", "native.blk."),
    "blk.linux.pci": linux("blk-linux-pci", "pci", "blk.pci_"),
    "blk.linux.pci.native": linux_native("blk-linux-pci", "virtio-blk-pci,ioeventfd=off", "native.blk.pci_"),
    "net.": net,
    "console.": console,
}


def table(results):
    row = "{:36} {:>12} {:4} {:>12} {:>8}"
    print(row.format("name", "ours", "", "native", "ratio"))
    for name, (value, unit) in results.items():
        if not name.startswith("native."):
            native = results.get("native." + name, (None,))[0]
            print(row.format(name, number(value), unit, number(native), f"{value / native:.2f}" if native else "-"))


def main():
    bench = Bench(os.environ["KERNEL_NAME"], os.environ.get("IMAGE_OPTIONS", ""), os.environ["BENCH_PROGRAMS"])
    print(f"# kernel: {bench.kernel}\n# machine: {MACHINE}; disk {DISK}")
    results, failed = {}, 0
    for name, case in CASES.items():
        if sys.argv[1:] and not any(pattern in name for pattern in sys.argv[1:]):
            continue
        try:
            results.update(case(bench))
        except Failure as failure:
            failed += 1
            print(f"# {name}: FAILED: {failure}", flush=True)
    table(results)
    head = commit()
    with open(OUTPUT, "w", encoding="ascii") as file:
        json.dump([{"name": name, "value": value, "unit": unit, "kernel": bench.kernel, "machine": MACHINE,
                    "commit": head} for name, (value, unit) in results.items()], file, indent=1)
        file.write("\n")
    print(f"bench-io: {len(results)} results, {failed} runs failed; written to {OUTPUT}")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
