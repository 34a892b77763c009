# SPDX-License-Identifier: BSD-2-Clause
#
# `make model`: the ring's signalling under a model checker. `make stress`: the ring between two cores, and a
# guest's interrupts among many threads, each once as it is used and once under the thread sanitizer.

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

# Fences say nothing to the thread sanitizer, which GCC warns of; the locks here order all that it sees.
INTERRUPT_STRESS_SRCS := test/model/interrupt_stress.c test/fake/guest_pci.c test/fake/virtio_driver.c \
	test/fake/virtio_pci_driver.c vmm/bus.c vmm/pci_host.c device/access.c device/ram.c $(GIC_SRCS) $(PCI_SRCS) \
	$(addprefix device/virtio/,chain.c virtqueue.c virtqueue_split.c virtqueue_packed.c virtio.c \
	virtio_register.c virtio_pci.c virtio_rng.c) lib/log.c lib/format.c
$(HOST)/stress/interrupt_stress: $(INTERRUPT_STRESS_SRCS) | $B/packages.stamp
	$(call say,HOSTCC,$@)
	$Qmkdir -p $(@D)
	$Q$(HOST_CC) $(HOST_CFLAGS) -DBULKHEAD_TEST $(INTERRUPT_STRESS_SRCS) -lpthread -o $@
$(HOST)/stress/interrupt_stress_tsan: $(INTERRUPT_STRESS_SRCS) | $B/packages.stamp
	$(call say,HOSTCC,$@)
	$Qmkdir -p $(@D)
	$Q$(HOST_CC) $(HOST_CFLAGS) -O1 -DBULKHEAD_TEST -fsanitize=thread -Wno-tsan $(INTERRUPT_STRESS_SRCS) -lpthread -o $@

stress: $(HOST)/stress/ring_stress $(HOST)/stress/ring_stress_tsan \
	$(HOST)/stress/interrupt_stress $(HOST)/stress/interrupt_stress_tsan
	$Q./test/model/stress.sh $^
