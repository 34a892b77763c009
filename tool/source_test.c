// SPDX-License-Identifier: BSD-2-Clause
#include "tool/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_place(const struct source *source, const char *node, const char *property,
                         const char *file, unsigned line)
{
    struct problem_list list;
    problem_list_init(&list);
    struct problem *problem = problem_add(&list, true, node, property, "is wrong");
    source_locate(source, problem);
    if (file == NULL) {
        assert_null(problem->file);
    } else {
        assert_non_null(problem->file);
        assert_string_equal(problem->file, file);
    }
    assert_int_equal(problem->line, line);
    problem_list_free(&list);
}

/* As dtc 1.6.1 prints it with -T. */
static void places(void **state)
{
    (void)state;
    struct source source = {.path = "system/demo.dts"};
    source_parse_locations(
        &source, "/dts-v1/;\n\n/ { /* demo.dts:2 */\n\tcompatible = \"x\"; /* demo.dts:2 */\n\n"
                 "\tvms { /* demo.dts:3 */\n\n\t\ta: linux-a { /* demo.dts:4, over.dtsi:11 */\n"
                 "\t\t\tvcpus = <0x03>; /* over.dtsi:11 */\n"
                 "\t\t\tbootargs = \"a = b; /* x */ { c\"; /* demo.dts:5 */\n"
                 "\t\t\tflag; /* demo.dts:6 */\n\t\t}; /* demo.dts:8, over.dtsi:11 */\n\n"
                 "\t\tlinux-b { /* demo.dts:9 */\n\t\t\tvcpus = <0x01>; /* demo.dts:10 */\n"
                 "\t\t}; /* demo.dts:11 */\n\t}; /* demo.dts:12 */\n}; /* demo.dts:13 */\n");
    expect_place(&source, "/", "compatible", "system/demo.dts", 2);
    expect_place(&source, "/vms", NULL, "system/demo.dts", 3);
    expect_place(&source, "/vms/linux-a", NULL, "over.dtsi", 11);
    expect_place(&source, "/vms/linux-a", "vcpus", "over.dtsi", 11);
    expect_place(&source, "/vms/linux-a", "bootargs", "system/demo.dts", 5);
    expect_place(&source, "/vms/linux-a", "flag", "system/demo.dts", 6);
    expect_place(&source, "/vms/linux-b", "vcpus", "system/demo.dts", 10);
    expect_place(&source, "/vms/linux-b", "missing", "system/demo.dts", 9); /* its node */
    expect_place(&source, "/nowhere", NULL, NULL, 0);
    source_free(&source);
}

static void odd_lines_do_no_harm(void **state)
{
    (void)state;
    struct source source = {.path = "a.dts"};
    source_parse_locations(&source, "};  /* a.dts:1 */\n /* */\n /* a.dts */\n{ /* :1 */\n= /* x:y "
                                    "*/\n; /* a.dts:3 */\n /* a.dts:4\n\n}; };");
    expect_place(&source, "/vms", "x", NULL, 0);
    source_free(&source);
}

static void errors(void **state)
{
    (void)state;
    struct source source = {.path = "system/demo.dts"};
    struct problem_list list;
    problem_list_init(&list);
    source_parse_errors(
        &source, "Error: demo.dts:13.3-4 syntax error\nFATAL ERROR: Unable to parse input tree\n",
        &list);
    assert_int_equal(list.error_count, 1);
    assert_string_equal(list.first->file, "system/demo.dts");
    assert_int_equal(list.first->line, 13);
    assert_string_equal(list.first->text, "syntax error");
    problem_list_free(&list);

    source_parse_errors(&source,
                        "x.dtsi:2.31-34: ERROR (duplicate_node_names): /b: Duplicate node name\n"
                        "ERROR: Input tree has errors, aborting (use -f to force output)\n",
                        &list);
    assert_int_equal(list.error_count, 1);
    assert_string_equal(list.first->file, "x.dtsi");
    assert_string_equal(list.first->text, "/b: Duplicate node name");
    problem_list_free(&list);

    source_parse_errors(&source, "FATAL ERROR: Couldn't open \"a\": No such file\n", &list);
    assert_int_equal(list.error_count, 1);
    assert_null(list.first->file);
    assert_string_equal(list.first->text, "Couldn't open \"a\": No such file");
    problem_list_free(&list);
}

static void problems_in_the_order_of_lines(void **state)
{
    (void)state;
    struct problem_list list;
    problem_list_init(&list);
    static const unsigned lines[] = {7, 3, 9, 3, 0};
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (unsigned i = 0; i < 5; i++) {
        problem_add(&list, i % 2 != 0, "/", NULL, names[i])->line = lines[i];
    }
    problem_list_sort(&list);
    char order[6] = "";
    for (const struct problem *p = list.first; p != NULL; p = p->next) {
        strncat(order, p->text, 1);
    }
    assert_string_equal(order, "ebdac");
    problem_add(&list, true, "/", NULL, "f"); /* still goes to the end */
    assert_string_equal(list.first->next->next->next->next->next->text, "f");
    assert_int_equal(list.error_count, 3);
    assert_int_equal(list.warning_count, 3);
    problem_list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(odd_lines_do_no_harm),
        cmocka_unit_test(errors),
        cmocka_unit_test(problems_in_the_order_of_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
