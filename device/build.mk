# SPDX-License-Identifier: BSD-2-Clause
PURE += device/ram.c
DEVICE_SRCS += device/ram.c
