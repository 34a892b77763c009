// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random guests, lines and kernels against the vGIC, GICv2 and GICv3. After every step: no list
 * register used twice and no INTID in two of them (test/fake/guest_gic.c), every claim is in
 * exactly one queue or list register, nothing that could be delivered lies about. At the end: every
 * line that is high and every edge that nobody dropped reaches the guest, in a bounded number of
 * steps.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "device/gic/gic_chip.h"
#include "lib/check.h"
#include "test/fake/guest_gic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 400, FORWARDED_PPI = 27, FORWARDED_SPI = 34, CLRSPI = 0x48 };

static struct {
    struct fake_gic f;
    const uint8_t *data;
    size_t left;
    bool online[VCPU_MAX];
    bool line[VCPU_MAX][GIC_INTID_MAX]; /* of SPIs: [0] */
    bool owed[VCPU_MAX][GIC_INTID_MAX]; /* an edge that must arrive */
    unsigned ended_before[VCPU_MAX][2]; /* of the forwarded interrupts */
    unsigned injections_asked[VCPU_MAX];
} t;

static unsigned next(void)
{
    if (t.left == 0) {
        return 0;
    }
    t.left--;
    return *t.data++;
}

static unsigned next_16(void)
{
    unsigned low = next();
    return low | next() << 8;
}

static uint32_t next_32(void)
{
    uint32_t low = next_16();
    return low | (uint32_t)next_16() << 16;
}

static unsigned next_vcpu(void)
{
    return next() % t.f.gic.vcpu_count;
}

/* A PPI or an SPI that exists. */
static unsigned next_input(void)
{
    unsigned last = t.f.gic.bank_count * GIC_BANK_BITS - 1u;
    return GIC_PPI_BASE + next_16() % (last - GIC_PPI_BASE + 1);
}

static unsigned row(unsigned vcpu, unsigned intid)
{
    return intid < GIC_SPI_BASE ? vcpu : 0;
}

static unsigned count_bits(uint32_t bits)
{
    return (unsigned)__builtin_popcount(bits);
}

/* Where everything is, as sets: each vCPU's queue, and its list registers. */
static uint32_t queued[VCPU_MAX][GIC_BANK_MAX], listed[VCPU_MAX][GIC_BANK_MAX];

static void find_all(void)
{
    memset(queued, 0, sizeof queued);
    memset(listed, 0, sizeof listed);
    for (unsigned i = 0; i < t.f.gic.vcpu_count; i++) {
        for (unsigned p = 0; p < GIC_PRIORITY_COUNT; p++) {
            for (unsigned w = 0; w < GIC_BANK_MAX; w++) {
                CHECK((queued[i][w] & t.f.gic.vcpu[i].queue.set[p][w]) == 0);
                queued[i][w] |= t.f.gic.vcpu[i].queue.set[p][w];
            }
        }
        for (unsigned k = 0; k < GIC_LR_MAX; k++) {
            const struct fake_lr *lr = &t.f.lr[i][k];
            if (lr->state != FAKE_LR_EMPTY) {
                listed[i][lr->intid / 32] |= 1u << (lr->intid % 32);
            }
        }
    }
}

static void check_summaries(const struct gic_queue *q)
{
    for (unsigned p = 0; p < GIC_PRIORITY_COUNT; p++) {
        for (unsigned w = 0; w < GIC_BANK_MAX; w++) {
            CHECK((q->words[p] >> w & 1) == (q->set[p][w] != 0));
        }
        CHECK((q->levels >> p & 1) == (q->words[p] != 0));
    }
}

static uint32_t deliverable(const struct gic_bank *b, unsigned groups)
{
    uint32_t on = ((groups & 1) ? ~b->group : 0) | ((groups & 2) ? b->group : 0);
    return gic_bank_pending(b) & b->enabled & on & ~b->active & ~b->claimed;
}

