// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kernel files, memory and initrd of any size. Input: memory in units of 2 MiB, then the initrd's
 * size in units of 64 KiB less the second byte, then the file. Whatever is placed lies inside
 * memory and apart, and copying it stays inside (the sanitizer watches both ends).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "vmm/load.h"

#define BASE  0x40000000ull
#define SZ_2M 0x200000ull

static uint8_t memory[8 * SZ_2M];
static uint8_t initrd[256 * 0x10000];

static void copy(const struct load_request *request, const struct load_plan *plan)
{
    const struct ram ram = {{BASE}, request->ram.size_bytes, memory};
    load_copy(request, plan, &ram);
    if (plan->initrd.size_bytes != 0) {
        uint8_t *copied = memory + (plan->initrd.base - BASE);
        CHECK(copied[0] == 1);
        memset(copied, 0, plan->initrd.size_bytes);
    }
    memset(memory + (plan->kernel.base - BASE), 0, plan->kernel.size_bytes);
    CHECK(memory[plan->dtb.base - BASE] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    initrd[0] = 1;
    uint64_t initrd_size = data[1] == 0 ? 0 : data[1] * 0x10000ull - data[2];
    struct load_request request = {
        .ram = {BASE,      (data[0] % 9 + 1ull) * SZ_2M},
        .kernel = { "kernel", data + 3,                     size - 3},
        .initrd = { "initrd",   initrd,                  initrd_size},
        .dtb_size_bytes = 0x10000,
    };
    if (data[0] >= 0xf0) { /* much memory: placed, but not copied */
        request.ram.size_bytes = 1ull << (21 + data[0] % 20);
    }
    struct load_plan plan;
    struct load_failure failure;
    if (!load_place(&request, &plan, &failure)) {
        size_t length = strnlen(failure.text, sizeof failure.text);
        CHECK(length != 0 && length < sizeof failure.text);
        return 0;
    }
    CHECK(range_contains(request.ram, plan.kernel.base, plan.kernel.size_bytes));
    CHECK(range_contains(request.ram, plan.dtb.base, plan.dtb.size_bytes));
    CHECK(range_contains(plan.kernel, plan.entry.value, 4));
    CHECK(!range_overlaps(plan.kernel, plan.dtb));
    CHECK(plan.initrd.size_bytes == initrd_size);
    if (initrd_size != 0) {
        CHECK(range_contains(request.ram, plan.initrd.base, initrd_size));
        CHECK(!range_overlaps(plan.initrd, plan.kernel) && !range_overlaps(plan.initrd, plan.dtb));
    }
    if (request.ram.size_bytes <= sizeof memory) {
        copy(&request, &plan);
    }
    return 0;
}
