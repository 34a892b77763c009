#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""That the benchmarks work, not that they are fast: `make bench-test` runs those of exits twice.

Every result is there, is a positive number, and is the same the second time.
"""
import os
import sys

import cases
from machine import Bench, Failure

NAMES = ["exit.hypercall", "exit.hypercall_smc", "exit.gic_read", "exit.gic_write", "exit.uart_read", "exit.unknown"]
PATTERN = ["exit."]


def measure(bench):
    results = {}
    for case in cases.matching(PATTERN, bench):
        results.update(case.run(bench))
    return results


def main():
    bench = Bench(os.environ["KERNEL_NAME"], os.environ["IMAGE_OPTIONS"], os.environ["BENCH_PROGRAMS"])
    passed = failed = 0
    try:
        first, second = measure(bench), measure(bench)
    except Failure as failure:
        print(f"FAIL  {failure}\nbench-test: 0 passed, 1 failed")
        return 1
    for name in [*NAMES, *("floor." + name for name in NAMES)]:
        values = first.get(name, (0, ""))[0], second.get(name, (0, ""))[0]
        good = values[0] > 0 and values[0] == values[1]
        passed, failed = passed + good, failed + (not good)
        print(f"{'ok   ' if good else 'FAIL '} {name}: {values[0]}" + ("" if good else f", then {values[1]}"))
    print(f"bench-test: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
