/* How does Go do a job? In a process of its own, asked call by call, which tells the time that it took itself.
 *
 * go/main.go says what it does. It stays as long as its caller.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../floor/floor.h"

enum { MAX_WORDS = 64, OWN_WORDS = 2 };

static FILE *question, *answer;

/* The peer's program lies beside the one that is to be started. */
static int start(const struct floor_job *job)
{
    char path[PATH_MAX];
    const char *words[MAX_WORDS] = {"go", job->options}, *slash = strrchr(job->path, '/');
    int to[2], from[2], error;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all;
    snprintf(path, sizeof(path), "%.*s/go", slash ? (int)(slash - job->path) : 0, job->path);
    for (int i = 0; job->argv[i] && i < MAX_WORDS - OWN_WORDS - 1; i++)
        words[OWN_WORDS + i] = job->argv[i];
    if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
        return -errno;
    /* What it was told to ignore, its children would ignore. */
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    error = posix_spawn(&pid, path, &actions, &attributes, (char *const *)words, job->envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(to[0]);
    close(from[1]);
    if (error)
        return -error;
    question = fdopen(to[1], "we");
    answer = fdopen(from[0], "re");
    return 0;
}

int64_t side_go(const struct floor_job *job)
{
    int64_t nanoseconds;
    int error = question ? 0 : start(job);
    if (error < 0) {
        fprintf(stderr, "floor: the Go peer: %s\n", strerror(-error));
        return error;
    }
    if (fputs("again\n", question) < 0 || fflush(question) != 0 || fscanf(answer, "%" SCNd64, &nanoseconds) != 1)
        return -EIO;
    return nanoseconds;
}
