# SPDX-License-Identifier: BSD-2-Clause
PURE += root/buddy.c root/restart.c root/description.c
PROCESSES += root
root_SRCS := $(addprefix root/,start.S main.c board.c buddy.c clock.c control.c cspace.c description.c files.c lend.c life.c memory.c \
	operator.c port.c port_block.c port_net.c port_vsock.c process.c ram.c reason.c restart.c service.c space.c uart.c virtio.c vm.c) \
	link/block.c link/net.c link/vsock.c lib/thread.c lib/image.c lib/elf.c lib/crc.c $(LINK_SRCS) $(LIB_SRCS)
