# SPDX-License-Identifier: BSD-2-Clause
# A process that makes random system calls, as a root task that watches over it.
PROCESSES += hostile
hostile_SRCS := test/hostile/root.c test/hostile/hostile.c root/start.S lib/thread.c lib/bytes.c \
	lib/format.c lib/stack_guard.c

# Another sequence of calls: make hostile HOSTILE_SEED=0x...
ifdef HOSTILE_SEED
test_hostile_CFLAGS := -DHOSTILE_SEED=$(HOSTILE_SEED)ul
endif
$(KB)/hostile.seed: FORCE
	$Qmkdir -p $(@D) && { echo '$(HOSTILE_SEED)' | cmp -s - $@ || echo '$(HOSTILE_SEED)' >$@; }
$(patsubst %.c,$(KB)/obj/%.o,$(wildcard test/hostile/*.c)): $(KB)/hostile.seed
.PHONY: FORCE

$(KB)/hostile.img: $(KB)/hostile.elf $(KB)/boot.elf $(KB)/contract/kernel.img $(HOST)/bulkhead
	$(call say,IMAGE,$@)
	$Q$(HOST)/bulkhead build -q -I system -I $(KB)/contract $(CONTRACT_KERNEL) --programs $(KB) \
		--root $(KB)/hostile.elf -o $@ test/contract/contract.dts

.PHONY: hostile
hostile: $(KB)/hostile.img
	$Q./test/hostile/run.sh $(HOST)/bulkhead $< $(KB)/hostile-run
