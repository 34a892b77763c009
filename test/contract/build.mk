# SPDX-License-Identifier: BSD-2-Clause
# What Bulkhead assumes of the kernel, as a root task that prints a table.
PROCESSES += contract
contract_SRCS := $(wildcard test/contract/*.c) $(wildcard test/contract/*.S) lib/bytes.c lib/format.c

CONTRACT_KERNEL := --kernel $(or $(SEL4_SDK),$(KERNEL_DIR))
ifneq ($(filter microkit-%,$(KERNEL_NAME)),)
  CONTRACT_KERNEL += --board $(MICROKIT_BOARD) --config $(MICROKIT_CONFIG)
endif

$(KB)/contract/kernel.img: test/guest_files.sh
	$Qmkdir -p $(@D)
	$Q./test/guest_files.sh $(@D)

$(KB)/contract.img: test/contract/contract.dts $(KB)/contract.elf $(KB)/boot.elf $(KB)/contract/kernel.img $(HOST)/bulkhead
	$(call say,IMAGE,$@)
	$Q$(HOST)/bulkhead build -q -I system -I $(KB)/contract $(CONTRACT_KERNEL) --programs $(KB) \
		--root $(KB)/contract.elf -o $@ $<

.PHONY: contract
contract: $(KB)/contract.img
	@echo "# $(KERNEL_NAME)"
	$Q./test/contract/run.sh $(HOST)/bulkhead $< $(KB)/contract
