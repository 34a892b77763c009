# SPDX-License-Identifier: BSD-2-Clause
"""What is run: each case builds an image, runs it, and turns what the guest said into results.

A result is name: (value, unit). The unit "ins" is instructions for one of them.
"""
import os
import re
import struct
import subprocess

from machine import NS_PER_TICK, instructions

GUESTS = "build/guest"
SECOND_VM = 2  # its number on the console
TRIES = 6


def vm(name, kernel, *properties):
    lines = "".join(f"\t\t\t{line};\n" for line in (f'kernel = "{kernel}"', *properties))
    return f"\t\t{name} {{\n{lines}\t\t}};\n"


class Case:
    """`names` are the results that it gives; `needs` says whether the kernel can."""

    def __init__(self, name, names, run, needs=lambda bench: True):
        self.name, self.names, self.run, self.needs = name, names.split(), run, needs


def gic_version(bench):
    """Of the kernel that images are built for."""
    return 3 if "v3" in bench.kernel or "gic3" in bench.kernel else 2


def alone(guest, names, *properties):
    """A guest with the machine for itself: in a VM and on bare QEMU."""
    def run(bench):
        image = bench.image(guest, vm("bench", f"bench-{guest}.elf", "memory-mib = <16>", *properties))
        measured = bench.run(guest, image)
        native = bench.run_native(guest, f"{GUESTS}/bench-{guest}.elf", gic_version(bench))
        results = {name: (instructions(result), "ins") for name, result in measured if name in names}
        results.update({"native." + name: (instructions(result), "ins") for name, result in native if name in results})
        return results
    return run


def core_count(bench):
    """Of the kernel that images are built for."""
    return int(re.search(r"v\d-(\d)|smp(\d)", bench.kernel).expand(r"\1\2"))


def pair(name, cores):
    """A guest with two vCPUs on these cores. The first one sends; see machine.py on why its core has a higher number.

    Of the runs on several cores some never get past the kernel's start: QEMU gives one core no turn any more, or not,
    as the host's threads happen to be scheduled. Those that do end all say the same, so another try is no other result.
    """
    def run(bench):
        image = bench.image(name, vm("bench", "bench-pair.elf", "memory-mib = <16>", "vcpus = <2>", f"cores = <{cores}>"))
        ((_, result),) = bench.run(name, image, tries=1 if core_count(bench) == 1 else TRIES)
        return {name: (instructions(result), "ins")}
    return run


RTC = ("devices {\n\t\t\t\tserial@9000000 {\n\t\t\t\t\tdevice = \"pl011\";\n\t\t\t\t};\n"
       "\t\t\t\trtc@9010000 {\n\t\t\t\t\tdevice = \"pl031\";\n\t\t\t\t\tpassthrough = \"yes\";\n\t\t\t\t};\n\t\t\t}")


def floor(program, rename=None):
    """A bench guest on the floor: what the kernel alone charges for the same."""
    def run(bench):
        image = bench.image(f"floor_{program}", vm("unused", "tiny.elf", "memory-mib = <16>"), root=f"floor_{program}")
        return {f"floor.{rename or name}": (instructions(result), "ins")
                for name, result in bench.run(f"floor_{program}", image) if name != "timer.tick.total"}
    return run


def has_cores(bench):
    return core_count(bench) > 1


def milliseconds(ticks):
    return round(ticks * NS_PER_TICK / 1e6, 3)


def microseconds(ticks):
    return round(ticks * NS_PER_TICK / 1e3, 2)


