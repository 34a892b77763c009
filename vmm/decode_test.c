// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/sysreg.h"

/* ESR_EL2: class, 32-bit instruction, syndrome */
#define ESR(ec, iss) ((uint64_t)(ec) << 26 | 1ull << 25 | (iss))

/* A data abort's: valid, log2 of the width, signed, register, 64-bit, write; status 6 (level 2) */
#define ISS(sas, sse, srt, sf, wnr)                                                                \
    (1u << 24 | (uint32_t)(sas) << 22 | (uint32_t)(sse) << 21 | (uint32_t)(srt) << 16 |            \
     (uint32_t)(sf) << 15 | (uint32_t)(wnr) << 6 | 6)

static void a_data_abort_with_a_syndrome(void **state)
{
    (void)state;
    for (unsigned sas = 0; sas < 4; sas++) {
        for (unsigned flags = 0; flags < 8; flags++) {
            for (uint8_t reg = 0; reg < 32; reg++) {
                bool sse = flags & 1, sf = flags & 2, wnr = flags & 4;
                struct decode_syndrome s = decode_syndrome(ESR(0x24, ISS(sas, sse, reg, sf, wnr)));
                assert_int_equal(s.class, DECODE_DATA_ABORT);
                assert_int_equal(s.instruction_bytes, 4);
                assert_int_equal(s.abort.fault, DECODE_FAULT_TRANSLATION);
                assert_int_equal(s.abort.level, 2);
                assert_int_equal(s.abort.is_write, wnr);
                assert_true(s.abort.has_transfer);
                assert_true(s.abort.far_valid);
                assert_false(s.abort.walk);
                assert_false(s.abort.is_maintenance);
                assert_int_equal(s.abort.transfer.reg, reg);
                assert_int_equal(s.abort.transfer.width_bytes, 1 << sas);
                assert_int_equal(s.abort.transfer.sign_extend, sse);
                assert_int_equal(s.abort.transfer.is_64, sf);
                assert_int_equal(s.abort.transfer.is_write, wnr);
            }
        }
    }
}

static void a_data_abort_without_one(void **state)
{
    (void)state;
    static const struct decode_transfer none = {0};
    /* ISV clear: the other fields are RES0, and not looked at. */
    struct decode_syndrome s = decode_syndrome(ESR(0x24, ISS(3, 1, 5, 1, 1) & ~(1u << 24)));
    assert_false(s.abort.has_transfer);
    assert_true(s.abort.is_write);
    assert_memory_equal(&s.abort.transfer, &none, sizeof none);
    /* The address of a stage 1 walk, and cache maintenance: no data travels. */
    s = decode_syndrome(ESR(0x24, ISS(3, 0, 5, 1, 0) | 1u << 7));
    assert_true(s.abort.walk);
    assert_false(s.abort.has_transfer);
    s = decode_syndrome(ESR(0x24, ISS(3, 0, 5, 1, 1) | 1u << 8));
    assert_true(s.abort.is_maintenance);
    assert_false(s.abort.has_transfer);
    s = decode_syndrome(ESR(0x24, 1u << 10));
    assert_false(s.abort.far_valid);
}

static void kinds_of_fault(void **state)
{
    (void)state;
    for (unsigned status = 0; status < 64; status++) {
        unsigned fault = DECODE_FAULT_OTHER, level = 0;
        if (status < 0x10) {
            fault = (unsigned[]){DECODE_FAULT_ADDRESS_SIZE, DECODE_FAULT_TRANSLATION,
                                 DECODE_FAULT_ACCESS_FLAG, DECODE_FAULT_PERMISSION}[status / 4];
            level = status % 4;
        } else if (status == 0x10) {
            fault = DECODE_FAULT_EXTERNAL;
        } else if (status >= 0x14 && status <= 0x17) {
            fault = DECODE_FAULT_EXTERNAL;
            level = status - 0x14;
        } else if (status == 0x21) {
            fault = DECODE_FAULT_ALIGNMENT;
        }
        for (unsigned ec = 0x20; ec <= 0x24; ec += 4) {
            struct decode_syndrome s = decode_syndrome(ESR(ec, status));
            assert_int_equal(s.abort.fault, fault);
            assert_int_equal(s.abort.level, level);
        }
    }
}

