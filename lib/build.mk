# SPDX-License-Identifier: BSD-2-Clause
# bytes.c and check.c are the target's only: a host has a libc, and tests catch a failed CHECK themselves.
PURE += lib/allowance.c lib/base64.c lib/format.c lib/log.c lib/crc.c lib/elf.c lib/image.c lib/random.c lib/rate.c lib/runs.c lib/tree.c
LIB_SRCS := lib/allowance.c lib/base64.c lib/format.c lib/log.c lib/check.c lib/bytes.c lib/crc.c lib/elf.c lib/image.c lib/random.c lib/runs.c lib/tree.c lib/stack_guard.c
# The compiler must not turn the loop of memcpy into a call of memcpy.
lib_CFLAGS := -fno-tree-loop-distribute-patterns
