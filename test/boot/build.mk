# SPDX-License-Identifier: BSD-2-Clause
PROCESSES += boot_test
boot_test_SRCS := root/start.S test/boot/root.c lib/thread.c lib/bytes.c lib/format.c lib/crc.c \
	lib/image.c lib/stack_guard.c

# Comes out of reset at address 0, and needs no other.
$(KB)/firmware.bin: $(KB)/obj/test/boot/firmware.o
	$(call say,OBJCOPY,$@)
	$Q$(TARGET_CC) -nostdlib -static -no-pie -Wl,-Ttext=0 -Wl,--build-id=none -Wl,-z,noexecstack $< -o $(KB)/firmware.elf
	$Q$(TARGET_CC:gcc=objcopy) -O binary -j .text $(KB)/firmware.elf $@

# IMAGE_OPTIONS has more than the kernel; the test's description has files of its own.
BOOT_TEST_KERNEL := --kernel $(or $(SEL4_SDK),$(KERNEL_DIR))
ifneq ($(filter microkit-%,$(KERNEL_NAME)),)
  BOOT_TEST_KERNEL += --board $(MICROKIT_BOARD) --config $(MICROKIT_CONFIG)
endif

.PHONY: boot-test
boot-test: boot $(KB)/boot_test.elf $(KB)/firmware.bin $(HOST)/bulkhead
	$Q./test/boot/run.sh $(HOST)/bulkhead $(KB) $(BOOT_TEST_KERNEL)
