// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random guests against a PCI bus with a few functions. After every step: configuration space is
 * what a slow model of its write masks says, lines are what commands and MSI-X say, a message was
 * sent only by a vector that could, and none is left that could be sent. An access to memory comes
 * to the function that the BARs name, and to no other.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "test/fake/guest_pci.h"
#include "test/fake/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 400, FUNCTIONS = 4, BASE = 0x10000000, WINDOW = 0x2eff0000 };
enum { COMMAND = 0x04, STATUS = 0x06, BAR0 = 0x10, MSIX_BAR = 1, BODY_BYTES = 6, OWN_OFFSET = 8 };

/* Where they are, how large their own BAR is, how many vectors they have. */
static const struct {
    unsigned device;
    uint32_t bar_bytes;
    unsigned vectors;
} shape[FUNCTIONS] = {
    {0,  0x1000,     1 },
    {4,  0x4000,     32},
    {5,  0x10000000, 3 },
    {31, 0x1000,     0 }
};

static struct {
    struct pci pci;
    struct fake_pci_port port;
    struct pci_function function[FUNCTIONS];
    uint8_t capability[FUNCTIONS];
    bool intx[FUNCTIONS];
    unsigned messages;
    struct {
        unsigned function, count;
        uint64_t offset;
    } seen;
} t;

static void bar_access(void *ctx, unsigned bar, struct access *access)
{
    unsigned function = (unsigned)((struct pci_function *)ctx - t.function);
    CHECK(bar == 0 && access->offset + access->width_bytes <= shape[function].bar_bytes);
    CHECK(t.pci.lock.users == 0);
    t.seen.function = function;
    t.seen.offset = access->offset;
    t.seen.count++;
    access->value = access->is_write ? access->value : 0x5a;
}

static void config_access(void *ctx, struct access *access)
{
    (void)ctx;
    CHECK(access->offset + access->width_bytes <= 4 && t.pci.lock.users == 0);
    access->value = access->is_write ? access->value : 0xa5;
}

static const struct pci_ops ops = {bar_access, config_access};

static void build(void)
{
    static const uint8_t body[BODY_BYTES + 4] = {1, 2, 3};
    fake_pci_port_init(&t.port);
    pci_init(&t.pci, &t.port.port, BASE, 0);
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        const struct pci_identity identity = {.vendor = 0x1af4, .device = (uint16_t)(0x1040 + i)};
        pci_function_init(&t.function[i], &identity, &ops, &t.function[i]);
        pci_function_add_bar(&t.function[i], 0, shape[i].bar_bytes);
        if (shape[i].vectors != 0) {
            pci_function_add_msix(&t.function[i], MSIX_BAR, shape[i].vectors);
        }
        t.capability[i] = pci_function_add_capability(&t.function[i], 9, body, sizeof body);
        pci_function_allow(&t.function[i], t.capability[i] + 4u, 3);
        pci_function_claim(&t.function[i], (uint8_t)(t.capability[i] + OWN_OFFSET));
        pci_add(&t.pci, shape[i].device, &t.function[i]);
    }
}

static struct access next_access(void)
{
    struct access a = {.width_bytes = (uint8_t)(1u << input_8() % 4), .is_write = input_8() & 1};
    a.value = a.is_write ? input_32() | (uint64_t)input_32() << 32 : 0x123456789abcdef0;
    return a;
}

static void check_value(const struct access *a)
{
    CHECK(a->is_write || a->width_bytes == 8 || a->value >> (8 * a->width_bytes) == 0);
}

static void step_ecam(void)
{
    struct access a = next_access();
    unsigned where = input_8(), high = input_8();
    unsigned function = where % FUNCTIONS;
    a.offset = shape[function].device << 15 | (input_8() & ~(input_8() % 4u));
    if (high & 0x80) {
        a.offset = (a.offset ^ (uint64_t)high << 16 ^ input_8() << 8) & 0xffffff;
    }
    a.offset -= a.offset + a.width_bytes > 0x1000000 ? 8 : 0;
    CHECK(pci_ecam_access(&t.pci, &a) == OUTCOME_DONE);
    check_value(&a);
}

/* A BAR by one write: near others, near edges, or anywhere. */
static void step_bar(void)
{
    unsigned function = input_8() % FUNCTIONS, bar = input_8() % 2, how = input_8();
    uint32_t address = input_32();
    if (how & 1) {
        address = BASE + (how >> 1) * 0x1000u;
    } else if (how & 2) {
        address = BASE + WINDOW - (how >> 2) * 0x1000u;
    }
    fake_set_bar(&t.pci, shape[function].device, bar, address);
    fake_config_write(&t.pci, shape[function].device, COMMAND, 2, 2 | (input_8() & 4));
}

/* Who the registers say answers; FUNCTIONS: nobody. */
static unsigned answers(uint32_t first, uint32_t last, unsigned *bar)
{
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        if (!(fake_config_read(&t.pci, shape[i].device, COMMAND, 2) & 2)) {
            continue;
        }
        for (*bar = 0; *bar < 2; (*bar)++) {
            uint32_t size = t.function[i].bar_bytes[*bar];
            uint32_t base = fake_bar(&t.pci, shape[i].device, *bar);
            if (size != 0 && first >= base && last - base < size && last >= base) {
                return i;
            }
        }
    }
    return FUNCTIONS;
}