static void check_vcpu(const struct gic *gic, unsigned i)
{
    const struct gic_vcpu *v = &gic->vcpu[i];
    check_summaries(&v->queue);
    bool online = gic->online >> i & 1;
    CHECK(v->groups == (online ? gic->groups : 0));
    CHECK(count_bits(v->lr_used) == fake_used(&t.f, i));
    CHECK(deliverable(&v->bank, v->groups) == 0);
    CHECK(online || v->queue.levels == 0);
    CHECK(v->queue.levels == 0 || v->lr_used == gic->lr_all);
    CHECK((queued[i][0] & listed[i][0]) == 0);
    CHECK(v->bank.claimed == (queued[i][0] | listed[i][0]));
}

/* Claimed ones are in exactly one place; those that could be delivered, but are not, have no
 * target. */
static void check_shared(const struct gic *gic, unsigned w)
{
    const struct gic_bank *b = &gic->spi[w - 1];
    uint32_t somewhere = 0;
    for (unsigned i = 0; i < gic->vcpu_count; i++) {
        CHECK((somewhere & queued[i][w]) == 0);
        somewhere |= queued[i][w];
        CHECK((somewhere & listed[i][w]) == 0);
        somewhere |= listed[i][w];
        for (uint32_t here = queued[i][w] | listed[i][w]; here != 0; here &= here - 1) {
            CHECK(gic->spi_home[32 * (w - 1) + (unsigned)__builtin_ctz(here)] == i);
        }
    }
    CHECK(b->claimed == somewhere);
    for (uint32_t left = deliverable(b, gic->groups); left != 0; left &= left - 1) {
        unsigned spi = 32 * (w - 1) + (unsigned)__builtin_ctz(left);
        CHECK(gic->wiring.chip->route(gic, spi) == GIC_VCPU_NONE);
    }
}

static void check_all(void)
{
    const struct gic *gic = &t.f.gic;
    find_all();
    CHECK(gic->dist_lock.users == 0);
    for (unsigned i = 0; i < gic->vcpu_count; i++) {
        CHECK(gic->vcpu[i].lock.users == 0);
        check_vcpu(gic, i);
    }
    for (unsigned w = 1; w < gic->bank_count; w++) {
        check_shared(gic, w);
    }
}

/* Forwarded lines fall when the GIC says that their interrupt has ended. */
static void follow_forwarded_lines(void)
{
    for (unsigned i = 0; i < t.f.gic.vcpu_count; i++) {
        const unsigned intids[] = {FORWARDED_PPI, FORWARDED_SPI};
        for (unsigned k = 0; k < 2; k++) {
            if (t.f.ended[i][intids[k]] != t.ended_before[i][k]) {
                t.ended_before[i][k] = t.f.ended[i][intids[k]];
                t.line[row(i, intids[k])][intids[k]] = false;
                t.owed[row(i, intids[k])][intids[k]] = false;
            }
        }
    }
}

static void drop_owed(unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        memset(t.owed[i], 0, sizeof t.owed[i]);
    }
}

static void step_access(bool is_redist, bool is_write)
{
    static const uint8_t widths[] = {4, 4, 4, 4, 4, 1, 2, 8};
    unsigned raw = next_16();
    struct access a = {
        .width_bytes = widths[next() % 8],
        .is_write = is_write,
        .vcpu = (uint8_t)next_vcpu(),
    };
    a.offset = raw & 0x8000 ? raw : raw & 0xfff;
    a.offset &= raw & 0x4000 ? ~0ull : ~3ull;
    a.offset += is_redist ? next() % 9 * 0x10000ull : 0;
    a.value = is_write ? next_32() | (uint64_t)next_32() << 32 : 0;
    bool unpends = is_write && (a.offset & 0xf80) == FAKE_UNPEND;
    if (is_write && !is_redist && a.offset == CLRSPI && a.value < GIC_INTID_MAX) {
        t.line[0][a.value] = t.owed[0][a.value] = false;
    }
    enum outcome outcome =
        is_redist ? gic_redist_access(&t.f.gic, &a) : gic_dist_access(&t.f.gic, &a);
    CHECK(outcome == OUTCOME_DONE || outcome == OUTCOME_UNHANDLED);
    CHECK(a.width_bytes == 8 || is_write || outcome != OUTCOME_DONE ||
          a.value >> (8 * a.width_bytes) == 0);
    if (unpends) {
        drop_owed(0, VCPU_MAX);
    }
}

