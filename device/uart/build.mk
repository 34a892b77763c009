# SPDX-License-Identifier: BSD-2-Clause
PURE += device/uart/uart_pl011.c
DEVICE_SRCS += device/uart/uart_pl011.c
