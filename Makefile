# SPDX-License-Identifier: BSD-2-Clause
#
# The front door. `make help` lists what a person uses; each folder's build.mk says what it is made of.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
SHELL := /bin/bash

B    := build
HOST := $B/host
V    ?= 0
Q    := $(if $(filter 1,$V),,@)
comma := ,
say   = @printf '  %-8s %s\n' '$1' '$2'

include kernel.mk

# ---- toolchains ------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Werror

# The assertions in the kernel's headers (each message has three) are there for a debug kernel only; ours are CHECK.
KERNEL_ASSERTS := $(if $(shell grep -s '"DEBUG_BUILD": *true' $(KERNEL_CONFIG)),,-DNDEBUG)

TARGET_CC     := aarch64-linux-gnu-gcc
TARGET_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -static -nostdlib -mgeneral-regs-only \
	-mno-outline-atomics -march=armv8-a -ftls-model=local-exec -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -ffunction-sections -fdata-sections \
	-fno-common -fno-tree-slp-vectorize $(WARNINGS) -I. -DCONFIG_LIB_SEL4_USE_THREAD_LOCALS=1 -DKERNEL_GIC=$(KERNEL_GIC) $(KERNEL_ASSERTS)
TARGET_LDFLAGS := -static -nostdlib -no-pie -Wl,--gc-sections -Wl,--build-id=none \
	-Wl,-z,max-page-size=4096 -Wl,-z,noexecstack

HOST_CC     := gcc
HOST_CFLAGS := -std=c11 -O2 -g -D_GNU_SOURCE $(WARNINGS) -I.
TEST_CFLAGS := -std=c11 -O1 -g -D_GNU_SOURCE -DBULKHEAD_TEST $(WARNINGS) -I. \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_CC     := clang
FUZZ_CFLAGS := -std=c11 -O1 -g -D_GNU_SOURCE -DBULKHEAD_TEST $(WARNINGS) -I. \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# ---- what each folder is made of -------------------------------------------------------------------
#
# A build.mk adds to these:
#   PURE      sources without a kernel call: linked into every unit test and fuzzer, compiled by host and target
#   PROCESSES target programs; <name>_SRCS are their sources (beside the PURE ones they need)
#   TOOL_SRCS the host tool

