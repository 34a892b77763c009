#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where the instructions of one exit go: to the kernel, to the VMM, to the guest, by function.

usage: profile.py IMAGE SYMBOL --programs DIR --kernel ELF --guest ELF [--process NAME] [--skip N]

Runs the image in QEMU, which logs every block of instructions that it executes, and counts them from one entry
of the guest's function SYMBOL to the next, of those the (N+1)th (20th: everything is warm, and known to be
nothing but the exit and the guest's own loop). Blocks at EL2 are the kernel's; at EL1 the guest's; at EL0 the
process's that is told by --process (vmm). Needs nothing but QEMU and nm.
"""
import argparse
import bisect
import collections
import os
import re
import subprocess
import sys
import tempfile

from machine import EXACT, TURNS, run_tool

NM = "aarch64-linux-gnu-nm"
IN_ASM = re.compile(r"0x([0-9a-f]{8,16}):  ")
TRACE = re.compile(r"Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/")


class Symbols:
    """Functions of one ELF file, by address."""

    def __init__(self, path, owner):
        lines = subprocess.run([NM, "-n", path], capture_output=True, text=True, check=True).stdout.splitlines()
        rows = [line.split() for line in lines]
        table = [(int(row[0], 16), row[2]) for row in rows if len(row) == 3 and row[1] in "tTwW"]
        self.addresses = [address for address, _ in table]
        self.names = [name for _, name in table]
        self.owner = owner

    def find(self, address):
        at = bisect.bisect_right(self.addresses, address) - 1
        return self.names[at] if at >= 0 else "?"

    def address(self, name):
        return self.addresses[self.names.index(name)]


def blocks(log):
    """Yields (address, instructions) of each block in the order of execution. A block's length is what QEMU listed
    when it translated it; one that an exception ended early counts in full."""
    length, start = {}, None
    for line in log:
        if line.startswith("Trace"):
            match = TRACE.match(line)
            if match:
                address = int(match[1], 16)
                yield address, length.get(address, 1)
        elif line.startswith("0x"):
            match = IN_ASM.match(line)
            if match and start is None:
                start = int(match[1], 16)
                length[start] = 0
            if match:
                length[start] += 1
        else:
            start = None


def owner_of(address, tables):
    kernel, guest, process = tables
    if address >= kernel.addresses[0] & ~0xffff:
        return kernel
    return guest if address >= 0x40000000 else process


def count(log, tables, symbol, skip):
    """Counts by (owner, function), and kernel entries by vector, between two executions of the guest's symbol."""
    begin = tables[1].address(symbol)
    seen = 0
    result = collections.Counter()
    for address, length in blocks(log):
        if address == begin:
            seen += 1
            if seen == skip + 2:
                return result
        if seen == skip + 1:
            table = owner_of(address, tables)
            result[table.owner, table.find(address)] += length
    sys.exit(f"{symbol} was executed {seen} times only")


def show(result):
    total = sum(result.values())
    for owner in ("kernel", "vmm", "guest"):
        rows = sorted(((n, name) for (o, name), n in result.items() if o == owner), reverse=True)
        print(f"{owner:34} {sum(n for n, _ in rows):7}")
        for n, name in rows:
            print(f"    {name:30} {n:7} {n / total:6.1%}")
    print(f"{'all':34} {total:7}")


def main():
    parser = argparse.ArgumentParser(description="Attributes the instructions of one exit to functions.")
    parser.add_argument("image")
    parser.add_argument("symbol", help="a function of the guest that is executed once for each exit")
    parser.add_argument("--programs", required=True, help="the folder with vmm.elf")
    parser.add_argument("--kernel", required=True, help="kernel.elf")
    parser.add_argument("--guest", required=True, help="the guest's ELF file")
    parser.add_argument("--process", default="vmm", help="the process that handles the exit (vmm)")
    parser.add_argument("--skip", type=int, default=20, help="executions before the one that counts (20)")
    options = parser.parse_args()
    tables = (Symbols(options.kernel, "kernel"), Symbols(options.guest, "guest"),
              Symbols(f"{options.programs}/{options.process}.elf", "vmm"))
    command = run_tool("run", "--dry-run", options.image).split()
    command[command.index("-serial") + 1] = "null"
    if command[command.index("-smp") + 1] != "1":
        command += TURNS
    with tempfile.TemporaryDirectory() as folder:
        pipe = f"{folder}/log"
        os.mkfifo(pipe)
        process = subprocess.Popen([*command, *EXACT, "-monitor", "none", "-d", "exec,nochain,in_asm", "-D", pipe],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with open(pipe, encoding="latin-1") as log:
                show(count(log, tables, options.symbol, options.skip))
        finally:
            process.kill()
            process.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
