# SPDX-License-Identifier: BSD-2-Clause
serial_PURE := $(addprefix service/serial/,history.c filter.c roster.c journal.c client.c screen.c \
	editor.c shell.c shell_capture.c shell_ports.c shell_report.c console.c console_shell.c)
PURE += $(serial_PURE)
PROCESSES += serial
serial_SRCS := service/serial/main.c service/serial/driver_pl011.c $(serial_PURE) \
	link/capture.c $(LIB_SRCS) $(LINK_SRCS) lib/aarch64/start.S lib/thread.c link/process.c link/process_start.c
