// SPDX-License-Identifier: BSD-2-Clause
#include "tool/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int wait_for(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What was written to a temporary file. */
static void read_back(FILE *file, struct bytes *bytes)
{
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    rewind(file);
    bytes->data = tool_allocate((size_t)size + 1); /* NUL-terminated, for texts */
    bytes->size = fread(bytes->data, 1, (size_t)size, file);
}

/* Files instead of pipes: nothing can fill up and block. */
bool process_capture(char *const *argv, struct process_result *result)
{
    FILE *output = tmpfile(), *errors = tmpfile();
    if (output == NULL || errors == NULL) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "temporary file: %s", strerror(errno));
    }
    *result = (struct process_result){.exit_status = -1};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fileno(output), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(errors), STDERR_FILENO);
    pid_t child;
    int error = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error == 0) {
        result->exit_status = wait_for(child);
        read_back(output, &result->output);
        read_back(errors, &result->errors);
    }
    fclose(output);
    fclose(errors);
    errno = error;
    return error == 0;
}

void process_result_free(struct process_result *result)
{
    bytes_free(&result->output);
    bytes_free(&result->errors);
}

/* Our output may be the terminal that the child, who reads from it, has made non-blocking. */
static bool put(const char *text, size_t size)
{
    while (size != 0) {
        ssize_t count = write(STDOUT_FILENO, text, size);
        if (count < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, -1);
        } else if (count < 0 && errno != EINTR) {
            return false;
        }
        text += count > 0 ? count : 0;
        size -= count > 0 ? (size_t)count : 0;
    }
    return true;
}

/* Until nobody can write to the pipe any more. */
static void pass_on(int from, const struct process_watcher *watcher)
{
    char text[4096];
    bool heard = true;
    for (;;) {
        ssize_t count = read(from, text, sizeof text);
        if (count == 0 || (count < 0 && errno != EINTR)) {
            return;
        }
        if (count > 0) { /* whoever reads it finds done what the watcher does about it */
            watcher->see(watcher->ctx, text, (size_t)count);
            heard = heard && put(text, (size_t)count);
        }
    }
}

/* Keys that interrupt, and a reader of our output who goes away, are no end of the child. */
static int spawn(char *const *argv, const int output[2], pid_t *child)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&actions);
    if (output != NULL) {
        posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    }
    int error = posix_spawnp(child, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

int process_run(char *const *argv, const struct process_watcher *watcher)
{
    int output[2];
    if (watcher != NULL && pipe2(output, O_CLOEXEC) != 0) {
        return -1;
    }
    void (*interrupted)(int) = signal(SIGINT, SIG_IGN);
    void (*unheard)(int) = signal(SIGPIPE, SIG_IGN);
    pid_t child;
    int error = spawn(argv, watcher != NULL ? output : NULL, &child);
    if (watcher != NULL) {
        close(output[1]);
        pass_on(output[0], watcher);
        close(output[0]);
    }
    int status = error == 0 ? wait_for(child) : -1;
    signal(SIGPIPE, unheard);
    signal(SIGINT, interrupted);
    errno = error;
    return status;
}
