# SPDX-License-Identifier: BSD-2-Clause
"""The PCI bus of a Linux guest: what it finds there, and that interrupts come as messages or by lines."""
import re

from bulkhead import System
from guest import check

DESCRIPTION = "test/system/systems/pci.dts"
PLACE = "0000:00:01.0"
FUNCTION = f"/sys/bus/pci/devices/{PLACE}"
DRIVER = "/sys/bus/pci/drivers/virtio-pci"
LINE_INTID = 36
BYTES, REQUEST_BYTES = 4096, 64


def pci(context):
    def start():
        system = System(context, DESCRIPTION)
        system.start_all()
        return system
    return context.shared("pci", start)


def interrupts(linux, name):
    """(number, how often for each CPU, how) of an interrupt in /proc/interrupts."""
    text = linux.output("cat /proc/interrupts")
    row = re.search(rf"^ *(\d+): +((?:\d+ +)+)(.*) {name}$", text, re.MULTILINE)
    check(row, f"{linux.name} has no interrupt {name}: {text}")
    return int(row.group(1)), [int(count) for count in row.group(2).split()], row.group(3)


def draw(linux):
    """Takes random bytes from the device; fails if they look like anything else."""
    current = linux.output("cat /sys/class/misc/hw_random/rng_current")
    check(current.startswith("virtio_rng"), f"{linux.name}: entropy comes from '{current}'")
    packed = linux.output(f"dd if=/dev/hwrng bs={REQUEST_BYTES} count={BYTES // REQUEST_BYTES} 2>/dev/null |"
                          " gzip -c | wc -c", 60)
    check(int(packed) > BYTES, f"{linux.name}: {BYTES} random bytes can be packed into {packed}")


def rebind(linux):
    linux.output(f"echo {PLACE} >{DRIVER}/unbind")
    linux.output(f"echo {PLACE} >{DRIVER}/bind")


def test_bus(context):
    """The host bridge, its windows and the controller of messages are where the device tree says."""
    log = pci(context).guest("messages").output("dmesg | grep -iE 'pci|GICv'")
    for line in ["ECAM at [mem 0x3f000000-0x3fffffff] for [bus 00-0f]",
                 "root bus resource [io  0x0000-0xffff]",
                 "root bus resource [mem 0x10000000-0x3efeffff]"]:
        check(line in log, f"Linux does not say '{line}'")
    version_2 = "GICv2m: range[mem 0x08020000-0x08020fff], SPI[80:143]" in log
    version_3 = "MBI range [80:143]" in log and "Using MBI frame 0x0000000008000000" in log
    check(version_2 != version_3, "Linux says of no one controller of messages that it has 64 SPIs")
    for fault in ["no space for", "failed to assign", "can't claim", "Memory resource size exceeds"]:
        check(fault not in log, f"Linux says '{fault}'")


def test_function(context):
    linux = pci(context).guest("messages")
    check(linux.output("ls /sys/bus/pci/devices") == PLACE, "not the functions of the description")
    number = linux.output(f"cd {FUNCTION}; cat vendor device class revision").split()
    check(number == ["0x1af4", "0x1044", "0x00ff00", "0x01"], f"the function is {number}")
    bars = [line.split() for line in linux.output(f"cat {FUNCTION}/resource").splitlines()]
    sizes = [int(last, 16) - int(first, 16) + 1 for first, last, flags in bars if int(flags, 16) != 0]
    check(sizes == [0x4000, 0x1000], f"it has BARs of {sizes}")
    check(linux.output(f"basename $(readlink {FUNCTION}/driver)") == "virtio-pci", "it has no driver")
    check(len(linux.output(f"ls {FUNCTION}/msi_irqs").split()) == 2, "it has not two vectors")


def test_messages(context):
    """The queue has a message of its own, which comes to the CPU that the guest wants."""
    linux = pci(context).guest("messages")
    number, before, how = interrupts(linux, "virtio0-input")
    check("MSI" in how and "Edge" in how, f"the interrupt is '{how}'")
    for cpu in [1, 0]:
        linux.output(f"echo {1 << cpu} >/proc/irq/{number}/smp_affinity")
        draw(linux)
        _, after, _ = interrupts(linux, "virtio0-input")
        came = [late - early for late, early in zip(after, before)]
        check(came[cpu] >= BYTES // REQUEST_BYTES // 2, f"{came} messages, CPU {cpu} was to get them")
        check(came[1 - cpu] <= 2, f"{came} messages, CPU {1 - cpu} was to get none")
        before = after


def test_lines(context):
    """A guest that uses no messages gets the same by its line, which the tree's map says."""
    linux = pci(context).guest("lines")
    _, before, how = interrupts(linux, "virtio0")
    check(f" {LINE_INTID} Level" in how, f"the interrupt is '{how}'")
    draw(linux)
    _, after, _ = interrupts(linux, "virtio0")
    check(sum(after) - sum(before) >= BYTES // REQUEST_BYTES // 2, f"{before}, then {after} interrupts")
    check("nobody cared" not in linux.output("dmesg"), "an interrupt was nobody's")


def test_unbind_and_remove(context):
    """A driver that comes back finds the device as it was at first; so does one of a function found anew."""
    for name in ["messages", "lines"]:
        linux = pci(context).guest(name)
        for _ in range(3):
            rebind(linux)
            draw(linux)
        linux.output(f"echo 1 >{FUNCTION}/remove")
        check(linux.output("ls /sys/bus/pci/devices") == "", f"{name}: {PLACE} is still there")
        linux.output("echo 1 >/sys/bus/pci/rescan")
        check(linux.output("ls /sys/bus/pci/devices") == PLACE, f"{name}: {PLACE} is not found again")
        draw(linux)


def test_messages_that_miss(context):
    """Messages to the guest's own memory change nothing there, and the device goes on when it has a driver
    again. The queue's vector is the second in the table: its address is at 0x10 of the second BAR."""
    system = pci(context)
    linux = system.guest("messages")
    if linux.run("which devmem")[0] != 0:
        context.skip("the guest's busybox has no devmem")
    address = int(linux.output(f"sed -n 2p {FUNCTION}/resource").split()[0], 16) + 0x10
    good = int(linux.output(f"devmem {address:#x} 32"), 16)
    check(good in [0x08000040, 0x08020040], f"messages go to {good:#x}")
    _, before, _ = interrupts(linux, "virtio0-input")
    linux.output(f"devmem {address:#x} 32 0x40000000")
    linux.run("timeout 2 dd if=/dev/hwrng bs=64 count=4 of=/dev/null 2>/dev/null", 60)
    _, after, _ = interrupts(linux, "virtio0-input")
    check(before == after, f"{before}, then {after} interrupts by messages that went elsewhere")
    linux.output(f"devmem {address:#x} 32 {good:#x}")
    rebind(linux)
    draw(linux)
    check(system.vm("messages").starts == 1, "the VM was started again")
