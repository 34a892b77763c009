# SPDX-License-Identifier: BSD-2-Clause
"""Makes a VMM crash from outside: QEMU's GDB server stops it in the middle of an exit and sends it astray.

So the VMM that crashes is the one that is shipped, without a door for tests in it.
"""
import re
import socket
import subprocess
import time

from machine import TIME_SCALE, Failure

NM = "aarch64-linux-gnu-nm"
PROCESS_HEADER = "link/process.h"
NAME_OFFSET = 16  # of struct process_boot's name
NAME_BYTES = 16
PC_NUMBER = 32


class Debugger:
    """GDB's remote serial protocol, as much as is needed. Connecting stops the machine, leave() lets it go on."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60 * TIME_SCALE)
        self.socket.connect(path)
        self.data = b""
        # QEMU sets no register before it has been asked which there are.
        self.ask("qXfer:features:read:target.xml:0,ff")

    def ask(self, request):
        self.send(request)
        answer = self.answer()
        # That the machine has stopped is also said unasked, after connecting.
        while answer.startswith("T") and request not in ("c", "s"):
            answer = self.answer()
        return answer

    def send(self, request):
        data = request.encode()
        self.socket.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xFF))

    def answer(self):
        while True:
            match = re.search(rb"\$([^#]*)#..", self.data, re.DOTALL)
            if match:
                self.data = self.data[match.end():]
                self.socket.sendall(b"+")
                return match.group(1).decode("latin-1")
            try:
                chunk = self.socket.recv(4096)
            except TimeoutError:
                raise Failure("QEMU's debugger does not answer, or its breakpoint is never reached") from None
            if not chunk:
                raise Failure("QEMU's debugger went away")
            self.data += chunk

    def read(self, address, size):
        """Memory as the CPU that stopped sees it; None where it sees none."""
        answer = self.ask(f"m{address:x},{size:x}")
        return None if answer.startswith("E") else bytes.fromhex(answer)

    def run_until(self, address):
        """Runs until a CPU comes to `address` in whatever address space, and selects that CPU."""
        self.ask(f"Z1,{address:x},4")
        stop = self.ask("c")
        self.ask(f"z1,{address:x},4")
        thread = re.search(r"thread:([^;]+);", stop)
        self.ask("Hg" + (thread.group(1) if thread else "0"))

    def jump(self, address):
        answer = self.ask(f"P{PC_NUMBER:x}={address.to_bytes(8, 'little').hex()}")
        if answer != "OK":
            raise Failure(f"QEMU's debugger does not set the PC: '{answer}'")

    def leave(self):
        self.ask("D")
        self.socket.close()


def symbol(program, name):
    for line in subprocess.run([NM, program], capture_output=True, text=True, check=True).stdout.splitlines():
        if line.endswith(f" {name}"):
            return int(line.split()[0], 16)
    raise Failure(f"{program} has no symbol {name}")


def boot_record():
    with open(PROCESS_HEADER, encoding="utf-8") as header:
        return int(re.search(r"define\s+PROCESS_BOOT_VADDR\s+(0x[0-9a-f]+)", header.read()).group(1), 16)


def crash_vmm(path, program, name, timeout_s=60):
    """Sends the VMM of the VM `name` to address 0 when it next handles an exit of its guest."""
    debugger = Debugger(path)
    entry, record = symbol(program, "exit_handle"), boot_record()
    deadline = time.monotonic() + timeout_s * TIME_SCALE
    while time.monotonic() < deadline:
        debugger.run_until(entry)
        # Another VM's VMM, and a program in a guest, may have code at the same address.
        found = debugger.read(record + NAME_OFFSET, NAME_BYTES)
        if found is not None and found.split(b"\0")[0] == name.encode():
            debugger.jump(0)
            debugger.leave()
            return
        debugger.ask("s")
    debugger.leave()
    raise Failure(f"the VMM of {name} handled no exit in {timeout_s * TIME_SCALE:.0f} s")
