# SPDX-License-Identifier: BSD-2-Clause
PURE += link/ring.c link/block.c link/block_client.c link/net.c link/net_client.c link/vsock.c link/vsock_client.c link/capture.c
LINK_SRCS := link/ring.c
# What every process but root is linked with.
PROCESS_SRCS := lib/aarch64/start.S lib/thread.c link/process.c link/process_start.c link/ring.c $(LIB_SRCS)
