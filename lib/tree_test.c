// SPDX-License-Identifier: BSD-2-Clause
#include "lib/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

enum { ROOM = 1024 };

/* A small tree, made by libfdt. */
static size_t make(uint8_t *tree)
{
    assert_int_equal(fdt_create_empty_tree(tree, ROOM), 0);
    assert_int_equal(fdt_add_mem_rsv(tree, 0x1000, 0x2000), 0);
    int node = fdt_add_subnode(tree, 0, "vms");
    node = fdt_add_subnode(tree, node, "linux");
    assert_true(node > 0);
    assert_int_equal(fdt_setprop(tree, node, "kernel", "vmlinuz", 8), 0);
    assert_int_equal(fdt_setprop_u32(tree, node, "vcpus", 2), 0);
    assert_int_equal(fdt_setprop(tree, node, "flag", NULL, 0), 0);
    assert_int_equal(fdt_pack(tree), 0);
    return fdt_totalsize(tree);
}

/* On the heap in its exact size, so that a read past it is seen. */
static bool check(const uint8_t *tree, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, tree, size);
    bool good = tree_check(copy, size);
    free(copy);
    return good;
}

static void good_tree(void **state)
{
    (void)state;
    uint8_t tree[ROOM];
    size_t size = make(tree);
    assert_true(check(tree, size));
    assert_true(check(tree, size + 100));
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    uint8_t tree[ROOM];
    size_t size = make(tree);
    for (size_t i = 0; i < size; i++) {
        assert_false(check(tree, i));
    }
}

/* libfdt ends the map at an entry without bytes, whatever its address: what comes behind is no
 * entry. */
static void a_reservation_without_bytes_is_refused(void **state)
{
    (void)state;
    uint8_t tree[ROOM];
    size_t size = make(tree);
    uint32_t map = fdt_off_mem_rsvmap(tree);
    memset(tree + map + 8, 0, 8);
    assert_false(check(tree, size));
    memset(tree + map, 0, 8);
    assert_true(check(tree, size)); /* the end itself */
}

/* What is accepted after damage must be safe to walk: the sanitizers watch. */
static void no_damage_leads_outside(void **state)
{
    (void)state;
    uint8_t tree[ROOM];
    size_t size = make(tree);
    static const uint8_t values[] = {0, 1, 3, 9, 0x7f, 0x80, 0xff};
    for (size_t i = 0; i < size; i++) {
        for (size_t v = 0; v < sizeof values; v++) {
            uint8_t saved = tree[i];
            tree[i] = values[v];
            if (check(tree, size)) {
                int depth = 0, length;
                for (int node = 0; node >= 0 && depth >= 0;
                     node = fdt_next_node(tree, node, &depth)) {
                    assert_non_null(fdt_get_name(tree, node, &length));
                }
            }
            tree[i] = saved;
        }
    }
    assert_true(check(tree, size));
}

#define refuse(set, value)                                                                         \
    do {                                                                                           \
        make(tree);                                                                                \
        set(tree, value);                                                                          \
        assert_false(check(tree, size));                                                           \
    } while (0)

static void wrong_header(void **state)
{
    (void)state;
    uint8_t tree[ROOM];
    size_t size = make(tree);
    refuse(fdt_set_magic, 0xd00dfeee);
    refuse(fdt_set_version, 16);
    refuse(fdt_set_last_comp_version, 18);
    refuse(fdt_set_totalsize, (uint32_t)size + 1);
    refuse(fdt_set_off_dt_struct, 0);
    refuse(fdt_set_off_dt_struct, fdt_off_dt_struct(tree) + 2);
    refuse(fdt_set_size_dt_struct, UINT32_MAX);
    refuse(fdt_set_size_dt_struct, fdt_size_dt_struct(tree) - 4);
    refuse(fdt_set_off_dt_strings, UINT32_MAX);
    refuse(fdt_set_size_dt_strings, fdt_size_dt_strings(tree) - 1);
    refuse(fdt_set_off_mem_rsvmap, (uint32_t)size - 8);
    refuse(fdt_set_off_mem_rsvmap, 4);
}

