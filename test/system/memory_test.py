# SPDX-License-Identifier: BSD-2-Clause
"""When memory is short, that VM is refused, with what it needed and what was free; all others run on."""
import re

from bulkhead import System
from guest import check
from life_test import counting, free_memory_kib

DESCRIPTION = "test/system/systems/memory.dts"
ROUNDS = 5


def test_refused_for_want_of_memory(context):
    system = System(context, DESCRIPTION)
    system.wait_ready("small")
    with counting(system, "small"):
        system.shell("start large-a")
        system.wait_ready_again("large-a", 1)
        before = free_memory_kib(system)
        for _ in range(ROUNDS):
            answer = " ".join(system.shell("start large-b"))
            check("error" in answer, f"there was room for large-b: '{answer}'")
            check(len(re.findall(r"\d+ [KMG]iB", answer)) >= 2, f"not what it needed and what is free: '{answer}'")
            # It may be tried again by itself: that is not what this test is about.
            system.shell("stop large-b")
        system.wait_state("large-b", "stopped")
        check(free_memory_kib(system) == before, "a refused VM left less memory free")
        system.shell("stop large-a")
        system.wait_state("large-a", "stopped")
        system.shell("start large-b")
        system.wait_ready_again("large-b", system.vm("large-b").starts)
