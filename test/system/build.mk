# SPDX-License-Identifier: BSD-2-Clause
#
# System tests in QEMU: `make system`, or some of them: `make system TESTS="boot. console.paste"`. On a slow
# or busy machine SYSTEM_TIME_SCALE=3 gives each wait three times as long.

TESTS ?=

# How the host tool is told which kernel this build is for, and where it finds the parts of an image.
# An emulated core that waits for the kernel's lock keeps a host core busy, so do not use more than there are.
IMAGE_OPTIONS := --spread $(shell nproc) --kernel $(or $(SEL4_SDK),$(KERNEL_DIR)) --programs $(KB) -I $B/guest -I system
ifneq ($(filter microkit-%,$(KERNEL_NAME)),)
  IMAGE_OPTIONS += --board $(MICROKIT_BOARD) --config $(MICROKIT_CONFIG)
endif

.PHONY: system
system: export KERNEL_NAME := $(KERNEL_NAME)
system: export IMAGE_OPTIONS := $(IMAGE_OPTIONS)
system: target boot $(HOST)/bulkhead $(GUESTS)
	$Qpython3 test/system/run.py $(TESTS)
