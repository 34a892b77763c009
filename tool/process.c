// SPDX-License-Identifier: BSD-2-Clause
#include "tool/process.h"

#include <errno.h>
#include <fcntl.h>
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

int process_run(char *const *argv)
{
    /* Keys that interrupt are for the child, which has the terminal. */
    void (*interrupted)(int) = signal(SIGINT, SIG_IGN);
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    pid_t child;
    int error = posix_spawnp(&child, argv[0], NULL, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    int status = error == 0 ? wait_for(child) : -1;
    signal(SIGINT, interrupted);
    errno = error;
    return status;
}