/* One interrupt's configuration by the right register: few random offsets hit one that matters. */
static void step_configure(void)
{
    static const uint16_t bits[] = {FAKE_ENABLE, FAKE_DISABLE, FAKE_PEND, FAKE_ACTIVATE,
                                    FAKE_DEACTIVATE};
    unsigned vcpu = next_vcpu(), intid = next_16() % (t.f.gic.bank_count * 32u), how = next();
    switch (how % 10) {
    case 0:
        fake_set_priority(&t.f, vcpu, intid, next());
        break;
    case 1:
        fake_set_edge(&t.f, intid, next() & 1);
        break;
    case 2:
    case 3:
        if (intid >= GIC_SPI_BASE) {
            fake_set_target(&t.f, intid, next() % (vcpu + 2));
        }
        break;
    case 4:
        if (intid >= GIC_SPI_BASE) {
            fake_set_target_any(&t.f, intid);
        }
        break;
    default:
        fake_set_bit(&t.f, vcpu, bits[how % 5], intid);
        break;
    }
}

static void step_level(void)
{
    unsigned vcpu = next_vcpu(), intid = next_input();
    unsigned how = next();
    bool high = how & 1;
    if (high && intid < GIC_SPI_BASE && (how & 2)) {
        gic_raise_own(&t.f.gic, &t.f.gic.vcpu[vcpu], intid);
    } else {
        gic_set_level(&t.f.gic, vcpu, intid, high);
    }
    t.line[row(vcpu, intid)][intid] = high;
}

static void step_pulse(void)
{
    unsigned vcpu = next_vcpu(), intid = next_input();
    gic_pulse(&t.f.gic, vcpu, intid);
    t.owed[row(vcpu, intid)][intid] = true;
}

/* A device's message; GICv2 has no register of its own for this. */
static void step_message(void)
{
    unsigned how = next(), intid = how & 1 ? next_16() : next_input();
    bool exists = gic_message(&t.f.gic, intid, how & 2);
    CHECK(exists == (intid >= GIC_SPI_BASE && intid < t.f.gic.bank_count * GIC_BANK_BITS));
    if (!exists) {
        return;
    }
    bool edge = t.f.gic.spi[intid / 32 - 1].edge >> (intid % 32) & 1;
    if (edge) {
        t.owed[0][intid] = how & 2;
    } else {
        t.line[0][intid] = how & 2;
    }
}

static void take(unsigned vcpu)
{
    unsigned intid = fake_take(&t.f, vcpu);
    if (intid != FAKE_NONE) {
        t.owed[row(vcpu, intid)][intid] = false;
    }
}

static void step_take(void)
{
    unsigned vcpu = next_vcpu();
    if (t.online[vcpu]) {
        take(vcpu);
    }
}

/* Ends what is active in some list register, or a spurious event for one that holds nothing. */
static void step_maintenance(void)
{
    unsigned vcpu = next_vcpu(), lr = next();
    enum fake_lr_state state = lr < GIC_LR_MAX ? t.f.lr[vcpu][lr].state : FAKE_LR_EMPTY;
    if (state == FAKE_LR_EMPTY) {
        CHECK(gic_maintenance(&t.f.gic, &t.f.gic.vcpu[vcpu], lr) == 0);
    } else if (state == FAKE_LR_ACTIVE && t.online[vcpu]) {
        fake_end(&t.f, vcpu, t.f.lr[vcpu][lr].intid);
    }
}

static void step_online(void)
{
    unsigned vcpu = next_vcpu();
    unsigned how = next();
    t.f.can_withdraw = how & 2;
    t.online[vcpu] = how & 1;
    gic_vcpu_set_online(&t.f.gic, vcpu, t.online[vcpu]);
}

