# SPDX-License-Identifier: BSD-2-Clause
PROCESSES += timer
timer_SRCS := service/timer/main.c $(PROCESS_SRCS)
