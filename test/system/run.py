#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Usage: run.py [--list] [PATTERN...]  (through `make system`, which sets KERNEL_NAME and IMAGE_OPTIONS)

Runs the system tests: each function test_* of each *_test.py beside this file, or those whose
"file.function" contains a PATTERN. Prints a line for each and how many passed; fails if one failed.
"""
import argparse
import importlib
import os
import random
import signal
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import machine as machines  # noqa: E402 (needs the path above)
from machine import Failure, Machine  # noqa: E402

KERNEL_NAME = os.environ.get("KERNEL_NAME", "unknown")
LOG_FOLDER = f"build/log/system/{KERNEL_NAME}"

shared = {}


class Skip(Exception):
    """The test cannot run here; the text says why."""


class Context:
    """What a test is given. `kernel` is the name that the test's line will show."""

    def __init__(self, name, kernel):
        self.name = name
        self.kernel = kernel
        self.remark = ""
        self._machines = []

    def machine(self, command, fatal=()):
        """Starts a machine with a log file of its own; it ends with the test."""
        suffix = f"-{len(self._machines) + 1}" if self._machines else ""
        self._machines.append(Machine(command, f"{LOG_FOLDER}/{self.name}{suffix}.log", fatal))
        return self._machines[-1]

    def shared(self, name, start):
        """What start() makes is handed to all tests that ask for this name, until one of them fails."""
        if name not in shared:
            shared[name] = start()
            self._machines.clear()  # they live on
        return shared[name]

    def say(self, remark):
        """A measured value, say, for the test's line."""
        self.remark = remark

    def end(self, result):
        for machine in self._machines:
            machine.stop()
        if result == "FAIL":
            shared.clear()
            machines.stop_all()

    @staticmethod
    def skip(why):
        raise Skip(why)

    @staticmethod
    def bytes(count):
        """Text that no terminal or console takes for a command, the same in every run."""
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 +/"
        source = random.Random(count)
        return "".join(source.choices(letters, k=count)).encode()


def discover(patterns):
    for file in sorted(os.listdir(HERE)):
        if not file.endswith("_test.py"):
            continue
        module = importlib.import_module(file[:-3])
        for name, function in vars(module).items():
            full = f"{file[:-8]}.{name[5:]}"
            ours = name.startswith("test_") and function.__module__ == module.__name__
            if ours and (not patterns or any(pattern in full for pattern in patterns)):
                yield full, module, function


def run(name, module, function, kernel):
    context = Context(name, getattr(module, "KERNEL_NAME", kernel))
    started = time.monotonic()
    try:
        function(context)
        result, why = "ok", context.remark
    except Skip as skip:
        result, why = "skip", str(skip)
    except Failure as failure:
        result, why = "FAIL", str(failure)
    except Exception:  # a fault of the test itself is a failure of that test, not of the run
        result, why = "FAIL", traceback.format_exc()
    except BaseException:  # interrupted
        machines.stop_all()
        raise
    context.end(result)
    took = time.monotonic() - started
    print(f"{result:5} {name} (kernel: {context.kernel}, {took:.1f} s){': ' + why if why else ''}", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description="Runs Bulkhead's system tests.")
    parser.add_argument("--list", action="store_true", help="print the tests' names only")
    parser.add_argument("pattern", nargs="*", help="run the tests whose name contains one of these")
    arguments = parser.parse_args()
    # An exception, so that `finally` stops the machines.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    tests = list(discover(arguments.pattern))
    if arguments.list:
        print("\n".join(name for name, _, _ in tests))
        return 0
    results = [run(*test, KERNEL_NAME) for test in tests]
    machines.stop_all()
    passed, failed, skipped = (results.count(kind) for kind in ("ok", "FAIL", "skip"))
    print(f"system: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
