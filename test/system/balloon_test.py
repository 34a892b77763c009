# SPDX-License-Identifier: BSD-2-Clause
"""Memory that a guest gives back is root's, and then another VM's; and it comes back, zero, when there is some."""
import time

from bulkhead import System
from guest import check
from life_test import free_memory_kib
from machine import TIME_SCALE

DESCRIPTION = "test/system/systems/balloon.dts"
TARGET_MIB = 600
# The guest gives single pages; a granule of 2 MiB is back when all of its 512 are.
WHOLE_LEAST = 0.9
KIB_PER_MIB = 1024


def wait_balloon(system, name, wanted, timeout_s=120):
    """Waits until wanted(MiB) holds for what root has of a VM's memory; returns it."""
    deadline = time.monotonic() + timeout_s * TIME_SCALE
    while True:
        mib = system.vm(name).balloon_mib
        if wanted(mib):
            return mib
        check(time.monotonic() < deadline, f"root has {mib} MiB of {name}")
        time.sleep(0.5)


def test_memory_goes_to_another_vm_and_comes_back(context):
    system = System(context, DESCRIPTION)
    system.wait_ready("keeper")
    before = free_memory_kib(system)
    answer = " ".join(system.shell("start other"))
    check("error" in answer, f"there was room for other: '{answer}'")
    system.shell("stop other")

    check("asked for" in " ".join(system.shell(f"balloon keeper {TARGET_MIB}")), "balloon")
    back = wait_balloon(system, "keeper", lambda mib: mib >= WHOLE_LEAST * TARGET_MIB)
    time.sleep(2)
    back = system.vm("keeper").balloon_mib
    gained = free_memory_kib(system) - before
    check(gained == back * KIB_PER_MIB, f"{gained} KiB are free more, the balloon has {back} MiB")

    system.shell("start other")
    other = system.wait_ready_again("other", system.vm("other").starts)
    check(int(other.selftest("memory", 180)["bad"]) == 0, "other's memory is not its own")

    # There is not enough for both: the guest waits for it, and goes on meanwhile.
    since = system.machine.mark()
    system.shell("balloon keeper 0")
    system.machine.expect(r"\[root\].*keeper: its guest waits for memory", 60, since)
    short = wait_balloon(system, "keeper", lambda mib: mib < back)
    guest = system.guest("keeper")
    guest.output("true", 20)
    system.shell("stop other")
    wait_balloon(system, "keeper", lambda mib: mib == 0)
    check(free_memory_kib(system) == before, f"free: {free_memory_kib(system)} KiB, {before} before")
    guest = system.guest("keeper")
    check(int(guest.selftest("memory", 180)["bad"]) == 0, "what came back is not the guest's own")
    context.say(f"{back} of {TARGET_MIB} MiB given back, {short} left while there was none")


def test_reported_memory_goes_back_by_itself(context):
    system = System(context, DESCRIPTION)
    system.shell("start reporter")
    guest = system.wait_ready_again("reporter", 1)
    # Linux reports in blocks of at least 2 MiB, some at a time, every two seconds.
    first = wait_balloon(system, "reporter", lambda mib: mib >= 100)
    guest = system.guest("reporter")
    check(int(guest.selftest("memory", 180)["bad"]) == 0, "what was reported and used again is not the guest's own")
    wait_balloon(system, "reporter", lambda mib: mib >= 100)
    guest = system.guest("reporter")
    guest.output("true")
    context.say(f"{first} of 256 MiB reported free after boot")


def test_a_reset_gets_back_what_the_balloon_had(context):
    """Or the VM is refused with what is missing, and starts when it is there again."""
    system = System(context, DESCRIPTION)
    system.wait_ready("keeper")
    before = free_memory_kib(system)
    system.shell(f"balloon keeper {TARGET_MIB}")
    wait_balloon(system, "keeper", lambda mib: mib >= WHOLE_LEAST * TARGET_MIB)
    system.guest("keeper").machine.send_line("reboot")
    guest = system.wait_ready_again("keeper", 2)
    check(int(guest.selftest("memory", 180)["bad"]) == 0, "memory is not the guest's own after its reset")
    # What the operator wants outlives the reset.
    wait_balloon(system, "keeper", lambda mib: mib >= WHOLE_LEAST * TARGET_MIB)

    system.shell("start other")
    system.wait_ready_again("other", 1)
    since = system.machine.mark()
    system.guest("keeper").machine.send_line("reboot")
    system.machine.expect(r"keeper: not started: keeper needs the \d+ MiB that its guest had given back: \d+ KiB are free", 60, since)
    check(system.guest("other").output("echo alive") == "alive", "other died of it")
    system.shell("balloon keeper 0")
    system.shell("stop other")
    system.wait_ready_again("keeper", 3)
    check(free_memory_kib(system) == before, f"free: {free_memory_kib(system)} KiB, {before} before")


def test_nothing_is_lost_with_a_vm_and_its_balloon(context):
    system = System(context, DESCRIPTION)
    system.shell("stop keeper")
    before = system.shell("memory")
    for _ in range(3):
        system.shell("start keeper")
        system.wait_ready_again("keeper", system.vm("keeper").starts)
        system.shell("balloon keeper 64")
        wait_balloon(system, "keeper", lambda mib: mib > 0)
        system.shell("stop keeper")
        after = system.shell("memory")
        check(after == before, f"before: {before}, after: {after}")
