# SPDX-License-Identifier: BSD-2-Clause
"""A guest that waits for an interrupt costs nothing: its core is free for others."""
import time

from boot_test import demo
from guest import check

WATCH_S = 10
# Of one core of the host, for all of the machine's cores together. Bare QEMU with the same guest takes 0.2 %; a
# VMM or kernel that goes round and round takes 100 %.
SHARE_MOST = 0.15


def test_idle_guests_leave_the_cores_alone(context):
    system = demo(context)
    for vm in system.vms():
        system.guest(vm.name).output("true")
    time.sleep(3)
    before = system.machine.cpu_seconds()
    time.sleep(WATCH_S)
    share = (system.machine.cpu_seconds() - before) / WATCH_S
    context.say(f"QEMU used {share:.1%} of a host core")
    check(share < SHARE_MOST, f"QEMU used {share:.0%} of a host core while all guests were idle")


def test_waiting_vcpus_block(context):
    """The VMM's own count: waits ended in sleeping, not in entering the guest again at once."""
    system = demo(context)
    for vm in system.vms():
        before = system.stats(vm.name)
        time.sleep(WATCH_S)
        after = system.stats(vm.name)
        waits = after["exits: wait for interrupt"] - before["exits: wait for interrupt"]
        check(after["times blocked"] > before["times blocked"], f"{vm.name}: no vCPU slept in {WATCH_S} s")
        # An idle Linux ticks 250 times a second at most.
        most = 2 * 250 * WATCH_S * vm.vcpus
        check(waits < most, f"{vm.name}: {waits} waits in {WATCH_S} s, over {most}")
