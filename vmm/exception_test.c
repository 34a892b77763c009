// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/exception.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define VBAR  0xffff800008010800ull
#define PC    0xffff800008123454ull
#define SPAN  (1ull << 23)
#define DSSBS (1ull << 44)
#define N     (1ull << 31)
#define Z     (1ull << 30)
#define C     (1ull << 29)
#define V     (1ull << 28)
#define TCO   (1ull << 25)
#define DIT   (1ull << 24)
#define UAO   (1ull << 23)
#define PAN   (1ull << 22)
#define SS    (1ull << 21)
#define IL    (1ull << 20)
#define SSBS  (1ull << 12)
#define BTYPE (3ull << 10)
#define DAIF  (15ull << 6)

enum { EL0T = 0, EL1T = 4, EL1H = 5, USR_A32 = 0x10 };

static struct exception_before at(uint64_t pstate)
{
    return (struct exception_before){
        .pc = PC, .pstate = pstate, .vbar_el1 = VBAR, .sctlr_el1 = SPAN};
}

static struct exception_after undefined(uint64_t pstate, uint64_t sctlr)
{
    struct exception_before before = at(pstate);
    before.sctlr_el1 = sctlr;
    return exception_undefined(&before);
}

static void vectors(void **state)
{
    (void)state;
    assert_int_equal(undefined(EL1T, SPAN).pc, VBAR + 0x000);
    assert_int_equal(undefined(EL1H, SPAN).pc, VBAR + 0x200);
    assert_int_equal(undefined(EL0T, SPAN).pc, VBAR + 0x400);
    assert_int_equal(undefined(USR_A32, SPAN).pc, VBAR + 0x600);
    struct exception_before before = at(EL1H);
    before.vbar_el1 |= 0x7ff; /* bits 10:0 are RES0 */
    assert_int_equal(exception_undefined(&before).pc, VBAR + 0x200);
}

static void where_it_was_is_saved(void **state)
{
    (void)state;
    struct exception_after after = undefined(EL0T | N | SSBS | SS, SPAN);
    assert_int_equal(after.elr_el1, PC);
    assert_int_equal(after.spsr_el1, EL0T | N | SSBS | SS);
    assert_false(after.has_far);
}

static void the_new_pstate(void **state)
{
    (void)state;
    static const struct {
        uint64_t before, sctlr, after;
    } cases[] = {
        {EL1H,                                         SPAN,         EL1H | DAIF                },
        {EL1T,                                         SPAN,         EL1H | DAIF                },
        {EL0T,                                         SPAN,         EL1H | DAIF                },
        {USR_A32,                                      SPAN,         EL1H | DAIF                },
        {EL0T | N | Z | C | V,                         SPAN,         EL1H | DAIF | N | Z | C | V},
        {EL1H | IL | SS | UAO | BTYPE | TCO,           SPAN,         EL1H | DAIF                },
        {EL1H | DIT,                                   SPAN,         EL1H | DAIF | DIT          },
        {EL1H | PAN,                                   SPAN,         EL1H | DAIF | PAN          },
        {EL1H,                                         0,            EL1H | DAIF | PAN          },
        {EL0T,                                         0,            EL1H | DAIF | PAN          },
        {EL1H | SSBS,                                  SPAN,         EL1H | DAIF                },
        {EL1H,                                         SPAN | DSSBS, EL1H | DAIF | SSBS         },
 /* AArch32 has DIT where AArch64 has SS, J where AArch64 has DIT, T32 and E are dropped */
        {USR_A32 | 1ull << 21,                         SPAN,         EL1H | DAIF | DIT          },
        {USR_A32 | 1ull << 24 | 1ull << 5 | 1ull << 9, SPAN,         EL1H | DAIF                },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(undefined(cases[i].before, cases[i].sctlr).pstate, cases[i].after);
    }
    struct exception_before before = at(EL1H);
    before.has_mte = true;
    assert_int_equal(exception_undefined(&before).pstate, EL1H | DAIF | TCO);
}

static void syndrome_of_an_undefined_instruction(void **state)
{
    (void)state;
    assert_int_equal(undefined(EL0T, SPAN).esr_el1, 0x02000000);
    assert_int_equal(undefined(EL1H, SPAN).esr_el1, 0x02000000);
    assert_int_equal(undefined(USR_A32, SPAN).esr_el1, 0x02000000);
}

static void syndrome_of_a_data_abort(void **state)
{
    (void)state;
    const uint64_t far = 0xffff80000a000010;
    struct exception_before el0 = at(EL0T), el1 = at(EL1H), el1t = at(EL1T), a32 = at(USR_A32);
    assert_int_equal(exception_data_abort(&el0, false, &far).esr_el1, 0x92000010);
    assert_int_equal(exception_data_abort(&a32, false, &far).esr_el1, 0x92000010);
    assert_int_equal(exception_data_abort(&el1, false, &far).esr_el1, 0x96000010);
    assert_int_equal(exception_data_abort(&el1t, true, &far).esr_el1, 0x96000050);
    struct exception_after after = exception_data_abort(&el1, true, &far);
    assert_true(after.has_far);
    assert_int_equal(after.far_el1, far);
    assert_int_equal(after.pc, VBAR + 0x200);
    after = exception_data_abort(&el1, true, NULL);
    assert_int_equal(after.esr_el1, 0x96000450); /* FnV */
    assert_false(after.has_far);
}

static void syndrome_of_an_instruction_abort(void **state)
{
    (void)state;
    struct exception_before el0 = at(EL0T), el1 = at(EL1H);
    assert_int_equal(exception_instruction_abort(&el0).esr_el1, 0x82000010);
    struct exception_after after = exception_instruction_abort(&el1);
    assert_int_equal(after.esr_el1, 0x86000010);
    assert_true(after.has_far);
    assert_int_equal(after.far_el1, PC);
    assert_int_equal(after.elr_el1, PC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(where_it_was_is_saved),
        cmocka_unit_test(the_new_pstate),
        cmocka_unit_test(syndrome_of_an_undefined_instruction),
        cmocka_unit_test(syndrome_of_a_data_abort),
        cmocka_unit_test(syndrome_of_an_instruction_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
