# SPDX-License-Identifier: BSD-2-Clause
#
# Debian's arm64 packages, unpacked under the build folder: libfdt for the target programs, and what a
# Linux guest is made of. Sets LIBFDT_A, LIBFDT_INCLUDE, GUEST_KERNEL, GUEST_INITRD and their sum GUESTS.

GUEST_ROOT     := $B/guest-root
LIBFDT_A       := $(GUEST_ROOT)/usr/lib/aarch64-linux-gnu/libfdt.a
LIBFDT_INCLUDE := $(GUEST_ROOT)/usr/include
GUEST_KERNEL   := $B/guest/vmlinuz
GUEST_INITRD   := $B/guest/initramfs.cpio.gz
GUESTS         := $(GUEST_KERNEL) $(GUEST_INITRD)

# The cloud flavour: PL011 with console, PL031, PSCI, GICv2 and GICv3 are built in, as in linux-image-arm64;
# the same virtio drivers are modules in both. Its Image has 26 MiB against 31 MiB (6.1.0-56), which are
# copied at each start of a VM.
GUEST_KERNEL_PACKAGE ?= linux-image-cloud-arm64

$(LIBFDT_A): test/guest/fetch.sh | $B/packages.stamp
	$Q./test/guest/fetch.sh $(GUEST_ROOT) libfdt-dev
	$Qtouch $@

# Without the tables for unwinding, which nobody reads here: 10 KiB of each program.
LIBFDT_SMALL_A := $B/guest/libfdt.a
$(LIBFDT_SMALL_A): $(LIBFDT_A)
	$Qmkdir -p $(@D)
	$Q$(TARGET_CC:gcc=objcopy) --remove-section=.eh_frame --remove-section=.rela.eh_frame $< $@

# Ordered after libfdt because both use one apt state.
$(GUEST_ROOT)/guest.stamp: test/guest/fetch.sh test/guest/build.mk | $(LIBFDT_A)
	$Q./test/guest/fetch.sh $(GUEST_ROOT) busybox-static $(GUEST_KERNEL_PACKAGE)/linux-image-
	$Qtouch $@

# Debian's file as it is. An older one may lie beside it, so go by the version that was unpacked.
GUEST_KERNEL_VERSION = $$(sed 's/^linux-image-//; s/ .*//' $(GUEST_ROOT)/versions/$(GUEST_KERNEL_PACKAGE))
$(GUEST_KERNEL): $(GUEST_ROOT)/guest.stamp
	$Qmkdir -p $(@D)
	$Qcp $(GUEST_ROOT)/boot/vmlinuz-$(GUEST_KERNEL_VERSION) $@
	$Qtouch $@

# A program of Linux, with the C library in it: the guest has none.
GUEST_VSOCK := $B/guest/vsock
$(GUEST_VSOCK): test/guest/linux/vsock.c | $B/packages.stamp
	$(call say,LD,$@)
	$Qmkdir -p $(@D)
	$Q$(TARGET_CC) -std=gnu11 -O2 -D_GNU_SOURCE -static -s $(WARNINGS) $< -o $@

