# SPDX-License-Identifier: BSD-2-Clause
#
# The stand-in kernel, one per GIC version and number of cores, in the layout of a seL4 install prefix:
# build/standin/gic<2|3>-smp<1..4>/{bin/kernel.elf,libsel4/include,support}. kernel.mk chooses one.

STANDIN_SRCS := asid boot boot_memory cnode console cpu cspace destroy endpoint entry fault fdt fpu \
	inject irq memory message notification queue refill reply sched sched_context syscall tcb \
	tcb_registers thread trap untyped vcpu vcpu_registers vspace vspace_invoke

STANDIN_CFLAGS := -std=gnu11 -Os -g -ffreestanding -fno-pic -nostdlib -mgeneral-regs-only \
	-mno-outline-atomics -march=armv8-a -mstrict-align -fno-stack-protector -fno-common \
	-fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -ffunction-sections \
	$(WARNINGS) -I.
STANDIN_API := $(wildcard standin/include/sel4/*.h)

# $1 GIC version, $2 cores
define standin_rules
$B/standin/gic$1-smp$2/support/platform_gen.json: standin/config.sh $(STANDIN_API)
	$$(call say,CONFIG,$$(@D))
	$$Qstandin/config.sh $1 $2 $B/standin/gic$1-smp$2
	$$Qmkdir -p $B/standin/gic$1-smp$2/libsel4/include/sel4
	$$Qcp $(STANDIN_API) $B/standin/gic$1-smp$2/libsel4/include/sel4/

$B/standin/gic$1-smp$2/obj/%.o: standin/%.c $B/standin/gic$1-smp$2/support/platform_gen.json | $B/packages.stamp
	$$(call say,CC,$$<)
	$$Qmkdir -p $$(@D)
	$$Q$(TARGET_CC) $(STANDIN_CFLAGS) -I$B/standin/gic$1-smp$2/libsel4/include -MMD -MP -c $$< -o $$@

$B/standin/gic$1-smp$2/obj/%.o: standin/%.S $B/standin/gic$1-smp$2/support/platform_gen.json | $B/packages.stamp
	$$(call say,AS,$$<)
	$$Qmkdir -p $$(@D)
	$$Q$(TARGET_CC) -I$B/standin/gic$1-smp$2/libsel4/include -MMD -MP -c $$< -o $$@

$B/standin/gic$1-smp$2/bin/kernel.elf: $(STANDIN_SRCS:%=$B/standin/gic$1-smp$2/obj/%.o) \
		$B/standin/gic$1-smp$2/obj/gic_v$1.o standin/kernel.ld
	$$(call say,LD,$$@)
	$$Qmkdir -p $$(@D)
	$$Q$(TARGET_CC) -nostdlib -static -no-pie -Wl,-T,standin/kernel.ld -Wl,--gc-sections \
		-Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
		$$(filter %.o,$$^) -o $$@
endef
$(foreach gic,2 3,$(foreach cpus,1 2 3 4,$(eval $(call standin_rules,$(gic),$(cpus)))))

.PHONY: standin
standin: $(foreach gic,2 3,$(foreach cpus,1 4,$B/standin/gic$(gic)-smp$(cpus)/bin/kernel.elf))

# The unit tests of its pure parts see its own API headers. (A pattern rule without a recipe would add no
# prerequisite, so the objects are named.)
STANDIN_TEST_OBJS := $(patsubst %.c,$(HOST)/test/obj/%.o,$(wildcard standin/*_test.c))
$(STANDIN_TEST_OBJS): TEST_CFLAGS += -I$B/standin/gic2-smp1/libsel4/include
$(STANDIN_TEST_OBJS): $B/standin/gic2-smp1/support/platform_gen.json
