# SPDX-License-Identifier: BSD-2-Clause
#
# Which kernel: SEL4_SDK= names the install prefix of a plain seL4 build (bin/kernel.elf, libsel4/,
# support/), or a Microkit SDK release (with MICROKIT_BOARD= and MICROKIT_CONFIG=). Without SEL4_SDK it
# is the stand-in (standin/), which is built into the same layout. Sets:
#   KERNEL_ELF KERNEL_INCLUDE KERNEL_CONFIG (gen_config.json) KERNEL_PLATFORM (platform_gen.json)
#   KERNEL_GIC, the version of the GIC that it is for
#   KERNEL_NAME for people, KB the build folder of all that depends on the kernel, KERNEL_STAMP

MICROKIT_BOARD  ?= qemu_virt_aarch64
MICROKIT_CONFIG ?= debug

ifeq ($(SEL4_SDK),)
  STANDIN_GIC     ?= 2
  STANDIN_CPUS    ?= 4
  KERNEL_DIR      := build/standin/gic$(STANDIN_GIC)-smp$(STANDIN_CPUS)
  KERNEL_NAME     := standin-gic$(STANDIN_GIC)-smp$(STANDIN_CPUS)
  KERNEL_ELF      := $(KERNEL_DIR)/bin/kernel.elf
  KERNEL_INCLUDE  := $(KERNEL_DIR)/libsel4/include
  KERNEL_CONFIG   := $(KERNEL_INCLUDE)/kernel/gen_config.json
  KERNEL_PLATFORM := $(KERNEL_DIR)/support/platform_gen.json
  KERNEL_STAMP    := $(KERNEL_ELF)
  KERNEL_GIC      := $(STANDIN_GIC)
else ifneq ($(wildcard $(SEL4_SDK)/bin/kernel.elf),)
  KERNEL_DIR      := $(abspath $(SEL4_SDK))
  KERNEL_NAME     := sel4-$(notdir $(KERNEL_DIR))
  KERNEL_ELF      := $(KERNEL_DIR)/bin/kernel.elf
  KERNEL_INCLUDE  := $(KERNEL_DIR)/libsel4/include
  KERNEL_CONFIG   := $(KERNEL_INCLUDE)/kernel/gen_config.json
  KERNEL_PLATFORM := $(KERNEL_DIR)/support/platform_gen.json
  KERNEL_STAMP    := $(KERNEL_ELF)
else ifneq ($(wildcard $(SEL4_SDK)/board/$(MICROKIT_BOARD)/$(MICROKIT_CONFIG)/elf/sel4.elf),)
  KERNEL_DIR      := $(abspath $(SEL4_SDK))/board/$(MICROKIT_BOARD)/$(MICROKIT_CONFIG)
  KERNEL_NAME     := microkit-$(MICROKIT_BOARD)-$(MICROKIT_CONFIG)
  KERNEL_ELF      := $(KERNEL_DIR)/elf/sel4.elf
  KERNEL_INCLUDE  := $(KERNEL_DIR)/include
  KERNEL_CONFIG   := $(KERNEL_INCLUDE)/kernel/gen_config.json
  KERNEL_PLATFORM := $(KERNEL_DIR)/platform_gen.json
  KERNEL_STAMP    := $(KERNEL_ELF)
else
  $(error SEL4_SDK=$(SEL4_SDK): neither the install prefix of a seL4 build (no bin/kernel.elf there) nor \
    a Microkit SDK with board $(MICROKIT_BOARD) and configuration $(MICROKIT_CONFIG) (set MICROKIT_BOARD= \
    and MICROKIT_CONFIG=))
endif

ifneq ($(SEL4_SDK),)
  KERNEL_GIC := $(if $(shell grep -s '"ARM_GIC_V3_SUPPORT": *true' $(KERNEL_CONFIG)),3,2)
endif

# Two kernels of the same name in different folders must not share objects.
KERNEL_ID := $(KERNEL_NAME)-$(shell printf %s '$(abspath $(KERNEL_DIR))' | cksum | cut -d' ' -f1)
KB := build/$(KERNEL_ID)
