# SPDX-License-Identifier: BSD-2-Clause
net_PURE := $(addprefix service/net/,limit.c address.c checksum.c segment.c port.c switch.c)
PURE += $(net_PURE)
