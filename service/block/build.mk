# SPDX-License-Identifier: BSD-2-Clause
block_PURE := $(addprefix service/block/,gpt.c disk.c guest.c backend.c transfer.c ramdisk.c driver_virtio.c port.c server.c)
PURE += $(block_PURE)
PROCESSES += block
block_SRCS = service/block/main.c $(block_PURE) lib/rate.c link/block.c $(VIRTIO_DRIVER_SRCS) $(PROCESS_SRCS)
