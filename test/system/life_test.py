# SPDX-License-Identifier: BSD-2-Clause
"""Starting, stopping, restarting and crashing one VM, while the other one must notice nothing."""
import contextlib
import re

from boot_test import demo
from bulkhead import LOG_LINE, System
from guest import check

BOOT_AND_UPTIME = "echo $(cat /proc/sys/kernel/random/boot_id) $(cut -d. -f1 /proc/uptime)"
# A count takes a second and what the guest needs to start `sleep`, of a core that another VM boots on.
COUNT_LEAST = 0.3


@contextlib.contextmanager
def counting(system, name):
    """The guest of `name` counts seconds meanwhile: it must not leave any out, stand still or start again."""
    guest = system.guest(name)
    boot, started_s = guest.output(BOOT_AND_UPTIME).split()
    guest.output("count >/tmp/count & true")
    yield
    guest = system.guest(name)
    numbers = [int(number) for number in re.findall(r"count (\d+)", guest.output("cat /tmp/count; kill $!"))]
    boot_now, ended_s = guest.output(BOOT_AND_UPTIME).split()
    check(boot_now == boot, f"{name} was restarted too")
    check(numbers == list(range(1, len(numbers) + 1)), f"{name} counted {numbers[-5:]}")
    passed_s = int(ended_s) - int(started_s)
    check(len(numbers) >= COUNT_LEAST * passed_s - 2, f"{name} counted to {len(numbers)} in {passed_s} s")


def two(system):
    first, second = system.vms()[:2]
    return first, second


def test_reboot_from_inside(context):
    system = demo(context)
    one, other = two(system)
    with counting(system, other.name):
        system.guest(one.name).machine.send_line("reboot")
        system.wait_ready_again(one.name, one.starts + 1)


def test_poweroff_from_inside_and_start(context):
    system = demo(context)
    one, other = two(system)
    before = free_memory_kib(system)
    with counting(system, other.name):
        system.guest(one.name).machine.send_line("poweroff")
        system.wait_state(one.name, "stopped")
        check(free_memory_kib(system) > before, "no memory came back from a VM that powered off")
        system.shell(f"start {one.name}")
        system.wait_ready_again(one.name, one.starts + 1)
    check(free_memory_kib(system) == before, "a power-off and a start left another amount of memory free")


def test_stop_and_start_from_the_shell(context):
    system = demo(context)
    one, other = two(system)
    with counting(system, other.name):
        system.shell(f"stop {one.name}")
        system.wait_state(one.name, "stopped")
        system.shell(f"start {one.name}")
        system.wait_ready_again(one.name, one.starts + 1)


def test_restart_from_the_shell(context):
    system = demo(context)
    one, other = two(system)
    with counting(system, one.name):
        system.shell(f"restart {other.name}")
        system.wait_ready_again(other.name, other.starts + 1)


def test_restart_after_vmm_crash(context):
    """The VMM of one VM dies: root says so, and starts it again as its description says."""
    system = System(context, debugger=True)
    system.start_all()
    one, other = two(system)
    with counting(system, other.name):
        system.front_shell()
        since = system.machine.mark()
        system.crash(one.name)
        system.machine.expect(LOG_LINE.format(name="root") + f"error: {re.escape(one.name)}: .* at pc 0x0", 30, since)
        system.wait_ready_again(one.name, one.starts + 1)


def free_memory_kib(system):
    """What root has left, from the shell's `memory`."""
    units = {"KiB": 1, "MiB": 1024, "GiB": 1024 * 1024}
    for line in system.shell("memory"):
        match = re.match(r" +free +(\d+) (\w+)", line)
        if match:
            return int(match.group(1)) * units[match.group(2)]
    raise AssertionError("'memory' does not say what is free")
