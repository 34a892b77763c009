# SPDX-License-Identifier: BSD-2-Clause
VIRTIO_SRCS := $(addprefix device/virtio/,chain.c virtqueue.c virtqueue_split.c virtqueue_packed.c \
	virtio.c virtio_register.c \
	virtio_mmio.c virtio_pci.c virtio_rng.c virtio_console.c virtio_blk.c virtio_blk_link.c)
PURE += $(VIRTIO_SRCS)
DEVICE_SRCS += $(VIRTIO_SRCS)