def linux_image(bench):
    """An Image that says when it enters the Linux which is in it (bench/guest/linux.c); returns its folder."""
    with open(f"{GUESTS}/bench-linux.bin", "rb") as file:
        before = file.read()
    with open(f"{GUESTS}/vmlinuz", "rb") as file:
        linux = file.read()
    offset, page = 2 << 20, 4096
    size = offset + struct.unpack_from("<Q", linux, 16)[0]
    # Its code jumps over a page, so that what is behind it lies in pages as it was linked.
    header = struct.pack("<IIQQQ24s4sI", 0x14000000 | page // 4, 0, 0, size, 0xa, b"", b"ARM\x64", 0)
    with open(f"{bench.folder}/linux.image", "wb") as file:
        file.write((header.ljust(page, b"\0") + before).ljust(offset, b"\0") + linux)
    return f"{bench.folder}/linux.image"


BOOTARGS = "console=ttyAMA0 rdinit=/bench-init"
INITRD = "bench-initramfs.cpio.gz"


def linux_vm(name, bootargs, *properties):
    return vm(name, "linux.image", "memory-mib = <256>", f'initrd = "{INITRD}"', f'bootargs = "{bootargs}"', *properties)


def boot_ms(results):
    said = dict(results)
    return (milliseconds(said["boot.init"][0] - said["boot.entry"][0]), "ms")


def boot_linux(suffix, bootargs):
    """From the entry of Debian's kernel to its first process: in a VM, and on bare QEMU."""
    def run(bench):
        kernel = linux_image(bench)
        image = bench.image("linux" + suffix, linux_vm("linux", bootargs))
        native = bench.run_native("linux" + suffix, kernel, gic_version(bench), [
            "-initrd", f"{GUESTS}/{INITRD}", "-append", bootargs])
        return {"boot.linux" + suffix: boot_ms(bench.run("linux" + suffix, image)),
                "boot.native" + suffix: boot_ms(native)}
    return run


IMAGES_BYTES = 34 << 20  # kernel and initrd of the VM that is reset: Debian's are that large


def reset(bench):
    """From a guest's SYSTEM_RESET to its first instruction, with the files of a Linux."""
    with open(f"{bench.folder}/large.initrd", "wb") as file:
        file.write(bytes(range(256)) * (IMAGES_BYTES // 256))
    image = bench.image("reset", vm("life", "bench-life.elf", "memory-mib = <256>", 'initrd = "large.initrd"'))
    said = dict(bench.run("reset", image, until="start"))
    return {"boot.reset_to_guest": (milliseconds(said["reset_to_guest"][0]), "ms")}


WATCH = vm("watch", "bench-watch.elf", "memory-mib = <16>", "priority = <50>", "cores = <0>")


def front(name):
    return f'\tconsole {{\n\t\tattach = "{name}";\n\t}};\n'


def life(bench):
    """A small VM is powered off, and then stays off or is made again, while another one on its core sees for how long
    nobody else ran."""
    said = {}
    for restart in ("never", "always"):
        image = bench.image("life-" + restart, WATCH + vm("life", "bench-life.elf", "memory-mib = <16>", "cores = <0>",
                                                          f'restart = "{restart}"'), before=front("watch"))
        said[restart] = bench.run("life-" + restart, image, keys=[f"\x14{SECOND_VM}"])
    values = dict(said["always"])
    off = values["off_at"][0]
    destroyed = next(gap[1] for name, gap in said["never"] if name == "gap" and gap[0] < off < gap[1])
    return {"vm.destroy": (microseconds(destroyed - off), "us"),
            "vm.create": (microseconds(values["made_at"][0] - destroyed), "us"),
            "vm.start": (microseconds(values["start"][0]), "us")}


def share_lost(result):
    return round(100 * result[0] / result[1], 3)


def idle(bench):
    """What a neighbour of lower priority loses to an idle Linux: half a second, long after its boot."""
    linux_image(bench)
    image = bench.image("idle", WATCH + linux_vm("linux", BOOTARGS, "cores = <0>"), before=front("watch"))
    return {"idle.share": (share_lost(dict(bench.run("idle", image))["lost"]), "%")}


def spin(bench):
    """What a neighbour of lower priority keeps, in % of what is left for it: 80 % of the time."""
    image = bench.image("spin", WATCH + vm("spin", "bench-spin.elf", "memory-mib = <16>", "budget-us = <2000>",
                                           "period-us = <10000>", "cores = <0>"), before=front("watch"))
    lost = share_lost(dict(bench.run("spin", image))["lost"])
    return {"spin.neighbour": (round((100 - lost) / 0.8, 2), "%")}


EXITS = "exit.hypercall exit.hypercall_smc exit.sysreg exit.gic_read exit.gic_write exit.uart_read exit.unknown"
IRQS = "irq.sgi_self irq.eoi timer.deadline timer.eoi timer.tick wfi.wake"
TICK_BEGINS, TICK_ENDS = "FAR 0xb000010", "FAR 0xb000020"  # the marks of bench/guest/irq.c


def tick_entries(bench):
    """How often a timer tick enters the kernel, and how often the VMM, from QEMU's log of exceptions."""
    image = bench.image("tick", vm("bench", "bench-irq.elf", "memory-mib = <16>"))
    log = f"{bench.folder}/tick.exceptions"
    ticks = dict(bench.run("tick", image, extra=["-d", "int", "-D", log]))["timer.tick.total"][0]
    kernel = vmm = 0
    counting = from_guest = False
    with open(log, encoding="latin-1") as lines:
        for line in lines:
            if TICK_BEGINS in line or TICK_ENDS in line:
                counting = TICK_BEGINS in line
                from_guest = False
            elif counting and line.startswith("...from EL"):
                kernel += line.endswith("to EL2\n")
                from_guest |= line == "...from EL1 to EL2\n"
            elif counting and line.startswith("Exception return from AArch64 EL2 to AArch64 EL0"):
                vmm += from_guest
                from_guest = False
    os.unlink(log)
    return {"timer.tick.kernel_entries": (round(kernel / ticks, 2), "entries"),
            "timer.tick.vmm_entries": (round(vmm / ticks, 2), "entries")}


STACK = re.compile(r"^[0-9a-f]+ ([0-9a-f]+) [bB] .*stack", re.MULTILINE)


def memory(bench):
    """What a VM with one vCPU has beside its RAM, by root's books; each owner's part, and their sum."""
    image = bench.image("memory", vm("bench", "bench-exits.elf", "memory-mib = <16>", "cores = <0>")
                        + vm("spin", "bench-spin.elf", "memory-mib = <16>", "cores = <0>", "priority = <50>"),
                        before='\tconsole {\n\t\tlog-level = "debug";\n\t};\n')
    row = bench.run_text("memory", image, [(r"spin: memory: .*\n", "")])
    owners = {owner: int(size) for owner, size in re.findall(r"([a-z]+) (\d+)", row.split("memory: ")[1])}
    symbols = subprocess.run(["aarch64-linux-gnu-nm", "-S", f"{bench.programs}/vmm.elf"], capture_output=True,
                             text=True, check=True).stdout
    owners["stacks"] = sum(int(size, 16) for size in STACK.findall(symbols))
    owners["state"] -= owners["stacks"]
    results = {f"mem.per_vm.{owner}": (round(size / 1024, 2), "KiB") for owner, size in owners.items()}
    return {"mem.per_vm": (round(sum(owners.values()) / 1024), "KiB"), **results}


SECTION = re.compile(r"^ *\[ *\d+\] (\S+) +(\S+) +[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+) \d\d +(W?A\S*) ", re.MULTILINE)


def program(bench):
    """What a VMM holds of its program: code and constants while its guest runs, those it begins with, zeroed memory."""
    sections = subprocess.run(["aarch64-linux-gnu-readelf", "-SW", f"{bench.programs}/vmm.elf"], capture_output=True,
                              text=True, check=True).stdout
    sizes = {"text": 0, "start": 0, "bss": 0}
    for name, kind, size, flags in SECTION.findall(sections):
        part = "start" if name == ".start" else "bss" if kind == "NOBITS" else "text" if "W" not in flags else None
        if part is not None:
            sizes[part] += int(size, 16)
    return {f"size.vmm_{part}": (round(size / 1024, 1), "KiB") for part, size in sizes.items()}


DEVICE = "irq.device irq.device_eoi"
SAME, CROSS = "irq.sgi_same_core", "irq.sgi_cross_core"

CASES = [
    Case("exits", EXITS, alone("exits", EXITS)),
    Case("floor of exits", EXITS, floor("exits")),
    Case("irq", IRQS, alone("irq", IRQS)),
    Case("floor of irq", IRQS, floor("irq")),
    Case("device", DEVICE, alone("device", DEVICE, RTC)),
    Case("floor of device", DEVICE, floor("device")),
    Case("tick", "timer.tick.kernel_entries timer.tick.vmm_entries", tick_entries),
    Case(SAME, SAME, pair(SAME, "0 0")),
    Case("floor of " + SAME, SAME, floor("same_core", SAME)),
    Case(CROSS, CROSS, pair(CROSS, "1 0"), has_cores),
    Case("boot", "boot.linux boot.native", boot_linux("", BOOTARGS)),
    Case("boot quiet", "boot.linux_quiet boot.native_quiet", boot_linux("_quiet", BOOTARGS + " quiet")),
    Case("reset", "boot.reset_to_guest", reset),
    Case("life", "vm.create vm.start vm.destroy", life),
    Case("memory", "mem.per_vm", memory),
    Case("program", "size.vmm_text size.vmm_start size.vmm_bss", program),
    Case("idle", "idle.share", idle),
    Case("spin", "spin.neighbour", spin),
]


def matching(patterns, bench):
    """The cases that give a result which has one of the patterns in its name."""
    for case in CASES:
        wanted = not patterns or any(pattern in name for pattern in patterns for name in case.names)
        if wanted and case.needs(bench):
            yield case
