#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Usage: initramfs.py FILES ROOT VERSION OUT.cpio.gz

Writes a Linux initramfs (a gzip'd "newc" cpio archive) from a list of files; FILES itself says how it is
written. ROOT has unpacked packages, among them the kernel VERSION with its modules. Needs no root rights
for a device node, and the same input gives the same bytes: all belongs to root, all times are 0.

Kernel modules bring what they depend on, and the two tables that modprobe reads, as depmod would write them.
"""
import glob
import gzip
import os
import re
import stat
import sys

NEWC_MAGIC = "070701"


def entry(name, mode, ino, data=b"", rdev=(0, 0)):
    """One archive member, as in the kernel's Documentation/driver-api/early-userspace/buffer-format.rst."""
    path = name.lstrip("/").encode() + b"\0"
    nlink = 2 if stat.S_ISDIR(mode) else 1
    fields = (ino, mode, 0, 0, nlink, 0, len(data), 0, 0, rdev[0], rdev[1], len(path), 0)
    head = (NEWC_MAGIC + "".join(f"{value:08x}" for value in fields)).encode() + path
    return pad(head) + pad(data)


def pad(data):
    return data + b"\0" * (-len(data) % 4)


def member(words, root, ino):
    kind, path = words[0], words[1]
    if kind == "dir":
        return entry(path, stat.S_IFDIR | int(words[2], 8), ino)
    if kind == "link":
        return entry(path, stat.S_IFLNK | 0o777, ino, words[2].encode())
    if kind == "char":
        return entry(path, stat.S_IFCHR | int(words[2], 8), ino, rdev=(int(words[3]), int(words[4])))
    if kind == "file":
        with open(words[3].replace("@ROOT@", root), "rb") as source:
            return entry(path, stat.S_IFREG | int(words[2], 8), ino, source.read())
    raise ValueError(f"unknown kind '{kind}'")


def modinfo(image, key):
    """What a kernel module says of itself: NUL-terminated KEY=VALUE strings in its section .modinfo."""
    return [value.decode() for value in re.findall(rb"\0" + key.encode() + rb"=([^\0]*)", image)]


class Modules:
    """The kernel modules of one kernel, and those of them that were asked for."""

    def __init__(self, root, version):
        self.folder = f"/lib/modules/{version}"
        pattern = f"{root}{self.folder}/kernel/**/*.ko"
        self.paths = {self.name(path): path for path in glob.glob(pattern, recursive=True)}
        self.wanted = {}

    @staticmethod
    def name(path):
        return os.path.basename(path).removesuffix(".ko").replace("-", "_")

    def add(self, name):
        """Returns the names of all that the module needs, nearest first."""
        name = name.replace("-", "_")
        if name not in self.wanted:
            if name not in self.paths:
                raise ValueError(f"{self.folder} has no module '{name}'")
            with open(self.paths[name], "rb") as source:
                image = source.read()
            depends = ",".join(modinfo(image, "depends")).replace("-", "_")
            needs = [need for need in depends.split(",") if need]
            for need in list(needs):
                needs += [further for further in self.add(need) if further not in needs]
            # A module that another one needs has to come behind it: modprobe loads from the last to the first.
            needs.sort(key=lambda need: -len(self.wanted[need][1]))
            self.wanted[name] = (image, needs)
        return self.wanted[name][1]

    def members(self):
        if not self.wanted:
            return
        for folder in ("/lib", "/lib/modules", self.folder):
            yield folder, stat.S_IFDIR | 0o755, b""
        depends, aliases = "", ""
        for name, (image, needs) in sorted(self.wanted.items()):
            yield f"{self.folder}/{name}.ko", stat.S_IFREG | 0o644, image
            depends += f"{name}.ko:" + "".join(f" {need}.ko" for need in needs) + "\n"
            aliases += "".join(f"alias {alias} {name}\n" for alias in modinfo(image, "alias"))
        yield f"{self.folder}/modules.dep", stat.S_IFREG | 0o644, depends.encode()
        yield f"{self.folder}/modules.alias", stat.S_IFREG | 0o644, aliases.encode()


def archive(files, root, version):
    out = []
    modules = Modules(root, version)
    with open(files, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            try:
                if words[0] == "module":
                    modules.add(words[1])
                else:
                    out.append(member(words, root, len(out) + 1))
            except (IndexError, ValueError, OSError) as error:
                sys.exit(f"{files}:{number}: {error}")
    for path, mode, data in modules.members():
        out.append(entry(path, mode, len(out) + 1, data))
    out.append(entry("TRAILER!!!", 0, 0))
    return b"".join(out)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    files, root, version, target = sys.argv[1:]
    packed = gzip.compress(archive(files, root, version), compresslevel=9, mtime=0)
    with open(target, "wb") as out:
        out.write(packed)


if __name__ == "__main__":
    main()
