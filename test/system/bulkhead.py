# SPDX-License-Identifier: BSD-2-Clause
"""Bulkhead as an operator sees it: making an image, running it, the console's keys, the shell's commands.

All that tests know of these is in this file, so that a change there is a change here only.
"""
import os
import re
import subprocess
import time

from debugger import Debugger, symbol
from guest import INTERRUPT_KEY, PANIC, READY, Guest
from machine import TIME_SCALE, Failure

TOOL = "build/host/bulkhead"
PAIR = "system/pair.dts"
IMAGES = "build/system"

PREFIX_KEY = "\x14"  # Ctrl-T
QUIT_KEYS = "\x01x"  # Ctrl-A X, QEMU's
SHELL_KEY = PREFIX_KEY + "s"
SHELL_BANNER = r"^--- operator shell .*---$"
CONSOLE_BANNER = r"^--- {name} .*---$"
PROMPT = "bulkhead> "
LOG_LINE = r"^\[{name}\] "
# A program, and a function that it calls again and again.
CRASHES = {
    "vmm": ("vmm.elf", "exit_handle"),
    "timer": ("timer.elf", "configure_alarm"),
    "serial": ("serial.elf", "console_run"),
    "block": ("block.elf", "server_run"),
    "net": ("net.elf", "switch_run"),
    "vsock": ("vsock.elf", "relay_run"),
}
# A failed CHECK of ours, wherever it is.
FATAL = [r"CHECK failed.*", r"check failed.*"]
BOOT_S = 180


def make_image(description):
    """Builds the boot image of a description with the host tool; returns its file name."""
    name = os.path.splitext(os.path.basename(description))[0]
    image = f"{IMAGES}/{os.environ['KERNEL_NAME']}/{name}.img"
    os.makedirs(os.path.dirname(image), exist_ok=True)
    run_tool("build", *os.environ["IMAGE_OPTIONS"].split(), "-o", image, description)
    return image


def image_option(name):
    """The value of one of the options with which images are built."""
    options = os.environ["IMAGE_OPTIONS"].split()
    return options[options.index(name) + 1]


def open_debugger(path):
    deadline = time.monotonic() + 20 * TIME_SCALE
    while True:
        try:
            debugger = Debugger(path)
            os.unlink(path)
            return debugger
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                raise Failure("QEMU does not open its debugger's socket") from None
            time.sleep(0.05)


