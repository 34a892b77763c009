# SPDX-License-Identifier: BSD-2-Clause
"""What seldom fails does: each allocation of a VM's creation in turn. The VM is refused, or starts in spite
of it; nothing is lost by it, and the other VM counts on. Only the stand-in kernel can be asked for this."""
import re
import time

from bulkhead import LOG_LINE, System, image_option
from guest import check
from switches import Switches

DESCRIPTION = "test/system/systems/inject.dts"
COUNT = r"^(?:\[counter\] )?count (\d+)\n"
# Ten, on a machine that has nothing else to do.
COUNT_LEAST_PER_S = 1
# "tiny needs ...: ... free": what was needed, and what there was.
REFUSAL = r"^error: \w+ needs .+: .*\d+ (KiB are free|are in use)"
ALLOCATIONS_LEAST = 50
SWITCH_FAR = 1_000_000
SERVICE_CRASHES = 6
INTERRUPTS = 20
BUDGETS = 100
RESET_STEP = 6


def start(context):
    if not context.kernel.startswith("standin"):
        context.skip("a real kernel cannot be asked to fail")
    system = System(context, DESCRIPTION, debugger=True)
    system.machine.expect("^count 3$", 60)
    system.shell("follow counter")
    return system, Switches(system)


class Counter:
    """The guest of `counter`: from now on it leaves no number out, and does not stand still."""

    def __init__(self, system):
        self.machine = system.machine
        self.since = self.machine.mark()
        self.started = self.machine.seconds()

    def check(self, lossy=False):
        """lossy: a service that crashed may have taken lines with it, and says others twice."""
        self.machine.expect(COUNT, 5, self.machine.mark())
        numbers = [int(number) for number in re.findall(COUNT, self.machine.text[self.since:], re.MULTILINE)]
        passed_s = self.machine.seconds() - self.started
        if not lossy:
            check(numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"counter counted {numbers}")
        counted = numbers[-1] - numbers[0] + 1
        check(counted >= COUNT_LEAST_PER_S * passed_s, f"counter counted {counted} in {passed_s:.0f} s")


def allocations(system, switches, switch, name):
    """How many a start of the VM takes, when all free memory is joined (which `memory` does)."""
    system.shell("memory")
    switches.set(switch, SWITCH_FAR)
    check("done" in " ".join(system.shell(f"start {name}")), f"{name} does not start")
    count = SWITCH_FAR - switches.set(switch, 0)
    system.shell(f"stop {name}")
    check(count >= ALLOCATIONS_LEAST, f"only {count} allocations")
    return count


def sweep(system, switches, switch, name, may_start):
    """Starts the VM again and again, and each time the next one of its allocations fails."""
    count = allocations(system, switches, switch, name)
    before = system.shell("memory")
    refused = 0
    for number in range(1, count + 1):
        switches.set(switch, number)
        answer = " ".join(system.shell(f"start {name}", is_in_front=True))
        switches.set(switch, 0)
        if "done" in answer:
            check(may_start, f"{name}: allocation {number} failed, and yet: '{answer}'")
            system.shell(f"stop {name}", is_in_front=True)
        else:
            refused += 1
            check(re.match(REFUSAL, answer), f"{name}: allocation {number} failed: '{answer}'")
        after = system.shell("memory", is_in_front=True)
        check(after == before, f"{name}: allocation {number} failed: before: {before}, after: {after}")
    again = allocations(system, switches, switch, name)
    check(again == count, f"{name}: the last start took {again} allocations, the first one {count}")
    return count, refused


def test_each_allocation_fails_once(context):
    """Root takes another block of memory where it can, so few of these refuse the VM."""
    system, switches = start(context)
    counter = Counter(system)
    remarks = []
    for name in ("tiny", "ported"):
        count, refused = sweep(system, switches, "fail_retype", name, may_start=True)
        remarks.append(f"{name}: {count} allocations, {refused} of them refused it")
    counter.check()
    context.say("; ".join(remarks))


def test_no_allocation_from_each_one_on(context):
    system, switches = start(context)
    counter = Counter(system)
    remarks = []
    for name in ("tiny", "ported"):
        count, refused = sweep(system, switches, "fail_retypes", name, may_start=False)
        check(refused == count, f"{name}: {count} allocations failed, {refused} refused it")
        remarks.append(f"{name}: {count} allocations")
    counter.check()
    context.say("; ".join(remarks))


def test_no_allocation_from_each_one_of_a_reset_on(context):
    """The VM's memory is there already; with it all is given back."""
    system, switches = start(context)
    counter = Counter(system)
    root = f"{image_option('--programs')}/root.elf"
    before = system.shell("memory")

    def when_life_ends(number, cause=lambda: None):
        with system.debugger.at(root, "vm_end", cause):
            return switches.set_stopped("fail_retypes", number)

    def start_lives():
        system.machine.send("start lives\r")

    when_life_ends(SWITCH_FAR, start_lives)
    count = SWITCH_FAR - when_life_ends(0)
    check(count >= ALLOCATIONS_LEAST, f"only {count} allocations")
    system.wait_state("lives", "stopped")
    for number in range(1, count + 1, RESET_STEP):
        system.front_shell()
        since = system.machine.mark()
        when_life_ends(number, start_lives)
        line = system.machine.expect(LOG_LINE.format(name="root") + r"error: lives: not started: (.*)\n", 20, since)
        switches.set("fail_retypes", 0)
        check(re.match(REFUSAL, "error: " + line.group(1)), f"allocation {number} failed: '{line.group(1)}'")
        system.wait_state("lives", "failed")
        after = system.shell("memory")
        check(after == before, f"allocation {number} failed: before: {before}, after: {after}")
    counter.check()
    context.say(f"{count} allocations")


