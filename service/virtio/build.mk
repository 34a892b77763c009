# SPDX-License-Identifier: BSD-2-Clause
# The driver's side of virtio: VIRTIO_DRIVER_SRCS for a service that drives such a device.
VIRTIO_DRIVER_PURE := $(addprefix service/virtio/,dma.c vring.c transport.c)
PURE += $(VIRTIO_DRIVER_PURE)
VIRTIO_DRIVER_SRCS := $(VIRTIO_DRIVER_PURE) service/virtio/registers.c
