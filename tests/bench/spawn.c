/* What does nsiso_spawn and nsiso_process_wait cost from C, against the floor and the peers?
 *
 *   spawn LIBRARIES OPTIONS MIB check SIDE... -- PROGRAM...                                each side does it once
 *   spawn LIBRARIES OPTIONS MIB measure ROUNDS MILLISECONDS SIDE... apart SIDE... -- PROGRAM...      see rounds.h
 *   spawn LIBRARIES OPTIONS MIB threads ROUNDS MILLISECONDS SIDE... apart SIDE... -- PROGRAM...
 *
 * LIBRARIES is where libfloor.so and libnix_peer.so are. OPTIONS as in floor/job.c; those before a ";" are of
 * namespaces that are made and held first, and joined; the side "fresh" makes these new each time as well. MIB how much memory the host has
 * touched. Those behind "apart" are called after the others in each round, as what they do slows down whoever comes
 * next. `threads` counts what two threads get done at a time. Each line is a round, a side and microseconds.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <nsiso.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "floor/floor.h"
#include "rounds.h"

enum { THREADS = 2, ALONE = 1 };

/* Which word is which. */
enum { LIBRARIES = 1, OPTIONS, MIB, VERB };

static struct nsiso_spec *joining, *fresh;
static struct nsiso_command *command;
static const struct floor_job *job;

_Noreturn static void die(const char *words, const char *more)
{
    fprintf(stderr, "spawn: %s%s\n", words, more);
    exit(1);
}

static void must(int result, struct nsiso_error *error)
{
    if (result < 0)
        die("nsiso: ", error ? nsiso_error_message(error) : strerror(-result));
}

/* The sides. */

static void run(const struct nsiso_spec *spec)
{
    struct nsiso_process *process = NULL;
    struct nsiso_error *error = NULL;
    struct nsiso_wait end = {.status = -1};
    must(nsiso_spawn(spec, command, 0, &process, &error), error);
    must(nsiso_process_wait(process, -1, &end, sizeof(end), 0, &error), error);
    if (end.status != 0)
        die("the program failed", "");
    nsiso_process_free(process);
}

static void run_nsiso(void)
{
    run(joining);
}

static void run_fresh(void)
{
    run(fresh);
}

static double take(const void *argument)
{
    floor_side *side;
    memcpy(&side, argument, sizeof(side));
    int64_t nanoseconds = side(job);
    if (nanoseconds < 0)
        die("a side failed: ", strerror((int)-nanoseconds));
    return (double)nanoseconds / 1e3;
}

/* Finds side_NAME in the floor or, where that has none, in the nix peer. */
static struct side side_of(void *floor, const char *libraries, const char *name)
{
    if (strcmp(name, "nsiso") == 0)
        return (struct side){.name = name, .run = run_nsiso};
    if (strcmp(name, "fresh") == 0)
        return (struct side){.name = name, .run = run_fresh};
    char symbol[NAME_MAX], path[PATH_MAX];
    snprintf(symbol, sizeof(symbol), "side_%s", name);
    snprintf(path, sizeof(path), "%s/libnix_peer.so", libraries);
    void **found = malloc(sizeof(*found)), *peer;
    *found = dlsym(floor, symbol);
    if (!*found && (peer = dlopen(path, RTLD_NOW)))
        *found = dlsym(peer, symbol);
    if (!*found)
        die("no such side: ", name);
    return (struct side){.name = name, .take = take, .argument = found};
}

/* The job, as nsiso is told. */

static void set_kind(const char *name, uint32_t *kinds, int *ret_known)
{
    static const struct {
        const char *name;
        uint32_t kind;
    } known[] = {
        {"mnt", NSISO_NEWNS}, {"uts", NSISO_NEWUTS},   {"ipc", NSISO_NEWIPC},       {"pid", NSISO_NEWPID},
        {"net", NSISO_NEWNET}, {"user", NSISO_NEWUSER}, {"cgroup", NSISO_NEWCGROUP}, {"time", NSISO_NEWTIME},
    };
    *ret_known = 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) == 0) {
            *kinds |= known[i].kind;
            *ret_known = 1;
        }
    }
}

static void set_ids(struct nsiso_spec *spec, unsigned id)
{
    gid_t group = id;
    must(nsiso_spec_uid(spec, id, NULL), NULL);
    must(nsiso_spec_gid(spec, id, NULL), NULL);
    must(nsiso_spec_groups(spec, &group, 1, NULL), NULL);
}

static void set(struct nsiso_spec *spec, const char *option)
{
    const char *value = strchr(option, '=');
    value = value ? value + 1 : "";
    if (strncmp(option, "hostname=", 9) == 0)
        must(nsiso_spec_hostname(spec, value, NULL), NULL);
    else if (strncmp(option, "ids=", 4) == 0)
        set_ids(spec, (unsigned)atoi(value));
    else if (strncmp(option, "join_time=", 10) == 0)
        must(nsiso_spec_join_path(spec, value, NULL), NULL);
    else if (strcmp(option, "proc") == 0)
        must(nsiso_spec_proc(spec, NULL), NULL);
    else if (strcmp(option, "loopback_down") == 0)
        must(nsiso_spec_loopback_down(spec, NULL), NULL);
    else if (strcmp(option, "init") == 0)
        must(nsiso_spec_init(spec, NULL), NULL);
    else
        die("no such option: ", option);
}

