#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Usage: guest_files.sh DIR
#
# Makes files that the tool takes for guests' kernels, and some that it must not. Nobody starts them.
set -euo pipefail
cd "$1"

u32() {
    local i
    for i in 0 8 16 24; do
        printf "\\x$(printf %02x $(($1 >> i & 255)))"
    done
}

image() { # MiB: an arm64 Image (Linux, Documentation/arm64/booting.rst)
    u32 0x14000000; u32 0
    u32 0; u32 0                  # text_offset
    u32 $(($1 << 20)); u32 0      # image_size
    u32 0xa; u32 0                # little-endian, 4 KiB pages, anywhere
    for _ in 1 2 3 4 5 6; do u32 0; done
    printf 'ARM\x64'; u32 0
    head -c $((($1 << 20) - 64)) /dev/zero | tr '\0' 'k'
}

image 3 >kernel.img
image 20 >large.img
head -c 100000 /dev/zero | tr '\0' 'i' >initrd.img
: >empty.img
gzip -nc kernel.img >kernel.gz
gzip -nc initrd.img >text.gz
head -c 1000 kernel.gz >short.gz
{ head -c 2000 kernel.gz; printf 'xxxx'; tail -c +2005 kernel.gz; } >damaged.gz
{ printf '\x7fELF\x02\x01\x01'; head -c 9 /dev/zero; printf '\x02\x00\x3e\x00\x01\x00\x00\x00'; head -c 40 /dev/zero; } >x86.elf
