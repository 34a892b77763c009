# SPDX-License-Identifier: BSD-2-Clause
"""Virtio consoles: a guest's ports are consoles of their own, and a guest knows how large the terminal is."""
import hashlib
import re

from bulkhead import System
from guest import check

DESCRIPTION = "test/system/systems/ports.dts"
# Where a guest finds a port: by its name.
FIND = "for p in /sys/class/virtio-ports/*; do [ \"$(cat $p/name 2>/dev/null)\" = {name} ] && echo /dev/${{p##*/}}; done; true"


def ports(context):
    def start():
        system = System(context, DESCRIPTION)
        system.start_all()
        return system
    return context.shared("ports", start)


def port(guest, name):
    path = guest.output(FIND.format(name=name))
    check(re.match(r"/dev/vport\d+p\d+$", path), f"{guest.name} has no port '{name}': {path!r}")
    return path


def test_each_port_is_a_console(context):
    system = ports(context)
    rows = system.shell("list")
    check([row.split() for row in rows if "many." in row] == [["many.agent", "console"], ["many.debug-2", "console"]],
          f"list: {rows}")
    many = system.guest("many")
    check(many.output("tty") == "/dev/hvc0", "the guest's shell is not on its virtio console")
    for name, other in (("agent", "debug-2"), ("debug-2", "agent")):
        path = port(many, name)
        since = system.machine.mark()
        many.output(f"echo from-{name}-$((6*7)) >{path}")
        check(f"from-{name}-42" not in system.machine.text[since:], "a port's bytes show in another console")
        many.output(f"rm -f /tmp/got; ( (head -n 3 <{path} >/tmp/got; echo >/tmp/ended) & )")
        since = system.port_console(f"many.{name}")
        system.machine.expect(f"^from-{name}-42$", 20, since)  # it waited until somebody looked
        system.machine.send(f"to {name}\nsecond\nthird\n")
        many = system.guest("many")
        many.output("while [ ! -e /tmp/ended ]; do sleep 0.1; done; rm /tmp/ended", 30)
        check(many.output("cat /tmp/got") == f"to {name}\nsecond\nthird", f"{name}: what was typed did not arrive")
        check(port(many, other) != path, "two names for one port")


def test_a_port_carries_much_both_ways(context):
    system = ports(context)
    many = system.guest("many")
    path = port(many, "agent")
    data = context.bytes(40000) + b"\n"
    many.output(f"( (head -n 1 <{path} | md5sum >/tmp/sum; mv /tmp/sum /tmp/whole) & )")
    system.port_console("many.agent")
    system.machine.send(data, 120)
    many = system.guest("many")
    many.output("while [ ! -e /tmp/whole ]; do sleep 0.2; done", 60)
    check(many.output("cat /tmp/whole").split()[0] == hashlib.md5(data).hexdigest(), "what was typed has changed")
    many.output(f"rm /tmp/whole; ( (seq 1 20000 >{path}; echo >/tmp/written) & )")
    since = system.port_console("many.agent")
    match = system.machine.expect(r"^((?:\d+\n)*)20000$", 120, since)
    # Of what a port said in the background, the last 16 KiB are kept; the end is whole in any case.
    lines = match.group(1).split()[-1000:]
    check([int(line) for line in lines] == list(range(20000 - len(lines), 20000)), "what it said has changed")
    system.guest("many").output("while [ ! -e /tmp/written ]; do sleep 0.2; done", 60)


def wait_size(guest, columns, rows):
    guest.output(f"while [ \"$(stty size)\" != '{rows} {columns}' ]; do sleep 0.1; done", 20)


def test_a_guest_knows_the_size_of_the_terminal(context):
    """By a change of the configuration space, and, with ports, by a message; a restart does not forget it."""
    system = ports(context)
    for name in ("single", "many"):
        for columns, rows in ((132, 43), (71, 19)):
            lines = system.shell(f"resize {name} {columns}x{rows}")
            check(lines[0].startswith(f"resize: {name}: {columns}x{rows}"), f"the shell says {lines}")
            wait_size(system.guest(name), columns, rows)
    check("is not a size" in system.shell("resize single 80")[0], "a size without rows")
    system.shell("resize many.agent 100x30")  # of a port: Linux does not show it, and nothing else changes
    wait_size(system.guest("many"), 71, 19)
    system.shell("restart single")
    wait_size(system.wait_ready_again("single", 2), 71, 19)
