# SPDX-License-Identifier: BSD-2-Clause
# A process that makes random system calls, as a root task that watches over it.
PROCESSES += hostile
hostile_SRCS := test/hostile/root.c test/hostile/hostile.c root/start.S lib/thread.c lib/bytes.c \
	lib/format.c lib/stack_guard.c

$(KB)/hostile.img: $(KB)/hostile.elf $(KB)/boot.elf $(KB)/contract/kernel.img $(HOST)/bulkhead
	$(call say,IMAGE,$@)
	$Q$(HOST)/bulkhead build -q -I system -I $(KB)/contract $(CONTRACT_KERNEL) --programs $(KB) \
		--root $(KB)/hostile.elf -o $@ test/contract/contract.dts

.PHONY: hostile
hostile: $(KB)/hostile.img
	$Q./test/hostile/run.sh $(HOST)/bulkhead $< $(KB)/hostile-run
