# SPDX-License-Identifier: BSD-2-Clause
"""Disks and networks: what a guest writes is on the board's disk, in its own partition and nowhere else;
guests reach one another and the outside; services come back without a guest's request being lost."""
import hashlib
import os
import re
import subprocess
import time

from bulkhead import IMAGES, LOG_LINE, TOOL, System, make_image, run_tool
from guest import check
from life_test import free_memory_kib
from machine import TIME_SCALE
from monitor import Monitor
from pcap import echoes, ones_sum, packets

DESCRIPTION = "test/system/systems/io.dts"
ZERO_COPY = "test/system/systems/zero_copy.dts"
# So slow that something is in flight at any time. By bytes: QEMU makes one request of many that follow one another.
SLOW_DISK = ",throttling.bps-total=4000000"
# Bytes per second: what is in flight, be it 64 KiB, takes longer than anybody waits, root (DRAIN_S) as well.
HANGING_DISK = 100
HANGS_S = 3  # less than DRAIN_S, for a disk that goes on in time
PARTITION_MIB = {"one": 24, "two": 8}
MIB = 1 << 20
SECTOR = 512
# Where a guest finds a disk: by the serial number that the description gives it.
FIND = "for d in /sys/block/vd*; do [ \"$(cat $d/serial)\" = {serial} ] && echo /dev/${{d##*/}}; done; true"


def make_disk(name):
    """A disk with the partitions of PARTITION_MIB, each full of its own letter; returns its file."""
    folder = f"{IMAGES}/{os.environ['KERNEL_NAME']}"
    os.makedirs(folder, exist_ok=True)
    parts = []
    for part, size_mib in PARTITION_MIB.items():
        path = f"{folder}/{name}-{part}.part"
        with open(path, "wb") as out:
            out.write(part[0].encode() * (size_mib * MIB))
        parts.append((part, path))
    disk = f"{folder}/{name}.disk"
    subprocess.run(["test/guest/disk.sh", disk, *(f"{part}={path}" for part, path in parts)],
                   check=True, capture_output=True, timeout=60)
    for _, path in parts:
        os.unlink(path)
    return disk


def partition(disk, name):
    """Where partition `name` is on the disk: (first byte, bytes)."""
    with open(disk, "rb") as file:
        file.seek(2 * SECTOR)
        entries = file.read(128 * len(PARTITION_MIB))
    for at in range(0, len(entries), 128):
        entry = entries[at:at + 128]
        if entry[56:].decode("utf-16-le").rstrip("\0") == name:
            first, last = int.from_bytes(entry[32:40], "little"), int.from_bytes(entry[40:48], "little")
            return first * SECTOR, (last - first + 1) * SECTOR
    raise AssertionError(name)


def contents(disk, name):
    first, size = partition(disk, name)
    with open(disk, "rb") as file:
        file.seek(first)
        return file.read(size)


def system_with_disk(context, debugger=False):
    disk = make_disk(context.name)
    system = System(context, DESCRIPTION, debugger=debugger, disk=disk)
    system.start_all()
    return system, disk


def io(context):
    """One system for the tests that leave it as it was."""
    return context.shared("io", lambda: system_with_disk(context))


def device(guest, serial):
    path = guest.output(FIND.format(serial=serial))
    check(path.startswith("/dev/vd"), f"{guest.name} has no disk '{serial}'")
    return path


def write_file(guest, to, size_mib):
    """Writes random bytes to a device, past the cache; returns their MD5."""
    guest.output(f"dd if=/dev/urandom of=/tmp/random bs=1M count={size_mib} 2>/dev/null")
    guest.output(f"dd if=/tmp/random of={to} bs=64k conv=fsync 2>/dev/null", 120)
    return guest.output("md5sum </tmp/random").split()[0]


def read_back(guest, source, size_mib):
    guest.output(f"sync; echo 3 >/proc/sys/vm/drop_caches; blockdev --flushbufs {source} 2>/dev/null; true")
    return guest.output(f"dd if={source} bs=1M count={size_mib} 2>/dev/null | md5sum", 120).split()[0]


