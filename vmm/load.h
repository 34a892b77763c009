/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/access.h"
#include "device/ram.h"
#include "lib/range.h"

/*
 * Puts a guest's files into its memory: first load_place decides where and refuses what cannot
 * work, without touching memory; then the caller generates the device tree (which must say where
 * the initrd is) into plan.dtb, and load_copy copies each file once. Memory may hold anything
 * before that, as it does when a guest has reset its machine: what a kernel claims beyond its file
 * is cleared, all the rest is left as it is.
 *
 * What the guest expects at its entry (Linux Documentation/arch/arm64/booting.rst, "Call the kernel
 * image"): x0 = the device tree, x1 to x3 zero, MMU off, interrupts masked, EL1h.
 */

enum { LOAD_FAILURE_MAX = 240 };

/* One line for the person who wrote the description, without a line end. */
struct load_failure {
    char text[LOAD_FAILURE_MAX];
};

/* The bytes of one file; they do not change while it is loaded. No bytes: there is no such file. */
struct load_file {
    const char *name; /* what the description calls it; for messages */
    const uint8_t *bytes;
    uint64_t size_bytes;
};

struct load_request {
    struct range ram; /* multiples of 2 MiB, not empty, below 2^48 */
    struct load_file kernel;
    struct load_file initrd;
    uint64_t dtb_size_bytes; /* room to keep for the device tree, 2 MiB at the most */
};

struct load_format;

struct load_plan {
    const struct load_format *format;
    gpa_t entry;
    struct range kernel; /* all that the kernel claims: what its file holds, and its bss */
    struct range dtb;    /* dtb_size_bytes long */
    struct range initrd; /* as long as its file; empty without one */
};

/*
 * A kind of kernel file. load.c tries them in the order of its table; one more (firmware at a flat
 * address) is one more row.
 */
struct load_format {
    const char *name;
    bool (*recognise)(const struct load_file *file);
    /* Sets entry and kernel; kernel is inside ram. */
    bool (*place)(const struct load_file *file, struct range ram, struct load_plan *plan,
                  struct load_failure *failure);
    /* Only after place said yes to the same file. */
    void (*copy)(const struct load_file *file, const struct load_plan *plan, const struct ram *ram);
};

extern const struct load_format load_image; /* arm64 Image, see load_image.c */
extern const struct load_format load_elf;   /* ELF64 executable, see load_elf.c */

/*
 * Decides where everything goes: nothing overlaps, nothing leaves memory. False: failure->text says
 * which file, which ranges, and how much memory would do if it is too little.
 */
bool load_place(const struct load_request *request, struct load_plan *plan,
                struct load_failure *failure);

/* Copies kernel and initrd to where the plan says, and clears what the kernel claims beyond its
 * file; ram is the memory that was planned for. */
void load_copy(const struct load_request *request, const struct load_plan *plan,
               const struct ram *ram);

/* For formats: writes the line and returns false. */
bool load_refuse(struct load_failure *failure, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* For formats: copies the bytes to the beginning of a place that is in ram, and clears its rest. */
void load_fill(const struct ram *ram, struct range place, const uint8_t *bytes,
               uint64_t size_bytes);

/* The memory that a guest must have for an end address, in MiB (whole 2 MiB frames). */
uint64_t load_needed_mib(struct range ram, uint64_t end);
