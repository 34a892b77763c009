#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the benchmarks on one kernel, prints a table and writes build/bench.json. See README.md here.

usage: bench.py [PATTERN...]   only what has one of the words in its name; run by `make bench`
"""
import json
import os
import subprocess
import sys
import time

import cases
from machine import Bench, Failure

OUTPUT = "build/bench.json"
MACHINE = "qemu-virt cortex-a53, -icount shift=0,sleep=off"
# What a session of libvmm 0.2 (Microkit 2.0.1, release) was measured at in the same way, and what we want.
PEER = {
    "exit.hypercall_smc": 4964, "exit.gic_read": 4109, "irq.sgi_self": 4732, "irq.eoi": 1936,
    "timer.deadline": 2416, "timer.eoi": 2366, "boot.linux": 988, "boot.reset_to_guest": 389, "idle.share": 100,
    "size.vmm_text": 50, "size.vmm_bss": 9,
}
GOAL = {
    "exit.hypercall": 2300, "exit.hypercall_smc": 3400, "exit.gic_read": 3400, "irq.sgi_self": 2700, "irq.eoi": 1900,
    "timer.deadline": 2400, "timer.eoi": 2300, "boot.reset_to_guest": 100, "idle.share": 1,
    "size.vmm_text": 64,
}
GOAL_FASTPATH = {"exit.gic_read": 2200}


def commit():
    head = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return head.stdout.strip() or "unknown"


def has_fastpath(kernel):
    return "relfp" in kernel


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 100 else f"{value:.2f}"


def goals(kernel, results):
    wanted = {**GOAL, **(GOAL_FASTPATH if has_fastpath(kernel) else {})}
    if "boot.native" in results:
        wanted["boot.linux"] = round(1.03 * results["boot.native"][0], 1)
    return wanted


def table(kernel, results):
    wanted = goals(kernel, results)
    row = "{:26} {:>12} {:5} {:>10} {:>10} {:>8} {:>8} {:>8}"
    print(row.format("name", "ours", "", "floor", "ours/floor", "goal", "native", "libvmm"))
    for name, (value, unit) in results.items():
        if name.split(".")[0] in ("floor", "native"):
            continue
        floor = results.get("floor." + name, (None,))[0]
        native = results.get("native." + name, (None,))[0]
        ratio = f"{value / floor:.2f}" if floor else "-"
        print(row.format(name, number(value), unit, number(floor), ratio, number(wanted.get(name)), number(native),
                         number(PEER.get(name))))


def write_json(kernel, results):
    head = commit()
    rows = [{"name": name, "value": value, "unit": unit, "kernel": kernel, "machine": MACHINE, "commit": head}
            for name, (value, unit) in results.items()]
    with open(OUTPUT, "w", encoding="ascii") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")


def main():
    kernel = os.environ["KERNEL_NAME"]
    bench = Bench(kernel, os.environ["IMAGE_OPTIONS"], os.environ["BENCH_PROGRAMS"])
    print(f"# kernel: {kernel}" + (" (the stand-in: its figures are not seL4's)" if kernel.startswith("standin") else ""))
    print(f"# machine: {MACHINE}")
    results, failed = {}, 0
    for case in cases.matching(sys.argv[1:], bench):
        started = time.monotonic()
        try:
            results.update(case.run(bench))
            print(f"# {case.name}: {time.monotonic() - started:.0f} s", flush=True)
        except Failure as failure:
            failed += 1
            print(f"# {case.name}: FAILED: {failure}", flush=True)
    table(kernel, results)
    write_json(kernel, results)
    print(f"bench: {len(results)} results, {failed} runs failed; written to {OUTPUT}")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
