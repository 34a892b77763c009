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

/* In one piece, and byte by byte. */
static void read_text(const uint8_t *data, size_t size)
{
    struct capture_scan whole = {0}, pieces = {0};
    char *text = malloc(size + 1); /* exactly as long as it is said to be */
    memcpy(text, data, size);
    capture_scan(&whole, text, size);
    for (size_t i = 0; i < size; i++) {
        capture_scan(&pieces, text + i, 1);
    }
    CHECK((whole.state == CAPTURE_WHOLE) == (whole.whole_count != 0));
    CHECK(whole.file.size <= size && (whole.whole_count != 0 || whole.file.size == 0));
    CHECK(whole.state == pieces.state && whole.whole_count == pieces.whole_count);
    CHECK(whole.file.size == pieces.file.size);
    CHECK(whole.file.size == 0 || memcmp(whole.file.data, pieces.file.data, whole.file.size) == 0);
    capture_scan_end(&whole);
    capture_scan_end(&pieces);
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