/* All that decides, in all combinations: the short way says what the long one says. */
static void device_accesses_are_found_as_by_the_whole_decoder(void **state)
{
    (void)state;
    const uint32_t access = ISS(2, 1, 5, 1, 1) & ~(1u << 24) & ~0x3fu;
    unsigned found = 0;
    for (uint32_t ec = 0; ec < 64; ec++) {
        for (uint32_t flags = 0; flags < 8; flags++) {
            for (uint32_t status = 0; status < 64; status++) {
                uint32_t iss =
                    access | (flags & 1) << 24 | (flags >> 1 & 1) << 8 | (flags >> 2) << 7 | status;
                struct decode_syndrome s = decode_syndrome(ESR(ec, iss));
                bool wanted = s.class == DECODE_DATA_ABORT && s.abort.has_transfer &&
                              s.abort.fault == DECODE_FAULT_TRANSLATION;
                struct decode_transfer transfer;
                assert_int_equal(decode_device_access(ESR(ec, iss), &transfer), wanted);
                if (wanted) {
                    found++;
                    assert_memory_equal(&transfer, &s.abort.transfer, sizeof transfer);
                }
            }
        }
    }
    assert_int_equal(found, 4); /* the four levels */
}

static void an_instruction_abort_has_no_transfer(void **state)
{
    (void)state;
    struct decode_syndrome s = decode_syndrome(ESR(0x20, ISS(3, 1, 5, 1, 1) | 1u << 7));
    assert_int_equal(s.class, DECODE_INSTRUCTION_ABORT);
    assert_false(s.abort.has_transfer);
    assert_false(s.abort.is_write);
    assert_true(s.abort.walk);
    assert_int_equal(s.abort.fault, DECODE_FAULT_TRANSLATION);
}

static void system_registers(void **state)
{
    (void)state;
    /* msr ICC_SGI1R_EL1, x7: op0 3, op2 5, op1 0, CRn 12, Rt 7, CRm 11, write */
    uint32_t iss = 3u << 20 | 5u << 17 | 0u << 14 | 12u << 10 | 7u << 5 | 11u << 1;
    struct decode_syndrome s = decode_syndrome(ESR(0x18, iss));
    assert_int_equal(s.class, DECODE_SYSREG);
    assert_int_equal(s.sysreg.id, SYSREG_ID(3, 0, 12, 11, 5));
    assert_int_equal(s.sysreg.reg, 7);
    assert_true(s.sysreg.is_write);
    /* mrs xzr, S2_7_C15_C15_7: every field at its largest but op0 */
    s = decode_syndrome(ESR(0x18, 2u << 20 | 7u << 17 | 7u << 14 | 15u << 10 | 31u << 5 | 15u << 1 |
                                      1u | 7u << 22));
    assert_int_equal(s.sysreg.id, SYSREG_ID(2, 7, 15, 15, 7));
    assert_int_equal(s.sysreg.reg, DECODE_REG_ZERO);
    assert_false(s.sysreg.is_write);
}

static void waits_and_calls(void **state)
{
    (void)state;
    static const enum decode_wfx wfx[] = {DECODE_WFI, DECODE_WFE, DECODE_WFIT, DECODE_WFET};
    for (unsigned ti = 0; ti < 4; ti++) {
        struct decode_syndrome s = decode_syndrome(ESR(0x01, 0x1e00000 | ti)); /* CV, COND */
        assert_int_equal(s.class, DECODE_WFX);
        assert_int_equal(s.wfx, wfx[ti]);
    }
    struct decode_syndrome s = decode_syndrome(ESR(0x16, 0x1234));
    assert_int_equal(s.class, DECODE_HVC);
    assert_int_equal(s.immediate, 0x1234);
    s = decode_syndrome(ESR(0x17, 0xffff));
    assert_int_equal(s.class, DECODE_SMC);
    assert_int_equal(s.immediate, 0xffff);
}

static void every_other_class(void **state)
{
    (void)state;
    for (unsigned ec = 0; ec < 64; ec++) {
        struct decode_syndrome s = decode_syndrome((uint64_t)ec << 26 | 0xffffffff00000000);
        bool known = ec == 0x01 || (ec >= 0x16 && ec <= 0x18) || ec == 0x20 || ec == 0x24;
        assert_int_equal(s.class != DECODE_OTHER, known);
        assert_int_equal(s.ec, ec);
        assert_int_equal(s.instruction_bytes, 2);
    }
}

