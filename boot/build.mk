# SPDX-License-Identifier: BSD-2-Clause
# The loader makes no kernel call, but its objects lie with the others so that lib/ is compiled once.
BOOT_SRCS := boot/main.c boot/print.c boot/machine.c boot/move.c boot/place.c boot/cores.c \
	boot/aarch64/head.S boot/aarch64/mmu.c boot/aarch64/core.c
BOOT_LIB  := lib/bytes.c lib/format.c lib/crc.c lib/elf.c lib/image.c lib/stack_guard.c

# Its first steps run without translation, where an unaligned access faults.
boot_CFLAGS         := -mstrict-align -fPIE
boot_aarch64_CFLAGS := -mstrict-align -fPIE

# Constants with addresses in them must lie in .data: .rodata is under the checksum and stays as it is.
$(KB)/boot.elf: $(patsubst %,$(KB)/obj/%.o,$(basename $(BOOT_SRCS) $(BOOT_LIB))) boot/aarch64/boot.ld $(LIBFDT_A)
	$(call say,LD,$@)
	$Q$(TARGET_CC) $(TARGET_CFLAGS) -fno-lto -nostdlib -Wl,-pie,--no-dynamic-linker -Wl,--gc-sections \
		-Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,norelro -Wl,-T,boot/aarch64/boot.ld \
		$(filter %.o,$^) $(LIBFDT_A) -lgcc -o $@

.PHONY: boot
boot: $(KB)/boot.elf
