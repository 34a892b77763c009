# SPDX-License-Identifier: BSD-2-Clause
PROCESSES += boot_test
boot_test_SRCS := root/start.S test/boot/root.c lib/thread.c lib/bytes.c lib/format.c lib/crc.c \
	lib/image.c lib/stack_guard.c
