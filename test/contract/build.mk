# SPDX-License-Identifier: BSD-2-Clause
# What Bulkhead assumes of the kernel, as a root task that prints a table.
PROCESSES += contract
contract_SRCS := $(wildcard test/contract/*.c) $(wildcard test/contract/*.S) lib/bytes.c lib/format.c

CONTRACT_LOG := $(KB)/contract.log

.PHONY: contract
contract: $(KB)/contract.img
	$Q./test/contract/run.sh $(KERNEL_CONFIG) $< $(CONTRACT_LOG)
