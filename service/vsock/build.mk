# SPDX-License-Identifier: BSD-2-Clause
vsock_PURE := $(addprefix service/vsock/,host.c leg.c relay.c)
PURE += $(vsock_PURE)
PROCESSES += vsock
vsock_SRCS = service/vsock/main.c $(vsock_PURE) link/vsock.c $(PROCESS_SRCS)