static struct nsiso_spec *spec_of(const char *options, uint32_t *ret_kinds)
{
    uint32_t kinds = 0;
    int known;
    char *rest, *text = strdup(options);
    struct nsiso_spec *spec;
    must(nsiso_spec_new(0, &spec, NULL), NULL);
    for (char *option = strtok_r(text, ",;", &rest); option; option = strtok_r(NULL, ",;", &rest)) {
        set_kind(option, &kinds, &known);
        if (!known)
            set(spec, option);
    }
    must(nsiso_spec_unshare(spec, kinds, NULL), NULL);
    if (kinds & NSISO_NEWUSER)
        must(nsiso_spec_map_root(spec, NULL), NULL);
    free(text);
    *ret_kinds = kinds;
    return spec;
}

/* Makes what is held; gives the options for the others. */
static const char *hold(const char *options)
{
    static char told[PATH_MAX];
    uint32_t kinds, new;
    const char *border = strchr(options, ';');
    fresh = spec_of(options, &kinds);
    joining = fresh;
    if (!border)
        return options;
    char *first = strndup(options, (size_t)(border - options));
    struct nsiso_spec *making = spec_of(first, &kinds);
    struct nsiso_namespaces *set;
    struct nsiso_error *error = NULL;
    must(nsiso_hold(making, 0, &set, &error), error);
    joining = spec_of(border + 1, &new);
    must(nsiso_spec_join_namespaces(joining, set, NULL), NULL);
    /* By pid 1, or as the only one. */
    int by = kinds & NSISO_NEWPID ? nsiso_namespaces_init(set) : nsiso_namespaces_fd(set, kinds);
    snprintf(told, sizeof(told), "held=%d/%u,%s", by, (unsigned)kinds, border + 1);
    nsiso_spec_free(making);
    free(first);
    return told;
}

/* The verbs. */

static void say(int round, const struct side *side, double microseconds)
{
    printf("%d\t%s\t%.3f\n", round, side->name, microseconds);
}

static void measure_apart(struct effort effort, const struct side *sides, int together, int count)
{
    double medians[MAX_SIDES];
    int calls[MAX_SIDES];
    calls[0] = calls_in_a_round(effort, warm_up(sides, together));
    for (int side = together; side < count; side++)
        calls[side] = calls_in_a_round(effort, warm_up(&sides[side], ALONE));
    for (int round = 0; round < effort.rounds; round++) {
        take_round(sides, together, calls[0], medians);
        for (int side = together; side < count; side++)
            take_round(&sides[side], ALONE, calls[side], &medians[side]);
        for (int side = 0; side < count; side++)
            say(round, &sides[side], medians[side]);
    }
}

struct worker {
    const struct side *side;
    double until;
    int done;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    while (now_microseconds() < worker->until) {
        time_once(worker->side);
        worker->done++;
    }
    return NULL;
}

/* Microseconds a job, when so many threads do it. */
static double rate(const struct side *side, double milliseconds)
{
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    double began = now_microseconds();
    int done = 0;
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.side = side, .until = began + milliseconds * 1e3};
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            die("pthread_create", "");
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        done += workers[i].done;
    }
    return (now_microseconds() - began) / done;
}

static void measure_threads(struct effort effort, const struct side *sides, int count)
{
    for (int round = 0; round < effort.rounds; round++) {
        for (int i = 0; i < count; i++) {
            const struct side *side = &sides[(i + round) % count];
            say(round, side, rate(side, effort.milliseconds));
        }
    }
}

/* Finds the sides that are named up to "--"; gives where that is. */
static int find_sides(void *floor, char **words, int at, struct side *sides, int *ret_together, int *ret_count)
{
    for (; words[at] && strcmp(words[at], "--") != 0; at++) {
        if (strcmp(words[at], "apart") == 0)
            *ret_together = *ret_count;
        else if (*ret_count < MAX_SIDES)
            sides[(*ret_count)++] = side_of(floor, words[LIBRARIES], words[at]);
    }
    if (!words[at] || !words[at + 1])
        die("no program", "");
    return at;
}

int main(int count, char **words)
{
    char path[PATH_MAX];
    struct side sides[MAX_SIDES];
    struct effort effort = {0};
    int sides_count = 0, together = 0, at = VERB + 1;
    if (count <= at)
        die("usage: see the head of spawn.c", "");
    int checking = strcmp(words[VERB], "check") == 0;
    if (!checking && count > at + 2) {
        effort = (struct effort){.rounds = atoi(words[at]), .milliseconds = atof(words[at + 1])};
        at += 2;
    }
    snprintf(path, sizeof(path), "%s/libfloor.so", words[LIBRARIES]);
    void *floor = dlopen(path, RTLD_NOW);
    if (!floor)
        die(path, " cannot be loaded");
    at = find_sides(floor, words, at, sides, &together, &sides_count);
    const char *const *argv = (const char *const *)words + at + 1;
    struct floor_job *(*floor_job)(const char *, const char *const *);
    void (*grow)(size_t);
    *(void **)&floor_job = dlsym(floor, "floor_job_new");
    *(void **)&grow = dlsym(floor, "floor_grow");
    must(nsiso_command_new(argv, 0, &command, NULL), NULL);
    job = floor_job(hold(words[OPTIONS]), argv);
    grow((size_t)atol(words[MIB]));
    if (checking) {
        for (int side = 0; side < sides_count; side++)
            time_once(&sides[side]);
    } else if (strcmp(words[VERB], "threads") == 0) {
        measure_threads(effort, sides, sides_count);
    } else {
        measure_apart(effort, sides, together, sides_count);
    }
    return 0;
}
