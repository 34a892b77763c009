# SPDX-License-Identifier: BSD-2-Clause
"""What the guests' files promise of disks and networks, on bare QEMU: if these fail, do not look for the fault
in Bulkhead. The last tests need the demo's disk and are left out where nobody made it (`make disk`)."""
import json
import os
import re
import subprocess
import tempfile

import guest
from guest import Guest, check

KERNEL_NAME = "none, bare QEMU"
BUSYBOX = "build/guest-root/bin/busybox"
DISK = "build/guest/debian-disk.img"
DISK_SH = "test/guest/disk.sh"
LOGIN = r"linux-a login:"
UPLINK = ["-netdev", "user,id=up", "-device", "virtio-net-device,netdev=up"]


TOOLS_ENVIRONMENT = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")


def tool(*command, fails=False):
    """Runs a host program, returns what it printed on both of its outputs."""
    done = subprocess.run(command, env=TOOLS_ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check((done.returncode != 0) == fails, f"{' '.join(command)} ended with {done.returncode}: {done.stdout}")
    return done.stdout


def partitions(path):
    """{name: (first byte, bytes)} of an image with a GUID partition table."""
    table = json.loads(tool("sfdisk", "--json", path))["partitiontable"]
    check(table["label"] == "gpt", f"{path} has a table of the kind {table['label']}")
    return {part["name"]: (part["start"] * 512, part["size"] * 512) for part in table["partitions"]}


def drive(path, number=0, device="virtio-blk-device"):
    return ["-drive", f"file={path},format=raw,if=none,id=disk{number},cache=unsafe", "-device", f"{device},drive=disk{number}"]


def boot(context, arguments, *devices):
    words = [word for device in devices for word in device]
    return context.machine([
        "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-m", "512", "-nodefaults", "-display", "none",
        "-no-reboot", "-global", "virtio-mmio.force-legacy=false", "-serial", "stdio",
        "-kernel", guest.KERNEL, "-initrd", guest.INITRD, "-append", f"console=ttyAMA0 {arguments}", *words,
    ], fatal=[guest.PANIC])


def make_ext4(path, label, tree=None):
    with open(path, "wb") as out:
        out.truncate(16 << 20)
    tool("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, *(["-d", tree] if tree else []), path)


def make_root(folder):
    """A disk with the smallest system that can say that it runs."""
    for name in ("bin", "sbin", "dev", "proc", "sys"):
        os.makedirs(f"{folder}/tree/{name}")
    tool("cp", BUSYBOX, f"{folder}/tree/bin/busybox")
    with open(f"{folder}/tree/sbin/init", "w", encoding="ascii") as init:
        init.write("#!/bin/busybox sh\necho \"from-disk: pid $$, $(/bin/busybox grep -c ' /proc ' /proc/mounts) proc\"\n"
                   "/bin/busybox poweroff -f\n")
    os.chmod(f"{folder}/tree/sbin/init", 0o755)
    make_ext4(f"{folder}/root.ext4", "root-a", f"{folder}/tree")
    make_ext4(f"{folder}/data.ext4", "data-b")
    tool(DISK_SH, f"{folder}/disk.img", f"root-a={folder}/root.ext4", f"data-b={folder}/data.ext4")


def test_partitions_have_what_they_were_given(context):
    with tempfile.TemporaryDirectory() as folder:
        given = {"root-a": context.bytes(3_000_001), "b": b"x", "data-c": bytes(2 << 20) + b"y"}
        for name, content in given.items():
            with open(f"{folder}/{name}", "wb") as out:
                out.write(content)
        command = [DISK_SH, f"{folder}/disk.img", *(f"{name}={folder}/{name}" for name in given)]
        tool(*command)
        with open(f"{folder}/disk.img", "rb") as image:
            data = image.read()
        found = partitions(f"{folder}/disk.img")
        check(list(found) == list(given), f"partitions {list(found)}")
        end = 0
        for name, (start, size) in found.items():
            check(start % (1 << 20) == 0 and start >= end, f"{name} starts at {start}, before {end}")
            end = start + size
            check(data[start:end] == given[name].ljust(size, b"\0"), f"{name} is not as it was given")
        tool("sfdisk", "--verify", "--quiet", f"{folder}/disk.img")
        tool(*command)
        with open(f"{folder}/disk.img", "rb") as image:
            check(image.read() == data, "the same input gave another image")


def test_a_disk_that_cannot_be_made_leaves_nothing(context):
    with tempfile.TemporaryDirectory() as folder:
        said = tool(DISK_SH, f"{folder}/disk.img", f"root-a={folder}/none", fails=True)
        check("none is not there or empty" in said, f"disk.sh said {said}")
        check(os.listdir(folder) == [], f"left: {os.listdir(folder)}")
        os.symlink("/usr/bin/dirname", f"{folder}/dirname")
        said = tool("env", f"PATH={folder}", "/bin/bash", "test/guest/debian.sh", "none", "none", "none", f"{folder}/root.ext4", fails=True)
        check(f"cannot make {folder}/root.ext4: there is no mmdebstrap" in said, f"debian.sh said {said}")
        check(os.listdir(folder) == ["dirname"], f"left: {os.listdir(folder)}")


def test_debian_disk_is_as_promised(context):
    if not os.path.exists(DISK):
        context.skip(f"{DISK} is not there; `make disk` makes it (minutes)")
    found = partitions(DISK)
    check(list(found) == ["root-a", "data-b"], f"partitions {list(found)}")
    for name, (start, _) in found.items():
        inside = f"{DISK}?offset={start}"
        check(re.search(rf"^Filesystem volume name: +{name}$", tool("debugfs", "-R", "stats -h", inside), re.MULTILINE),
              f"{name} is not an ext4 with that label")
    root = f"{DISK}?offset={found['root-a'][0]}"
    check("Type: regular" in tool("debugfs", "-R", "stat /usr/lib/systemd/systemd", root), "there is no systemd")
    check("linux-a" in tool("debugfs", "-R", "cat /etc/hostname", root), "its name is not linux-a")
    states = re.findall(r"^Status: (.*)$", tool("debugfs", "-R", "cat /var/lib/dpkg/status", root), re.MULTILINE)
    check(len(states) > 100 and set(states) == {"install ok installed"}, f"{len(states)} packages, states {set(states)}")
    context.say(f"{len(states)} packages, {os.stat(DISK).st_blocks * 512 >> 20} of {os.path.getsize(DISK) >> 20} MiB in use")


def test_boots_from_a_partition(context):
    with tempfile.TemporaryDirectory() as folder:
        make_root(folder)
        for name in ("PARTLABEL=root-a", "/dev/vda1"):
            with boot(context, f"root={name}", drive(f"{folder}/disk.img")) as machine:
                machine.expect(r"^from-disk: pid 1, 1 proc", 60)
                check(machine.wait_end(20) == 0, "QEMU ended with an error")


def test_boots_from_a_whole_disk_on_pci(context):
    """What a VM sees whose disk is one partition of the machine's."""
    with tempfile.TemporaryDirectory() as folder:
        make_root(folder)
        with boot(context, "root=LABEL=root-a", drive(f"{folder}/root.ext4", device="virtio-blk-pci")) as machine:
            machine.expect(r"^from-disk: pid 1, 1 proc", 60)
            check(machine.wait_end(20) == 0, "QEMU ended with an error")


def test_a_missing_disk_leaves_a_shell(context):
    with boot(context, "root=LABEL=none disk_wait_s=2") as machine:
        machine.expect(r"^bulkhead-guest: no disk LABEL=none", 60)
        machine.expect(guest.READY, 20)
        check(Guest(machine, "guest").output("echo $((6 * 7))") == "42", "the shell cannot count")


def test_data_stays(context):
    with tempfile.TemporaryDirectory() as folder:
        make_root(folder)
        with boot(context, "data=PARTLABEL=data-b", drive(f"{folder}/disk.img")) as machine:
            machine.expect(guest.READY, 60)
            Guest(machine, "guest").output("echo kept >/data/note")
            machine.send_line("poweroff")
            check(machine.wait_end(30) == 0, "QEMU ended with an error")
        with boot(context, "data=LABEL=data-b", drive(f"{folder}/disk.img")) as machine:
            machine.expect(guest.READY, 60)
            check(Guest(machine, "guest").output("cat /data/note") == "kept", "the file is not there after a restart")


def test_virtio_devices_have_drivers(context):
    # A console device without a console, which would take the shell away from the serial line.
    words = [word for name in ("rng", "balloon", "serial") for word in ("-device", f"virtio-{name}-device")]
    with boot(context, "ip=10.0.2.15:::255.255.255.0::eth0:off", UPLINK, words) as machine:
        machine.expect(guest.READY, 60)
        linux = Guest(machine, "guest")
        drivers = linux.output("for d in /sys/bus/virtio/devices/*; do basename $(readlink $d/driver); done | sort").split()
        check(drivers == ["virtio_balloon", "virtio_console", "virtio_net", "virtio_rng"], f"drivers: {drivers}")
        check(linux.output("cat /sys/class/misc/hw_random/rng_current") == "virtio_rng.0", "no virtio entropy")
        check(linux.run("ping -c 2 -w 10 10.0.2.2", 30)[0] == 0, "no answer from QEMU's gateway")
        linux.output("echo 'over HTTP' >/data/page")
        check(linux.output("wget -q -O - http://10.0.2.15/page") == "over HTTP", "no answer from its own HTTP server")


def log_in(machine):
    machine.expect(LOGIN, 300)
    machine.send_line("root")
    machine.expect(r"root@linux-a:~# ?$", 120)
    return Guest(machine, "linux-a")


def power_off(machine):
    machine.send_line("poweroff")
    machine.expect(r"reboot: Power down", 120)
    check(machine.wait_end(20) == 0, "QEMU ended with an error")


def test_debian_keeps_files_and_reaches_the_outside(context):
    if not os.path.exists(DISK):
        context.skip(f"{DISK} is not there; `make disk` makes it (minutes)")
    with tempfile.TemporaryDirectory(dir="build") as folder:
        disk = f"{folder}/disk.img"
        tool("cp", "--sparse=always", DISK, disk)
        with boot(context, "quiet root=PARTLABEL=root-a", drive(disk), UPLINK) as machine:
            linux = log_in(machine)
            context.say(f"logged in after {machine.seconds():.0f} s, of which a core worked {machine.cpu_seconds():.0f} s")
            check(linux.run("ping -c 2 -w 20 10.0.2.2", 60)[0] == 0, "no answer from QEMU's gateway")
            failed = linux.output("systemctl --failed --no-legend --plain", 60)
            check(failed == "", f"units that failed: {failed}")
            check(re.match(r"ext4 +rw", linux.output("findmnt -n -o FSTYPE,OPTIONS /")), "/ is not a writable ext4")
            linux.output("echo kept >/root/note")
            check(linux.run("wget -q -O /dev/null http://10.0.2.2:1/", 60)[0] != 0, "wget says that a closed port answered")
            linux.output("echo 'over HTTP' >/srv/page")
            check(linux.output("wget -q -O - http://localhost/page", 60) == "over HTTP", "no answer from its own HTTP server")
            power_off(machine)
        with boot(context, "quiet root=PARTLABEL=root-a", drive(disk)) as machine:
            linux = log_in(machine)
            check(linux.output("cat /root/note") == "kept", "the file is not there after a restart")
            power_off(machine)
