// SPDX-License-Identifier: BSD-2-Clause
#include "tool/payload.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    ZBOOT_MAGIC_OFFSET = 4,
    CHUNK_BYTES = 1 << 20,
    GZIP_ONLY = 16, /* added to zlib's window bits */
};

static bool is_gzip(const struct bytes *bytes)
{
    return bytes->size >= 18 && bytes->data[0] == 0x1f && bytes->data[1] == 0x8b;
}

/* Doubles the room; false at the limit. */
static bool grow(struct bytes *room)
{
    if (room->size >= PAYLOAD_MAX_BYTES) {
        return false;
    }
    size_t size = room->size != 0 ? room->size * 2 : CHUNK_BYTES;
    uint8_t *data = realloc(room->data, size);
    if (data == NULL) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "out of memory (%zu bytes)", size);
    }
    *room = (struct bytes){data, size};
    return true;
}

static char *inflate_all(const struct bytes *packed, struct bytes *room, z_stream *stream)
{
    stream->next_in = packed->data;
    stream->avail_in = (uInt)packed->size;
    for (;;) {
        if (stream->total_out == room->size && !grow(room)) {
            return tool_format("unpacks to more than %d MiB", PAYLOAD_MAX_BYTES >> 20);
        }
        stream->next_out = room->data + stream->total_out;
        stream->avail_out = (uInt)(room->size - stream->total_out);
        int result = inflate(stream, Z_NO_FLUSH);
        if (result == Z_STREAM_END) {
            return NULL; /* what follows the first member is padding, as Linux sees it */
        }
        if (result == Z_BUF_ERROR ||
            (result == Z_OK && stream->avail_in == 0 && stream->avail_out != 0)) {
            return tool_format("is a truncated gzip file");
        }
        if (result != Z_OK) {
            return tool_format("is a damaged gzip file (%s)",
                               stream->msg != NULL ? stream->msg : "inflate failed");
        }
    }
}

static char *unpack_gzip(struct bytes *bytes)
{
    z_stream stream = {.next_in = NULL};
    if (inflateInit2(&stream, GZIP_ONLY + MAX_WBITS) != Z_OK) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "zlib does not start");
    }
    struct bytes room = {.data = NULL};
    char *error = inflate_all(bytes, &room, &stream);
    size_t size = stream.total_out;
    inflateEnd(&stream);
    if (error != NULL) {
        bytes_free(&room);
        return error;
    }
    bytes_free(bytes);
    *bytes = (struct bytes){room.data, size};
    return NULL;
}

static bool has_at(const struct bytes *bytes, size_t offset, const char *text)
{
    size_t length = strlen(text);
    return bytes->size >= offset + length && memcmp(bytes->data + offset, text, length) == 0;
}

char *payload_unpack(struct bytes *bytes)
{
    if (has_at(bytes, 0, "MZ") && has_at(bytes, ZBOOT_MAGIC_OFFSET, "zimg")) {
        return tool_format(
            "is a compressed EFI kernel (zboot); use the Image inside it, or a kernel "
            "built without CONFIG_EFI_ZBOOT");
    }
    return is_gzip(bytes) ? unpack_gzip(bytes) : NULL;
}
