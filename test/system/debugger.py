# SPDX-License-Identifier: BSD-2-Clause
"""Reaches into a running machine by QEMU's GDB server: makes a process crash, sets a variable.

So the process that crashes is the one that is shipped, without a door for tests in it.
"""
import contextlib
import re
import socket
import struct
import subprocess
import tempfile
import time

from machine import TIME_SCALE, Failure

NM = "aarch64-linux-gnu-nm"
PROCESS_HEADER = "link/process.h"
NAME_OFFSET = 16  # of struct process_boot's name
NAME_BYTES = 16
PC_NUMBER = 32


class Debugger:
    """GDB's remote serial protocol, as much as is needed. The machine runs but within stopped()."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60 * TIME_SCALE)
        self.socket.connect(path)
        self.data = b""
        # Connecting has stopped the machine. QEMU sets no register before it has been asked which there are.
        self.ask("qXfer:features:read:target.xml:0,ff")
        self.send("c")

    @contextlib.contextmanager
    def stopped(self):
        self.socket.sendall(b"\x03")
        while not self.answer().startswith("T"):
            pass
        try:
            yield self
        finally:
            self.send("c")

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

    @contextlib.contextmanager
    def at(self, program, function, cause=lambda: None, name=None):
        """Within, the machine stands where a CPU came to a program's function, which cause() makes it do. Of
        the processes that run the program it is the one called `name`, if given."""
        address = symbol(program, function)
        code = code_at(program, address)
        with self.stopped():
            self.ask(f"Z1,{address:x},4")
        cause()
        self._select(self.answer())
        # Another process, and a program in a guest, may have code at the same address.
        while self.read(address, len(code)) != code or (name and self._process_name() != name):
            self.ask(f"z1,{address:x},4")
            self.ask("s")
            self.ask(f"Z1,{address:x},4")
            self._select(self.ask("c"))
        self.ask(f"z1,{address:x},4")
        try:
            yield
        finally:
            self.send("c")

    def _select(self, stop):
        """The CPU that a stop was reported of is the one that is asked from now on."""
        thread = re.search(r"thread:([^;]+);", stop)
        self.ask("Hg" + (thread.group(1) if thread else "0"))

    def _process_name(self):
        name = self.read(boot_record() + NAME_OFFSET, NAME_BYTES)
        return name and name.split(b"\0")[0].decode("latin-1")

    def read(self, address, size):
        """Memory as the CPU that stopped sees it; None where it sees none."""
        answer = self.ask(f"m{address:x},{size:x}")
        return None if answer.startswith("E") else bytes.fromhex(answer)

    def write(self, address, data):
        answer = self.ask(f"M{address:x},{len(data):x}:{data.hex()}")
        if answer != "OK":
            raise Failure(f"QEMU's debugger does not write to 0x{address:x}: '{answer}'")

    def set_register(self, number, value):
        """Of the CPU that stopped: 0 to 30, or PC_NUMBER."""
        answer = self.ask(f"P{number:x}={value.to_bytes(8, 'little').hex()}")
        if answer != "OK":
            raise Failure(f"QEMU's debugger does not set register {number}: '{answer}'")

    def jump(self, address):
        self.set_register(PC_NUMBER, address)

    @contextlib.contextmanager
    def _physical(self):
        self.ask("Qqemu.PhyMemMode:1")
        try:
            yield
        finally:
            self.ask("Qqemu.PhyMemMode:0")

    def read_physical(self, address, size):
        with self._physical():
            return self.read(address, size)

    def write_physical(self, address, data):
        with self._physical():
            self.write(address, data)


def symbol(program, name):
    """Its address. A function that the compiler has cut has a suffix, as .part.0."""
    symbols = subprocess.run([NM, program], capture_output=True, text=True, check=True).stdout
    match = re.search(rf"^(\w+) \w {re.escape(name)}(\.(part|constprop|isra)\.\d+)*$", symbols, re.MULTILINE)
    if match:
        return int(match.group(1), 16)
    raise Failure(f"{program} has no symbol {name}")


def code_at(program, address, size=32):
    """What an ELF program has at a virtual address."""
    with open(program, "rb") as file:
        elf = file.read()
    table, entry_size, entries = struct.unpack_from("<Q", elf, 32)[0], *struct.unpack_from("<HH", elf, 54)
    for place in range(table, table + entries * entry_size, entry_size):
        kind, _, offset, vaddr, _, file_size = struct.unpack_from("<IIQQQQ", elf, place)
        if kind == 1 and vaddr <= address < vaddr + file_size:
            return elf[offset + address - vaddr:][:size]
    raise Failure(f"{program} has nothing at 0x{address:x}")


def offset_of(header, type_name, member):
    """Where a member is in a struct that is the same on the host as on the target."""
    program = f'''
        #include <stddef.h>
        #include <stdio.h>
        #include "{header}"
        int main(void) {{ printf("%zu", offsetof({type_name}, {member})); }}'''
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["gcc", "-I.", "-x", "c", "-", "-o", f"{folder}/offset"], input=program.encode(), check=True)
        return int(subprocess.run([f"{folder}/offset"], capture_output=True, check=True).stdout)


def boot_record():
    with open(PROCESS_HEADER, encoding="utf-8") as header:
        return int(re.search(r"define\s+PROCESS_BOOT_VADDR\s+(0x[0-9a-f]+)", header.read()).group(1), 16)
