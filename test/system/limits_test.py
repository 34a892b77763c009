# SPDX-License-Identifier: BSD-2-Clause
"""When capability slots or address spaces are used up, that VM is refused, with what it needed and what there
was; all others run on. No description comes near these limits, so root is made to believe that it has."""
import re

from bulkhead import System
from debugger import offset_of
from guest import check
from inject_test import Counter

DESCRIPTION = "test/system/systems/limits.dts"
SLOTS = r"error: (\S+) needs a capability slot for memory: all \d+ are in use, \d+ of \d+ KiB are free"
SPACES = r"error: (\S+) needs an address space: 511 of 511 are in use"


def start(context):
    system = System(context, DESCRIPTION, debugger=True)
    system.machine.expect("^count 3$", 60)
    system.shell("follow counter")
    return system, Counter(system)


def start_all_tiny(system):
    """Returns the answers of those that are refused."""
    answers = [" ".join(system.shell(f"start {vm.name}")) for vm in system.vms() if vm.name != "counter"]
    return [answer for answer in answers if "done" not in answer]


def stop_all_tiny(system):
    for vm in system.vms():
        if vm.name != "counter" and vm.state != "failed":
            system.shell(f"stop {vm.name}")


def exhaust(context, variable, offset, data, refusal):
    system, counter = start(context)
    before = system.shell("memory")
    old = system.set_of_root(variable, offset, data)
    refused = start_all_tiny(system)
    check(refused, "no VM was refused")
    for answer in refused:
        check(re.match(refusal, answer), f"refused with '{answer}'")
    stop_all_tiny(system)
    system.set_of_root(variable, offset, old)
    after = system.shell("memory")
    check(after == before, f"before: {before}, after: {after}")
    refused = start_all_tiny(system)
    check(not refused, f"refused with '{refused}' though there is all again")
    counter.check()


def test_refused_for_want_of_capability_slots(context):
    """The list of unused slots for untyped memory is empty: what would have to be split is not."""
    exhaust(context, "buddy", offset_of("root/buddy.h", "struct buddy", "unused"), bytes(2), SLOTS)


def test_refused_for_want_of_address_spaces(context):
    exhaust(context, "asids_used", 0, (511).to_bytes(4, "little"), SPACES)