static void step_memory(void)
{
    struct access a = next_access();
    unsigned bar, how = input_8(), count = t.seen.count;
    uint32_t offset = (input_8() | input_8() << 8) & (how & 0x40 ? 0xffff : 0xfff);
    uint32_t base = fake_bar(&t.pci, shape[how % FUNCTIONS].device, how >> 2 & 1);
    uint32_t address = how & 0x80 ? input_32() : base + offset;
    address -= how & 0x20 ? 4u : 0;
    if (address < BASE || address > BASE + WINDOW - a.width_bytes) {
        return;
    }
    a.offset = address - BASE;
    unsigned expected = answers(address, address + (a.width_bytes - 1), &bar);
    CHECK(pci_memory_access(&t.pci, &a) == OUTCOME_DONE);
    check_value(&a);
    if (expected == FUNCTIONS || bar == MSIX_BAR) {
        CHECK(t.seen.count == count);
    } else {
        CHECK(t.seen.count == count + 1 && t.seen.function == expected);
        CHECK(t.seen.offset == address - fake_bar(&t.pci, shape[expected].device, bar));
    }
    CHECK(expected != FUNCTIONS || a.is_write || (a.value & 0xff) == 0xff);
}

/* One vector's entry, by its words: few random offsets hit one that matters. */
static void step_msix(void)
{
    unsigned function = input_8() % FUNCTIONS, vector = input_8() % 33, flags = input_8();
    unsigned device = shape[function].device;
    uint32_t table = fake_bar(&t.pci, device, MSIX_BAR);
    if (shape[function].vectors == 0) {
        return;
    }
    if (flags & 1) {
        fake_msix_control(&t.pci, device, (uint16_t)((flags & 0x30) << 10));
    }
    if (table >= BASE && table <= BASE + WINDOW - PCI_MSIX_BAR_BYTES) {
        fake_memory_write(&t.pci, table + 16 * vector, 8, 0x8020040);
        fake_memory_write(&t.pci, table + 16 * vector + 8, 8,
                          (uint64_t)(flags >> 1 & 1) << 32 | (80 + vector));
    }
}

static void step_raise(void)
{
    unsigned function = input_8() % FUNCTIONS, vector = input_8();
    const struct pci_function *f = &t.function[function];
    unsigned before = t.port.message_count;
    bool exists = vector < shape[function].vectors;
    bool masked = exists && (f->state.msix[vector][3] & 1);
    uint32_t waits = f->state.msix_pending;
    bool on = pci_raise(&t.function[function], vector);
    unsigned sent = t.port.message_count - before;
    CHECK(sent <= 1 && (sent == 0 || (on && exists && !masked)));
    CHECK(f->state.msix_pending == (on && exists && sent == 0 ? waits | 1u << vector : waits));
}

static void step_intx(void)
{
    unsigned function = input_8() % FUNCTIONS;
    t.intx[function] = input_8() & 1;
    pci_set_intx(&t.function[function], t.intx[function]);
}

/* Read-only bits as they were built, whatever was written. */
static void check_identity(unsigned i)
{
    unsigned device = shape[i].device;
    CHECK(fake_config_read(&t.pci, device, 0, 4) == 0x10401af4 + (i << 16));
    CHECK((fake_config_read(&t.pci, device, COMMAND, 2) & ~0x406u) == 0);
    CHECK((fake_config_read(&t.pci, device, STATUS, 2) & ~0x8u) == 0x10);
    CHECK(fake_config_read(&t.pci, device, 0x3d, 1) == 1);
    CHECK((fake_bar(&t.pci, device, 0) & (shape[i].bar_bytes - 1)) == 0);
    CHECK(fake_capability(&t.pci, device, 9, 0) == t.capability[i]);
    CHECK(fake_config_read(&t.pci, device, t.capability[i] + 2u, 2) == 0x0201);
    CHECK(fake_config_read(&t.pci, device, t.capability[i] + 7u, 1) == 0);
}

static void check_all(void)
{
    bool line[PCI_LINE_COUNT] = {0};
    CHECK(t.pci.lock.users == 0);
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        const struct pci_function *f = &t.function[i];
        unsigned device = shape[i].device;
        uint32_t command = fake_config_read(&t.pci, device, COMMAND, 2);
        uint32_t control =
            shape[i].vectors == 0
                ? 0
                : fake_config_read(&t.pci, device, fake_capability(&t.pci, device, 0x11, 0) + 2, 2);
        bool on = control & FAKE_MSIX_ENABLE;
        line[device % 4] |= t.intx[i] && !on && !(command & 0x400);
        check_identity(i);
        CHECK(shape[i].vectors == 0 || (control & 0x3fff) == shape[i].vectors - 1);
        CHECK(on || f->state.msix_pending == 0);
        for (unsigned vector = 0; vector < 32; vector++) {
            bool waits = f->state.msix_pending >> vector & 1;
            bool masked = f->state.msix[vector][3] & 1;
            CHECK(!waits || vector < shape[i].vectors);
            CHECK(!waits || masked || (control & FAKE_MSIX_MASK) || !(command & 4));
        }
    }
    CHECK(memcmp(line, t.port.line, sizeof line) == 0);
}

static void step(void)
{
    unsigned what = input_8();
    switch (what % 8) {
    case 0:
    case 1:
        step_ecam();
        break;
    case 2:
        step_bar();
        break;
    case 3:
    case 4:
        step_memory();
        break;
    case 5:
        step_msix();
        break;
    case 6:
        step_raise();
        break;
    default:
        if (what < 0xf0) {
            step_intx();
        } else {
            memset(t.intx, 0, sizeof t.intx);
            pci_reset(&t.pci);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&t, 0, sizeof t);
    input_open(data, size);
    build();
    for (unsigned steps = 0; !input_over() && steps < STEPS_MAX; steps++) {
        step();
        check_all();
    }
    return 0;
}
