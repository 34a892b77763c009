# SPDX-License-Identifier: BSD-2-Clause
"""A QEMU process whose first serial line is a pipe: start, expect, send, and always an end."""
import atexit
import ctypes
import os
import re
import select
import signal
import subprocess
import threading
import time

PR_SET_PDEATHSIG = 1
# What a terminal does not show: colours, busybox's question where the cursor is. The console service takes
# an unfinished line off the screen (TAKE_OFF) to show others' lines, and then shows it again.
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|[\r\0\a]")
UNFINISHED_CONTROL = re.compile(rb"\r?(\x1b(\[[0-9;?]*)?)?\Z")
TAKE_OFF = b"\r\x1b[K"
# A debug kernel says on the same line, in the middle of anybody's, which calls it refuses. The log has it; a test
# looks at what the system says.
KERNEL_SAYS = re.compile(r"<<seL4\(CPU \d+\) \[[^\n]*>>\n")
KERNEL_SAYS_MOST = 1024
# A loaded machine (CI, a colleague's build) is slower, not wrong.
TIME_SCALE = float(os.environ.get("SYSTEM_TIME_SCALE", "1"))

_running = set()


class Failure(Exception):
    """What a test claims is not so; the text says what was seen instead."""


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    """Runs `command`, keeps all that the serial line says in `log_path`.

    `fatal` are patterns that never come from a healthy system: whoever waits for something fails as soon
    as one of them is seen, not when the time is over.
    """

    def __init__(self, command, log_path, fatal=()):
        os.makedirs(os.path.dirname(log_path), exist_ok=True)
        self.log_path = log_path
        self.fatal = [re.compile(pattern) for pattern in fatal]
        self.text = ""
        self.at = 0  # what is before this was consumed by an expect
        self.ended = False
        self._held = b""
        self._changed = threading.Condition()
        self._log = open(log_path, "wb")
        self._log.write(f"$ {' '.join(command)}\n".encode())
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=_die_with_parent)
        _running.add(self)
        self.started = time.monotonic()
        os.set_blocking(self.process.stdin.fileno(), False)
        # QEMU blocks when nobody reads its output, so a thread always does.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # ---- what the machine says ----

    def _read(self):
        while True:
            chunk = os.read(self.process.stdout.fileno(), 65536)
            with self._changed:
                if not chunk:
                    self.ended = True
                    self._changed.notify_all()
                    return
                self._log.write(chunk)
                self._log.flush()
                self._show(chunk)
                self._changed.notify_all()

    def _show(self, chunk):
        """Adds to `text` what a terminal would show."""
        data = self._held + chunk
        unfinished = UNFINISHED_CONTROL.search(data).start()
        self._held = data[unfinished:]
        pieces = data[:unfinished].split(TAKE_OFF)
        for number, piece in enumerate(pieces):
            if number > 0:
                self.text = self.text[:self.text.rfind("\n") + 1]
                self.at = min(self.at, len(self.text))
            self.text += CONTROL.sub(b"", piece).decode("latin-1")
        recent = max(0, len(self.text) - len(data) - KERNEL_SAYS_MOST)
        self.text = self.text[:recent] + KERNEL_SAYS.sub("", self.text[recent:])
        self.at = min(self.at, len(self.text))

    def mark(self):
        """The place in the text where what comes from now on starts, for `since`: the beginning of the
        unfinished line, because that may be taken off the screen to make way for another."""
        with self._changed:
            return self.text.rfind("\n") + 1

    def expect(self, pattern, timeout_s, since=None):
        """Waits for `pattern` (re.MULTILINE) after what the last expect matched, or after `since`."""
        regex = re.compile(pattern, re.MULTILINE)
        start = self.at if since is None else since
        deadline = time.monotonic() + timeout_s * TIME_SCALE
        with self._changed:
            while True:
                match = regex.search(self.text, start)
                if match:
                    self.at = max(self.at, match.end())
                    return match
                for bad in self.fatal:
                    seen = bad.search(self.text, start)
                    if seen:
                        raise Failure(f"saw '{seen.group(0)}' while waiting for '{pattern}'{self._tail()}")
                left = deadline - time.monotonic()
                if self.ended:
                    raise Failure(f"the machine ended while waiting for '{pattern}'{self._tail()}")
                if left <= 0:
                    raise Failure(f"no '{pattern}' in {timeout_s * TIME_SCALE:.0f} s{self._tail()}")
                self._changed.wait(left)

    def expect_none(self, pattern, during_s):
        """Fails if `pattern` comes within `during_s` seconds."""
        since = self.mark()
        time.sleep(during_s)
        match = re.compile(pattern, re.MULTILINE).search(self.text, since)
        if match:
            raise Failure(f"saw '{match.group(0)}', which should not come{self._tail()}")

    def _tail(self):
        lines = self.text[-1500:].splitlines()[-15:]
        return "; the last it said (all in " + self.log_path + "):\n" + "\n".join("    | " + l for l in lines)

    # ---- what is typed ----

    def send(self, text, timeout_s=10):
        """Types `text` (str or bytes). The other side may take it slowly, but has to take it."""
        data = text.encode("latin-1") if isinstance(text, str) else text
        deadline = time.monotonic() + timeout_s * TIME_SCALE
        pipe = self.process.stdin.fileno()
        while data:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([], [pipe], [], left)[1]:
                raise Failure(f"{len(data)} bytes of input were not taken in {timeout_s * TIME_SCALE:.0f} s{self._tail()}")
            try:
                data = data[os.write(pipe, data):]
            except BrokenPipeError:
                raise Failure(f"the machine ended while it was typed to{self._tail()}") from None

    def send_line(self, line):
        self.send(line + "\n")

    # ---- its life ----

    def seconds(self):
        """Since its start."""
        return time.monotonic() - self.started

    def cpu_seconds(self):
        """Time of the host's cores that QEMU used so far: what idles in the machine uses none."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_end(self, timeout_s):
        """Waits until QEMU ends by itself."""
        try:
            return self.process.wait(timeout_s * TIME_SCALE)
        except subprocess.TimeoutExpired:
            raise Failure(f"the machine did not end in {timeout_s * TIME_SCALE:.0f} s{self._tail()}") from None

    def stop(self):
        if self not in _running:
            return
        _running.discard(self)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # QEMU may be its child
        self.process.wait()
        self._reader.join(5)
        self.process.stdin.close()
        self.process.stdout.close()
        self._log.close()


def stop_all():
    for machine in list(_running):
        machine.stop()


atexit.register(stop_all)
