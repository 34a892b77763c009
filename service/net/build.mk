# SPDX-License-Identifier: BSD-2-Clause
net_PURE := $(addprefix service/net/,address.c checksum.c segment.c port.c switch.c uplink_virtio.c)
PURE += $(net_PURE)
PROCESSES += net
net_SRCS = service/net/main.c $(net_PURE) lib/rate.c link/net.c link/capture.c $(VIRTIO_DRIVER_SRCS) $(PROCESS_SRCS)