def test_disks_hold_what_is_written(context):
    system, disk = io(context)
    for name, size_mib in (("one", 8), ("two", 4)):
        guest = system.guest(name)
        path = device(guest, f"{name}-disk")
        sectors = int(guest.output(f"cat /sys/block/{path[5:]}/size"))
        check(sectors == PARTITION_MIB[name] * MIB // SECTOR, f"{name}: the disk has {sectors} sectors")
        digest = write_file(guest, path, size_mib)
        check(read_back(guest, path, size_mib) == digest, f"{name}: it reads something else than it wrote")
        found = contents(disk, name)
        check(hashlib.md5(found[:size_mib * MIB]).hexdigest() == digest, f"{name}: not on the board's disk")
        check(found[size_mib * MIB:].strip(name[0].encode()) == b"", f"{name}: bytes elsewhere have changed")


def test_disks_in_memory(context):
    system, _ = io(context)
    one = system.guest("one")
    path = device(one, "one-memory")
    check(one.output(f"dd if={path} bs=1M count=1 2>/dev/null | md5sum").split()[0] == hashlib.md5(bytes(MIB)).hexdigest(),
          "a new disk in memory is not empty")
    digest = write_file(one, path, 4)
    check(read_back(one, path, 4) == digest, "a disk in memory forgets")
    two = system.guest("two")
    path = device(two, "two-image")
    check(two.output(f"cat /sys/block/{path[5:]}/ro") == "1", "the read-only disk is not")
    size = os.path.getsize("build/guest/initramfs.cpio.gz")
    with open("build/guest/initramfs.cpio.gz", "rb") as file:
        whole = file.read(size // SECTOR * SECTOR)
    check(two.output(f"head -c {len(whole)} {path} | md5sum").split()[0] == hashlib.md5(whole).hexdigest(),
          "the disk is not the file")
    status, _ = two.run(f"dd if=/dev/zero of={path} bs=512 count=1 conv=fsync")
    check(status != 0, "a read-only disk was written")


def test_entropy(context):
    system, _ = io(context)
    for name in ("one", "two"):
        guest = system.guest(name)
        check("virtio" in guest.output("cat /sys/class/misc/hw_random/rng_current"), f"{name} has no virtio-rng")
        draws = {guest.output("head -c 4096 /dev/hwrng | md5sum") for _ in range(2)}
        check(len(draws) == 2, f"{name}: the same numbers twice")


def test_network(context):
    """Guests find one another, and the outside by the board's network."""
    system, _ = io(context)
    one = system.guest("one")
    check(", 0% packet loss" in one.output("ping -c 3 -W 5 10.42.0.2", 60), "one does not reach two")
    two = system.guest("two")
    two.output("dd if=/dev/urandom of=/data/file bs=1M count=4 2>/dev/null")
    digest = two.output("md5sum </data/file").split()[0]
    one = system.guest("one")
    found = one.output("wget -q -O - http://10.42.0.2/file | md5sum", 120).split()[0]
    check(found == digest, "the file did not arrive as it was sent")
    one.output("ip addr add 10.0.2.15/24 dev eth0 2>/dev/null; ip addr show dev eth0 | grep -q 10.0.2.15")
    check(", 0% packet loss" in one.output("ping -c 2 -W 5 10.0.2.2", 60), "one does not reach the outside")


def test_console_by_virtio(context):
    """What is typed goes to the virtio console while the guest has it open; what both say is shown."""
    system, _ = io(context)
    two = system.guest("two")
    check(two.output("tty") == "/dev/hvc0", "the shell that answers is another one's")
    since = system.machine.mark()
    two.output("echo by-uart-$((6*7)) >/dev/ttyAMA0")
    system.machine.expect("^by-uart-42$", 20, since)
    data = "".join(f"{i} " for i in range(1, 2000)) + "2000\n"
    check(two.output("seq -s ' ' 1 2000 | md5sum").split()[0] == hashlib.md5(data.encode()).hexdigest(),
          "output differs")
    two.paste(context.bytes(20000))


def port_rows(system, what):
    """The table of `stats net` or `stats disk`: {"one.net": ["up", 12, ...], ...}"""
    rows = (line.split() for line in system.shell(f"stats {what}")[1:])
    return {row[0]: [int(word) if word.isdigit() else word for word in row[1:]] for row in rows}


def port_counters(system, what, name):
    """All counters of a VM's networks or disks: {"one.net: frames sent": 12, ...}"""
    counters, port = {}, ""
    for line in system.shell(f"stats {what} {name}"):
        if not line.startswith(" "):
            port = line.split(":")[0]
            continue
        row = re.match(r" +(.*?) +(\d+)$", line)
        counters[f"{port}: {row.group(1)}"] = int(row.group(2))
    return counters


def guest_counters(guest):
    """What Linux has sent by its network device."""
    files = {"frames sent": "tx_packets", "bytes sent": "tx_bytes"}
    return {name: int(guest.output(f"cat /sys/class/net/eth0/statistics/{file}")) for name, file in files.items()}


def test_counters_of_networks_and_disks(context):
    """The shell shows what passed: as many frames and bytes as the guest sent, a disk's requests and bytes."""
    system, _ = io(context)
    one = system.guest("one")
    path = device(one, "one-memory")
    one.output("ping -c 1 -W 5 10.42.0.2", 60)  # addresses are known after that
    guest_before = guest_counters(one)
    net, two = port_counters(system, "net", "one"), port_counters(system, "net", "two")
    disk = port_counters(system, "disk", "one")
    one = system.guest("one")
    one.output("ping -c 4 -s 1000 -W 5 10.42.0.2", 60)
    one.output(f"dd if=/dev/zero of={path} bs=64k count=16 conv=fsync 2>/dev/null", 60)
    after = port_counters(system, "net", "one")
    guest_after = guest_counters(system.guest("one"))
    # The pings, whose frames are 1000 bytes behind 8 of ICMP, 20 of IP and 14 of Ethernet. What else the guest's kernel
    # sends, ARP or IPv6, it counts itself; of what comes its device drops what it does not want to hear.
    for name, least in (("frames sent", 4), ("bytes sent", 4 * 1042), ("frames received", 4), ("bytes received", 4 * 1042)):
        grown = after[f"one.net: {name}"] - net[f"one.net: {name}"]
        check(grown >= least, f"{name}: {grown}, but the pings are {least}")
        if "sent" in name:
            most = guest_after[name] - guest_before[name]
            check(grown <= most, f"{name}: {grown}, but the guest counts {most}")
    check(port_counters(system, "net", "two")["two.net: frames received"] - two["two.net: frames received"] >= 4,
          "the other one received as many")
    after = port_counters(system, "disk", "one")
    wrote = after["one.memory: bytes written"] - disk["one.memory: bytes written"]
    check(wrote == MIB, f"the disk counted {wrote} bytes, not {MIB}")
    check(after["one.memory: requests: write"] > disk["one.memory: requests: write"], "no request was counted")
    check(after["one.disk: bytes written"] == disk["one.disk: bytes written"], "another disk's counter has changed")
    rows = port_rows(system, "net")
    check(set(rows) == {"one.net", "two.net", "uplink"} and {row[0] for row in rows.values()} == {"up"}, f"networks: {rows}")
    check(set(port_rows(system, "disk")) == {"one.disk", "one.memory", "two.disk", "two.image"}, "disks")


def test_capture_of_a_ping(context):
    """`capture` keeps the frames of a network; what it prints becomes a pcap file with the ping in it."""
    system, _ = io(context)
    one = system.guest("one")
    one.output("ping -c 1 -W 5 10.42.0.2", 60)
    before = time.time()
    check("started" in system.shell("capture start lan")[0], "the capture does not start")
    system.guest("one").output("ping -c 3 -s 500 -W 5 10.42.0.2", 60)
    check(system.shell("capture stop lan") == ["capture: lan: stopped"], "the capture does not stop")
    system.guest("one").output("ping -c 1 -s 700 -W 5 10.42.0.2", 60)  # not in it any more
    check(re.match(r"lan +off +2 MiB$", system.shell("capture")[1]), "the list is wrong")
    system.shell("capture dump lan", 60)
    path = f"{IMAGES}/{os.environ['KERNEL_NAME']}/{context.name}.pcap"
    run_tool("capture", "-n", "lan", "-o", path, system.machine.log_path)
    found = packets(path)
    check(all(length == len(frame) >= 42 for _, frame, length in found), "a frame is not whole")
    check(all(abs(when - before) < 3600 for when, _, _ in found), "it was not now")
    pings = [frame for _, frame in echoes(found)]
    check(len(pings) == 6 and all(len(frame) == 14 + 20 + 8 + 500 for frame in pings), f"frames of ICMP: {pings}")
    check(sorted(kind for kind, _ in echoes(found)) == [0, 0, 0, 8, 8, 8], "requests and answers")
    check(all(ones_sum(frame[14:34]) == 0xffff and ones_sum(frame[34:]) == 0xffff for frame in pings), "checksums")
    addresses = {(frame[26:30], frame[30:34]) for frame in pings}
    check(addresses == {(bytes([10, 42, 0, a]), bytes([10, 42, 0, b])) for a, b in ((1, 2), (2, 1))}, "addresses")


def ping_sizes(path):
    """Of the pings in a file, how long their data are, in order."""
    return [len(frame) - 14 - 20 - 8 for kind, frame in echoes(packets(path)) if kind == 8]


def test_capture_by_the_tool_while_it_runs(context):
    """`bulkhead run --capture FILE` has each dump in the file at once, and says at the end what is there."""
    path = f"{IMAGES}/{os.environ['KERNEL_NAME']}/{context.name}.pcap"
    if os.path.exists(path):
        os.unlink(path)
    system = System(context, DESCRIPTION, disk=make_disk(context.name), capture=path)
    system.start_all()
    system.guest("one").output("ping -c 1 -W 5 10.42.0.2", 60)
    system.shell("capture start lan")
    for expected in ([100], [100, 200]):
        system.guest("one").output(f"ping -c 1 -s {expected[-1]} -W 5 10.42.0.2", 60)
        system.shell("capture dump lan", 60)
        check(ping_sizes(path) == expected, f"pings of {ping_sizes(path)} bytes are in the file, not {expected}")
    status = system.quit()
    said = f"^bulkhead: {re.escape(path)}: {os.path.getsize(path)} bytes of network lan, the last capture of several$"
    system.machine.expect(said, 10)
    check(status == 0, f"its exit status is {status}")

    other = System(context, DESCRIPTION, disk=make_disk(context.name), capture=f"{path}.none")
    other.front_shell()
    status = other.quit()
    other.machine.expect(f"^bulkhead: {re.escape(path)}.none: not written: nothing was captured", 10)
    check(status == 1 and not os.path.exists(f"{path}.none"), f"there was nothing, and its exit status is {status}")
    image = make_image("test/system/systems/tiny.dts")
    done = subprocess.run([TOOL, "run", "--capture", path, image], capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode == 2 and "no network of the description has capture-mib" in done.stderr, f"it says {done}")


CARRIER = "cat /sys/class/net/eth0/carrier"


def test_network_link_follows_the_service(context):
    """A network service that dies again and again stays down: the guests see their cables pulled out, until
    the operator starts it anew."""
    system, _ = system_with_disk(context, debugger=True)
    for name in ("one", "two"):
        guest = system.guest(name)
        check(guest.output(CARRIER) == "1", f"{name}: no carrier at first")
        guest.output("(ping 10.42.0.9 >/dev/null 2>&1 &)")  # so that the service has something to do
    since = system.machine.mark()
    for _ in range(10):
        system.crash("net")
        match = system.machine.expect(LOG_LINE.format(name="root") + "net: restarted", 30, since)
        since = match.end()
    system.crash("net")
    system.machine.expect(LOG_LINE.format(name="root") + "error: net: failed 10 times in a row, stays down", 30, since)
    for name in ("one", "two"):
        system.guest(name).output(f"while [ $({CARRIER}) != 0 ]; do sleep 0.2; done", 30)
    check({row[0] for row in port_rows(system, "net").values()} == {"down"}, "the shell says that a link is up")
    check(system.shell("restart net") == ["restart: net: done"], "the service does not come back")
    for name in ("two", "one"):
        system.guest(name).output(f"while [ $({CARRIER}) != 1 ]; do sleep 0.2; done", 30)
    check(", 0% packet loss" in system.guest("one").output("ping -c 3 -W 5 10.42.0.2", 60), "one does not reach two")


def wait_carrier(guest, wanted):
    guest.output(f"while [ $({CARRIER}) != {wanted} ]; do sleep 0.2; done", 30)


def losses(guest, address):
    """Of two pings."""
    return int(re.search(r"(\d+)% packet loss", guest.run(f"ping -c 2 -W 2 {address}", 60)[1]).group(1))


def test_network_link_of_the_operator(context):
    """The operator pulls a guest's cable, and only that one's: over restarts, until it is put in again."""
    system, _ = system_with_disk(context)
    check(losses(system.guest("one"), "10.42.0.2") == 0, "one does not reach two")
    check(system.shell("link one.net down") == ["link: one.net: down"], "the cable is not pulled")
    wait_carrier(system.guest("one"), 0)
    check(system.guest("two").output(CARRIER) == "1", "two's cable was pulled, too")
    links = {name: row[0] for name, row in port_rows(system, "net").items()}
    check(links == {"one.net": "down", "two.net": "up", "uplink": "up"}, f"the shell says {links}")
    check(losses(system.guest("two"), "10.42.0.1") == 100, "frames go through a cable that is pulled out")
    check(system.shell("restart net") == ["restart: net: done"], "the service does not start again")
    wait_carrier(system.guest("two"), 1)
    check(system.guest("one").output(CARRIER) == "0", "the new service has put it in")
    check(system.shell("link one up") == ["link: one: up"], "the cable is not put in")
    wait_carrier(system.guest("one"), 1)
    check(losses(system.guest("one"), "10.42.0.2") == 0, "one does not reach two any more")

    system.shell("link one down")
    system.shell("restart one")
    one = system.wait_ready_again("one", 2)
    check(one.output(f"ip link set eth0 up; {CARRIER}") == "0", "a restart of the guest has put it in")
    system.shell("link one up")
    wait_carrier(one := system.guest("one"), 1)
    one.output("ip addr add 10.0.2.15/24 dev eth0 2>/dev/null; true")
    check(losses(one, "10.0.2.2") == 0, "one does not reach the outside")
    system.shell("link uplink down")
    check(port_rows(system, "net")["uplink"][0] == "down", "the shell does not say so")
    one = system.guest("one")
    check(losses(one, "10.0.2.2") == 100 and one.output(CARRIER) == "1", "the outside can be reached")
    check(losses(one, "10.42.0.2") == 0, "the inside cannot be reached")
    system.shell("link uplink up")
    check(losses(system.guest("one"), "10.0.2.2") == 0, "one does not reach the outside any more")
    check("no port is called" in system.shell("link one.lan down")[0], "there is one.lan?")


def test_disk_survives_the_service(context):
    """The block service dies while a guest writes and reads: it waits, and then all is as it should be."""
    system, disk = system_with_disk(context, debugger=True)
    one = system.guest("one")
    path = device(one, "one-disk")
    one.output("dd if=/dev/urandom of=/tmp/random bs=1M count=4 2>/dev/null")
    write = f"for i in 1 2 3; do dd if=/tmp/random of={path} bs=64k conv=fsync 2>/dev/null; done; echo $? >/tmp/done"
    one.output(f"sh -c '({write}) &'")
    since = system.machine.mark()
    system.crash("block")
    system.machine.expect(LOG_LINE.format(name="root") + "block: restarted", 30, since)
    one = system.guest("one")
    one.output("while [ ! -e /tmp/done ]; do sleep 0.2; done", 120)
    check(one.output("cat /tmp/done") == "0", "writing failed")
    digest = one.output("md5sum </tmp/random").split()[0]
    check(read_back(one, path, 4) == digest, "what was written is not there")
    check(hashlib.md5(contents(disk, "one")[:4 * MIB]).hexdigest() == digest, "not on the board's disk")
    two = system.guest("two")
    check(contents(disk, "two").strip(b"t") == b"", "the other VM's disk has changed")


def test_network_survives_the_service(context):
    system, _ = system_with_disk(context, debugger=True)
    since = system.machine.mark()
    system.crash("net")
    system.machine.expect(LOG_LINE.format(name="root") + "net: restarted", 30, since)
    one = system.guest("one")
    check(", 0% packet loss" in one.output("ping -c 3 -W 5 10.42.0.2", 60), "one does not reach two any more")


def test_disk_and_network_survive_a_client(context):
    """One VM starts anew, one crashes; the other one's disk and network go on."""
    system, disk = system_with_disk(context)
    one = system.guest("one")
    path = device(one, "one-disk")
    digest = write_file(one, path, 2)
    system.shell("restart one")
    system.guest("two").output("echo alive")
    one = system.wait_ready_again("one", 2)
    check(read_back(one, device(one, "one-disk"), 2) == digest, "a restart lost what was flushed")
    check(", 0% packet loss" in one.output("ping -c 3 -W 5 10.42.0.2", 60), "the network is gone")
    check(hashlib.md5(contents(disk, "one")[:2 * MIB]).hexdigest() == digest, "not on the board's disk")


def keep_busy(guest, path):
    """Reads a disk into the guest's memory in the background, so that there are always requests in flight; waits
    until there are."""
    read = f"while :; do dd if={path} of=/dev/null bs=8M count=1 iflag=direct 2>/dev/null; done"
    guest.output("; ".join(f"sh -c '({read}) &'" for _ in range(4)))
    guest.output(f"until read r w </sys/block/{path[5:]}/inflight && [ $r -ge 16 ]; do sleep 0.2; done", 120)


def check_disk_of(guest, serial, disk, name, size_mib):
    """Writes, reads back, and looks at the board's disk if it is a part of that."""
    path = device(guest, serial)
    digest = write_file(guest, path, size_mib)
    check(read_back(guest, path, size_mib) == digest, f"{serial}: it reads something else than it wrote")
    if name:
        found = contents(disk, name)
        check(hashlib.md5(found[:size_mib * MIB]).hexdigest() == digest, f"{serial}: not on the board's disk")
        check(found[size_mib * MIB:].strip(name[0].encode()) == b"", f"{serial}: bytes elsewhere have changed")


def test_zero_copy(context):
    """The disk reads and writes guests' memory itself. A VM that ends in the middle of that keeps its memory until
    the disk is done with it; a service that dies has the memory again when it is back."""
    disk = make_disk(context.name)
    system = System(context, ZERO_COPY, debugger=True, disk=disk, drive=SLOW_DISK)
    system.start_all()
    check_disk_of(system.guest("one"), "one-disk", disk, "one", 4)
    check_disk_of(system.guest("one"), "one-memory", disk, None, 4)
    check_disk_of(system.guest("two"), "two-disk", disk, "two", 2)
    # What the second guest has in memory stays as it is, whatever becomes of the first one's.
    two = system.guest("two")
    digest = two.output("dd if=/dev/urandom of=/tmp/kept bs=1M count=24 2>/dev/null; md5sum </tmp/kept", 120)

    # Stops in the middle of reads: its memory comes back, and it starts again, when they have ended.
    with_one = free_memory_kib(system)
    one = system.guest("one")
    keep_busy(one, device(one, "one-disk"))
    system.shell("stop one")
    for starts in range(2, 4):
        system.shell("start one" if starts == 2 else "restart one")
        one = system.wait_ready_again("one", starts)
        keep_busy(one, device(one, "one-disk"))
        path = device(one, "one-memory")
        one.output(f"sh -c '(while :; do dd if={path} of=/dev/null bs=1M count=16 iflag=direct 2>/dev/null; done) &'")
    system.shell("stop one")
    deadline = time.monotonic() + 30 * TIME_SCALE
    while free_memory_kib(system) < with_one + 160 * 1024:
        check(time.monotonic() < deadline, "a VM's memory does not come back")
        time.sleep(0.5)
    system.shell("start one")
    one = system.wait_ready_again("one", 4)
    check_disk_of(one, "one-disk", disk, "one", 4)

    # The service dies in the middle of writes and reads: they are carried out again.
    path = device(one, "one-disk")
    one.output("dd if=/dev/urandom of=/tmp/random bs=1M count=4 2>/dev/null")
    write = f"for i in 1 2 3; do dd if=/tmp/random of={path} bs=64k conv=fsync 2>/dev/null; done; echo $? >/tmp/done"
    one.output(f"sh -c '({write}) &'")
    since = system.machine.mark()
    system.crash("block")
    system.machine.expect(LOG_LINE.format(name="root") + "block: restarted", 30, since)
    one = system.guest("one")
    one.output("while [ ! -e /tmp/done ]; do sleep 0.2; done", 120)
    check(one.output("cat /tmp/done") == "0", "writing failed")
    written = one.output("md5sum </tmp/random").split()[0]
    check(read_back(one, path, 4) == written, "what was written is not there")
    check(hashlib.md5(contents(disk, "one")[:4 * MIB]).hexdigest() == written, "not on the board's disk")
    check_disk_of(one, "one-memory", disk, None, 4)

    two = system.guest("two")
    check(two.output("md5sum </tmp/kept", 60) == digest, "another VM's memory has changed")
    check(contents(disk, "two")[2 * MIB:].strip(b"t") == b"", "another VM's disk has changed")


def zero_copy_with_monitor(context):
    disk = make_disk(context.name)
    monitor = Monitor(f"{IMAGES}/{os.environ['KERNEL_NAME']}/{context.name}.{os.getpid()}.qmp")
    system = System(context, ZERO_COPY, disk=disk, extra=monitor.options)
    monitor.connect()
    system.start_all()
    return system, disk, monitor


def test_zero_copy_with_a_disk_that_hangs(context):
    """A VM that ends while its disk does nothing: root keeps the memory, and says so; then the service is started
    anew, its disk reset, and so the memory comes back."""
    system, disk, monitor = zero_copy_with_monitor(context)
    with_one = free_memory_kib(system)
    one = system.guest("one")
    monitor.limit_disk(HANGING_DISK)
    keep_busy(one, device(one, "one-disk"))
    since = system.machine.mark()
    system.shell("stop one")
    system.machine.expect(LOG_LINE.format(name="root") + "error: block: keeps memory of one, which has ended", 60, since)
    system.machine.expect(LOG_LINE.format(name="root") + "block: restarted", 30, since)
    check(free_memory_kib(system) >= with_one + 160 * 1024, "a VM's memory does not come back")
    check(contents(disk, "one").strip(b"o") == b"", "its disk has changed")


class Rounds:
    """A guest writes and reads its disk again and again in the background, and compares."""

    def __init__(self, guest, path):
        guest.output("dd if=/dev/urandom of=/tmp/round bs=64k count=4 2>/dev/null")
        write = f"dd if=/tmp/round of={path} bs=64k conv=fsync 2>/dev/null"
        read = f"dd if={path} of=/tmp/read bs=64k count=4 iflag=direct 2>/dev/null"
        compare = "cmp -s /tmp/round /tmp/read && echo ok || echo bad"
        guest.output(f"sh -c '(while :; do {write} && {read}; {compare}; done) >/tmp/rounds &'")

    @staticmethod
    def check(guest):
        """It goes on: two more come, of which the second has begun now. All were right; returns how many."""
        guest.output("n=$(wc -l </tmp/rounds); until [ $(wc -l </tmp/rounds) -ge $((n + 2)) ]; do usleep 50000; done", 60)
        words = guest.output("cat /tmp/rounds").split()
        check("bad" not in words, f"{guest.name}: it read something else: {words}")
        return len(words)


def end_while_busy(system, monitor, path, letter, end):
    """Guest one writes `letter` to MiB 4 to 7 of its disk and reads these, on a disk that hangs then, and for some time
    after end() has ended the VM."""
    one = system.guest("one")
    one.output(f"tr '\\0' {letter} </dev/zero | head -c {MIB} >/tmp/new")
    monitor.limit_disk(HANGING_DISK)
    for mib in range(4, 8):
        one.output(f"sh -c '(dd if=/tmp/new of={path} bs=1M seek={mib} oflag=direct 2>/dev/null) &'")
        one.output(f"sh -c '(dd if={path} of=/dev/null bs=1M skip={mib} count=1 iflag=direct 2>/dev/null) &'")
    one.output(f"until read r w </sys/block/{path[5:]}/inflight && [ $r -eq 4 ] && [ $w -eq 4 ]; do usleep 50000; done", 60)
    since = system.machine.mark()
    end()
    system.machine.expect(r"^\[one\] restarting$", 60, since)
    system.machine.expect_none(r"^\[one\] starting$", HANGS_S)
    monitor.limit_disk(0)


def test_zero_copy_over_a_reset(context):
    """A guest resets its machine, or the operator stops and starts it, in the middle of reads and writes: what it
    had flushed is there, what it was writing is old or new, root's books are as they were, and another guest's disk
    works on."""
    system, disk, monitor = zero_copy_with_monitor(context)
    one = system.guest("one")
    path = device(one, "one-disk")
    digest = write_file(one, path, 4)
    rounds = Rounds(system.guest("two"), device(system.guest("two"), "two-disk"))
    before = system.shell("memory")
    allowed = set(b"o")
    for starts, letter, end in (
            (2, "P", lambda: system.guest("one").machine.send_line("reboot -n -f")),
            (3, "Q", lambda: system.shell("stop one") + system.shell("start one")),
            (4, "R", lambda: system.guest("one").machine.send_line("reboot -n -f")),
    ):
        end_while_busy(system, monitor, path, letter, end)
        rounds.check(system.guest("two"))
        one = system.wait_ready_again("one", starts)
        after = system.shell("memory")
        check(after == before, f"start {starts}: before: {before}, after: {after}")
        check(read_back(system.guest("one"), path, 4) == digest, "what was flushed is not there")
        found = contents(disk, "one")
        check(hashlib.md5(found[:4 * MIB]).hexdigest() == digest, "what was flushed is not on the board's disk")
        written = set(found[4 * MIB:8 * MIB])
        check(written <= allowed | set(letter.encode()), f"it has written what it never had: {written}")
        check(found[8 * MIB:].strip(b"o") == b"", "bytes elsewhere have changed")
        allowed = written
    count = rounds.check(system.guest("two"))
    check_disk_of(system.guest("one"), "one-disk", disk, None, 4)
    check(contents(disk, "two")[256 * 1024:].strip(b"t") == b"", "another VM's disk has changed")
    context.say(f"{count} rounds of another guest's disk")
