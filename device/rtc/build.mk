# SPDX-License-Identifier: BSD-2-Clause
PURE += device/rtc/rtc_pl031.c
DEVICE_SRCS += device/rtc/rtc_pl031.c
