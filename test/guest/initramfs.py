#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Usage: initramfs.py FILES ROOT OUT.cpio.gz

Writes a Linux initramfs (a gzip'd "newc" cpio archive) from a list of files; FILES itself says how it is
written. Needs no root rights for a device node, and the same input gives the same bytes: all belongs to
root, all times are 0.
"""
import gzip
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


def archive(files, root):
    out = []
    with open(files, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            try:
                out.append(member(words, root, len(out) + 1))
            except (IndexError, ValueError, OSError) as error:
                sys.exit(f"{files}:{number}: {error}")
    out.append(entry("TRAILER!!!", 0, 0))
    return b"".join(out)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    files, root, target = sys.argv[1:]
    packed = gzip.compress(archive(files, root), compresslevel=9, mtime=0)
    with open(target, "wb") as out:
        out.write(packed)


if __name__ == "__main__":
    main()