/* A new vCPU object. */
static void empty_list_registers(unsigned vcpu)
{
    for (unsigned i = 0; i < GIC_LR_MAX; i++) {
        t.f.lr[vcpu][i].state = FAKE_LR_EMPTY;
    }
}

static void step_reset(void)
{
    unsigned vcpu = next_vcpu();
    if (next() % 8 != 0) {
        empty_list_registers(vcpu);
        drop_owed(vcpu, vcpu == 0 ? VCPU_MAX : vcpu + 1); /* row 0 has the SPIs, which may stay */
        gic_vcpu_reset(&t.f.gic, vcpu);
        return;
    }
    for (unsigned i = 0; i < t.f.gic.vcpu_count; i++) {
        empty_list_registers(i);
        t.online[i] = i == 0;
    }
    drop_owed(0, VCPU_MAX);
    gic_reset(&t.f.gic);
}

/* Whether something that was injected later than this is pending: here we can look. */
static bool is_pending_since(unsigned vcpu, unsigned injections)
{
    for (unsigned i = 0; i < GIC_LR_MAX; i++) {
        const struct fake_lr *lr = &t.f.lr[vcpu][i];
        if (lr->state == FAKE_LR_PENDING && lr->number > injections) {
            return true;
        }
    }
    return false;
}

/*
 * No wake-up is lost: never blocked while anything is pending, and the first WFI that finds it so
 * does not wait at all. And an idle guest gives its core back: nothing there blocks at once, and
 * whatever is there lets one WFI through, not two.
 */
static void step_wfi(void)
{
    unsigned vcpu = next_vcpu();
    enum gic_wfi answer = gic_wfi(&t.f.gic, vcpu);
    bool nothing = fake_used(&t.f, vcpu) == 0 && t.f.gic.vcpu[vcpu].queue.levels == 0;
    CHECK(answer == GIC_WFI_PASS || !is_pending_since(vcpu, t.injections_asked[vcpu]));
    CHECK((answer == GIC_WFI_BLOCK) == nothing);
    t.injections_asked[vcpu] = t.f.injections[vcpu];
    CHECK(gic_wfi(&t.f.gic, vcpu) != GIC_WFI_PASS);
    t.injections_asked[vcpu] = t.f.injections[vcpu];
}

static void step(void)
{
    unsigned what = next();
    switch (what % 16) {
    case 0:
    case 1:
        step_configure();
        break;
    case 2:
        step_access(false, true);
        break;
    case 3:
        step_access(false, false);
        break;
    case 4:
        step_access(true, true);
        break;
    case 5:
        step_access(true, false);
        break;
    case 6:
    case 7:
        step_level();
        break;
    case 8:
        if (what & 0x80) {
            step_message();
        } else {
            step_pulse();
        }
        break;
    case 9:
    case 10:
        step_take();
        break;
    case 11:
        step_maintenance();
        break;
    case 12:
        if (t.f.version == GIC_V3) {
            unsigned vcpu = next_vcpu();
            enum gic_v3_sgi_register which = (enum gic_v3_sgi_register)(next() % 3);
            gic_v3_sgi(&t.f.gic, vcpu, which, next_32() | (uint64_t)next_32() << 32);
        } else {
            fake_send_sgi(&t.f, next_vcpu(), next(), next() % 16);
        }
        break;
    case 13:
        step_online();
        break;
    case 14:
        step_wfi();
        break;
    default:
        step_reset();
        break;
    }
    follow_forwarded_lines();
}

/* A guest that enables everything. */
static void enable_all(void)
{
    struct gic *gic = &t.f.gic;
    for (unsigned i = 0; i < gic->vcpu_count; i++) {
        gic_vcpu_set_online(gic, i, true);
    }
    fake_set_groups(&t.f, 3);
    for (unsigned bank = 0; bank < gic->bank_count; bank++) {
        for (unsigned i = 0; i < (bank == 0 ? gic->vcpu_count : 1u); i++) {
            fake_write(&t.f, i, FAKE_DEACTIVATE + 4 * bank, 4, ~0u);
            fake_write(&t.f, i, FAKE_ENABLE + 4 * bank, 4, ~0u);
        }
    }
    for (unsigned intid = GIC_SPI_BASE; intid < gic->bank_count * 32u; intid++) {
        fake_set_target(&t.f, intid, 0);
    }
}

