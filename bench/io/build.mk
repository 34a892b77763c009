# SPDX-License-Identifier: BSD-2-Clause
#
# Benchmarks of disks, networks and consoles: `make bench-io`, or some of them: `make bench-io BENCH="blk."`.
# Writes build/bench-io.json.

BENCH_IO_CFLAGS := $(filter-out -fdata-sections -ffunction-sections,$(TARGET_CFLAGS)) -mstrict-align -ffixed-x28
BENCH_IO_COMMON := bench/guest/start.S bench/guest/guest.c bench/guest/gic.c bench/io/driver.c lib/format.c lib/bytes.c
BENCH_IO_GUESTS := $(patsubst bench/io/%.c,$B/guest/bench-io-%.elf,$(filter-out $(BENCH_IO_COMMON),$(wildcard bench/io/*.c)))

$B/guest/bench-io-%.elf: bench/io/%.c $(BENCH_IO_COMMON) bench/io/driver.h bench/guest/guest.h bench/guest/guest.ld | $B/packages.stamp
	$(call say,LD,$@)
	$Qmkdir -p $(@D)
	$Q$(TARGET_CC) $(BENCH_IO_CFLAGS) -Wl,--build-id=none -Wl,-z,noexecstack,--no-warn-rwx-segments -no-pie -T bench/guest/guest.ld $(BENCH_IO_COMMON) $< -lgcc -o $@

$B/guest/bench-io-reader: bench/io/linux/reader.c lib/format.c lib/bytes.c | $B/packages.stamp
	$(call say,LD,$@)
	$Q$(TARGET_CC) $(filter-out -fdata-sections -ffunction-sections,$(TARGET_CFLAGS)) $^ -lgcc -Wl,--build-id=none,-z,noexecstack -no-pie -o $@

$B/guest/bench-io-initramfs.cpio.gz: $(GUEST_INITRD) $B/guest/bench-io-reader $(wildcard bench/io/linux/*) test/guest/initramfs.py
	$Qpython3 test/guest/initramfs.py bench/io/linux/files $(GUEST_ROOT) "$(GUEST_KERNEL_VERSION)" $@.part
	$Qcat $(GUEST_INITRD) $@.part >$@ && rm $@.part

.PHONY: bench-io
bench-io: target boot $(HOST)/bulkhead $(GUESTS) $(BENCH_IO_GUESTS) $B/guest/bench-io-initramfs.cpio.gz
	$Qenv KERNEL_NAME='$(KERNEL_NAME)' IMAGE_OPTIONS='$(IMAGE_OPTIONS)' BENCH_PROGRAMS='$(KB)' python3 bench/io/bench_io.py $(BENCH)
