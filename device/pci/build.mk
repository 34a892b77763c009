# SPDX-License-Identifier: BSD-2-Clause
PCI_SRCS := device/pci/pci.c device/pci/pci_function.c device/pci/pci_msix.c
PURE += $(PCI_SRCS)
DEVICE_SRCS += $(PCI_SRCS)