def run_tool(*arguments):
    done = subprocess.run([TOOL, *arguments], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise Failure(f"{TOOL} {' '.join(arguments)}: exit status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


class Vm:
    """A line of the shell's `list`."""

    def __init__(self, number, name, state, rest):
        self.number = int(number)
        self.name = name
        self.state = state
        self.vcpus = int(rest[0]) if rest else 0
        self.starts = int(rest[-1]) if rest else 0
        # VCPUS, MEMORY and its unit, then the balloon's memory and its unit, or a dash.
        self.balloon_mib = int(rest[3]) * {"MiB": 1, "GiB": 1024}[rest[4]] if rest and rest[3] != "-" else 0


class System:
    """A Bulkhead that runs in a machine."""

    def __init__(self, context, description=PAIR, debugger=False, disk=None, drive="", without=(), extra=(), capture=None):
        """`drive`: more of QEMU's options for the disk's drive. `without`: devices that QEMU's machine is not given,
        though the description asks for them. `extra`: more options of QEMU. `capture`: `bulkhead run --capture` with
        this file runs it, without any of these."""
        image = make_image(description)
        options = ["--disk", disk] if disk else []
        command = [*run_tool("run", "--dry-run", *options, image).split(), *extra]
        if disk:
            command[command.index("-drive") + 1] += drive
        if capture:
            command = [TOOL, "run", "--capture", capture, *options, image]
        for device in without:
            at = next(i for i, word in enumerate(command) if word.startswith(device))
            del command[at - 1:at + 1]
        path = f"{image}.{os.getpid()}.gdb"
        if debugger:
            command += ["-S", "-gdb", f"unix:{path},server=on,wait=off"]  # the debugger starts it
        self.machine = context.machine(command, fatal=[PANIC, *FATAL])
        self.debugger = open_debugger(path) if debugger else None
        self.kernel = context.kernel
        self._guests = {}
        self._numbers = {}

    def crash(self, name, cause=lambda: None, before=lambda: None, function=None):
        """Makes a VM's VMM or a service jump to address 0, at the next thing that it does, or where it comes to
        `function`. cause() gives it something to do; before() is called when the machine has stopped for it. Only for a
        system that was made with a debugger."""
        program, often_called = CRASHES.get(name, CRASHES["vmm"])
        with self.debugger.at(f"{image_option('--programs')}/{program}", function or often_called, cause, name):
            before()
            self.debugger.jump(0)

    def set_of_root(self, variable, offset, data):
        """Writes to a variable of root's, returns what was there. Only with a debugger."""
        program = f"{image_option('--programs')}/root.elf"
        address = symbol(program, variable) + offset
        self.front_shell()
        with self.debugger.at(program, "operator_list", lambda: self.machine.send("list\r")):
            old = self.debugger.read(address, len(data))
            self.debugger.write(address, data)
        self.machine.expect("^" + PROMPT + "$", 20)
        return old

    def quit(self):
        """Ends QEMU by its own key; returns the exit status."""
        self.machine.send(QUIT_KEYS)
        return self.machine.wait_end(20)

    # ---- the operator's shell ----

    def front_shell(self):
        since = self.machine.mark()
        self.machine.send(SHELL_KEY)
        banner = self.machine.expect(SHELL_BANNER, 20, since)
        self.machine.expect("^" + PROMPT, 20, banner.end())

    def shell(self, command, timeout_s=30, is_in_front=False):
        """Gives the shell a command, returns the lines that it says, those of the log left out."""
        if not is_in_front:
            self.front_shell()
        since = self.machine.mark()
        self.machine.send(command + "\r")
        match = self.machine.expect(rf"^{PROMPT}{re.escape(command)} *\n((?:.*\n)*?){PROMPT}$", timeout_s, since)
        return [line for line in match.group(1).splitlines() if not re.match(r"\[\S+\] ", line)]

    def vms(self):
        lines = self.shell("list")
        rows = [re.match(r" *(\d+) +(\S+) +(\S+)(.*)", line) for line in lines[1:]]
        return [Vm(*row.groups()[:3], row.group(4).split()) for row in rows if row]

    def vm(self, name):
        for vm in self.vms():
            if vm.name == name:
                return vm
        raise Failure(f"the shell's list has no VM '{name}'")

    def wait_state(self, name, state, timeout_s=60):
        deadline = time.monotonic() + timeout_s * TIME_SCALE
        while True:
            vm = self.vm(name)
            if vm.state == state:
                return vm
            if time.monotonic() > deadline:
                raise Failure(f"{name} is {vm.state}, not {state}, after {timeout_s * TIME_SCALE:.0f} s")
            time.sleep(0.5)

    def stats(self, name):
        """What the VMM counted: {"exits: hypercall": 12, ...}"""
        rows = (re.match(r" +(.*?) +(\d+)$", line) for line in self.shell(f"stats {name}"))
        return {row.group(1): int(row.group(2)) for row in rows if row}

    # ---- the guests ----

    def console(self, name):
        """Brings a VM's console to the front; returns the place in the text where its replay begins."""
        if name not in self._numbers:
            self._numbers = {vm.name: vm.number for vm in self.vms()}
        since = self.machine.mark()
        self.machine.send(PREFIX_KEY + str(self._numbers[name]))
        return self.machine.expect(CONSOLE_BANNER.format(name=re.escape(name)), 20, since).end()

    def port_console(self, name):
        """Brings a console "VM.port" to the front; returns the place in the text where its replay begins."""
        self.front_shell()
        since = self.machine.mark()
        self.machine.send(f"console {name}\r")
        return self.machine.expect(CONSOLE_BANNER.format(name=re.escape(name)), 20, since).end()

    def guest(self, name):
        """The guest of a VM, its console in front."""
        self.console(name)
        return self._guests.setdefault(name, Guest(self.machine, name))

    def wait_ready(self, name, timeout_s=BOOT_S):
        """Waits until the guest said that it is ready, and can do something; returns the guest."""
        self.machine.expect(READY, timeout_s, self.console(name))
        guest = self.guest(name)
        guest.output("true", 60)
        return guest

    def wait_ready_again(self, name, starts, timeout_s=BOOT_S):
        """The same after a start, of which the `starts`-th is waited for: what the console said before
        that does not count."""
        deadline = time.monotonic() + timeout_s * TIME_SCALE
        while self.wait_state(name, "running", timeout_s).starts < starts:
            if time.monotonic() > deadline:
                raise Failure(f"{name} has not been started for the {starts}th time")
            time.sleep(0.5)
        guest = self.guest(name)
        while True:
            try:
                # Typed too early, some of it is lost with the old guest, or by Linux while it starts; the
                # interrupt key gets rid of the other half.
                self.machine.send(INTERRUPT_KEY)
                guest.output("true", 5)
                return guest
            except Failure:
                if self.machine.ended or time.monotonic() > deadline:
                    raise

    def start_all(self):
        """Waits for every VM that is started at boot; returns all as `list` shows them."""
        for vm in self.vms():
            if vm.state != "stopped":
                self.wait_ready(vm.name)
        return self.vms()
