// SPDX-License-Identifier: BSD-2-Clause
#include "device/gic/gic_v2m.h"

#include "device/gic/gic_chip.h"
#include "lib/check.h"
#include "lib/start_only.h"

enum {
    MSI_TYPER = 0x008,
    MSI_SETSPI_NS = GIC_V2M_SETSPI,
    MSI_IIDR = 0xfcc,

    IIDR_ARM = 0x43b, /* implementer, without a product */
};

START_ONLY void gic_v2m_init(struct gic_v2m *frame, struct gic *gic, unsigned first_intid,
                             unsigned count)
{
    CHECK(first_intid >= GIC_SPI_BASE && count != 0);
    CHECK(first_intid + count <= gic->bank_count * GIC_BANK_BITS);
    *frame = (struct gic_v2m){gic, (uint16_t)first_intid, (uint16_t)count};
}

bool gic_v2m_message(const struct gic_v2m *frame, uint32_t intid)
{
    if (intid - frame->first >= frame->count) { /* below the first one it wraps */
        return false;
    }
    gic_pulse(frame->gic, 0, intid);
    return true;
}

/* MSI_TYPER: the first INTID in [25:16], how many in [9:0]. */
static uint32_t read_register(const struct gic_v2m *frame, uint64_t offset)
{
    switch (offset & ~3ull) {
    case MSI_TYPER:
        return (uint32_t)frame->first << 16 | frame->count;
    case MSI_IIDR:
        return IIDR_ARM;
    default:
        return 0;
    }
}

enum outcome gic_v2m_access(struct gic_v2m *frame, struct access *access)
{
    if (access->offset >= GIC_V2M_SIZE) {
        return OUTCOME_UNHANDLED;
    }
    if (!access->is_write) {
        gic_word_access(access, read_register(frame, access->offset));
    } else if (access->offset == MSI_SETSPI_NS &&
               (access->width_bytes == 4 || access->width_bytes == 2)) {
        uint32_t mask = access->width_bytes == 4 ? ~0u : 0xffff;
        (void)gic_v2m_message(frame, (uint32_t)access->value & mask);
    }
    return OUTCOME_DONE;
}
