# SPDX-License-Identifier: BSD-2-Clause
"""The most vCPUs that a VM can have, on fewer real cores: all work, and Linux can take each away and back."""
import re

import guest
from bulkhead import System
from guest import check

DESCRIPTION = "test/system/systems/eight.dts"
VM = "eight"
CPUS = 8
# Of a sleep of a second: eight vCPUs share what may be one core.
TIMER_MOST_CS = 300
STEP_S = 60


def eight(context):
    def start():
        system = System(context, DESCRIPTION)
        system.wait_ready(VM)
        return system
    return context.shared("eight", start)


def check_online(linux, cpus):
    """Fails unless Linux says that just these CPUs are online."""
    text = linux.output("cat /sys/devices/system/cpu/online", STEP_S)
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    check(found == list(cpus), f"CPUs {text} are online, not {list(cpus)}")


def switch(linux, cpu, on):
    linux.output(f"echo {int(on)} >/sys/devices/system/cpu/cpu{cpu}/online", STEP_S)


def ticks_of(linux, cpu):
    """Timer interrupts that a CPU took, seen while a process keeps it busy for a second."""
    column = f"awk '/arch_timer/ {{ print ${cpu + 2} }}' /proc/interrupts"
    busy = f"timeout 1 taskset {1 << cpu:x} sh -c 'while :; do :; done'"
    # The shell says "Terminated" as well.
    before, after = re.findall(r"^\d+$", linux.output(f"{column}; {busy}; {column}", STEP_S), re.MULTILINE)
    return int(after) - int(before)


def test_eight_vcpus(context):
    """nproc, a process and timer interrupts on each CPU, sleeps, memory."""
    linux = eight(context).guest(VM)
    check(linux.output("nproc") == str(CPUS), "not all CPUs are there")
    guest.check_selftests(linux, CPUS, TIMER_MOST_CS)


def test_parallel_job(context):
    """A job with as many processes as CPUs, which Linux itself spreads."""
    result = eight(context).guest(VM).selftest("parallel", 120)
    check(int(result["workers"]) == CPUS, f"{result['workers']} of {CPUS} workers ended")
    check(int(result["results"]) == 1, f"{result['results']} different results of the same work")
    check(int(result["cpus"]) == CPUS, f"only {result['cpus']} CPUs did any of it")


def test_cpu_hotplug(context):
    """PSCI's CPU_OFF, AFFINITY_INFO and CPU_ON: each CPU once, the one that booted among them."""
    linux = eight(context).guest(VM)
    linux.output("dmesg -c >/dev/null")
    for cpu in range(CPUS):
        switch(linux, cpu, False)
        check_online(linux, [other for other in range(CPUS) if other != cpu])
        switch(linux, cpu, True)
        ticks = ticks_of(linux, cpu)
        check(ticks >= 5, f"CPU {cpu} took {ticks} timer interrupts in a busy second after it came back")
    check_online(linux, range(CPUS))
    # Linux asks AFFINITY_INFO until the CPU is off, and says so.
    killed = linux.output("dmesg | grep -c 'psci: CPU[0-7] killed'")
    check(killed == str(CPUS), f"Linux saw {killed} of {CPUS} CPUs go off")
    booted = linux.output("dmesg | grep -c 'Booted secondary processor'")
    check(booted == str(CPUS), f"Linux saw {booted} of {CPUS} CPUs come back")


def test_cpu_hotplug_down_to_one(context):
    """Only the last CPU stays; then all come back."""
    linux = eight(context).guest(VM)
    for cpu in range(CPUS - 1):
        switch(linux, cpu, False)
    check_online(linux, [CPUS - 1])
    check(linux.output("nproc") == "1", "more than one CPU is left")
    for cpu in range(CPUS - 1):
        switch(linux, cpu, True)
    guest.check_selftests(linux, CPUS, TIMER_MOST_CS)


def test_poweroff_of_eight(context):
    system = eight(context)
    system.guest(VM).machine.send_line("poweroff")
    system.wait_state(VM, "stopped")
    # And all that the VM was made of is there again for the next.
    system.shell(f"start {VM}")
    linux = system.wait_ready_again(VM, system.vm(VM).starts)
    check(linux.output("nproc") == str(CPUS), "not all CPUs came back with the VM")
