# SPDX-License-Identifier: BSD-2-Clause
"""The demo as a person sees it: Debian from its partition to a login prompt, files and packets between the VMs,
the outside, and what was written is there after the machine was off. Needs the disk (`make disk`)."""
import os
import shutil

from bulkhead import IMAGES, System
from guest import check

DESCRIPTION = "system/demo.dts"
MASTER = "build/guest/debian-disk.img"
LOGIN = r"^linux-a login: "
PROMPT = r"root@linux-a:~# $"
BOOT_S = 120


def start(context, disk):
    system = System(context, DESCRIPTION, disk=disk)
    since = system.console("linux-a")
    system.machine.expect(LOGIN, BOOT_S, since)
    took = system.machine.seconds()
    system.machine.send_line("root")
    system.machine.expect(PROMPT, 60, since)
    return system, took


def test_debian_from_its_partition(context):
    if not os.path.exists(MASTER):
        context.skip(f"there is no {MASTER}: `make disk` makes it, which takes minutes")
    disk = f"{IMAGES}/{os.environ['KERNEL_NAME']}/demo.disk"
    os.makedirs(os.path.dirname(disk), exist_ok=True)
    shutil.copyfile(MASTER, disk)
    system, first_s = start(context, disk)
    a = system.guest("linux-a")
    check(a.output("systemctl is-system-running --wait", 120) in ("running", "degraded"), "systemd is not done")
    check("/dev/vda" in a.output("findmnt -n -o SOURCE /"), "root is not on the virtio disk")
    b = system.wait_ready("linux-b")
    b.output("dd if=/dev/urandom of=/data/from-b bs=1M count=2 2>/dev/null; sync")
    digest = b.output("md5sum </data/from-b").split()[0]
    check(", 0% packet loss" in b.output("ping -c 3 -W 5 192.168.100.1", 60), "b does not reach a")
    a = system.guest("linux-a")
    check(", 0% packet loss" in a.output("ping -c 3 -W 5 192.168.100.2", 60), "a does not reach b")
    a.output("wget -q -O /srv/copy http://192.168.100.2/from-b && sync", 60)
    check(a.output("md5sum </srv/copy").split()[0] == digest, "the file did not arrive as it was sent")
    check(", 0% packet loss" in a.output("ping -c 2 -W 5 10.0.2.2", 60), "a does not reach the outside")
    b = system.guest("linux-b")
    check(b.output("wget -q -O - http://192.168.100.1/copy | md5sum", 60).split()[0] == digest,
          "the file did not come back as it was")
    system.guest("linux-a").machine.send_line("poweroff")
    system.wait_state("linux-a", "stopped", 90)
    system.guest("linux-b").output("sync")
    system.machine.stop()

    system, second_s = start(context, disk)
    a = system.guest("linux-a")
    check(a.output("md5sum </srv/copy").split()[0] == digest, "linux-a's file is gone after a power-off")
    b = system.wait_ready("linux-b")
    check(b.output("md5sum </data/from-b").split()[0] == digest, "linux-b's file is gone after a power-off")
    context.say(f"at the login prompt after {first_s:.0f} s, the second time after {second_s:.0f} s")
