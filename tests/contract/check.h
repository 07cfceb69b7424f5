/* What do the C checks of this directory share? Each check is a function that a program runs by its name, in a process
 * of its own; CHECK says what is not so and ends the process, child or parent, with 1. */
#ifndef NSISO_CONTRACT_CHECK_H
#define NSISO_CONTRACT_CHECK_H

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nsiso.h>

#define CHECK(condition) ((condition) ? (void)0 : fail(__FILE__, __LINE__, #condition))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One line of a program's table; test_special.py finds the names by this word. */
#define CASE(function) {#function, function}

struct check {
    const char *name;
    void (*run)(void);
};

_Noreturn static inline void fail(const char *file, int line, const char *condition)
{
    int error = errno;
    dprintf(2, "%s:%d: not so: %s (errno %d, %s)\n", file, line, condition, error, strerror(error));
    _exit(1);
}

_Noreturn static inline void skip(const char *reason)
{
    dprintf(2, "%s\n", reason);
    _exit(77);
}

static inline int run_check(const struct check *checks, size_t count, const char *name)
{
    alarm(20); /* a check that hangs ends */
    for (size_t i = 0; i < count; i++) {
        if (strcmp(checks[i].name, name) == 0) {
            checks[i].run();
            return 0;
        }
    }
    dprintf(2, "no check is called %s\n", name);
    return 2;
}

static inline int count_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory != NULL);
    int count = 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* The link of a process as text; buffers are big enough for every link in /proc/PID/ns and /proc/PID/cwd here. */
static inline void read_link(char link[128], const char *format, int number, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), format, number, name);
    ssize_t length = readlink(path, link, 127);
    CHECK(length > 0);
    link[length] = '\0';
}

static inline void check_no_child(void)
{
    CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

/* The child must be ours, must have ended with this exit code, and must be the only one. */
static inline void check_ended(pid_t pid, int code)
{
    int status = -1;
    CHECK(pid > 0);
    CHECK(waitpid(pid, &status, __WALL) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
    check_no_child();
}

#endif
