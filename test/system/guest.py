# SPDX-License-Identifier: BSD-2-Clause
"""The Linux guest of test/guest/ as seen from its console: what it prints, and how to have it do things."""
import hashlib
import re

from machine import TIME_SCALE, Failure

KERNEL = "build/guest/vmlinuz"
INITRD = "build/guest/initramfs.cpio.gz"
READY = r"bulkhead-guest: ready \((\d+) cpus\)"
PANIC = r"Kernel panic - not syncing.*"
INTERRUPT_KEY = "\x03"


class Guest:
    """A guest whose shell is in front on `machine`'s serial line; `name` is its host name."""

    def __init__(self, machine, name):
        self.machine = machine
        self.name = name
        self.serial = 0

    def run(self, command, timeout_s=30):
        """Runs a shell command, returns (exit status, output). The markers are split in what is typed, so
        that its echo is not taken for the answer."""
        self.serial += 1
        tag = f"{self.name}-{self.serial}"
        since = self.machine.mark()
        self.machine.send_line(f"echo '<<'{tag}; {command}; echo \"$?\" '>>'{tag}")
        self.machine.expect(rf"^<<{tag}$", timeout_s, since)
        match = self.machine.expect(rf"^<<{tag}\n((?:.*\n)*?)(.*?)(\d+) >>{tag}$", timeout_s, since)
        # Lines of other guests may come between; the console service marks them.
        lines = [line for line in (match.group(1) + match.group(2)).split("\n") if not re.match(r"\[\S+\] ", line)]
        return int(match.group(3)), "\n".join(lines).strip("\n")

    def output(self, command, timeout_s=30):
        status, text = self.run(command, timeout_s)
        if status != 0:
            raise Failure(f"{self.name}: '{command}' failed with {status}: {text}")
        return text

    def selftest(self, name, timeout_s=60):
        """Runs a self-test of the guest, returns its keys and values."""
        text = self.output(f"selftest {name}", timeout_s)
        match = re.search(rf"selftest: {name} (.*)", text)
        if not match:
            raise Failure(f"{self.name}: selftest {name} said '{text}'")
        return dict(pair.split("=", 1) for pair in match.group(1).split())

    def paste(self, data, timeout_s=120):
        """Pastes bytes into the guest's terminal in raw mode; fails unless all of them arrive unchanged."""
        since = self.machine.mark()
        self.machine.send_line(f"paste-check {len(data)}")
        self.machine.expect(r"^paste-check: send$", 20, since)
        self.machine.send(data, timeout_s)
        match = self.machine.expect(r"^paste-check: bytes=(\d+) md5=(\w{32})$", timeout_s, since)
        count, digest = int(match.group(1)), match.group(2)
        if count != len(data):
            raise Failure(f"{self.name}: {count} of {len(data)} pasted bytes arrived")
        if digest != hashlib.md5(data).hexdigest():
            raise Failure(f"{self.name}: {count} pasted bytes arrived, but {self._first_difference(data)}")

    def _first_difference(self, data):
        """Where what paste-check kept in /tmp/paste differs from data first, and what is there instead."""
        good, bad = 0, len(data)
        while bad - good > 1:
            middle = (good + bad) // 2
            digest = self.output(f"head -c {middle} /tmp/paste | md5sum").split()[0]
            if digest == hashlib.md5(data[:middle]).hexdigest():
                good = middle
            else:
                bad = middle
        found = self.output(f"tail -c +{good + 1} /tmp/paste | head -c 40")
        return f"from byte {good} it is {found!r} instead of {data[good:good + 40]!r}"

    def interrupt_key(self):
        """Ends a command with the interrupt key."""
        since = self.machine.mark()
        # The line says that the command has the terminal: before that the key would be the shell's.
        self.machine.send_line("sh -c 'echo started; sleep 1000'")
        self.machine.expect("^started$", 20, since)
        self.machine.send(INTERRUPT_KEY)
        check(self.output("echo alive", 20) == "alive", f"{self.name}: no answer after the interrupt key")


def check(condition, message):
    if not condition:
        raise Failure(message)


def check_selftests(guest, cpu_count, timer_most_cs=160):
    """Everything that a guest can tell about its machine from inside."""
    cpus = guest.selftest("cpus")
    check(int(cpus["count"]) == cpu_count, f"{guest.name}: {cpus['count']} CPUs online, not {cpu_count}")
    check(int(cpus["ran"]) == cpu_count, f"{guest.name}: a process ran on {cpus['ran']} of {cpu_count} CPUs")
    ticks = [int(count) for count in guest.selftest("interrupts")["ticks"].split(",")]
    check(len(ticks) == cpu_count and min(ticks) >= 20, f"{guest.name}: timer interrupts in two busy seconds: {ticks}")
    timer = guest.selftest("timer")
    check(int(timer["least_cs"]) >= 99, f"{guest.name}: a sleep of 100 cs took {timer['least_cs']}")
    check(int(timer["most_cs"]) <= timer_most_cs * TIME_SCALE, f"{guest.name}: a sleep of 100 cs took {timer['most_cs']}")
    memory = guest.selftest("memory", 180)
    check(int(memory["bad"]) == 0, f"{guest.name}: {memory['bad']} of {memory['written_mb']} MiB read back wrong")