/* Takes and ends all there is, lowering each line as its driver would. */
static void serve_all(unsigned vcpu, bool seen[GIC_INTID_MAX])
{
    for (unsigned i = 0; i < GIC_LR_MAX; i++) {
        if (t.f.lr[vcpu][i].state == FAKE_LR_ACTIVE) {
            fake_end(&t.f, vcpu, t.f.lr[vcpu][i].intid);
            follow_forwarded_lines();
        }
    }
    for (unsigned steps = 0;; steps++) {
        CHECK(steps < 2 * GIC_INTID_MAX + GIC_SGI_COUNT * VCPU_MAX);
        unsigned intid = fake_take(&t.f, vcpu);
        if (intid == FAKE_NONE) {
            return;
        }
        seen[intid] = true;
        if (intid >= GIC_PPI_BASE) {
            gic_set_level(&t.f.gic, vcpu, intid, false);
        }
        fake_end(&t.f, vcpu, intid);
    }
}

static void check_nothing_lost(void)
{
    static bool seen[VCPU_MAX][GIC_INTID_MAX];
    static bool wanted[VCPU_MAX][GIC_INTID_MAX];
    struct gic *gic = &t.f.gic;
    memset(seen, 0, sizeof seen);
    enable_all();
    check_all();
    for (unsigned i = 0; i < gic->vcpu_count; i++) {
        for (unsigned k = 0; k < GIC_LR_MAX; k++) {
            if (t.f.lr[i][k].state == FAKE_LR_ACTIVE) {
                fake_end(&t.f, i, t.f.lr[i][k].intid);
            }
        }
    }
    follow_forwarded_lines();
    for (unsigned i = 0; i < gic->vcpu_count; i++) {
        for (unsigned intid = GIC_PPI_BASE; intid < gic->bank_count * 32u; intid++) {
            const struct gic_bank *b = gic_bank_of(gic, &gic->vcpu[i], intid / 32);
            bool counts = !(b->edge >> (intid % 32) & 1) || (b->forwarded >> (intid % 32) & 1);
            wanted[i][intid] =
                row(i, intid) == i && ((t.line[i][intid] && counts) || t.owed[i][intid]);
        }
    }
    for (unsigned i = gic->vcpu_count; i-- > 0;) {
        serve_all(i, seen[i]);
    }
    serve_all(0, seen[0]); /* what others ended may have moved here */
    for (unsigned i = 0; i < gic->vcpu_count; i++) {
        for (unsigned intid = GIC_PPI_BASE; intid < gic->bank_count * 32u; intid++) {
            bool served = seen[i][intid];
            for (unsigned k = 0; intid >= GIC_SPI_BASE && k < gic->vcpu_count; k++) {
                served = served || seen[k][intid];
            }
            CHECK(!wanted[i][intid] || served);
        }
    }
    check_all();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&t, 0, sizeof t);
    t.data = data;
    t.left = size;
    unsigned shape = next();
    fake_gic_init(&t.f, shape & 1 ? GIC_V3 : GIC_V2, 1 + (shape >> 1) % 8,
                  32 + (shape >> 4) % 2 * 224, 1 + next() % GIC_LR_MAX);
    gic_set_forwarded(&t.f.gic, FORWARDED_PPI);
    gic_set_forwarded(&t.f.gic, FORWARDED_SPI);
    for (unsigned i = 0; i < t.f.gic.vcpu_count; i++) {
        t.online[i] = true;
    }
    if (shape & 0x80) {
        enable_all(); /* else few inputs get as far as a delivery */
    }
    for (unsigned steps = 0; t.left != 0 && steps < STEPS_MAX; steps++) {
        step();
        check_all();
    }
    check_nothing_lost();
    return 0;
}