$(GUEST_INITRD): test/guest/initramfs.py $(wildcard test/guest/linux/*) $(GUEST_VSOCK) $(GUEST_ROOT)/guest.stamp
	$(call say,CPIO,$@)
	$Qmkdir -p $(@D)
	$Qpython3 test/guest/initramfs.py test/guest/linux/files $(GUEST_ROOT) "$(GUEST_KERNEL_VERSION)" $@

# The smallest guests, for tests of a VM's life cycle.
GUESTS_TINY := $(patsubst test/guest/tiny/%.S,$B/guest/%.elf,$(wildcard test/guest/tiny/*.S))
GUESTS      += $(GUESTS_TINY)
$B/guest/%.elf: test/guest/tiny/%.S | $B/packages.stamp
	$(call say,LD,$@)
	$Qmkdir -p $(@D)
	$Q$(TARGET_CC) -nostdlib -static -no-pie -Wl,-Ttext-segment=0x40200000 -Wl,--build-id=none -Wl,-z,noexecstack $< -o $@

# The demo's disk, as it comes from Debian's packages: a root file system that systemd boots from in partition
# root-a, a small empty one in data-b. Made only when somebody wants it (minutes, 120 MB), and then again when
# what is said about it in the tree changes, but not for a new kernel or initramfs: it has no part of either.
GUEST_DISK      := $B/guest/debian-disk.img
GUEST_DISK_ROOT := $B/guest/root-a.ext4
GUEST_DISK_DATA := $B/guest/data-b.ext4
# What machines write to: a copy, which stays when a new GUEST_DISK is made. `make disk-reset` throws it away.
DISK ?= $B/disk.img

$(GUEST_DISK_ROOT): test/guest/debian.sh $(shell find test/guest/debian -type f) | $(GUEST_KERNEL) $(GUEST_INITRD)
	$Q./test/guest/debian.sh $(GUEST_ROOT) $(GUEST_KERNEL) $(GUEST_INITRD) $@

$(GUEST_DISK_DATA): test/guest/build.mk | $B/packages.stamp
	$(call say,MKE2FS,$@)
	$Qmkdir -p $(@D)
	$Qrm -f $@ && truncate -s 32M $@ && PATH=$$PATH:/usr/sbin mke2fs -q -F -t ext4 -L data-b -m 0 -E root_owner=0:0 $@

$(GUEST_DISK): test/guest/disk.sh $(GUEST_DISK_ROOT) $(GUEST_DISK_DATA)
	$(call say,GPT,$@)
	$Q./test/guest/disk.sh $@ root-a=$(GUEST_DISK_ROOT) data-b=$(GUEST_DISK_DATA)

$(DISK): | $(GUEST_DISK)
	$(call say,COPY,$@)
	$Qcp --sparse=always $(GUEST_DISK) $@.new && mv $@.new $@

.PHONY: disk disk-reset
disk: $(DISK)
disk-reset:
	rm -f $(DISK)

# A guest that attacks its devices; see its main.c. One that does it for as long as one likes, one that measures
# what that does to it, and the clock of both.
GUEST_HOSTILE   := $B/guest/hostile.elf
GUEST_NEIGHBOUR := $B/guest/neighbour.elf
GUEST_ATTACKER  := $B/guest/attacker.elf
GUEST_BEAT      := $B/guest/beat.elf
GUESTS          += $(GUEST_HOSTILE) $(GUEST_NEIGHBOUR) $(GUEST_ATTACKER) $(GUEST_BEAT)
DRIVER_SRCS     := test/guest/hostile/start.S test/guest/hostile/guest.c
PHASE_SRCS      := test/guest/neighbour/phase.c test/guest/neighbour/queue.c
$(GUEST_HOSTILE): $(wildcard test/guest/hostile/*)
$(GUEST_NEIGHBOUR): $(DRIVER_SRCS) $(PHASE_SRCS) test/guest/neighbour/irq.c test/guest/neighbour/work.c
$(GUEST_ATTACKER): $(DRIVER_SRCS) $(PHASE_SRCS) test/guest/neighbour/attack.c
$(GUEST_BEAT): $(DRIVER_SRCS) test/guest/neighbour/phase.c test/guest/neighbour/beat.c
$(GUEST_HOSTILE) $(GUEST_NEIGHBOUR) $(GUEST_ATTACKER) $(GUEST_BEAT): $(wildcard test/guest/hostile/*.h test/guest/neighbour/*.h) \
		$(wildcard lib/virtio*.h) | $B/packages.stamp
	$(call say,LD,$@)
	$Qmkdir -p $(@D)
	$Q$(TARGET_CC) $(TARGET_CFLAGS) -mstrict-align $(TARGET_LDFLAGS) -Wl,-Ttext-segment=0x40200000 -Wl,-e,_start \
		$(filter %.S %.c,$^) -o $@

# Makes firmware calls and judges the answers. Without translation, where unaligned accesses fault.
GUEST_PSCI := $B/guest/psci.elf
GUESTS     += $(GUEST_PSCI)
$(GUEST_PSCI): test/guest/psci/start.S test/guest/psci/psci.c | $B/packages.stamp
	$(call say,LD,$@)
	$Qmkdir -p $(@D)
	$Q$(TARGET_CC) $(TARGET_CFLAGS) -mstrict-align $(TARGET_LDFLAGS) -Wl,-Ttext-segment=0x40200000 $^ -o $@

# A program for a guest, not a guest. There is no 32-bit linker among our packages: it has its own ELF header.
PROGRAM_AARCH32 := $B/guest/aarch32
GUESTS          += $(PROGRAM_AARCH32)
$(PROGRAM_AARCH32): test/guest/aarch32/aarch32.S | $B/packages.stamp
	$(call say,AS,$@)
	$Qmkdir -p $(@D)
	$Q$(FUZZ_CC) --target=arm-linux-gnueabihf -c $< -o $@.o
	$Q$(TARGET_CC:gcc=objcopy) -I elf32-little -O binary -j .text $@.o $@
	$Qrm $@.o

# Resets its machine a hundred times, and looks at what it finds each time.
GUEST_LIVES := $B/guest/lives.elf
GUESTS      += $(GUEST_LIVES)
$(GUEST_LIVES): test/guest/lives/start.S test/guest/lives/lives.c | $B/packages.stamp
	$(call say,LD,$@)
	$Qmkdir -p $(@D)
	$Q$(TARGET_CC) $(TARGET_CFLAGS) -mstrict-align $(TARGET_LDFLAGS) -Wl,-Ttext-segment=0x40200000 $^ -o $@

.PHONY: guests
guests: $(GUESTS)
