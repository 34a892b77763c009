# SPDX-License-Identifier: BSD-2-Clause
VIRTIO_SRCS := $(filter-out %_test.c,$(wildcard device/virtio/*.c))
PURE += $(VIRTIO_SRCS)
DEVICE_SRCS += $(VIRTIO_SRCS)
