# SPDX-License-Identifier: BSD-2-Clause
"""QEMU as a measuring instrument: one instruction is one virtual nanosecond, and nothing depends on the host.

Builds images of descriptions that are written here, runs them, and reads what the guests say about themselves.
"""
import ctypes
import os
import re
import signal
import subprocess
import time

TOOL = "build/host/bulkhead"
NS_PER_TICK = 16  # of the counter of QEMU's cortex-a53: 62.5 MHz
PR_SET_PDEATHSIG = 1
# The clock counts instructions; entropy and the date are the same in each run.
EXACT = ["-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2026-01-01,clock=vm"]
RESULT = re.compile(rb"bench ([a-z0-9_.]+) (\d+) (\d+)\r")
# QEMU runs the first core that has something to do until it idles or a device's timer rings, which may be 100 ms:
# another core, which spins for that one's answer, does so for as long. So there is a timer that rings often: a
# network filter's, on a network that nothing is connected to. A core that spins for one with a higher number waits
# for ever, so no case lets it: who sends to another core is on the higher one.
TURNS = ["-netdev", "hubport,id=turns,hubid=0", "-object", "filter-buffer,id=turn,netdev=turns,interval=10"]
TIME_LIMIT_S = float(os.environ.get("BENCH_TIME_LIMIT_S", "240"))


class Failure(Exception):
    """A run that did not say what it was to say."""


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run_tool(*arguments):
    done = subprocess.run([TOOL, *arguments], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise Failure(f"{TOOL} {' '.join(arguments)}: exit status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


class Bench:
    """Where one kernel's runs happen: build/bench/<kernel>/."""

    def __init__(self, kernel, image_options, programs):
        self.kernel = kernel
        self.folder = f"build/bench/{kernel}"
        self._options = image_options.split()
        self.programs = programs
        os.makedirs(self.folder, exist_ok=True)

    def image(self, name, vms, root=None, before=""):
        """Builds an image; `vms` are the nodes of its VMs, `root` another root task than ours,
        `before` what comes before the VMs."""
        description = f"{self.folder}/{name}.dts"
        with open(description, "w", encoding="ascii") as file:
            file.write('/dts-v1/;\n/ {\n\tcompatible = "bulkhead,system-v1";\n\tboard = "qemu-virt";\n'
                       f'{before}\tvms {{\n{vms}\t}};\n}};\n')
        image = f"{self.folder}/{name}.img"
        options = [*self._options, "--root", f"{self.programs}/{root}.elf"] if root else self._options
        run_tool("build", "-q", *options, "-I", self.folder, "-o", image, description)
        return image

    def run(self, name, image, extra=(), keys=(), until="end", tries=1):
        """Runs an image until a guest says `bench end`, then types the first of the keys, and so on; returns
        what was said, [(name, (ticks, count))]. With several tries, each has its part of the time limit."""
        command = run_tool("run", "--dry-run", image).split()
        if command[command.index("-smp") + 1] != "1":
            command += TURNS
        return self.run_command(name, [*command, *extra], keys, until, tries)

    def run_native(self, name, kernel, gic, extra=()):
        """The same for a guest on bare QEMU."""
        return self.run_command(f"{name}-native", [
            "qemu-system-aarch64", "-machine", f"virt,gic-version={gic}", "-cpu", "cortex-a53", "-m", "512",
            "-display", "none", "-nic", "none", "-serial", "mon:stdio", "-kernel", kernel, *extra])

    def run_command(self, name, command, keys=(), until="end", tries=1):
        """The same with any command line of QEMU."""
        for tries_left in reversed(range(tries)):
            try:
                return self._run_once(name, command, keys, until, TIME_LIMIT_S / tries)
            except Failure:
                if tries_left == 0:
                    raise
        return []

    def _run_once(self, name, command, keys, until, limit_s):
        with self._machine(name, command) as machine:
            for ends in range(len(keys) + 1):
                machine.wait(lambda text, wanted=ends + 1: said(text, until) >= wanted, f"bench {until}", limit_s)
                if ends < len(keys):
                    machine.type(keys[ends])
            return [result for result in results_in(machine.text()) if result[1][1] != 0]

    def run_text(self, name, image, dialogue):
        """Runs an image and types: for each (pattern, keys) when a line has the pattern; returns the last such line."""
        line = ""
        with self._machine(name, run_tool("run", "--dry-run", image).split()) as machine:
            for pattern, keys in dialogue:
                regex = re.compile(pattern.encode(), re.MULTILINE)
                machine.wait(regex.search, pattern)
                line = regex.search(machine.text())[0].decode()
                machine.type(keys)
        return line

    def _machine(self, name, command):
        command = [*command, *EXACT, "-monitor", "none"]
        command[command.index("-serial") + 1] = "stdio"
        return Machine(name, command, f"{self.folder}/{name}.log")


class Machine:
    """One run of QEMU; always ended."""

    def __init__(self, name, command, log):
        self.name, self.log = name, log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL,
                                            start_new_session=True, preexec_fn=_die_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def text(self):
        with open(self.log, "rb") as file:
            return file.read()

    def type(self, keys):
        self.process.stdin.write(keys.encode())
        self.process.stdin.flush()

    def wait(self, holds, what, limit_s=TIME_LIMIT_S):
        """Waits until `holds` of all that was printed."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            ended = self.process.poll() is not None
            if holds(self.text()):
                return
            if ended:
                break
            time.sleep(0.05)
        last = self.text()[-400:].decode("latin-1")
        raise Failure(f"{self.name}: no '{what}' in {limit_s:.0f} s; {self.log} ends with: {last}")


def results_in(text):
    return [(match[0].decode(), (int(match[1]), int(match[2]))) for match in RESULT.findall(text)]


def said(text, name):
    return sum(said_name == name for said_name, _ in results_in(text))


def instructions(result):
    """Instructions for one of what was measured."""
    ticks, count = result
    return round(ticks * NS_PER_TICK / count)
