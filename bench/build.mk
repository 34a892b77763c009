# SPDX-License-Identifier: BSD-2-Clause
#
# Benchmarks: `make bench`, or some of them: `make bench BENCH="exit. timer."`. Writes build/bench.json.

BENCH ?=

# Guests run with the MMU off: no access that is not aligned. x28 is start.S's own.
BENCH_CFLAGS := $(filter-out -fdata-sections -ffunction-sections,$(TARGET_CFLAGS)) -mstrict-align -ffixed-x28
BENCH_COMMON := bench/guest/start.S bench/guest/guest.c bench/guest/gic.c lib/format.c lib/bytes.c
BENCH_GUESTS := $(patsubst bench/guest/%.c,$B/guest/bench-%.elf,$(filter-out $(BENCH_COMMON),$(wildcard bench/guest/*.c)))

$B/guest/bench-%.elf: bench/guest/%.c $(BENCH_COMMON) bench/guest/guest.h bench/guest/guest.ld | $B/packages.stamp
	$(call say,LD,$@)
	$Qmkdir -p $(@D)
	$Q$(TARGET_CC) $(BENCH_CFLAGS) -Wl,--build-id=none -Wl,-z,noexecstack,--no-warn-rwx-segments -no-pie -T bench/guest/guest.ld $(BENCH_COMMON) $< -lgcc -o $@

.SECONDARY: $(BENCH_GUESTS)
$B/guest/bench-%.bin: $B/guest/bench-%.elf
	$Q$(TARGET_CC:gcc=objcopy) -O binary --set-section-flags .bss=alloc,load,contents $< $@

# The first process of the Linux guest, in an archive that is put behind the other one.
$B/guest/bench-init: bench/linux/init.c lib/format.c lib/bytes.c | $B/packages.stamp
	$(call say,LD,$@)
	$Q$(TARGET_CC) $(filter-out -fdata-sections -ffunction-sections,$(TARGET_CFLAGS)) $^ -lgcc -Wl,--build-id=none,-z,noexecstack -no-pie -o $@

$B/guest/bench-initramfs.cpio.gz: $(GUEST_INITRD) $B/guest/bench-init bench/linux/files test/guest/initramfs.py
	$Qpython3 test/guest/initramfs.py bench/linux/files $(GUEST_ROOT) "$(GUEST_KERNEL_VERSION)" $@.part
	$Qcat $(GUEST_INITRD) $@.part >$@ && rm $@.part

# What the kernel alone charges: root tasks of their own, with test/contract's objects and threads. One for each
# guest: what runs before it would leave other kernel state behind.
BENCH_FLOORS := exits irq device same_core
PROCESSES    += $(BENCH_FLOORS:%=floor_%)
$(foreach f,$(BENCH_FLOORS),$(eval floor_$f_SRCS := bench/floor/floor.c bench/floor/$f.S \
	$(addprefix test/contract/,objects.c thread.c native.S start.S) lib/bytes.c))
$(BENCH_FLOORS:%=$(KB)/obj/bench/floor/%.o): $(patsubst %,$B/guest/bench-%.bin,exits irq device pair) bench/floor/guest_bytes.S

BENCH_ENVIRONMENT = env KERNEL_NAME='$(KERNEL_NAME)' IMAGE_OPTIONS='$(IMAGE_OPTIONS)' BENCH_PROGRAMS='$(KB)'
BENCH_NEEDS        = $(GUESTS) $(BENCH_GUESTS) $B/guest/bench-linux.bin $B/guest/bench-initramfs.cpio.gz

.PHONY: bench bench-test bench-needs
bench-needs:
	$Q$(MAKE) --no-print-directory $(BENCH_NEEDS)
bench: target boot $(HOST)/bulkhead bench-needs
	$Q$(BENCH_ENVIRONMENT) python3 bench/bench.py $(BENCH)
bench-test: target boot $(HOST)/bulkhead bench-needs
	$Q$(BENCH_ENVIRONMENT) python3 bench/harness_test.py
