# SPDX-License-Identifier: BSD-2-Clause
"""32-bit programs (AArch32 at EL0) of a 64-bit Debian kernel, which reach into a device themselves: their instructions
have 2 bytes or 4, conditions, and traps of their own (test/guest/aarch32/)."""
import base64

import guest
from bulkhead import System
from guest import Guest, check

DESCRIPTION = "test/system/systems/aarch32.dts"
PROGRAM = "build/guest/aarch32"
GOOD, SIGILL, SIGBUS = 0, 128 + 4, 128 + 7
RTCMR = 0x09010004
LAST_STORED = 99


def install(linux):
    """The program is typed. Linux lends the clock's registers to a program only while no driver has them."""
    with open(PROGRAM, "rb") as file:
        text = base64.b64encode(file.read()).decode()
    linux.output(f"echo {text} | base64 -d >/tmp/aarch32; chmod +x /tmp/aarch32")
    linux.output("cd /sys/bus/amba/drivers/rtc-pl031; for d in *9010000*; do echo $d >unbind; done; cd /")


def expect(linux, letter, status):
    found, text = linux.run(f"/tmp/aarch32 {letter}")
    check(found == status, f"'aarch32 {letter}' ended with {found}, not {status}: {text}")
    return text


def check_programs(linux, loads):
    install(linux)
    check("hello from AArch32" in expect(linux, "h", GOOD), "it did not say hello")
    expect(linux, "z", GOOD)
    for letter in ("s", "S"):
        linux.output(f"devmem {RTCMR:#x} 32 0")
        expect(linux, letter, GOOD)
        stored = int(linux.output(f"devmem {RTCMR:#x}"), 16)
        check(stored == LAST_STORED, f"'{letter}' left {stored} in the clock, not {LAST_STORED}")
    for letter in ("l", "L"):
        expect(linux, letter, loads)
    expect(linux, "c", SIGILL)
    expect(linux, "w", SIGBUS)
    # The guest itself has taken no harm, and its 64-bit programs load as ever.
    check(linux.output("devmem 0x09010fe0") == "0x00000031", "a 64-bit program reads something else")
    check("hello from AArch32" in expect(linux, "h", GOOD), "it does not say hello any more")


def test_programs(context):
    """A load is refused: seL4 cannot set a register of a 32-bit program without making it a 64-bit one (docs/kernel.md)."""
    system = System(context, DESCRIPTION)
    check_programs(system.wait_ready("one"), SIGBUS)


def test_programs_natively(context):
    with context.machine([
            "qemu-system-aarch64", "-M", "virt,gic-version=2", "-cpu", "cortex-a53", "-m", "128", "-nodefaults",
            "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", guest.KERNEL, "-initrd", guest.INITRD,
            "-append", "console=ttyAMA0 hostname=native"], fatal=[guest.PANIC]) as machine:
        machine.expect(guest.READY, 60)
        linux = Guest(machine, "native")
        linux.output("true")
        check_programs(linux, GOOD)
