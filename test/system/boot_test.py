# SPDX-License-Identifier: BSD-2-Clause
"""The demo: unmodified Linux guests reach their shells, and find the machine that the description promises."""
import time

import guest
from bulkhead import System
from guest import check
from machine import TIME_SCALE

DEMO_BOOT_MOST_S = 120


def demo(context):
    """A demo whose guests are all at their shells; tests that leave it so share one."""
    def start():
        system = System(context)
        system.start_all()
        return system
    return context.shared("demo", start)


def test_boot_to_shells(context):
    started = time.monotonic()
    system = demo(context)
    vms = system.vms()
    check(len(vms) >= 2, f"the demo has {len(vms)} VM")
    check(all(vm.state == "running" for vm in vms), "not all VMs are running")
    took = time.monotonic() - started
    check(took < DEMO_BOOT_MOST_S * TIME_SCALE, f"it took {took:.0f} s")


def test_command_output(context):
    system = demo(context)
    for vm in system.vms():
        linux = system.guest(vm.name)
        check(linux.output("echo $((6 * 7))") == "42", f"{vm.name}: the shell cannot count")
        status, text = linux.run("ls /no-such-file")
        check(status == 1 and "No such file" in text, f"{vm.name}: 'ls' gave {status} and '{text}'")


def test_selftests(context):
    """All vCPUs run, each has its timer, sleeps are as long as asked, memory keeps what is written."""
    system = demo(context)
    for vm in system.vms():
        guest.check_selftests(system.guest(vm.name), vm.vcpus)


def test_clock(context):
    """PL031: the guest's real-time clock is near the machine's, which is near ours."""
    system = demo(context)
    for vm in system.vms():
        clock = system.guest(vm.name).selftest("rtc")
        check(clock["name"] == "rtc-pl031", f"{vm.name}: the clock is '{clock['name']}'")
        off_s = int(clock["epoch_s"]) - int(time.time())
        check(abs(off_s) < 60, f"{vm.name}: the clock is {off_s} s off")
