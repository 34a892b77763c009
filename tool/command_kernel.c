// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>

#include "tool/kernel.h"
#include "tool/tool.h"

static int run(const struct options *options)
{
    struct kernel kernel;
    unsigned errors = kernel_load(&kernel, options->input, options->board, options->config, stdout);
    const struct image_machine *machine = &kernel.machine;
    printf("kernel    %s\nelf       %s\ncpu       %s, %u-bit physical addresses\ncores     %u\n"
           "gic       GICv%u\ntimer     %u Hz\n",
           kernel.name, kernel.elf_path, machine->cpu, machine->paddr_bits, machine->core_count,
           machine->gic_version, machine->timer_hz);
    for (unsigned i = 0; i < machine->memory_count; i++) {
        const struct image_range *r = &machine->memory[i];
        printf("memory    0x%lx to 0x%lx, %lu MiB\n", r->base, r->base + r->size_bytes - 1,
               r->size_bytes >> 20);
    }
    printf("%s\n", errors == 0 ? "Bulkhead runs on it." : "Bulkhead does not run on it.");
    kernel_free(&kernel);
    return errors == 0 ? TOOL_OK : TOOL_WRONG_INPUT;
}

#define field(name) offsetof(struct options, name)

static const struct command_option options_table[] = {
    {0,             "board", "BOARD", "board of a Microkit SDK (qemu_virt_aarch64)", field(board), false},
    {0,      "config", "CONFIG", "configuration of a Microkit SDK (debug)", field(config), false},
    {.name = NULL},
};

const struct command command_kernel = {
    .name = "kernel",
    .summary = "Say whether a kernel has the options that Bulkhead needs",
    .usage = "[OPTION...] SDK",
    .detail = "SDK is the install prefix of a plain seL4 build (bin/kernel.elf, libsel4/, "
              "support/) or a\n"
              "Microkit SDK.",
    .options = options_table,
    .run = run,
};
