# SPDX-License-Identifier: BSD-2-Clause
"""Reads a pcap file of Ethernet frames, as Wireshark and tcpdump would."""
import struct

from guest import check


def packets(path):
    """The packets of a pcap file: [(time in s, bytes, its length on the wire), ...]"""
    with open(path, "rb") as file:
        data = file.read()
    magic, major, minor, _, _, snap, link_type = struct.unpack_from("<IHHiIII", data)
    check((magic, major, minor, link_type) == (0xa1b23c4d, 2, 4, 1), f"no pcap file of Ethernet frames: {data[:24].hex()}")
    at, found = 24, []
    while at < len(data):
        seconds, nanoseconds, kept, length = struct.unpack_from("<IIII", data, at)
        check(kept == min(length, snap) and nanoseconds < 10**9 and at + 16 + kept <= len(data), f"a bad record at {at}")
        found.append((seconds + nanoseconds / 1e9, data[at + 16:at + 16 + kept], length))
        at += 16 + kept
    return found


def ones_sum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def echoes(frames):
    """The frames of pings, requests (8) and answers (0): [(kind, frame), ...]"""
    return [(frame[34], frame) for _, frame, _ in frames if frame[12:14] == b"\x08\x00" and frame[23] == 1]
