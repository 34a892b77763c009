// SPDX-License-Identifier: BSD-2-Clause
/*
 * A capture's two readers: `bulkhead capture` with any text that a console may have said, and the
 * serial service with memory that a hostile network service writes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/crc.h"
#include "link/capture.h"
#include "tool/capture.h"

static void read_text(const uint8_t *data, size_t size)
{
    struct bytes file;
    char *text = malloc(size + 1); /* exactly as long as it is said to be */
    memcpy(text, data, size);
    enum capture_state state = capture_find(text, size, NULL, &file);
    CHECK((state == CAPTURE_WHOLE) == (file.data != NULL) || file.size == 0);
    CHECK(file.size <= size);
    free(file.data);
    free(text);
}

static void read_memory(const uint8_t *data, size_t size)
{
    enum { READS = 100 };
    uint8_t record[512];
    uint64_t position = 0, *memory = malloc(size + sizeof *memory);
    memcpy(memory, data, size);
    for (unsigned i = 0; i < READS; i++) {
        size_t got = capture_read((const struct capture_shared *)memory, size, &position, record,
                                  sizeof record);
        CHECK(got == 0 || (got >= CAPTURE_RECORD_HEADER_BYTES && got <= sizeof record));
    }
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_text(data, size);
    if (size >= sizeof(struct capture_shared)) {
        read_memory(data, size);
    }
    return 0;
}
