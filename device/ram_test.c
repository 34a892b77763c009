// SPDX-License-Identifier: BSD-2-Clause
#include "device/ram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BASE = 0x40000000, SIZE = 0x1000 };

/* On the heap and not one byte larger, so that the sanitizer sees a step over either end. */
static int setup(void **state)
{
    struct ram *ram = malloc(sizeof *ram);
    *ram = (struct ram){.base = {BASE}, .size_bytes = SIZE, .host = malloc(SIZE)};
    for (unsigned i = 0; i < SIZE; i++) {
        ram->host[i] = (uint8_t)(i * 7);
    }
    *state = ram;
    return 0;
}

static int teardown(void **state)
{
    struct ram *ram = *state;
    free(ram->host);
    free(ram);
    return 0;
}

static gpa_t gpa(uint64_t value)
{
    return (gpa_t){value};
}

static void spans_inside_point_into_the_mapping(void **state)
{
    const struct ram *ram = *state;
    assert_ptr_equal(ram_span(ram, gpa(BASE), SIZE), ram->host);
    assert_ptr_equal(ram_span(ram, gpa(BASE + 5), 1), ram->host + 5);
    assert_ptr_equal(ram_span(ram, gpa(BASE + SIZE - 1), 1), ram->host + SIZE - 1);
    assert_ptr_equal(ram_span(ram, gpa(BASE + SIZE), 0), ram->host + SIZE);
}

static void spans_that_leave_ram_are_refused(void **state)
{
    const struct ram *ram = *state;
    static const struct range outside[] = {
        {BASE,                  SIZE + 1      },
        {BASE + SIZE - 1,       2             },
        {BASE + SIZE,           1             },
        {BASE - 1,              1             },
        {BASE - 1,              2             },
        {0,                     0             },
        {BASE - 1,              0             },
        {BASE + SIZE + 1,       0             },
 /* sizes and sums that wrap to something that looks right */
        {BASE,                  UINT64_MAX    },
        {BASE + 1,              UINT64_MAX    },
        {BASE + 8,              UINT64_MAX - 7},
        {UINT64_MAX,            2             },
        {UINT64_MAX - BASE + 1, BASE          },
        {UINT64_MAX,            BASE + SIZE   },
    };
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_null(ram_span(ram, gpa(outside[i].base), outside[i].size_bytes));
    }
}

static void memory_at_the_top_of_the_address_space(void **state)
{
    struct ram top = *(struct ram *)*state;
    top.base = gpa(UINT64_MAX - SIZE + 1);
    assert_ptr_equal(ram_span(&top, top.base, SIZE), top.host);
    assert_non_null(ram_span(&top, gpa(UINT64_MAX), 1));
    assert_null(ram_span(&top, gpa(UINT64_MAX), 2));
    assert_null(ram_span(&top, gpa(0), 1));
}

static void copies_move_exactly_the_bytes_asked_for(void **state)
{
    const struct ram *ram = *state;
    uint8_t bytes[4] = {0};
    assert_true(ram_read(ram, gpa(BASE + SIZE - 3), bytes, 3));
    assert_memory_equal(bytes, ram->host + SIZE - 3, 3);
    assert_int_equal(bytes[3], 0);

    assert_true(ram_write(ram, gpa(BASE + 1), "xyz", 3));
    assert_int_equal(ram->host[0], 0);
    assert_memory_equal(ram->host + 1, "xyz", 3);
    assert_int_equal(ram->host[4], 4 * 7);
}

static void refused_copies_move_nothing(void **state)
{
    const struct ram *ram = *state;
    uint8_t bytes[4] = {1, 2, 3, 4};
    uint8_t last = ram->host[SIZE - 1];
    assert_false(ram_read(ram, gpa(BASE + SIZE - 1), bytes, 2));
    assert_memory_equal(bytes, ((uint8_t[]){1, 2, 3, 4}), 4);
    assert_false(ram_write(ram, gpa(BASE + SIZE - 1), bytes, 2));
    assert_int_equal(ram->host[SIZE - 1], last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(spans_inside_point_into_the_mapping, setup, teardown),
        cmocka_unit_test_setup_teardown(spans_that_leave_ram_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_at_the_top_of_the_address_space, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_move_exactly_the_bytes_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_copies_move_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
