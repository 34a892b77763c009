# SPDX-License-Identifier: BSD-2-Clause
PROCESSES += boot_test
boot_test_SRCS := root/start.S test/boot/root.c lib/thread.c lib/bytes.c lib/format.c lib/crc.c \
	lib/image.c lib/stack_guard.c

# IMAGE_OPTIONS has more than the kernel; the test's description has files of its own.
BOOT_TEST_KERNEL := --kernel $(or $(SEL4_SDK),$(KERNEL_DIR))
ifneq ($(filter microkit-%,$(KERNEL_NAME)),)
  BOOT_TEST_KERNEL += --board $(MICROKIT_BOARD) --config $(MICROKIT_CONFIG)
endif

.PHONY: boot-test
boot-test: boot $(KB)/boot_test.elf $(HOST)/bulkhead
	$Q./test/boot/run.sh $(HOST)/bulkhead $(KB) $(BOOT_TEST_KERNEL)
