// SPDX-License-Identifier: BSD-2-Clause
#include "tool/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base64.h"
#include "lib/crc.h"

enum { TEXT_MAX = 4096 };

/* A dump of these bytes, a few to a line, as the shell prints it. */
static const char *print(char text[TEXT_MAX], const char *network, const char *bytes)
{
    enum { STEP = 6 };
    size_t size = strlen(bytes);
    int at = snprintf(text, TEXT_MAX, "-----BEGIN PCAP %s-----\r\n", network);
    for (size_t i = 0; i < size; i += STEP) {
        char line[BASE64_LINE_MAX + 1];
        size_t count = size - i < STEP ? size - i : STEP;
        line[base64_encode(line, (const uint8_t *)bytes + i, (uint32_t)count)] = '\0';
        at += snprintf(text + at, TEXT_MAX - (size_t)at, "%s\r\n", line);
    }
    snprintf(text + at, TEXT_MAX - (size_t)at, "-----END PCAP %s: %zu bytes, crc %08x-----\r\n",
             network, size, crc_update(0, (const uint8_t *)bytes, size));
    return text;
}

static bool feed(struct capture_scan *scan, const char *text)
{
    return capture_scan(scan, text, strlen(text));
}

static void assert_file(const struct capture_scan *scan, const char *network, const char *bytes)
{
    assert_string_equal(scan->file_network, network);
    assert_int_equal(scan->file.size, strlen(bytes));
    assert_memory_equal(scan->file.data, bytes, strlen(bytes));
}

static void each_dump_is_handed_out_when_it_ends(void **state)
{
    struct capture_scan scan = {0};
    char text[TEXT_MAX];
    (void)state;
    assert_false(feed(&scan, "bulkhead> capture dump lan\r\n"));
    assert_int_equal(scan.state, CAPTURE_NONE);
    assert_true(feed(&scan, print(text, "lan", "the first dump of all")));
    assert_int_equal(scan.state, CAPTURE_WHOLE);
    assert_file(&scan, "lan", "the first dump of all");
    assert_false(feed(&scan, "bulkhead> "));
    assert_false(feed(&scan, print(text, "wan", "behind a prompt it is none")));
    assert_true(feed(&scan, print(text, "wan", "another one")));
    assert_file(&scan, "wan", "another one");
    assert_int_equal(scan.whole_count, 2);
    capture_scan_end(&scan);
}

/* Pieces may be cut anywhere: in a mark, in a control sequence, between \r and \n. */
static void pieces_are_of_any_size(void **state)
{
    char text[TEXT_MAX], all[TEXT_MAX + 256];
    (void)state;
    snprintf(all, sizeof all, "\rbulkhead> \x1b[K\r\x1b[K[vm] a line\r\nbulkhead> \r\x1b[K%s",
             print(text, "lan", "bytes of a file that is long enough for some lines"));
    for (size_t step = 1; step < 40; step++) {
        struct capture_scan scan = {0};
        unsigned whole = 0;
        for (size_t at = 0; at < strlen(all); at += step) {
            size_t left = strlen(all) - at;
            whole += capture_scan(&scan, all + at, left < step ? left : step);
        }
        assert_int_equal(whole, 1);
        assert_file(&scan, "lan", "bytes of a file that is long enough for some lines");
        capture_scan_end(&scan);
    }
}

/* Lines of the log stand between; one that was taken off the screen, and put back, is one. */
static void other_lines_do_not_matter(void **state)
{
    struct capture_scan scan = {0};
    char text[TEXT_MAX], all[2 * TEXT_MAX] = "";
    (void)state;
    print(text, "lan", "frames of a network");
    for (const char *line = text, *end; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
        size_t length = (size_t)(end - line);
        snprintf(all + strlen(all), sizeof all - strlen(all),
                 "%.*s\r\x1b[K[root] one: resets\r\n%.*s\r\n", (int)(length / 2), line, (int)length,
                 line);
    }
    assert_true(feed(&scan, all));
    assert_file(&scan, "lan", "frames of a network");
    capture_scan_end(&scan);
}

static void only_the_network_that_is_wanted(void **state)
{
    struct capture_scan scan = {.network = "lan"};
    char text[TEXT_MAX];
    (void)state;
    assert_false(feed(&scan, print(text, "wan", "not this")));
    assert_int_equal(scan.state, CAPTURE_NONE);
    assert_true(feed(&scan, print(text, "lan", "this")));
    assert_false(feed(&scan, print(text, "la", "nor this")));
    assert_file(&scan, "lan", "this");
    capture_scan_end(&scan);
}

static void what_is_not_whole_is_no_file(void **state)
{
    struct capture_scan scan = {0};
    char text[TEXT_MAX];
    (void)state;
    print(text, "lan", "interrupted somewhere in the middle");
    assert_false(capture_scan(&scan, text, strlen(text) / 2));
    assert_int_equal(scan.state, CAPTURE_CUT);
    assert_false(feed(&scan, "\r\n-----END PCAP lan: interrupted-----\r\n"));
    assert_int_equal(scan.state, CAPTURE_CUT);
    print(text, "lan", "a letter of it is another one");
    text[strlen("-----BEGIN PCAP lan-----\r\n") + 2] ^= 1;
    assert_false(feed(&scan, text));
    assert_int_equal(scan.state, CAPTURE_DAMAGED);
    assert_null(scan.file.data);
    assert_true(feed(&scan, print(text, "lan", "good")));
    /* What comes later and is not does not take away what is there. */
    print(text, "lan", "interrupted");
    assert_false(capture_scan(&scan, text, strlen(text) / 2));
    assert_false(feed(&scan, "\r\n-----END PCAP lan: interrupted-----\r\n"));
    assert_int_equal(scan.state, CAPTURE_WHOLE);
    assert_file(&scan, "lan", "good");
    capture_scan_end(&scan);
}

/* A guest whose console is in front can print such lines, too, for ever. */
static void a_dump_is_bounded(void **state)
{
    struct capture_scan scan = {0};
    char line[BASE64_LINE_MAX + 3];
    uint8_t bytes[BASE64_LINE_BYTES] = {0};
    size_t length = base64_encode(line, bytes, sizeof bytes);
    (void)state;
    memcpy(line + length, "\r\n", 3);
    feed(&scan, "-----BEGIN PCAP lan-----\r\n");
    for (unsigned i = 0; i <= CAPTURE_FILE_MAX / sizeof bytes; i++) {
        feed(&scan, line);
    }
    assert_true(scan.dump.file.size <= CAPTURE_FILE_MAX);
    assert_false(scan.dump.active);
    assert_int_equal(scan.state, CAPTURE_CUT);
    capture_scan_end(&scan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_dump_is_handed_out_when_it_ends),
        cmocka_unit_test(pieces_are_of_any_size),
        cmocka_unit_test(other_lines_do_not_matter),
        cmocka_unit_test(only_the_network_that_is_wanted),
        cmocka_unit_test(what_is_not_whole_is_no_file),
        cmocka_unit_test(a_dump_is_bounded),
    };
    return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
