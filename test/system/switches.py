# SPDX-License-Identifier: BSD-2-Clause
"""The stand-in's faults on demand (standin/README.md), switched on and off while the system runs."""
from bulkhead import image_option
from debugger import symbol

KERNEL_BASE = 0xFFC0000000 - 0x60000000  # of its virtual addresses, standin/kernel.ld


class Switches:
    """Each is a count of events until the one that fails; 0 when it is off or has happened."""

    def __init__(self, system):
        if not system.kernel.startswith("standin"):
            raise AssertionError("only the stand-in has switches")
        self._debugger = system.debugger
        self._kernel = image_option("--kernel") + "/bin/kernel.elf"
        self._addresses = {}

    def _address(self, name):
        if name not in self._addresses:
            self._addresses[name] = symbol(self._kernel, name) - KERNEL_BASE
        return self._addresses[name]

    def set(self, name, count):
        """Sets a switch, returns what was left of it."""
        with self._debugger.stopped():
            return self.set_stopped(name, count)

    def set_stopped(self, name, count):
        """The same while the debugger has stopped the machine anyway."""
        left = self._debugger.read_physical(self._address(name), 8)
        self._debugger.write_physical(self._address(name), count.to_bytes(8, "little"))
        return int.from_bytes(left, "little")
