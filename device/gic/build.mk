# SPDX-License-Identifier: BSD-2-Clause
GIC_SRCS := device/gic/gic.c device/gic/gic_deliver.c device/gic/gic_own.c device/gic/gic_register.c \
	device/gic/gic_v2.c device/gic/gic_v2m.c device/gic/gic_v3.c
PURE += $(GIC_SRCS)
DEVICE_SRCS += $(GIC_SRCS)
