# SPDX-License-Identifier: BSD-2-Clause
#
# `make model`: the ring's signalling under a model checker. `make stress`: the ring between two cores,
# once as it is used and once under the thread sanitizer.

.PHONY: model stress
model: export HOST_CC := $(HOST_CC)
model: | $B/packages.stamp
	$Q./test/model/run.sh

STRESS_SRCS := test/model/ring_stress.c link/ring.c test/fake/process.c
$(HOST)/stress/ring_stress: $(STRESS_SRCS) link/ring.h | $B/packages.stamp
	$(call say,HOSTCC,$@)
	$Qmkdir -p $(@D)
	$Q$(HOST_CC) $(HOST_CFLAGS) -DBULKHEAD_TEST $(STRESS_SRCS) -lpthread -o $@
$(HOST)/stress/ring_stress_tsan: $(STRESS_SRCS) link/ring.h | $B/packages.stamp
	$(call say,HOSTCC,$@)
	$Qmkdir -p $(@D)
	$Q$(HOST_CC) $(HOST_CFLAGS) -O1 -DBULKHEAD_TEST -fsanitize=thread $(STRESS_SRCS) -lpthread -o $@
stress: $(HOST)/stress/ring_stress $(HOST)/stress/ring_stress_tsan
	$Q./test/model/stress.sh $^
