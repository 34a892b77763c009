// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "service/vsock/host.h"

#include <string.h>

static const struct host_facts facts = {
    .name = "fifteen-letters", .cid = 4294967294, .starts = 4294967295, .uptime_s = 86400};

/* All answers to a text, one after another. */
static void expect(const char *text, const char *wanted)
{
    struct host host = {0};
    char answers[1024] = "", answer[HOST_ANSWER_MAX];
    size_t length = 0;
    for (; *text != '\0'; text++) {
        uint32_t got = host_take(&host, (uint8_t)*text, &facts, answer);
        assert_true(got < HOST_ANSWER_MAX && length + got < sizeof answers);
        memcpy(answers + length, answer, got);
        length += got;
        answers[length] = '\0';
    }
    assert_string_equal(answers, wanted);
}

static void each_word_has_its_answer(void **state)
{
    (void)state;
    expect("name\n", "ok fifteen-letters\n");
    expect("cid\n", "ok 4294967294\n");
    expect("state\n", "ok running\n");
    expect("starts\n", "ok 4294967295\n");
    expect("uptime\n", "ok 86400\n");
    expect("version\n", "ok 1\n");
    expect("help\n", "ok name cid state starts uptime version help\n");
}

static void lines_are_lines(void **state)
{
    (void)state;
    expect("name", "");
    expect("\n\r\n\n", "");
    expect("cid\r\nversion\n", "ok 4294967294\nok 1\n");
    expect("names\n", "error no such word, try help\n");
    expect("nam\n", "error no such word, try help\n");
    expect(" cid\n", "error no such word, try help\n");
    expect("\r\r\n", "error no such word, try help\n");
}

static void a_line_has_a_longest(void **state)
{
    (void)state;
    char text[600];
    memset(text, 'x', sizeof text);
    memcpy(text + HOST_LINE_MAX, "\ncid\n", 6);
    expect(text, "error no such word, try help\nok 4294967294\n");
    text[HOST_LINE_MAX] = 'x';
    memcpy(text + HOST_LINE_MAX + 1, "\ncid\n", 6);
    expect(text, "error longer than 32 characters\nok 4294967294\n");
    memset(text, 'x', sizeof text);
    memcpy(text + 500, "\r\ncid\n", 7);
    expect(text, "error longer than 32 characters\nok 4294967294\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_word_has_its_answer),
        cmocka_unit_test(lines_are_lines),
        cmocka_unit_test(a_line_has_a_longest),
    };
    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
