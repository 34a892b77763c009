# SPDX-License-Identifier: BSD-2-Clause
# VMM_PURE_SRCS makes no kernel call, so unit tests and fuzzers link it on the host.
VMM_PURE_SRCS := $(addprefix vmm/,decode.c exception.c fdt.c load.c load_elf.c load_image.c node.c pci_host.c psci.c sysreg.c)
PURE += $(VMM_PURE_SRCS)

PURE += vmm/bus.c vmm/walk.c
PROCESSES += vmm
VMM_SRCS := $(addprefix vmm/,abort.c balloon.c bus.c clock.c console.c exit.c guest_exception.c irq.c main.c pause.c ptimer.c trap.c \
	vcpu.c virtio.c walk.c)
# What it needs until its guest runs: its start segment (link/start.ld).
vmm_START_SRCS := $(addprefix vmm/,start.c machine.c virtio_add.c fdt.c load.c load_elf.c load_image.c node.c) \
	lib/aarch64/cache.c lib/aarch64/start.S lib/elf.c lib/tree.c link/process_start.c
vmm_SRCS := $(VMM_SRCS) $(vmm_START_SRCS) link/block_client.c link/block.c link/net_client.c link/net.c link/vsock_client.c link/vsock.c $(VMM_PURE_SRCS) $(DEVICE_SRCS) lib/elf.c $(PROCESS_SRCS)
