/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "tool/description.h"
#include "tool/kernel.h"
#include "tool/problem.h"
#include "tool/source.h"

/* A description with all that it names: board, kernel, guests' files. What check, build and run
 * share. */

enum { SYSTEM_FILES_MAX = 2 * DESCRIPTION_VM_MAX + 16 };

/* A guest's file as it goes into the image, found once however many VMs name it. */
struct system_file {
    char *name; /* as the description gives it */
    struct bytes bytes;
    bool is_kernel; /* unpacked */
};

struct system {
    const struct options *options;
    struct problem_list problems;
    struct source source;
    struct source board; /* its tree is empty when the description names none that exists */
    struct kernel kernel;
    bool has_kernel;
    unsigned kernel_error_count;
    struct description_facts facts;
    struct system_file files[SYSTEM_FILES_MAX];
    unsigned file_count;
};

/*
 * Reads and checks everything that options->input names; what is wrong is in problems. Without
 * options->kernel, what depends on the kernel is not checked.
 */
void system_load(struct system *system, const struct options *options);
void system_free(struct system *system);
