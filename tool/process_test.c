// SPDX-License-Identifier: BSD-2-Clause
#include "tool/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEEN_MAX = 256 * 1024 };

struct seen {
    char text[SEEN_MAX];
    size_t size;
};

static void see(void *ctx, const char *text, size_t size)
{
    struct seen *seen = ctx;
    assert_true(seen->size + size <= SEEN_MAX);
    memcpy(seen->text + seen->size, text, size);
    seen->size += size;
}

/* Runs a shell command with our standard output replaced by fd, and what it says watched. */
static int run(const char *command, int fd, struct seen *seen)
{
    char *const argv[] = {"/bin/sh", "-c", (char *)(uintptr_t)command, NULL};
    const struct process_watcher watcher = {see, seen};
    fflush(stdout);
    int ours = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
    int status = process_run(argv, &watcher);
    dup2(ours, STDOUT_FILENO);
    close(ours);
    return status;
}

static void what_it_says_is_seen_and_passed_on(void **state)
{
    static struct seen seen;
    static char passed[SEEN_MAX];
    FILE *file = tmpfile();
    (void)state;
    assert_int_equal(run("seq 1 20000; exit 3", fileno(file), &seen), 3);
    assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
    assert_int_equal(read(fileno(file), passed, sizeof passed), seen.size);
    assert_memory_equal(passed, seen.text, seen.size);
    assert_int_equal(seen.size, 108894);
    assert_memory_equal(seen.text + seen.size - 6, "20000\n", 6);
    fclose(file);
}

/* As a terminal may be that the child shares with us: it takes some, and then no more for a while.
 */
static void a_slow_reader_gets_all_of_it(void **state)
{
    static struct seen seen;
    int to_reader[2], count[2];
    char text[32] = "";
    (void)state;
    assert_int_equal(pipe(to_reader), 0);
    assert_int_equal(pipe(count), 0);
    pid_t reader = fork();
    if (reader == 0) {
        close(to_reader[1]);
        dup2(to_reader[0], STDIN_FILENO);
        dup2(count[1], STDOUT_FILENO);
        execl("/bin/sh", "sh", "-c", "sleep 0.3; wc -c", NULL);
        _exit(127);
    }
    close(to_reader[0]);
    close(count[1]);
    assert_int_equal(fcntl(to_reader[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(run("seq 1 20000", to_reader[1], &seen), 0);
    close(to_reader[1]);
    assert_true(read(count[0], text, sizeof text - 1) > 0);
    assert_string_equal(text, "108894\n");
    close(count[0]);
    assert_int_equal(waitpid(reader, NULL, 0), reader);
}

static void nobody_need_read_it(void **state)
{
    static struct seen seen;
    int unread[2];
    (void)state;
    assert_int_equal(pipe(unread), 0);
    close(unread[0]);
    assert_int_equal(run("seq 1 20000", unread[1], &seen), 0);
    assert_int_equal(seen.size, 108894);
    close(unread[1]);
}

static void a_program_that_is_not_there(void **state)
{
    char *const argv[] = {"/nowhere/at-all", NULL};
    static struct seen seen;
    const struct process_watcher watcher = {see, &seen};
    (void)state;
    int status = process_run(argv, &watcher);
    assert_true(status == -1 || status == 127);
    assert_int_equal(seen.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_is_seen_and_passed_on),
        cmocka_unit_test(a_slow_reader_gets_all_of_it),
        cmocka_unit_test(nobody_need_read_it),
        cmocka_unit_test(a_program_that_is_not_there),
    };
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
