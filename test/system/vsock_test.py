# SPDX-License-Identifier: BSD-2-Clause
"""Sockets: guests reach one another as far as the description allows, and the host for what concerns
themselves; whoever goes away takes its connections with it and nothing else."""
import re

from bulkhead import LOG_LINE, System
from guest import check

DESCRIPTION = "test/system/systems/vsock.dts"
CIDS = {"one": 3, "two": 77}
PORT = 5000
HOST = "2 1"
MIB = 1 << 20


def start(context, debugger=False):
    system = System(context, DESCRIPTION, debugger=debugger)
    system.start_all()
    return system


def serve(guest, connections, send_bytes=0):
    """Starts a server in the guest, returns when it listens."""
    guest.output(f"vsock serve {PORT} {connections} {send_bytes} >/tmp/served 2>&1 & "
                 "until grep -q . /tmp/served; do sleep 0.1; done")
    said = guest.output("cat /tmp/served")
    check(said == "listening", f"{guest.name}'s server said '{said}'")


def served(guest, connections):
    """What the server said of its connections, once they are over."""
    guest.output(f"until [ $(grep -c sent /tmp/served) = {connections} ]; do sleep 0.2; done", 120)
    return guest.output("cat /tmp/served").split("\n")[1:]


def failure(guest, command, timeout_s=30):
    """A command that must fail; what it says."""
    status, said = guest.run(command, timeout_s)
    check(status == 1, f"{guest.name}: '{command}' ended with {status} and said '{said}'")
    return said


def hold(guest, address):
    """Connects in the background, returns when that is done."""
    guest.output(f"vsock hold {address} >/tmp/held 2>&1 & until grep -q . /tmp/held; do sleep 0.1; done")
    said = guest.output("cat /tmp/held")
    check(said == "connected", f"{guest.name}: {address}: {said}")


def held(guest, timeout_s=60):
    """How a held connection ended."""
    return guest.output("until [ $(grep -c . /tmp/held) = 2 ]; do sleep 0.2; done; tail -n 1 /tmp/held", timeout_s)


def test_guests_talk(context):
    """1 MiB and some there, as much back behind the sender's end, checksums equal; small ones; then refusals."""
    system = context.shared("vsock", lambda: start(context))
    sizes = [(MIB + 12345, 2 * MIB + 1), (1, 0), (0, 1)]
    for there, back in sizes:
        two = system.guest("two")
        serve(two, 1, back)
        one = system.guest("one")
        sent, received = one.output(f"vsock talk {CIDS['two']} {PORT} {there}", 180).split("\n")
        two = system.guest("two")
        come, said_received, said_sent = served(two, 1)
        check(come == f"from {CIDS['one']}", f"two: the peer is '{come}'")
        check(said_received == sent.replace("sent", "received"), f"one '{sent}', two '{said_received}'")
        check(received == said_sent.replace("sent", "received"), f"two '{said_sent}', one '{received}'")
    refusals(system)


def refusals(system):
    two = system.guest("two")
    serve(two, 1)
    # two may not connect to anybody, not even where somebody listens; nor to itself by way of the device.
    serve(system.guest("one"), 1)
    two = system.guest("two")
    check(failure(two, f"vsock talk {CIDS['one']} {PORT} 1") == "connect: ECONNRESET", "two reaches one")
    check(failure(two, "vsock talk 99 1 1") == "connect: ECONNRESET", "a CID that nobody has")
    one = system.guest("one")
    check(failure(one, f"vsock talk {CIDS['two']} {PORT + 1} 1") == "connect: ECONNRESET", "nobody listens there")
    check(failure(one, f"vsock talk 4294967294 {PORT} 1") == "connect: ECONNRESET", "a VM that does not run")
    check(failure(one, "vsock talk 2 7 1") == "connect: ECONNRESET", "a port that the host does not have")
    # And after all of that the one that is allowed.
    sent = one.output(f"vsock talk {CIDS['two']} {PORT} 100").split("\n")[0]
    check(sent.startswith("sent 100 "), f"one said '{sent}'")


def check_uptime(guest):
    """The host counts seconds as the guest does, and from before the guest began. Each reading of the guest's is
    outside of the host's two, and the pause inside, so that nothing depends on how fast the machine is."""
    own = "cut -d. -f1 /proc/uptime"
    asked = f"vsock ask {HOST} uptime | cut -c4-"
    texts = guest.output(f"{own}; {asked}; sleep 3; {asked}; {own}", 60).split("\n")
    own_first, first, last, own_last = (int(text) for text in texts)
    check(first >= own_first - 1, f"{guest.name}: up for {first} s, by itself {own_first}")
    check(2 <= last - first <= own_last - own_first + 1, f"{guest.name}: {texts}")


def test_the_host_answers(context):
    system = context.shared("vsock", lambda: start(context))
    for name, cid in CIDS.items():
        guest = system.guest(name)
        check(guest.output("vsock cid") == str(cid), f"{name} has another CID")
        said = guest.output(f"vsock ask {HOST} name cid state starts version uptime nonsense").split("\n")
        check(said[:5] == [f"ok {name}", f"ok {cid}", "ok running", "ok 1", "ok 1"], f"{name}: {said}")
        check(said[6] == "error no such word, try help", f"{name}: {said}")
        check(re.fullmatch(r"ok \d+", said[5]), f"{name}: {said[5]}")
        check_uptime(guest)
        # More than all rings hold, and its answers.
        count = guest.output(f"vsock ask {HOST} $(yes name | head -n 6000) | grep -c '^ok {name}$'", 120)
        check(count == "6000", f"{name}: {count} of 6000 answers")


def test_a_vm_restarts_while_connected(context):
    system = start(context)
    serve(system.guest("two"), 9)
    one = system.guest("one")
    hold(one, f"{CIDS['two']} {PORT}")
    system.shell("restart two")
    one = system.guest("one")
    said = held(one)
    check(said in ("end", "recv: ECONNRESET"), f"one: the connection ended with '{said}'")
    check(one.output(f"vsock ask {HOST} starts") == "ok 1", "one's host is gone")
    two = system.wait_ready_again("two", 2)
    check(two.output(f"vsock ask {HOST} starts") == "ok 2", "two does not know that it started twice")
    serve(two, 1, 70000)
    sent, received = system.guest("one").output(f"vsock talk {CIDS['two']} {PORT} 70000", 60).split("\n")
    check(sent.startswith("sent 70000") and received.startswith("received 70000"), f"{sent}, {received}")


def test_the_relay_crashes(context):
    """Every connection is reset, which both ends hear of; new ones are made at once."""
    system = start(context, debugger=True)
    serve(system.guest("two"), 1)
    one = system.guest("one")
    hold(one, f"{CIDS['two']} {PORT}")
    since = system.machine.mark()
    system.crash("vsock", lambda: system.machine.send_line(f"vsock ask {HOST} name"))
    system.machine.expect(LOG_LINE.format(name="root") + "vsock: restarted", 30, since)
    one = system.guest("one")
    check(held(one) == "recv: ECONNRESET", "one was not told")
    check(one.output(f"vsock ask {HOST} name") == "ok one", "one's host is gone")
    two = system.guest("two")
    two.output("until grep -q recv: /tmp/served; do sleep 0.2; done", 60)
    serve(two, 1, 70000)
    sent, received = system.guest("one").output(f"vsock talk {CIDS['two']} {PORT} 70000", 60).split("\n")
    check(sent.startswith("sent 70000") and received.startswith("received 70000"), f"{sent}, {received}")
