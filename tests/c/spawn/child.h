/* How do the checks start a child on the road that is asked for, and look at what becomes of it? */
#ifndef NSISO_SPAWN_CHILD_H
#define NSISO_SPAWN_CHILD_H

#include <stdbool.h>
#include <time.h>

#include "check.h"

static const char *const TRUE[] = {"true", NULL};
static const char *const SLEEP[] = {"sleep", "600", NULL};
static const char *const NO_PROGRAM[] = {"/no/such/program", NULL};

/* So many seconds may anything take. */
enum { PATIENCE = 30 };

/* Whether children are started from copies of this process. */
static bool own_memory;

static inline nsiso_spec *a_spec(void)
{
    nsiso_spec *spec = new_spec();
    if (own_memory)
        ok(nsiso_spec_own_memory(spec, &error));
    return spec;
}

static inline nsiso_process *spawn(const char *const *argv)
{
    nsiso_spec *spec = a_spec();
    nsiso_command *command = new_command(argv);
    nsiso_process *process = NULL;
    ok(nsiso_spawn(spec, command, 0, &process, &error));
    nsiso_spec_free(spec);
    nsiso_command_free(command);
    CHECK(process != NULL && nsiso_process_pid(process) > 0);
    return process;
}

static inline nsiso_held *hold(const char *const *argv)
{
    nsiso_spec *spec = a_spec();
    nsiso_command *command = new_command(argv);
    nsiso_held *held = NULL;
    ok(nsiso_spawn_held(spec, command, 0, &held, &error));
    nsiso_spec_free(spec);
    nsiso_command_free(command);
    CHECK(held != NULL && nsiso_held_pid(held) > 0);
    return held;
}

static inline nsiso_wait ended(const nsiso_process *process)
{
    nsiso_wait wait;
    nsiso_error *error = NULL;
    errno = 1234;
    int answer = nsiso_process_wait(process, -1, &wait, sizeof wait, 0, &error);
    CHECK(answer == 1 && error == NULL && errno == 1234);
    CHECK(wait.exit_code == (WIFEXITED(wait.status) ? WEXITSTATUS(wait.status) : -1));
    CHECK(wait.signal == (WIFSIGNALED(wait.status) ? WTERMSIG(wait.status) : 0));
    CHECK(wait.core_dumped == (unsigned)(WIFSIGNALED(wait.status) && WCOREDUMP(wait.status)));
    CHECK(wait.reserved == 0 && wait.has_usage <= 1 && (wait.has_usage || wait.max_rss_kib == 0));
    return wait;
}

static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0)
        ;
}

/* The letter of a process's state, or 0 when there is no such process. */
static inline char state(pid_t pid)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    char *got = fgets(line, sizeof line, file);
    fclose(file);
    return got != NULL && strrchr(line, ')') != NULL ? strrchr(line, ')')[2] : 0;
}

static inline void until_state(pid_t pid, char expected)
{
    double end = now() + PATIENCE;
    while (state(pid) != expected && now() < end)
        pause_ms(5);
    CHECK(state(pid) == expected);
}

/* PROGRAM CHECK [own_memory] */
static inline int run_on_road(const struct check *checks, size_t count, int argc, char **argv)
{
    own_memory = argc == 3 && strcmp(argv[2], "own_memory") == 0;
    return argc >= 2 ? run_check(checks, count, argv[1]) : 2;
}

#endif
