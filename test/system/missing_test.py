# SPDX-License-Identifier: BSD-2-Clause
"""What the description needs and the machine does not have: those VMs are refused that need it, with a line that
says what is missing and what to do; all others run, on the same services."""
import re

from bulkhead import LOG_LINE, System, image_option
from guest import check
from io_test import make_disk

DESCRIPTION = "test/system/systems/missing.dts"
QEMU_DEVICES = ("file=", "virtio-blk-device", "virtio-net-device")
REFUSED = {
    "store": "/vms/store/devices/whole needs the board's disk, which is not there: attach one, or take this device out",
    "uplink": "/vms/uplink/devices/net needs the board's network, which is not there: attach one, or take this device out",
    "memory": r"/vms/memory/devices/large: give its disk a smaller size-mib: root needs 1638400 KiB of memory: \d+ of \d+ KiB are free",
}
# More than the machine has. The tool refuses a description which asks for that.
TOO_MANY_FRAMES = 800


def start(context, **options):
    return System(context, DESCRIPTION, disk=make_disk(context.name), **options)


def expect_refused(system, name, reason):
    """By a line of the log at the start, and by the same answer to whoever tries again."""
    system.machine.expect(LOG_LINE.format(name="root") + f"error: {name}: not started: {reason}", 20, 0)
    answer = " ".join(system.shell(f"start {name}"))
    check(re.match("error: " + reason, answer), f"start {name} says '{answer}'")
    vm = system.vm(name)
    check(vm.state == "failed" and vm.starts == 0, f"{name} is {vm.state}, started {vm.starts} times")


def expect_runs(system, name):
    system.machine.expect("^tiny runs$", 20, system.console(name))
    system.wait_state(name, "running")


def test_those_who_need_it_are_refused(context):
    system = start(context, debugger=True, without=QEMU_DEVICES)
    # Of the board's devices none is there, so the first frames are those of the first disk in memory.
    with system.debugger.at(f"{image_option('--programs')}/root.elf", "arena_large_frames"):
        system.debugger.set_register(1, TOO_MANY_FRAMES)
    system.machine.expect("^count 3$", 60)
    for name, reason in REFUSED.items():
        expect_refused(system, name, reason)
    expect_runs(system, "spared")
    before = system.shell("memory")
    check("done" in " ".join(system.shell("restart spared")), "spared does not start again")
    expect_runs(system, "spared")  # until then its VMM has its start segment
    check(system.shell("memory") == before, "a restart of a VM that was spared left something behind")
    system.machine.expect(r"^(\[plain\] )?count \d+\n", 20, system.console("plain"))


def test_with_all_of_it_they_run(context):
    system = start(context)
    for name in (*REFUSED, "spared"):
        expect_runs(system, name)