static void what_a_load_leaves(void **state)
{
    (void)state;
    static const struct {
        uint8_t width;
        bool sign_extend, is_64;
        uint64_t bus, reg;
    } loads[] = {
        {1, false, false, 0xffffffffffffff80, 0x80              },
        {1, true,  false, 0x80,               0xffffff80        },
        {1, true,  true,  0x80,               0xffffffffffffff80},
        {1, true,  true,  0x17f,              0x7f              },
        {2, false, false, 0x18000,            0x8000            },
        {2, true,  false, 0x8000,             0xffff8000        },
        {2, true,  true,  0x8000,             0xffffffffffff8000},
        {2, true,  true,  0x7fff,             0x7fff            },
        {4, false, false, 0x180000000,        0x80000000        },
        {4, true,  true,  0x80000000,         0xffffffff80000000},
        {4, true,  true,  0x7fffffff,         0x7fffffff        },
        {8, false, true,  0x8000000000000001, 0x8000000000000001},
        {8, true,  true,  0x8000000000000001, 0x8000000000000001},
        {8, false, false, 0x8000000180000001, 0x80000001        },
    };
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        struct decode_transfer t = {.reg = 1,
                                    .width_bytes = loads[i].width,
                                    .sign_extend = loads[i].sign_extend,
                                    .is_64 = loads[i].is_64};
        assert_int_equal(decode_load_value(t, loads[i].bus), loads[i].reg);
    }
}

static void what_a_store_sends(void **state)
{
    (void)state;
    struct decode_transfer t = {.reg = 1, .is_write = true, .is_64 = true};
    static const uint64_t sent[] = {
        [1] = 0x88, [2] = 0x7788, [4] = 0x55667788, [8] = 0x1122334455667788};
    for (uint8_t width = 1; width <= 8; width = (uint8_t)(width * 2)) {
        t.width_bytes = width;
        t.reg = 1;
        assert_int_equal(decode_store_value(t, 0x1122334455667788), sent[width]);
        t.reg = DECODE_REG_ZERO; /* whatever lies where an X31 would be */
        assert_int_equal(decode_store_value(t, 0x1122334455667788), 0);
    }
}

enum { OFF, WB }; /* writeback */

static void pairs(void **state)
{
    (void)state;
    static const struct {
        uint32_t word;
        uint8_t width, base, first, second;
        bool is_write, sign_extend, is_64, writeback;
        int16_t offset, step;
    } cases[] = {
        {0xa9400861, 8, 3,  1,  2,  0, 0, 1, OFF, 0,    0   }, /* ldp x1, x2, [x3] */
        {0xa9410861, 8, 3,  1,  2,  0, 0, 1, OFF, 16,   0   }, /* ldp x1, x2, [x3, #16] */
        {0x297f0861, 4, 3,  1,  2,  0, 0, 0, OFF, -8,   0   }, /* ldp w1, w2, [x3, #-8] */
        {0xa8e00be1, 8, 31, 1,  2,  0, 0, 1, WB,  0,    -512}, /* ldp x1, x2, [sp], #-512 */
        {0xa9df8861, 8, 3,  1,  2,  0, 0, 1, WB,  504,  504 }, /* ldp x1, x2, [x3, #504]! */
        {0x69408861, 4, 3,  1,  2,  0, 1, 1, OFF, 4,    0   }, /* ldpsw x1, x2, [x3, #4] */
        {0x69e00861, 4, 3,  1,  2,  0, 1, 1, WB,  -256, -256}, /* ldpsw x1, x2, [x3, #-256]! */
        {0xa8408861, 8, 3,  1,  2,  0, 0, 1, OFF, 8,    0   }, /* ldnp x1, x2, [x3, #8] */
        {0x283f8861, 4, 3,  1,  2,  1, 0, 0, OFF, -4,   0   }, /* stnp w1, w2, [x3, #-4] */
        {0xa8810861, 8, 3,  1,  2,  1, 0, 1, WB,  0,    16  }, /* stp x1, x2, [x3], #16 */
        {0x29a07c61, 4, 3,  1,  31, 1, 0, 0, WB,  -256, -256}, /* stp w1, wzr, [x3, #-256]! */
        {0xa9027c7f, 8, 3,  31, 31, 1, 0, 1, OFF, 32,   0   }, /* stp xzr, xzr, [x3, #32] */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct decode_instruction d;
        assert_int_equal(decode_instruction(cases[i].word, &d), DECODE_OK);
        assert_int_equal(d.transfer_count, 2);
        assert_int_equal(d.base, cases[i].base);
        assert_int_equal(d.writeback, cases[i].writeback);
        assert_int_equal(d.offset, cases[i].offset);
        assert_int_equal(d.step, cases[i].step);
        assert_int_equal(d.transfer[0].reg, cases[i].first);
        assert_int_equal(d.transfer[1].reg, cases[i].second);
        for (unsigned t = 0; t < 2; t++) {
            assert_int_equal(d.transfer[t].width_bytes, cases[i].width);
            assert_int_equal(d.transfer[t].is_write, cases[i].is_write);
            assert_int_equal(d.transfer[t].sign_extend, cases[i].sign_extend);
            assert_int_equal(d.transfer[t].is_64, cases[i].is_64);
        }
    }
}

