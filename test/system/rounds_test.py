# SPDX-License-Identifier: BSD-2-Clause
"""What a VM is made of comes back: memory, capability slots and address spaces, after any number of rounds."""
from bulkhead import System
from guest import check

DESCRIPTION = "test/system/systems/tiny.dts"
ROUNDS = 1000
LIVES = "test/system/systems/lives.dts"
LIVES_COUNT = 100


def test_a_thousand_rounds_leave_nothing_behind(context):
    system = System(context, DESCRIPTION)
    before = system.shell("memory")
    check(any("address spaces" in line for line in before), f"'memory' says {before}")
    for _ in range(ROUNDS):
        answer = " ".join(system.shell("restart tiny"))
        check("done" in answer, f"not restarted: '{answer}'")
    starts = system.vm("tiny").starts
    check(starts == ROUNDS, f"{starts} starts after {ROUNDS} rounds")
    system.shell("stop tiny")
    after = system.shell("memory")
    check(after == before, f"before: {before}, after: {after}")


def test_a_hundred_resets_load_all_again(context):
    """A reset keeps a VM's memory. Guests that have destroyed what was loaded there find it anew, and when they
    end, all memory comes back."""
    system = System(context, LIVES)
    before = system.shell("memory")
    for name in ("one", "two"):
        system.shell(f"start {name}")
    for name in ("one", "two"):
        since = system.console(name)
        said = system.machine.expect(r"^lives: (.+)\n", 60, since).group(1)
        check(said == f"{LIVES_COUNT} lives", f"{name}: {said}")
        vm = system.wait_state(name, "stopped")
        check(vm.starts == LIVES_COUNT, f"{name} was started {vm.starts} times")
    after = system.shell("memory")
    check(after == before, f"before: {before}, after: {after}")