/* A structure block of these words, and nothing else. */
static bool check_words(const uint32_t *words, unsigned count)
{
    uint8_t tree[ROOM] = {0};
    enum { RESERVATIONS = 40, STRUCTURE = 56, STRINGS = 900 };
    fdt_set_magic(tree, FDT_MAGIC);
    fdt_set_version(tree, 17);
    fdt_set_last_comp_version(tree, 16);
    fdt_set_totalsize(tree, ROOM);
    fdt_set_off_mem_rsvmap(tree, RESERVATIONS);
    fdt_set_off_dt_struct(tree, STRUCTURE);
    fdt_set_size_dt_struct(tree, count * 4);
    fdt_set_off_dt_strings(tree, STRINGS);
    fdt_set_size_dt_strings(tree, 4);
    for (unsigned i = 0; i < count; i++) {
        fdt32_st(tree + STRUCTURE + 4 * i, words[i]);
    }
    memcpy(tree + STRINGS, "abc", 4);
    return check(tree, ROOM);
}

#define words(...)                                                                                 \
    check_words((const uint32_t[]){__VA_ARGS__},                                                   \
                sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

enum { BEGIN = 1, FINISH = 2, PROPERTY = 3, NOP = 4, LAST = 9, A = 'a' << 24 };

static void structure(void **state)
{
    (void)state;
    assert_true(words(BEGIN, 0, FINISH, LAST));
    assert_true(words(NOP, BEGIN, 0, PROPERTY, 2, 1, A, BEGIN, A, FINISH, NOP, FINISH, LAST));
    assert_false(words(LAST));
    assert_false(words(BEGIN, 0, FINISH));
    assert_false(words(BEGIN, 0, LAST));
    assert_false(words(BEGIN, 0, FINISH, FINISH, LAST));
    assert_false(words(BEGIN, 0, FINISH, BEGIN, 0, FINISH, LAST)); /* two roots */
    assert_false(words(BEGIN, A, FINISH, LAST));                   /* a root with a name */
    assert_false(words(BEGIN, 0, BEGIN, 0, FINISH, FINISH, LAST)); /* a node without one */
    assert_false(words(PROPERTY, 0, 0, BEGIN, 0, FINISH, LAST));
    assert_false(words(BEGIN, 0, PROPERTY, 0, 4, FINISH, LAST)); /* its name outside */
    assert_false(
        words(BEGIN, 0, PROPERTY, 0xfffffff0, 0, FINISH, LAST)); /* backwards, for libfdt */
    assert_false(words(BEGIN, 0, BEGIN, A, FINISH, PROPERTY, 0, 0, FINISH, LAST));
    assert_false(words(BEGIN, 0, 5, FINISH, LAST));
    assert_false(words(BEGIN, 0x61616161, 0x61616161));
}

static void depth(void **state)
{
    (void)state;
    uint32_t tokens[4 * (TREE_DEPTH_MAX + 2)];
    for (unsigned deep = TREE_DEPTH_MAX; deep <= TREE_DEPTH_MAX + 1; deep++) {
        unsigned count = 0;
        for (unsigned i = 0; i < deep; i++) {
            tokens[count++] = BEGIN;
            tokens[count++] = i == 0 ? 0 : A;
        }
        for (unsigned i = 0; i < deep; i++) {
            tokens[count++] = FINISH;
        }
        tokens[count++] = LAST;
        assert_int_equal(check_words(tokens, count), deep == TREE_DEPTH_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_tree),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_reservation_without_bytes_is_refused),
        cmocka_unit_test(no_damage_leads_outside),
        cmocka_unit_test(wrong_header),
        cmocka_unit_test(structure),
        cmocka_unit_test(depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
