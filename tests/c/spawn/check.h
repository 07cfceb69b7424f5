/* What do the C checks of this directory share? Each check is a function that a program runs by its name, in a process
 * of its own; CHECK says what is not so and ends the process with 1. */
#ifndef NSISO_SPAWN_CHECK_H
#define NSISO_SPAWN_CHECK_H

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

/* One line of a program's table; test_spawn.py finds the names by this word. */
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

static inline int run_check(const struct check *checks, size_t count, const char *name)
{
    alarm(120); /* a check that hangs ends */
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

static inline void check_no_child(void)
{
    CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

/* A call must answer with 0, and say otherwise what went wrong. */
static inline void check_ok(const char *file, int line, int answer, nsiso_error *error)
{
    if (answer == 0 && error == NULL)
        return;
    const char *message = error != NULL ? nsiso_error_message(error) : "without an error";
    dprintf(2, "%s:%d: answers %d: %s\n", file, line, answer, message);
    _exit(1);
}

/* A call must refuse with -errno and an error that knows the same, names its step and has a message. */
static inline void check_refused(const char *file, int line, int answer, int expected, nsiso_error *error,
                                 const char *step)
{
    if (answer != -expected || error == NULL || nsiso_error_errno(error) != expected ||
        strcmp(nsiso_error_step(error), step) != 0 || nsiso_error_message(error)[0] == '\0') {
        dprintf(2, "%s:%d: answers %d and not %d: %s\n", file, line, answer, -expected,
                error != NULL ? nsiso_error_message(error) : "without an error");
        _exit(1);
    }
    CHECK(nsiso_error_free(error) == NULL);
}

/* ok(CALL) and refused(ERRNO, STEP, CALL): CALL passes &error last. */
#define ok(call)                                                                                                 \
    do {                                                                                                         \
        nsiso_error *error = NULL;                                                                               \
        int answer = (call);                                                                                     \
        check_ok(__FILE__, __LINE__, answer, error);                                                             \
    } while (0)

#define refused(expected, step, call)                                                                            \
    do {                                                                                                         \
        nsiso_error *error = NULL;                                                                               \
        errno = 1234;                                                                                            \
        int answer = (call);                                                                                     \
        CHECK(errno == 1234);                                                                                    \
        check_refused(__FILE__, __LINE__, answer, expected, error, step);                                        \
    } while (0)

static inline nsiso_spec *new_spec(void)
{
    nsiso_spec *spec = NULL;
    ok(nsiso_spec_new(0, &spec, &error));
    CHECK(spec != NULL);
    return spec;
}

static inline nsiso_command *new_command(const char *const *argv)
{
    nsiso_command *command = NULL;
    ok(nsiso_command_new(argv, 0, &command, &error));
    CHECK(command != NULL);
    return command;
}

#endif
