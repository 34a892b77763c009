/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all commands of the host tool share: exit codes, messages, files, options. */

enum tool_exit {
    TOOL_OK = 0,
    TOOL_WRONG_INPUT = 1,       /* a description, kernel or image is not what it must be */
    TOOL_USAGE = 2,             /* the command line is wrong */
    TOOL_WRONG_ENVIRONMENT = 3, /* a program or file is missing, or the system refused */
};

/* "bulkhead: <line>" on standard error; ends the program. */
_Noreturn void tool_fail(enum tool_exit code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* malloc and friends that do not fail; ownership as in libc. */
void *tool_allocate(size_t size_bytes); /* zeroed */
char *tool_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Bytes of one file, owned by whoever holds the struct; zero means empty. */
struct bytes {
    uint8_t *data;
    size_t size;
};
void bytes_free(struct bytes *bytes);

enum { FILE_MAX_BYTES = 1 << 30 };

/*
 * Reads a whole file of at most FILE_MAX_BYTES. On failure returns false with errno set (EFBIG when
 * it is larger), *bytes empty.
 */
bool file_read(const char *path, struct bytes *bytes);
/* Writes through a temporary file beside it, so that nobody sees half of it. False: errno. */
bool file_write(const char *path, const void *data, size_t size);
/* Whether it could, before there is anything to write. False: errno. */
bool file_can_write(const char *path);
bool file_exists(const char *path);

/* ---- options ---- */

enum { INCLUDES_MAX = 32 };

struct options {
    const char *output;
    const char *kernel;
    const char *board;  /* Microkit SDK's */
    const char *config; /* Microkit SDK's */
    const char *programs;
    const char *root; /* another root task */
    const char *qemu;
    const char *memory_mib;
    const char *spread;  /* a number */
    const char *disk;    /* file behind the board's disk */
    const char *network; /* a name */
    const char *netdev;  /* QEMU's -netdev behind the uplink, without its id */
    const char *capture; /* file for what the operator's shell prints of a network's frames */
    const char *includes[INCLUDES_MAX];
    unsigned include_count;
    bool json;
    bool explain;
    bool dry_run;
    bool quiet;
    const char *input;  /* the one positional argument, or NULL */
    char *const *extra; /* what follows --, NULL-terminated */
};

struct command_option {
    char letter;          /* 0: has only its long form */
    const char *name;     /* NULL ends the table */
    const char *argument; /* NULL: takes none */
    const char *help;
    size_t field; /* offset in struct options */
    bool is_list; /* may be given several times: includes */
};

struct command {
    const char *name;
    const char *summary;
    const char *usage;  /* behind the command's name */
    const char *detail; /* paragraphs for --help */
    const struct command_option *options;
    bool input_optional;
    bool takes_extra; /* arguments behind -- */
    int (*run)(const struct options *options);
};

extern const struct command command_check, command_build, command_run, command_kernel, command_show,
    command_capture;

/* Parses argv (argv[0] is the command's name); ends the program on --help and on errors. */
void options_parse(const struct command *command, int argc, char *const *argv,
                   struct options *options);
