# SPDX-License-Identifier: BSD-2-Clause
"""Firmware calls as a guest sees them, through the kernel: test/guest/psci/ makes them and judges the answers."""
from bulkhead import System
from guest import check

DESCRIPTION = "test/system/systems/psci.dts"
VM = "psci"
CHECKS_LEAST = 100


def test_every_call_and_error(context):
    system = System(context, DESCRIPTION)
    since = system.console(VM)
    result = system.machine.expect(r"^psci: (\d+) passed, (\d+) failed$", 60, since)
    wrong = [line for line in system.machine.text[since:result.end()].splitlines() if "psci: FAIL" in line]
    passed, failed = int(result.group(1)), int(result.group(2))
    check(failed == 0, f"{failed} answers are wrong: {'; '.join(wrong)}")
    check(passed >= CHECKS_LEAST, f"only {passed} answers")
    system.wait_state(VM, "stopped")
    context.say(f"{passed} answers")
