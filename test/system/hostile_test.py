# SPDX-License-Identifier: BSD-2-Clause
"""A guest attacks its virtio devices in each way in which drivers have attacked real VMMs (test/guest/hostile/):
its VMM lives on, its device works again after a reset, and the other VM's disk does its work all the time."""
import re

from bulkhead import System
from guest import check

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
