#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where the instructions of a request go, over all processes: the timeline of one, and sums by function.

usage: profile_io.py COMMAND-FILE SYMBOL PROGRAMS KERNEL GUEST [--skip N] [--timeline]

COMMAND-FILE holds QEMU's command line. All processes are linked to one address, and the log does not say whose an
address is; so PROGRAMS must have been linked apart, for example by
    make target KB=build/apart block_BASE=0x4400000 net_BASE=0x4800000 serial_BASE=0x4c00000 timer_BASE=0x5000000
"""
import argparse
import collections
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

from machine import EXACT  # noqa: E402
from profile import Symbols, blocks  # noqa: E402  pylint: disable=no-name-in-module

PROCESSES = ("vmm", "block", "net", "serial", "timer")


def read(log, kernel, guest, processes, symbol, skip):
    """[(owner, function, instructions)] between two executions of the guest's symbol."""
    begin, seen, result = guest.address(symbol), 0, []
    for address, length in blocks(log):
        if address == begin:
            seen += 1
            if seen == skip + 2:
                return result
        if seen == skip + 1:
            if address >= kernel.addresses[0] & ~0xffff:
                table = kernel
            elif address >= 0x40000000:
                table = guest
            else:
                table = max((p for p in processes if p.addresses[0] <= address), key=lambda p: p.addresses[0])
            result.append((table.owner, table.find(address), length))
    sys.exit(f"{symbol} was executed {seen} times only")


def timeline(rows):
    """Runs of one owner, with its largest functions."""
    at = 0
    while at < len(rows):
        owner, sums = rows[at][0], collections.Counter()
        order = []
        while at < len(rows) and rows[at][0] == owner:
            sums[rows[at][1]] += rows[at][2]
            if not order or order[-1] != rows[at][1]:
                order.append(rows[at][1])
            at += 1
        top = ", ".join(f"{name} {n}" for name, n in sums.most_common(7))
        print(f"{owner:8} {sum(sums.values()):6}  {top}")


def main():
    parser = argparse.ArgumentParser()
    for name in ("command", "symbol", "programs", "kernel", "guest"):
        parser.add_argument(name)
    parser.add_argument("--skip", type=int, default=20)
    parser.add_argument("--timeline", action="store_true")
    options = parser.parse_args()
    kernel, guest = Symbols(options.kernel, "kernel"), Symbols(options.guest, "guest")
    processes = [Symbols(f"{options.programs}/{name}.elf", name) for name in PROCESSES]
    with open(options.command, encoding="ascii") as file:
        command = file.read().split()
    command[command.index("-serial") + 1] = "null"
    with tempfile.TemporaryDirectory() as folder:
        pipe = f"{folder}/log"
        os.mkfifo(pipe)
        process = subprocess.Popen([*command, *EXACT, "-monitor", "none", "-d", "exec,nochain,in_asm", "-D", pipe],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with open(pipe, encoding="latin-1") as log:
                rows = read(log, kernel, guest, processes, options.symbol, options.skip)
        finally:
            process.kill()
            process.wait()
    if options.timeline:
        timeline(rows)
    owners, functions = collections.Counter(), collections.Counter()
    for owner, name, n in rows:
        owners[owner] += n
        functions[owner, name] += n
    for owner, total in owners.most_common():
        print(f"{owner:34} {total:7}")
        for (whose, name), n in functions.most_common():
            if whose == owner and n * 100 > total:
                print(f"    {name:30} {n:7}")
    print(f"{'all':34} {sum(owners.values()):7}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
