# SPDX-License-Identifier: BSD-2-Clause
"""What a VM is made of comes back: memory, capability slots and address spaces, after any number of rounds."""
from bulkhead import System
from guest import check

DESCRIPTION = "test/system/systems/tiny.dts"
ROUNDS = 1000


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
