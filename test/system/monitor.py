# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's monitor (QMP) of a machine that runs: makes its disk slow, and fast again."""
import json
import os
import socket
import time

from machine import TIME_SCALE, Failure


class Monitor:
    """`options` go to QEMU's command line; connect() when it runs."""

    def __init__(self, path):
        self.path = path
        self.options = ("-qmp", f"unix:{path},server=on,wait=off")
        self._file = None

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20 * TIME_SCALE)
        deadline = time.monotonic() + 20 * TIME_SCALE
        while True:
            try:
                connection.connect(self.path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise Failure("QEMU does not open its monitor's socket") from None
                time.sleep(0.05)
        os.unlink(self.path)
        self._file = connection.makefile("rw", encoding="utf-8")
        self._file.readline()  # its greeting
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        while True:
            answer = json.loads(self._file.readline())
            if "error" in answer:
                raise Failure(f"QEMU: {command}: {answer['error']['desc']}")
            if "return" in answer:
                return

    def limit_disk(self, bytes_per_s):
        """0: as fast as the host's file is."""
        rest = dict.fromkeys(("bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)
        self.execute("block_set_io_throttle", device="disk", bps=bytes_per_s, **rest)
