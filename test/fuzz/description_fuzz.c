// SPDX-License-Identifier: BSD-2-Clause
/*
 * The description's checker and what works on a checked one: a blob in which it finds no error must
 * be completed without one, and must then still have none.
 */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "tool/description.h"

enum { ROOM_BYTES = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void report(void *ctx, const struct description_problem *problem)
{
    unsigned *length = ctx;
    CHECK(problem->node != NULL && problem->text != NULL);
    *length += (unsigned)(strlen(problem->node) + strlen(problem->text));
}

static void complete(const void *tree, size_t size, const struct description_facts *facts)
{
    uint8_t *out = malloc(size + ROOM_BYTES);
    unsigned length = 0;
    CHECK(out != NULL);
    CHECK(description_complete(tree, facts, out, size + ROOM_BYTES) == 0);
    CHECK(description_check(out, fdt_totalsize(out), facts, report, &length) == 0);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    /* Unknown facts, or those of a kernel. */
    struct description_facts facts = {.core_count = data[0] % 5,
                                      .gic_version = data[0] % 2 != 0 ? 2 : 0,
                                      .memory_mib = data[0] % 3 != 0 ? 1536 : 0};
    data++, size--;
    uint8_t *tree = malloc(size + 1);
    unsigned length = 0;
    CHECK(tree != NULL);
    memcpy(tree, data, size);
    unsigned errors = description_check(tree, size, &facts, report, &length);
    if (errors == 0) {
        struct description_vm vm;
        for (int at = -1; description_vm_next(tree, at, &vm); at = vm.node) {
            CHECK(vm.vcpu_count >= 1 && vm.vcpu_count <= DESCRIPTION_VCPU_MAX);
            CHECK(vm.memory_mib != 0 && vm.kernel != NULL && vm.priority[0] != 0);
        }
        complete(tree, size, &facts);
    }
    free(tree);
    return 0;
}