def test_no_address_space(context):
    """The first one is the VMM's, the second the guest's."""
    system, switches = start(context)
    counter = Counter(system)
    before = system.shell("memory")
    for number in (1, 2):
        switches.set("fail_asid", number)
        answer = " ".join(system.shell("start tiny"))
        check(re.match(REFUSAL, answer), f"address space {number} failed: '{answer}'")
        check(system.shell("memory") == before, f"address space {number} failed, and something is left")
    check("done" in " ".join(system.shell("start tiny")), "tiny does not start afterwards")
    counter.check()


# ---- services ----

def crash(system, service, before=lambda: None):
    """Crashes a service; returns the name of its thread in the log's line."""
    since = system.machine.mark()
    # The device services have something to do when a VM with a device starts.
    needs_cause = service in ("block", "net")
    system.crash(service, lambda: needs_cause and system.machine.send("restart ported\r"), before)
    line = system.machine.expect(rf"{service}: (\w.*): .* at pc 0x0", 20, since)
    return line.group(1)


def restarted_though_allocations_fail(context, service, step):
    """The service crashes, and one of the allocations of its restart fails."""
    system, switches = start(context)
    counter = Counter(system)
    before = system.shell("memory")
    for number in range(SERVICE_CRASHES):
        system.front_shell()
        who = crash(system, service, lambda: switches.set_stopped("fail_retype", 1 + number * step))
        check("core" in who or "main" in who, f"{service}'s line does not name the thread but '{who}'")
        check("done" in " ".join(system.shell("restart ported")), f"ported does not start after {service} did")
        left = switches.set("fail_retype", 0)
        check(left == 0, f"{service} took fewer than {1 + number * step} allocations")
    # Root has more memory for the service than it needs, for the failed allocation's sake, until it is made anew.
    system.front_shell()
    crash(system, service)
    system.shell("restart ported")
    system.shell("stop ported")
    after = system.shell("memory")
    check(after == before, f"{service}: before: {before}, after: {after}")
    system.shell("follow counter")
    counter.check(lossy=True)


def test_timer_service_is_restarted_though_allocations_fail(context):
    restarted_though_allocations_fail(context, "timer", 11)


def test_serial_service_is_restarted_though_allocations_fail(context):
    restarted_though_allocations_fail(context, "serial", 11)


def test_block_service_is_restarted_though_allocations_fail(context):
    restarted_though_allocations_fail(context, "block", 7)


def test_net_service_is_restarted_though_allocations_fail(context):
    restarted_though_allocations_fail(context, "net", 7)


def test_a_timer_service_that_cannot_be_restarted(context):
    """Root says so, and does what it is asked for without it."""
    system, switches = start(context)
    switches.set("fail_retypes", 1)
    since = system.machine.mark()
    crash(system, "timer")
    system.machine.expect(r"timer: not restarted: timer needs .*", 20, since)
    system.machine.expect(r"timer: failed \d+ times in a row, stays down", 20, since)
    switches.set("fail_retypes", 0)
    check("done" in " ".join(system.shell("start tiny")), "tiny does not start without a timer service")
    system.wait_state("tiny", "running")
    check("done" in " ".join(system.shell("stop tiny")), "tiny does not stop without a timer service")


def test_a_serial_service_that_cannot_be_restarted(context):
    """Root takes the UART back to say so."""
    system, switches = start(context)
    switches.set("fail_retypes", 1)
    system.crash("serial")
    system.machine.expect(r"\[root\] serial: failed \d+ times in a row, stays down", 20)


# ---- interrupts, budgets ----

def test_interrupts_are_lost_and_late(context):
    """Of the UART, whose line stays up: one that is lost comes again, one that is late is served late."""
    system, switches = start(context)
    system.shell("stop counter")  # whose output would have the serial service look at the UART anyway
    happened = 0
    for switch in ("drop_irq", "delay_irq"):
        for number in range(INTERRUPTS):
            switches.set(switch, 1 + number % 3)
            check(any("counter" in line for line in system.shell("list")), f"no list after {switch}")
            happened += switches.set(switch, 0) == 0
    check(happened > INTERRUPTS, f"only {happened} interrupts were lost or late")
    context.say(f"{happened} of them")


def test_budgets_end_early(context):
    """Of vCPUs, handlers, event and alarm threads, whoever runs at the time: all that it costs is time."""
    system, switches = start(context)
    counter = Counter(system)
    ended = 0
    for number in range(1, BUDGETS + 1):
        switches.set("early_budget", 1 + number % 40)
        check("done" in " ".join(system.shell("restart tiny")), "tiny does not start again")
        time.sleep(0.05)
        ended += switches.set("early_budget", 0) == 0
    check(ended > BUDGETS / 4, f"only {ended} budgets ended early")
    system.shell("stop tiny")
    counter.check()
    context.say(f"{ended} budgets ended early")
