# SPDX-License-Identifier: BSD-2-Clause
"""The guest's files on bare QEMU: if these fail, do not look for the fault in Bulkhead."""
import guest
from guest import Guest, check

KERNEL_NAME = "none, bare QEMU"
CPUS = 2


def boot(context, gic):
    return context.machine([
        "qemu-system-aarch64", "-M", f"virt,gic-version={gic}", "-cpu", "cortex-a53", "-smp", str(CPUS), "-m", "256",
        "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
        "-kernel", guest.KERNEL, "-initrd", guest.INITRD, "-append", "console=ttyAMA0 hostname=native",
    ], fatal=[guest.PANIC])


def test_guest_artifacts_boot_natively(context):
    with boot(context, 2) as machine:
        ready = machine.expect(guest.READY, 60)
        check(int(ready.group(1)) == CPUS, f"{ready.group(1)} CPUs, not {CPUS}")
        linux = Guest(machine, "native")
        check(linux.output("echo $((6 * 7))") == "42", "the shell cannot count")
        status, text = linux.run("false")
        check((status, text) == (1, ""), f"'false' gave {status} and '{text}'")
        guest.check_selftests(linux, CPUS)
        machine.send_line("poweroff")
        check(machine.wait_end(20) == 0, "QEMU ended with an error")


def test_guest_reboots_natively(context):
    with boot(context, 3) as machine:
        machine.expect(guest.READY, 60)
        Guest(machine, "native").output("true")
        machine.send_line("reboot")
        machine.expect("reboot: Restarting system", 20)
        machine.wait_end(20)


def test_guest_interrupt_key_natively(context):
    with boot(context, 2) as machine:
        machine.expect(guest.READY, 60)
        linux = Guest(machine, "native")
        linux.output("true")
        linux.interrupt_key()


def test_paste_natively(context):
    with boot(context, 2) as machine:
        machine.expect(guest.READY, 60)
        linux = Guest(machine, "native")
        linux.output("true")
        linux.paste(context.bytes(100_000))