static void one_register_with_writeback(void **state)
{
    (void)state;
    static const struct {
        uint32_t word;
        uint8_t width, base, reg;
        bool is_write, sign_extend, is_64;
        int16_t offset, step;
    } cases[] = {
        {0xf8408441, 8, 2,  1,  0, 0, 1, 0,    8   }, /* ldr x1, [x2], #8 */
        {0xb85fcc41, 4, 2,  1,  0, 0, 0, -4,   -4  }, /* ldr w1, [x2, #-4]! */
        {0x38401441, 1, 2,  1,  0, 0, 0, 0,    1   }, /* ldrb w1, [x2], #1 */
        {0x78500c41, 2, 2,  1,  0, 0, 0, -256, -256}, /* ldrh w1, [x2, #-256]! */
        {0x38cff441, 1, 2,  1,  0, 1, 0, 0,    255 }, /* ldrsb w1, [x2], #255 */
        {0x389ff441, 1, 2,  1,  0, 1, 1, 0,    -1  }, /* ldrsb x1, [x2], #-1 */
        {0x78c02441, 2, 2,  1,  0, 1, 0, 0,    2   }, /* ldrsh w1, [x2], #2 */
        {0x78802441, 2, 2,  1,  0, 1, 1, 0,    2   }, /* ldrsh x1, [x2], #2 */
        {0xb8804c41, 4, 2,  1,  0, 1, 1, 4,    4   }, /* ldrsw x1, [x2, #4]! */
        {0xf8008441, 8, 2,  1,  1, 0, 1, 0,    8   }, /* str x1, [x2], #8 */
        {0xb81f0fff, 4, 31, 31, 1, 0, 0, -16,  -16 }, /* str wzr, [sp, #-16]! */
        {0x38001441, 1, 2,  1,  1, 0, 0, 0,    1   }, /* strb w1, [x2], #1 */
        {0x780027be, 2, 29, 30, 1, 0, 0, 0,    2   }, /* strh w30, [x29], #2 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct decode_instruction d;
        assert_int_equal(decode_instruction(cases[i].word, &d), DECODE_OK);
        assert_int_equal(d.transfer_count, 1);
        assert_true(d.writeback);
        assert_int_equal(d.base, cases[i].base);
        assert_int_equal(d.offset, cases[i].offset);
        assert_int_equal(d.step, cases[i].step);
        assert_int_equal(d.transfer[0].reg, cases[i].reg);
        assert_int_equal(d.transfer[0].width_bytes, cases[i].width);
        assert_int_equal(d.transfer[0].is_write, cases[i].is_write);
        assert_int_equal(d.transfer[0].sign_extend, cases[i].sign_extend);
        assert_int_equal(d.transfer[0].is_64, cases[i].is_64);
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t word;
        enum decode_result result;
    } cases[] = {
        {0xad400460, DECODE_SIMD               }, /* ldp q0, q1, [x3] */
        {0x6dbf0460, DECODE_SIMD               }, /* stp d0, d1, [x3, #-16]! */
        {0x3cc10460, DECODE_SIMD               }, /* ldr q0, [x3], #16 */
        {0x4c407060, DECODE_SIMD               }, /* ld1 {v0.16b}, [x3] */
        {0xfd400060, DECODE_SIMD               }, /* ldr d0, [x3] */
        {0xf9400041, DECODE_UNSUPPORTED        }, /* ldr x1, [x2] */
        {0xf8636841, DECODE_UNSUPPORTED        }, /* ldr x1, [x2, x3] */
        {0xf85f8041, DECODE_UNSUPPORTED        }, /* ldur x1, [x2, #-8] */
        {0xf8400841, DECODE_UNSUPPORTED        }, /* ldtr x1, [x2] */
        {0xc85f7c41, DECODE_UNSUPPORTED        }, /* ldxr x1, [x2] */
        {0xc87f8861, DECODE_UNSUPPORTED        }, /* ldaxp x1, x2, [x3] */
        {0x889ffc41, DECODE_UNSUPPORTED        }, /* stlr w1, [x2] */
        {0xf8610040, DECODE_UNSUPPORTED        }, /* ldaddl x1, x0, [x2] */
        {0xf8200420, DECODE_UNSUPPORTED        }, /* ldraa x0, [x1] */
        {0x69000441, DECODE_UNSUPPORTED        }, /* stgp x1, x1, [x2] */
        {0x68408861, DECODE_UNSUPPORTED        }, /* opc 01 without allocation */
        {0xe9400841, DECODE_UNSUPPORTED        }, /* a pair with opc 11 */
        {0xf8808441, DECODE_UNSUPPORTED        }, /* size 11, opc 10 */
        {0xb8c08441, DECODE_UNSUPPORTED        }, /* size 10, opc 11 */
        {0xc8a17c41, DECODE_UNSUPPORTED        }, /* cas x1, x1, [x2] */
        {0xf9800040, DECODE_UNSUPPORTED        }, /* prfm pldl1keep, [x2] */
        {0x58000001, DECODE_UNSUPPORTED        }, /* ldr x1, . */
        {0xd503201f, DECODE_NOT_A_LOAD_OR_STORE}, /* nop */
        {0xd50b7421, DECODE_NOT_A_LOAD_OR_STORE}, /* dc zva, x1 */
        {0x8b030041, DECODE_NOT_A_LOAD_OR_STORE}, /* add x1, x2, x3 */
        {0x14000000, DECODE_NOT_A_LOAD_OR_STORE}, /* b . */
        {0x00000000, DECODE_NOT_A_LOAD_OR_STORE}, /* udf */
        {0xa9400461, DECODE_UNPREDICTABLE      }, /* ldp x1, x1, [x3] */
        {0xa9407c7f, DECODE_UNPREDICTABLE      }, /* ldp xzr, xzr, [x3] */
        {0xa8c10863, DECODE_UNPREDICTABLE      }, /* ldp x3, x2, [x3], #16 */
        {0xa8c10c61, DECODE_UNPREDICTABLE      }, /* ldp x1, x3, [x3], #16 */
        {0xa8810863, DECODE_UNPREDICTABLE      }, /* stp x3, x2, [x3], #16 */
        {0xf8408442, DECODE_UNPREDICTABLE      }, /* ldr x2, [x2], #8 */
        {0xf8008442, DECODE_UNPREDICTABLE      }, /* str x2, [x2], #8 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct decode_instruction d;
        if (decode_instruction(cases[i].word, &d) != cases[i].result) {
            fail_msg("%08x", cases[i].word);
        }
    }
}

/* Close to what is refused, and fine. */
static void what_is_accepted_all_the_same(void **state)
{
    (void)state;
    static const uint32_t words[] = {
        0xa9000461, /* stp x1, x1, [x3] */
        0xa9400863, /* ldp x3, x2, [x3] */
        0xa8c17be1, /* ldp x1, x30, [sp], #16 */
        0xf84087ff, /* ldr xzr, [sp], #8: base 31 is SP, data 31 is zero */
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct decode_instruction d;
        assert_int_equal(decode_instruction(words[i], &d), DECODE_OK);
    }
}

static void which_transfer_faulted(void **state)
{
    (void)state;
    struct decode_instruction d;
    decode_instruction(0xa9410861, &d); /* ldp x1, x2, [x3, #16] */
    const uint64_t base = 0xffff800012345000;
    assert_int_equal(decode_faulting(&d, base, 0x09000010), 0);
    assert_int_equal(decode_faulting(&d, base, 0x09000018), 1);
    assert_int_equal(decode_faulting(&d, base, 0x09000020), 2);
    assert_int_equal(decode_faulting(&d, base, 0x09000011), 2);
    /* from one page into the next */
    assert_int_equal(decode_faulting(&d, base - 24, 0x09000ff8), 0);
    assert_int_equal(decode_faulting(&d, base - 24, 0x09000000), 1);
    decode_instruction(0xb85fcc41, &d); /* ldr w1, [x2, #-4]! */
    assert_int_equal(decode_faulting(&d, base, 0x09000ffc), 0);
    assert_int_equal(decode_faulting(&d, base, 0x09000000), 1);
    decode_instruction(0xf8408441, &d); /* ldr x1, [x2], #8 */
    assert_int_equal(decode_faulting(&d, base, 0x09000000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_data_abort_with_a_syndrome),
        cmocka_unit_test(a_data_abort_without_one),
        cmocka_unit_test(kinds_of_fault),
        cmocka_unit_test(device_accesses_are_found_as_by_the_whole_decoder),
        cmocka_unit_test(an_instruction_abort_has_no_transfer),
        cmocka_unit_test(system_registers),
        cmocka_unit_test(waits_and_calls),
        cmocka_unit_test(every_other_class),
        cmocka_unit_test(what_a_load_leaves),
        cmocka_unit_test(what_a_store_sends),
        cmocka_unit_test(pairs),
        cmocka_unit_test(one_register_with_writeback),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(what_is_accepted_all_the_same),
        cmocka_unit_test(which_transfer_faulted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
