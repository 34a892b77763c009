// SPDX-License-Identifier: BSD-2-Clause
#include "tool/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Noreturn void tool_fail(enum tool_exit code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fflush(stdout);
    fputs("bulkhead: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit((int)code);
}

void *tool_allocate(size_t size_bytes)
{
    void *memory = calloc(1, size_bytes != 0 ? size_bytes : 1);
    if (memory == NULL) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "out of memory (%zu bytes)", size_bytes);
    }
    return memory;
}

char *tool_format(const char *fmt, ...)
{
    va_list args;
    char *text;
    va_start(args, fmt);
    int length = vasprintf(&text, fmt, args);
    va_end(args);
    if (length < 0) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "out of memory");
    }
    return text;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){.data = NULL};
}

static bool read_all(int fd, struct bytes *bytes)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return false;
    }
    if (!S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        return false;
    }
    if (status.st_size > FILE_MAX_BYTES) {
        errno = EFBIG;
        return false;
    }
    bytes->data = tool_allocate((size_t)status.st_size);
    while (bytes->size < (size_t)status.st_size) {
        ssize_t count = read(fd, bytes->data + bytes->size, (size_t)status.st_size - bytes->size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return false;
        }
        if (count == 0) {
            break; /* it shrank while we read */
        }
        bytes->size += (size_t)count;
    }
    return true;
}

bool file_read(const char *path, struct bytes *bytes)
{
    *bytes = (struct bytes){.data = NULL};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool done = read_all(fd, bytes);
    int error = errno;
    close(fd);
    if (!done) {
        bytes_free(bytes);
        errno = error;
    }
    return done;
}

static bool write_all(int fd, const uint8_t *data, size_t size)
{
    while (size != 0) {
        ssize_t count = write(fd, data, size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        data += count;
        size -= (size_t)count;
    }
    return true;
}

static char *temporary_name(const char *path)
{
    return tool_format("%s.%ld.tmp", path, (long)getpid());
}

static int open_temporary(const char *temporary)
{
    return open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

bool file_can_write(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return false;
    }
    char *temporary = temporary_name(path);
    int fd = open_temporary(temporary);
    int error = errno;
    if (fd >= 0) {
        close(fd);
        unlink(temporary);
    }
    free(temporary);
    errno = error;
    return fd >= 0;
}

bool file_write(const char *path, const void *data, size_t size)
{
    char *temporary = temporary_name(path);
    int fd = open_temporary(temporary);
    if (fd < 0) {
        free(temporary);
        return false;
    }
    bool done = write_all(fd, data, size);
    done = close(fd) == 0 && done;
    done = done && rename(temporary, path) == 0;
    int error = errno;
    if (!done) {
        unlink(temporary);
    }
    free(temporary);
    errno = error;
    return done;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
