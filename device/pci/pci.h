/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/access.h"
#include "lib/mutex.h"

/*
 * A PCI bus behind a host bridge: configuration space by ECAM (PCI Express Base Specification,
 * 7.2.2), one 32-bit memory window, four interrupt lines, messages. Function 0 of up to 32 devices
 * of bus 0; each has a type 0 header (PCI Local Bus Specification 3.0, 6.1), 32-bit memory BARs,
 * pin INTA and, if it wants, MSI-X (6.8.2). References "PCI" below are to that specification.
 *
 * A guest may write anything anywhere: BARs may overlap, or lie outside the window, where they
 * answer to nothing; messages go to the address that the guest wrote, and the port says whether
 * that is one.
 *
 * Threads: any thread may call any function. The bus has one lock, which is taken after a
 * function's own (pci_raise and pci_set_intx come from inside a device) and before the GIC's. The
 * port may be called with it held, functions (struct pci_ops) are called without it.
 */

enum {
    PCI_DEVICE_MAX = 32,
    PCI_BAR_MAX = 6,
    PCI_WINDOW_MAX = 2 * PCI_DEVICE_MAX, /* BARs of all functions together */
    PCI_LINE_COUNT = 4,
    PCI_CONFIG_BYTES =
        256, /* the rest of a function's 4 KiB reads as zero: no capabilities there */
    PCI_CONFIG_WORDS = PCI_CONFIG_BYTES / 4,
    PCI_MSIX_MAX = 32,
    PCI_MSIX_WORDS = 4, /* of a table entry: address low and high, data, control */
    PCI_MSIX_BAR_BYTES = 4096,
};

/* What the bus needs from whoever runs it. Must not call back. */
struct pci_port {
    /* Drives an interrupt line, at each change. Under the lock. */
    void (*set_line)(void *ctx, unsigned line, bool high);
    /*
     * A function writes `data` to `address`; both are what the guest put into the MSI-X table. Any
     * number of threads at once.
     */
    void (*message)(void *ctx, uint64_t address, uint32_t data);
    void *ctx;
};

/* What a function does itself. `vcpu` of the access says who asks. */
struct pci_ops {
    /* An access that lies in one of its BARs; offset counts from the BAR's base. Any width. */
    void (*bar)(void *ctx, unsigned bar, struct access *access);
    /* Optional: the register that pci_function_claim gave it. Within four bytes; width 1, 2, 4. */
    void (*config)(void *ctx, struct access *access);
};

/* The read-only part of the header. */
struct pci_identity {
    uint16_t vendor, device;
    uint16_t subsystem_vendor, subsystem;
    uint32_t class_code; /* class, subclass, programming interface: 24 bits */
    uint8_t revision;
};

struct pci_function {
    const struct pci_ops *ops;
    void *ctx;
    struct pci *bus;
    uint32_t bar_bytes[PCI_BAR_MAX]; /* 0: no such BAR */
    uint32_t writable[PCI_CONFIG_WORDS];
    uint8_t device;      /* number on the bus */
    uint8_t config_end;  /* where the next capability goes */
    uint8_t last_link;   /* where its offset goes */
    uint8_t claimed;     /* offset of the register that ops->config serves; 0: none */
    uint8_t msix_offset; /* of the capability; 0: none */
    uint8_t msix_bar;
    uint8_t msix_count;
    struct pci_function_state { /* under the bus's lock */
        uint32_t config[PCI_CONFIG_WORDS];
        uint32_t msix[PCI_MSIX_MAX][PCI_MSIX_WORDS];
        uint32_t msix_pending; /* bit for each vector */
        bool intx;             /* the function wants an interrupt */
    } state;
};

struct pci {
    struct mutex lock;
    const struct pci_port *port;
    uint32_t memory_base;
    struct pci_function *function[PCI_DEVICE_MAX];
    uint32_t asserted[PCI_LINE_COUNT]; /* bit for each device that drives the line */
    /* The BARs that answer now, by device and number: where some overlap the first one does. */
    struct pci_window {
        uint32_t base, last;
        uint8_t device, bar;
    } window[PCI_WINDOW_MAX];
    uint8_t window_count;
};

/* memory_base: of the window, on the bus and for the guest. `port` must outlive the bus. */
void pci_init(struct pci *pci, const struct pci_port *port, uint32_t memory_base,
              uint32_t mutex_id);

/* Plugs a function in, before the guest runs. The place must be free. */
void pci_add(struct pci *pci, unsigned device, struct pci_function *function);

/* The machine is reset: nothing decodes, no interrupt is enabled, BARs are 0. */
void pci_reset(struct pci *pci);

/*
 * The guest's accesses, by offset in the window. Where nothing is, reads have all bits set and
 * writes change nothing, as on real buses; none is OUTCOME_UNHANDLED. The offset becomes one in
 * what was accessed.
 */
enum outcome pci_ecam_access(struct pci *pci, struct access *access);
enum outcome pci_memory_access(struct pci *pci, struct access *access);
enum outcome pci_io_access(struct pci *pci, struct access *access);

/* For functions; the first five before pci_add, all that they are given is our own and CHECKed. */

void pci_function_init(struct pci_function *function, const struct pci_identity *identity,
                       const struct pci_ops *ops, void *ctx);

/* A 32-bit memory BAR, size_bytes a power of two from 4096 on. */
void pci_function_add_bar(struct pci_function *function, unsigned bar, uint32_t size_bytes);

/*
 * A capability (PCI, 6.7): id, then size_bytes of `body` (what follows the link). Returns its
 * offset in configuration space. It is read-only but for what pci_function_allow is told.
 */
uint8_t pci_function_add_capability(struct pci_function *function, uint8_t id, const void *body,
                                    unsigned size_bytes);
void pci_function_allow(struct pci_function *function, unsigned offset, unsigned size_bytes);

/* The four bytes from `offset` on are the function's own: ops->config serves them. */
void pci_function_claim(struct pci_function *function, uint8_t offset);

/* MSI-X with vector_count (up to PCI_MSIX_MAX) vectors, table and pending bits in a BAR of its own.
 */
void pci_function_add_msix(struct pci_function *function, unsigned bar, unsigned vector_count);

/* Words of configuration space, as the guest left them at one time; offset a multiple of 4. */
void pci_config(struct pci_function *function, unsigned offset, uint32_t *words, unsigned count);

/*
 * Sends the vector's message, or makes it pending while that is masked or the function may not
 * master the bus; nothing for a vector that is not there. False: MSI-X is off, interrupts are INTx.
 */
bool pci_raise(struct pci_function *function, unsigned vector);

/* Drives INTA. The guest sees it unless it has turned MSI-X on or INTx off. */
void pci_set_intx(struct pci_function *function, bool high);
