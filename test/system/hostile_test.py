# SPDX-License-Identifier: BSD-2-Clause
"""A guest attacks its virtio devices in each way in which drivers have attacked real VMMs (test/guest/hostile/):
its VMM lives on, its device works again after a reset, and the other VM's disk does its work all the time. And how
much the other VM gets done on a core of its own, while a guest attacks what both share (test/guest/neighbour/)."""
import re
from statistics import median

from bulkhead import System, make_image
from guest import check
from machine import Failure

DESCRIPTION = "test/system/systems/hostile.dts"
ATTACKS = 27
ATTACKS_S = 300


def test_attacks_from_inside(context):
    system = System(context, DESCRIPTION)
    good = system.wait_ready("good")
    good.output("dd if=/dev/urandom of=/tmp/random bs=64k count=16 2>/dev/null")
    digest = good.output("md5sum </tmp/random").split()[0]
    work = ("n=0; while [ ! -e /tmp/stop ]; do dd if=/tmp/random of=/dev/vda bs=64k conv=fsync 2>/dev/null; "
            "echo 3 >/proc/sys/vm/drop_caches; "
            "[ \"$(dd if=/dev/vda bs=64k count=16 2>/dev/null | md5sum | cut -c1-32)\" = " + digest + " ] || "
            "echo wrong >/tmp/wrong; n=$((n + 1)); echo $n >/tmp/rounds; done; echo ended >/tmp/ended")
    good.output(f"sh -c '({work}) &' >/dev/null")
    system.shell("start bad")
    since = system.console("bad")
    system.machine.expect(r"^hostile: done", ATTACKS_S, since)
    said = re.findall(r"hostile: (\S+) (ok|FAIL.*)$", system.machine.text[since:], re.MULTILINE)
    wrong = [f"{name}: {result}" for name, result in said if result != "ok"]
    check(not wrong, "; ".join(wrong))
    check(len(said) == ATTACKS, f"only {len(said)} attacks were made")
    check(system.vm("bad").state == "running", "the VMM did not live through it")
    good = system.guest("good")
    good.output("touch /tmp/stop; while [ ! -e /tmp/ended ]; do sleep 0.1; done", 60)
    check(good.run("cat /tmp/wrong")[0] != 0, "the other VM's disk gave wrong data")
    rounds = int(good.output("cat /tmp/rounds"))
    check(rounds >= 3, f"the other VM's disk did {rounds} rounds")
    context.say(f"{len(said)} attacks; the other VM wrote and read its disk {rounds} times meanwhile")


NEIGHBOUR = "test/system/systems/neighbour.dts"
NEIGHBOUR_CORE = 1
KINDS = ("storm", "chains", "resets", "impossible", "small", "large", "discards", "frames", "broadcasts", "output")
ROUNDS = 6
PHASE_S = 0.2
LINE = re.compile(r"^neighbour: (\d+) disk (\d+) (\d+) net (\d+) (\d+) lost (\d+) wrong (\d+)$", re.MULTILINE)
QUIET_LEAST = 30  # steps in a phase; with fewer the host had something else to do
BUSY_HOST = "the host is too busy for a figure"


class Phase:
    """What the neighbour did in a phase: steps of disk and network in a second, and the time of its core for one."""

    def __init__(self, match, core_s):
        self.number, disk, disk_ticks, net, net_ticks, self.lost, self.wrong = map(int, match.groups())
        self.steps = disk
        self.disk = disk / disk_ticks if disk_ticks else 0
        self.net = net / net_ticks if net_ticks else 0
        self.core = core_s / disk if disk else 0


def watch(machine, since):
    """All phases of ROUNDS of each attack. What the neighbour's core used is read when its line comes."""
    phases = {}
    last, before = None, None
    first = int(machine.expect(LINE.pattern, 60, since).group(1))
    while last is None or last <= first + 2 * len(KINDS) * ROUNDS:
        match = machine.expect(LINE.pattern, 60)
        used = machine.core_seconds(NEIGHBOUR_CORE)
        number = int(match.group(1))
        if last is not None and number == last + 1:
            phases[number] = Phase(match, used - before)
        last, before = number, used
    return phases


def ratios(phases, kind):
    """(disk, network, core) of each phase of a kind to the mean of the quiet ones before and after it."""
    found = []
    for number, phase in phases.items():
        quiet = [phases.get(number - 1), phases.get(number + 1)]
        if number % 2 == 1 and KINDS[number // 2 % len(KINDS)] == kind and None not in quiet:
            base = [sum(values) / 2 for values in zip(*((q.disk, q.net, q.core) for q in quiet))]
            if all(base) and phase.core:
                found.append((phase.disk / base[0], phase.net / base[1], phase.core / base[2]))
    return [median(values) for values in zip(*found)] if found else None


def test_neighbour(context):
    """The attacker computes in quiet phases, so the host is as busy in these: what differs is what it does to others."""
    try:
        make_image(NEIGHBOUR)
    except Failure as failure:
        if "core" in str(failure):
            context.skip("needs a kernel for three cores")
        raise
    system = System(context, NEIGHBOUR, extra=("-name", "neighbour,debug-threads=on"))
    phases = watch(system.machine, system.console("good"))
    made = system.machine.expect(r"^attacker: \d+((?: [a-z]+ \d+)+)$", 60, system.console("bad")).group(1).split()
    wrong = sum(phase.wrong for phase in phases.values())
    check(wrong == 0, f"the neighbour's disk was wrong {wrong} times")
    for vm in system.vms():
        check(vm.state == "running" and vm.starts == 1, f"{vm.name} is {vm.state}")
    steps = median([phase.steps for phase in phases.values() if phase.number % 2 == 0] or [0])
    found = {kind: ratios(phases, kind) for kind in KINDS}
    if steps < QUIET_LEAST or None in found.values():
        context.skip(f"{BUSY_HOST}: {steps:.0f} steps in a quiet phase")
    idle = [kind for kind, count in zip(made[::2], made[1::2]) if count == "0"]
    check(not idle, f"attacks that were not made: {' '.join(idle)}")
    context.say(f"{steps:.0f} steps; disk, network, core's time for a step: " +
                ", ".join(f"{kind} {disk:.2f} {net:.2f} {core:.2f}" for kind, (disk, net, core) in found.items()))
    # How fast it is depends on the host as well, which has to have a core for each busy one of the machine.
    stuck = [kind for kind, (disk, net, _) in found.items() if min(disk, net) == 0]
    check(not stuck, f"the neighbour stood still under {' '.join(stuck)}")