PURE      :=
PROCESSES :=
TOOL_SRCS :=
include $(sort $(wildcard */build.mk */*/build.mk))
# They say how each source is compiled and linked.
BUILD_FILES := $(filter %Makefile %.mk,$(MAKEFILE_LIST))

-include $(shell find $B \( -path $B/guest-root -o -path $B/fresh \) -prune -o -type f -path '*/obj/*' -name '*.d' -print 2>/dev/null)

# ---- packages --------------------------------------------------------------------------------------

.PHONY: packages
packages: $B/packages.stamp
$B/packages.stamp: test/packages.sh
	$Q./test/packages.sh
	$Qmkdir -p $B && touch $@

# ---- target programs -------------------------------------------------------------------------------

# These processes are optimised as a whole: an exit goes through many short functions of several files. What the
# compiler itself calls must not be, since it is called after that; nor what sets a thread pointer.
LTO_PROCESSES := vmm
LTO_NEVER     := lib/bytes.c lib/thread.c
LTO           := -flto -flto-partition=one -mcmodel=tiny -fomit-frame-pointer
# And for size, but for what each exit goes through, where the kernel's calls are to be part of their callers (the last
# file: 390 bytes for 35 instructions of a device access, 210 of an abort).
FAST_SRCS     := device/gic/gic_own.c vmm/exit.c vmm/irq.c vmm/vcpu.c
lto_sources    = $(filter-out $(LTO_NEVER) $(vmm_START_SRCS),$(foreach p,$(LTO_PROCESSES),$($p_SRCS)))

# Kernel headers are not ours: -isystem keeps our warnings for our code.
$(KB)/obj/%.o: %.c $(KERNEL_STAMP) $(BUILD_FILES) | $B/packages.stamp $(LIBFDT_A)
	$(call say,CC,$<)
	$Qmkdir -p $(@D)
	$Q$(TARGET_CC) $(TARGET_CFLAGS) $(if $(filter $<,$(lto_sources)),$(LTO) -ffat-lto-objects) $(if $(filter $<,$(FAST_SRCS)),--param early-inlining-insns=100,$(if $(filter $<,$(vmm_SRCS)),-Os)) \
		$($(subst /,_,$(<D))_CFLAGS) -isystem $(KERNEL_INCLUDE) -isystem $(LIBFDT_INCLUDE) -MMD -MP -c $< -o $@

$(KB)/obj/%.o: %.S $(KERNEL_STAMP) $(BUILD_FILES) | $B/packages.stamp
	$(call say,AS,$<)
	$Qmkdir -p $(@D)
	$Q$(TARGET_CC) $(TARGET_CFLAGS) -isystem $(KERNEL_INCLUDE) -MMD -MP -c $< -o $@

# A program with $(name)_START_SRCS has a start segment (link/start.ld).
START_VADDR := $(shell sed -n 's/^\#define PROCESS_START_VADDR *\(0x[0-9a-f]*\)ull.*/\1/p' link/process.h)
START_FLAGS := -Wl,-T,link/start.ld -Wl,--defsym=process_start_vaddr=$(START_VADDR)
target_objects = $(patsubst %,$(KB)/obj/%.o,$(sort $(basename $1)))

$(KB)/%-start.a:
	$(call say,AR,$@)
	$Qrm -f $@ && $(TARGET_CC:gcc=ar) rcsP $@ $^

define process_rule
$(if $($1_START_SRCS),$(KB)/$1-start.a: $$(call target_objects,$$($1_START_SRCS))
$(KB)/$1.elf: $(KB)/$1-start.a link/start.ld)
$(KB)/$1.elf: $$(call target_objects,$$(filter-out $$($1_START_SRCS),$$($1_SRCS))) $(LIBFDT_SMALL_A)
	$$(call say,LD,$$@)
	$$Q$$(TARGET_CC) $$(TARGET_CFLAGS) $(if $(filter $1,$(LTO_PROCESSES)),$$(LTO),-fno-lto) $$(TARGET_LDFLAGS) -Wl,-Ttext-segment=$$(or $$($1_BASE),0x400000) -Wl,-e,_start $$(filter %.o,$$^) \
		$(if $($1_START_SRCS),$$(START_FLAGS) -Wl$$(comma)--whole-archive $(KB)/$1-start.a -Wl$$(comma)--no-whole-archive) $$(LIBFDT_SMALL_A) -lgcc -o $$@
endef
$(foreach p,$(PROCESSES),$(eval $(call process_rule,$p)))

.PHONY: target
target: $(PROCESSES:%=$(KB)/%.elf)

# ---- host tool -------------------------------------------------------------------------------------

$(HOST)/obj/%.o: %.c $(BUILD_FILES) | $B/packages.stamp
	$(call say,HOSTCC,$<)
	$Qmkdir -p $(@D)
	$Q$(HOST_CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(HOST)/bulkhead: $(TOOL_SRCS:%.c=$(HOST)/obj/%.o)
	$(call say,LD,$@)
	$Q$(HOST_CC) $^ $(TOOL_LIBS) -o $@

# ---- unit tests and fuzzers ------------------------------------------------------------------------

$(HOST)/test/obj/%.o: %.c $(BUILD_FILES) | $B/packages.stamp
	$(call say,TESTCC,$<)
	$Qmkdir -p $(@D)
	$Q$(HOST_CC) $(TEST_CFLAGS) -MMD -MP -c $< -o $@

# What a process, a kernel or a guest does, for unit tests and fuzzers.
FAKES := $(wildcard test/fake/*.c)

$(HOST)/test/libpure.a: $(PURE:%.c=$(HOST)/test/obj/%.o) $(FAKES:%.c=$(HOST)/test/obj/%.o)
	$(call say,AR,$@)
	$Qrm -f $@ && ar rcs $@ $^

UNIT_TESTS := $(sort $(shell find $(filter-out build,$(wildcard *)) -name '*_test.c' 2>/dev/null))
$(HOST)/test/bin/%_test: $(HOST)/test/obj/%_test.o $(HOST)/test/libpure.a
	$(call say,LD,$@)
	$Qmkdir -p $(@D)
	$Q$(HOST_CC) -fsanitize=address,undefined $^ -lcmocka -lfdt -lz -lcjson -o $@

$(HOST)/fuzz/obj/%.o: %.c $(BUILD_FILES) | $B/packages.stamp
	$(call say,FUZZCC,$<)
	$Qmkdir -p $(@D)
	$Q$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c $< -o $@

$(HOST)/fuzz/libpure.a: $(PURE:%.c=$(HOST)/fuzz/obj/%.o) $(FAKES:%.c=$(HOST)/fuzz/obj/%.o)
	$(call say,AR,$@)
	$Qrm -f $@ && ar rcs $@ $^

FUZZERS := $(sort $(wildcard test/fuzz/*_fuzz.c))
$(HOST)/fuzz/bin/%: $(HOST)/fuzz/obj/test/fuzz/%.o $(HOST)/fuzz/libpure.a
	$(call say,LD,$@)
	$Qmkdir -p $(@D)
	$Q$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $^ -lfdt -lz -lcjson -o $@

.PHONY: unit fuzz
unit: $(UNIT_TESTS:%.c=$(HOST)/test/bin/%)
	$Q./test/unit.sh $^
fuzz: $(FUZZERS:test/fuzz/%.c=$(HOST)/fuzz/bin/%)
	$Q./test/fuzz.sh $^

.PRECIOUS: $(HOST)/test/obj/%.o $(HOST)/fuzz/obj/%.o $(HOST)/obj/%.o $(KB)/obj/%.o

.PHONY: clean
clean:
	rm -rf $B

# ---- what a person uses ----------------------------------------------------------------------------

# SYSTEM=name takes system/name.dts, or give a file.
SYSTEM ?= demo
SYSTEM_FILE := $(if $(wildcard $(SYSTEM)),$(SYSTEM),system/$(SYSTEM).dts)
IMAGE := $(KB)/$(notdir $(basename $(SYSTEM_FILE))).img

# A copy of the demo's disk, for a system that has one; DISK=FILE takes another.
SYSTEM_DISK := $(if $(shell grep -sl 'backend = "virtio-blk"' $(SYSTEM_FILE)),$(DISK))

.PHONY: image run
image: target boot $(HOST)/bulkhead $(GUESTS)
	$Q$(HOST)/bulkhead build $(IMAGE_OPTIONS) -o $(IMAGE) $(SYSTEM_FILE)
run: image $(SYSTEM_DISK)
	@echo "Starting $(IMAGE) on $(KERNEL_NAME). Ctrl-T ? lists the keys, Ctrl-A X ends QEMU."
	$Q$(HOST)/bulkhead run $(SYSTEM_DISK:%=--disk %) $(IMAGE)

.PHONY: test
test:
	$Q./test/all.sh $(KERNEL_NAME)

.PHONY: help
help:
	@echo 'Bulkhead: virtual machines on the seL4 microkernel. Kernel: $(KERNEL_NAME)'
	@echo
	@echo '  make run        build all and boot system/demo.dts in QEMU (SYSTEM=name: another one)'
	@echo '  make test       all tests; ends with "N passed, N failed"'
	@echo '  make image      only build the bootable image'
	@echo '  make unit       unit tests on the host, under ASan and UBSan'
	@echo '  make model      the ring between two processes under a model checker (make stress: between two cores)'
	@echo '  make fuzz       fuzzers, FUZZ_SECONDS=3 each'
	@echo '  make checks     headers, include directions, licence lines'
	@echo '  make system     system tests in QEMU (TESTS="console." some of them)'
	@echo '  make contract   what Bulkhead assumes of the kernel, as a table'
	@echo '  make bench      what exits, interrupts, boots cost, in instructions (BENCH="exit. timer.")'
	@echo '  make clean      remove build/'
	@echo
	@echo '  SEL4_SDK=DIR    a seL4 install prefix, or a Microkit SDK (MICROKIT_BOARD=, MICROKIT_CONFIG=);'
	@echo '                  without it, the unverified stand-in kernel (STANDIN_GIC=2|3 STANDIN_CPUS=1..4)'
	@echo '  V=1             show the commands'
