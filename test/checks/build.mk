# SPDX-License-Identifier: BSD-2-Clause
#
# Checks of the sources themselves: `make checks`.

.PHONY: checks
checks: export HOST_CC := $(HOST_CC)
checks: export HOST_CFLAGS := $(HOST_CFLAGS)
checks: export TARGET_CC := $(TARGET_CC)
checks: export TARGET_CFLAGS := $(TARGET_CFLAGS)
checks: export KERNEL_INCLUDE := $(KERNEL_INCLUDE)
checks: export LIBFDT_INCLUDE := $(LIBFDT_INCLUDE)
checks: $(KERNEL_STAMP) $(LIBFDT_A) | $B/packages.stamp
	$Q./test/checks/run.sh
