# SPDX-License-Identifier: BSD-2-Clause
PURE += root/buddy.c root/restart.c root/description.c
PROCESSES += root
root_SRCS := root/start.S root/main.c root/board.c root/buddy.c root/clock.c root/control.c root/cspace.c root/description.c \
	root/files.c root/lend.c root/memory.c root/port.c root/port_block.c root/port_net.c root/port_vsock.c root/process.c root/ram.c root/reason.c root/restart.c root/service.c \
	root/space.c root/uart.c root/virtio.c root/vm.c \
	link/block.c link/net.c link/vsock.c lib/thread.c lib/image.c lib/elf.c lib/crc.c $(LINK_SRCS) $(LIB_SRCS)
