// SPDX-License-Identifier: BSD-2-Clause
/* MSI-X (PCI, 6.8.2): the capability, the table, and the pending bits. */
#include <string.h>

#include "device/pci/pci_internal.h"
#include "lib/check.h"
#include "lib/start_only.h"

enum {
    CAPABILITY_MSIX = 0x11,
    /* The upper half of the capability's first word: how many vectors less one, and: */
    CONTROL_MASK = 1 << (16 + 14),
    CONTROL_ENABLE_BIT = 16 + 15,

    ENTRY_BYTES = 4 * PCI_MSIX_WORDS,
    ADDRESS_LOW = 0, /* words of an entry */
    ADDRESS_HIGH = 1,
    DATA = 2,
    VECTOR_CONTROL = 3,
    VECTOR_MASK = 1 << 0,

    TABLE = 0, /* offsets in the BAR; the low three bits would be the BAR's number */
    PENDING = 0x800,
};

#define CONTROL_ENABLE (1u << CONTROL_ENABLE_BIT)

_Static_assert(TABLE + PCI_MSIX_MAX * ENTRY_BYTES <= PENDING, "the table has room");

START_ONLY void pci_function_add_msix(struct pci_function *function, unsigned bar,
                                      unsigned vector_count)
{
    CHECK(vector_count >= 1 && vector_count <= PCI_MSIX_MAX && function->msix_count == 0);
    const struct {
        uint16_t control;
        uint32_t table, pending;
    } __attribute__((packed)) body = {(uint16_t)(vector_count - 1), TABLE | bar, PENDING | bar};
    pci_function_add_bar(function, bar, PCI_MSIX_BAR_BYTES);
    uint8_t offset = pci_function_add_capability(function, CAPABILITY_MSIX, &body, sizeof body);
    function->writable[offset / 4] = CONTROL_ENABLE | CONTROL_MASK;
    function->msix_offset = offset;
    function->msix_bar = (uint8_t)bar;
    function->msix_count = (uint8_t)vector_count;
    pci_msix_reset(function);
}

void pci_msix_reset(struct pci_function *function)
{
    memset(function->state.msix, 0, sizeof function->state.msix);
    function->state.msix_pending = 0;
    for (unsigned vector = 0; vector < function->msix_count; vector++) {
        function->state.msix[vector][VECTOR_CONTROL] = VECTOR_MASK;
    }
}

static uint32_t control(const struct pci_function *function)
{
    return function->msix_count == 0 ? 0 : function->state.config[function->msix_offset / 4];
}

bool pci_msix_is_on(const struct pci_function *function)
{
    return control(function) & CONTROL_ENABLE;
}

/* A message is a write to memory, so a function that may not write memory holds it back, too. */
static bool may_send(const struct pci_function *function, uint32_t control)
{
    return (control & (CONTROL_ENABLE | CONTROL_MASK)) == CONTROL_ENABLE &&
           pci_commanded(function, PCI_COMMAND_MASTER);
}

static bool is_masked(const struct pci_function *function, unsigned vector)
{
    return function->state.msix[vector][VECTOR_CONTROL] & VECTOR_MASK;
}

/* What a vector writes, and where. */
struct message {
    uint64_t address;
    uint32_t data;
};

static struct message message_of(const struct pci_function *function, unsigned vector)
{
    const uint32_t *entry = function->state.msix[vector];
    return (struct message){(uint64_t)entry[ADDRESS_HIGH] << 32 | entry[ADDRESS_LOW], entry[DATA]};
}

static void send(const struct pci_function *function, struct message message)
{
    const struct pci_port *port = function->bus->port;
    port->message(port->ctx, message.address, message.data);
}

void pci_msix_flush(struct pci_function *function)
{
    uint32_t now = control(function);
    if (!(now & CONTROL_ENABLE)) {
        function->state.msix_pending = 0;
    }
    if (!may_send(function, now)) {
        return;
    }
    for (uint32_t left = function->state.msix_pending; left != 0; left &= left - 1) {
        unsigned vector = (unsigned)__builtin_ctz(left);
        if (!is_masked(function, vector)) {
            function->state.msix_pending &= ~(1u << vector);
            send(function, message_of(function, vector));
        }
    }
}

/* The message itself goes out without the lock: that of a vCPU on another core takes a while. */
bool pci_raise(struct pci_function *function, unsigned vector)
{
    struct message message = {0};
    mutex_lock(&function->bus->lock);
    uint32_t state = control(function);
    bool on = state & CONTROL_ENABLE;
    bool exists = on && vector < function->msix_count;
    bool now = exists && may_send(function, state) && !is_masked(function, vector);
    if (now) {
        message = message_of(function, vector);
    } else if (exists) {
        function->state.msix_pending |= 1u << vector;
    }
    mutex_unlock(&function->bus->lock);
    if (now) {
        send(function, message);
    }
    return on;
}

/* An address is a multiple of 4; of the control word only the mask exists. */
static void access_word(void *ctx, struct access *access)
{
    static const uint32_t writable[PCI_MSIX_WORDS] = {~3u, ~0u, ~0u, VECTOR_MASK};
    struct pci_function *function = ctx;
    unsigned offset = (unsigned)access->offset, at = offset / 4 % PCI_MSIX_WORDS;
    uint32_t *word = offset < function->msix_count * (unsigned)ENTRY_BYTES
                         ? &function->state.msix[offset / ENTRY_BYTES][at]
                         : NULL;
    if (!access->is_write) {
        access->value = word != NULL ? *word : offset == PENDING ? function->state.msix_pending : 0;
    } else if (word != NULL) {
        *word = (uint32_t)access->value & writable[at];
    }
}

/* 6.8.2: words or pairs of words, aligned; others are undefined: zero, and no effect. */
void pci_msix_access(struct pci_function *function, struct access *access)
{
    bool served = (access->offset & (access->width_bytes - 1u)) == 0 && access->width_bytes >= 4;
    if (served) {
        access_by_words(access, access_word, function);
        if (access->is_write) {
            pci_msix_flush(function);
        }
    } else if (!access->is_write) {
        access->value = 0;
    }
}
