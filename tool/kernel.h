/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "lib/image.h"

/*
 * A built kernel: the install prefix of a plain seL4 build, or a board and configuration of a
 * Microkit SDK. What it was built for comes from its generated gen_config.json and
 * platform_gen.json.
 */
struct kernel {
    char *name; /* for people */
    char *elf_path;
    char *config_path;
    char *platform_path;
    struct image_machine machine; /* uart and board are not the kernel's to say: left empty */
    unsigned priority_count;
    bool is_standin; /* standin/, which is not seL4 and must not be called so */
};

/*
 * Finds the files. `board` and `config` only for a Microkit SDK, NULL for its defaults. On failure
 * returns false and *error says what is there instead; the caller frees it.
 */
bool kernel_find(struct kernel *kernel, const char *sdk, const char *board, const char *config,
                 char **error);
void kernel_free(struct kernel *kernel);

/* One option that is not as it should be; texts live as long as the program. */
struct kernel_finding {
    bool is_error;      /* else a warning */
    const char *option; /* as CMake names it */
    const char *wanted;
    const char *found;
    const char *why;
};
typedef void kernel_finding_fn(void *ctx, const struct kernel_finding *finding);

/*
 * Reads the two JSON texts into kernel->machine, calling `report` for every option that Bulkhead
 * cannot live with or that somebody should know of. NULL when both texts could be read, else what
 * is wrong with them. Pure: for tests.
 */
const char *kernel_read(struct kernel *kernel, const char *config_json, const char *platform_json,
                        kernel_finding_fn *report, void *ctx);

/*
 * kernel_find and kernel_read on files, findings as lines on `lines` (NULL: not printed). Ends the
 * program when there is no kernel; returns how many findings are errors.
 */
unsigned kernel_load(struct kernel *kernel, const char *sdk, const char *board, const char *config,
                     FILE *lines);
