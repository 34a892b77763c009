# SPDX-License-Identifier: BSD-2-Clause
PURE += device/access.c device/ram.c
DEVICE_SRCS += device/access.c device/ram.c
