/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/crc.h"

/*
 * The packed image: one file that firmware starts as an arm64 Linux Image. The tool writes it
 * (tool/pack.c), the loader checks all of it and starts the kernel from it (boot/), root finds
 * files in it. All numbers are little-endian, all offsets count from the image's first byte.
 *
 *     0       arm64 Image header, 64 bytes (Linux, Documentation/arm64/booting.rst)
 *     64      struct image_header
 *     ...     the loader: code, data and its zeroed memory
 *     table   struct image_file [file_count]
 *     ...     files in the table's order, each at its alignment
 *     end-8   IMAGE_END_MAGIC, so that a truncated image can be told from a damaged one
 *
 * A file that a VM gets begins on a 2 MiB boundary and shares its last 2 MiB with nothing, since
 * root maps it into the VM's VMM as large pages; others begin on a page.
 */

#define IMAGE_MAGIC     "BULKHEAD"
#define IMAGE_END_MAGIC "DAEHKLUB"

enum {
    IMAGE_VERSION = 1,
    IMAGE_HEADER_OFFSET = 64,
    IMAGE_MAGIC_BYTES = 8,
    IMAGE_NAME_MAX = 96, /* with the terminating NUL */
    IMAGE_FILES_MAX = 128,
    IMAGE_MEMORY_MAX = 8,
    IMAGE_PAGE_BYTES = 4096,
    IMAGE_GUEST_ALIGN_BYTES = 2 << 20,
};

enum image_type {
    IMAGE_LOADER = 1,  /* the loader's own code and constants, for its checksum */
    IMAGE_KERNEL,      /* the seL4 kernel, ELF */
    IMAGE_ROOT,        /* the root task, ELF */
    IMAGE_DESCRIPTION, /* the system description, a device tree blob with every default written out
                        */
    IMAGE_BOARD,       /* the board's facts, a device tree blob */
    IMAGE_PROGRAM,     /* ELF of a process: name "vmm", "serial", "timer" */
    IMAGE_GUEST,       /* for a VM; the name is the one that the description gives, byte by byte */
    IMAGE_TYPE_COUNT,
};

enum image_uart { IMAGE_UART_NONE, IMAGE_UART_PL011 };

struct image_range {
    uint64_t base;
    uint64_t size_bytes;
};

/* What the kernel was built for, so that the loader can say why it would not start. */
struct image_machine {
    uint32_t core_count; /* the kernel waits for exactly as many */
    uint32_t gic_version;
    uint32_t paddr_bits; /* 40 or 44: the CPU must have at least these */
    uint32_t timer_hz;
    uint32_t uart; /* enum image_uart */
    uint32_t memory_count;
    uint64_t uart_paddr;
    struct image_range memory[IMAGE_MEMORY_MAX]; /* RAM that the kernel takes for granted */
    char board[32];
    char cpu[32];    /* as QEMU and the kernel's build name it: "cortex-a53" */
    char kernel[64]; /* for people: where the kernel came from */
};

struct image_header {
    char magic[IMAGE_MAGIC_BYTES];
    uint32_t version;
    uint32_t header_bytes; /* sizeof(struct image_header) */
    uint64_t size_bytes;   /* of the whole image, its end magic included */
    uint32_t table_offset;
    uint32_t file_count;
    uint32_t crc; /* of this header, with crc 0, and the table */
    uint32_t reserved;
    struct image_machine machine;
};
_Static_assert(sizeof(struct image_header) == 328, "the layout is part of the format");

struct image_file {
    char name[IMAGE_NAME_MAX]; /* not empty, NUL-terminated; (type, name) is unique */
    uint32_t type;             /* enum image_type */
    uint32_t crc;
    uint64_t offset;
    uint64_t size_bytes;
    uint64_t reserved;
};
_Static_assert(sizeof(struct image_file) == 128, "the layout is part of the format");

enum image_error {
    IMAGE_OK,
    IMAGE_NO_MAGIC,       /* not a packed image */
    IMAGE_WRONG_VERSION,  /* of another Bulkhead */
    IMAGE_TRUNCATED,      /* fewer bytes than its header says, or the end magic is missing */
    IMAGE_HEADER_DAMAGED, /* header or table do not have their checksum */
    IMAGE_HEADER_WRONG,   /* they do, but what they say makes no sense: a defect of the packer */
    IMAGE_FILE_DAMAGED,   /* a file does not have its checksum */
};

/* A checked image. Refers to the memory that it was opened in. */
struct image {
    const uint8_t *data;
    const struct image_header *header;
    const struct image_file *files;
    unsigned file_count;
};

/*
 * Checks header and table: magic, version, checksum, and that every file lies inside the image, in
 * order, aligned, with a proper name. Needs `readable_bytes` at data, 8-byte aligned, to hold
 * header and table; the files may be elsewhere (root maps them when it needs them).
 */
enum image_error image_open(struct image *image, const void *data, size_t readable_bytes);

/* True when the image's last bytes are there; the whole image must be readable. */
bool image_has_end(const struct image *image);

/* Checks one file's bytes, which must be readable; `crc` is crc_update or a faster one. */
enum image_error image_check_file(const struct image *image, const struct image_file *file,
                                  crc_update_fn *crc);

/* NULL when there is no such file. */
const struct image_file *image_find(const struct image *image, enum image_type type,
                                    const char *name);

/* The first file of a type, whatever its name; NULL when there is none. */
const struct image_file *image_find_type(const struct image *image, enum image_type type);

/* What the header's checksum has to be, for the packer. */
uint32_t image_header_crc(const struct image_header *header, const struct image_file *files);

/* The alignment of a file of this type. */
uint64_t image_alignment_bytes(enum image_type type);

const char *image_type_name(enum image_type type);

/* What is wrong, as the end of a sentence that begins with the image's name: "is truncated". */
const char *image_error_text(enum image_error error);
