/* How is a job told in words? One text for all languages: options of a spec by name, with commas between.
 *
 *   mnt uts ipc pid net user cgroup time   kinds that are new; user maps root, mnt makes mounts private, net brings lo up
 *   hostname=NAME proc loopback_down       as in a spec
 *   init                                   a reaper, which the floor does not have
 *   ids=NUMBER                             user, group and the only supplementary group
 *   join_time=PATH                         a time namespace to join
 *   held=NUMBER/BITS                       kinds to join: of this process if pid is among them, else by this descriptor
 *
 * A process that shares its caller's memory can neither change its ids safely nor join a time namespace. In a
 * pid namespace others could trace it there. For these three the floor executes first, and a helper beside the program
 * does it (helper.c).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "floor.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

enum { MAX_WORDS = 64, PAGE = 4096 };

static const struct {
    const char *name;
    uint64_t flag;
} kinds[] = {
    {"mnt", CLONE_NEWNS}, {"uts", CLONE_NEWUTS},   {"ipc", CLONE_NEWIPC},       {"pid", CLONE_NEWPID},
    {"net", CLONE_NEWNET}, {"user", CLONE_NEWUSER}, {"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME},
};

_Noreturn static void refuse(const char *option)
{
    fprintf(stderr, "floor: no option \"%s\"\n", option);
    exit(2);
}

/* It lies beside the program. */
static char *helper_of(const struct floor_job *job)
{
    char path[PATH_MAX];
    const char *slash = strrchr(job->path, '/');
    int directory = slash ? (int)(slash - job->path) : 0;
    snprintf(path, sizeof(path), "%.*s/helper", directory, job->path);
    return strdup(path);
}

/* Puts the helper, told what to do, in front of the program. */
static void by_helper(struct floor_job *job, char **words, const char *verb, const char *object)
{
    int count = 0;
    while (words[count])
        count++;
    memmove(words + 3, words, ((size_t)count + 1) * sizeof(*words));
    words[0] = helper_of(job);
    words[1] = strdup(verb);
    words[2] = strdup(object);
    job->path = words[0];
}

/* Opens what is held, and makes ready what joins it: the helper finds two descriptors open. */
static void hold(struct floor_job *job, char **words, const char *value)
{
    char *slash, **joiner = calloc(MAX_WORDS, sizeof(*joiner)), text[3][32];
    int count = 0;
    job->held = (int)strtol(value, &slash, 10);
    if (*slash != '/')
        refuse(value);
    job->held_kinds = strtoull(slash + 1, NULL, 10);
    if (!(job->held_kinds & CLONE_NEWPID))
        return;
    int told = memfd_create("told", 0);
    job->home = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    job->held = (int)syscall(SYS_pidfd_open, job->held, 0);
    if (told < 0 || job->home < 0 || job->held < 0 || fcntl(job->held, F_SETFD, 0) < 0 ||
        ftruncate(told, PAGE) < 0 ||
        (job->ret_born = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, told, 0)) == MAP_FAILED) {
        perror("floor: held");
        exit(1);
    }
    snprintf(text[0], sizeof(text[0]), "%d", job->held);
    snprintf(text[1], sizeof(text[1]), "%llu", (unsigned long long)job->held_kinds);
    snprintf(text[2], sizeof(text[2]), "%d", told);
    joiner[count++] = helper_of(job);
    joiner[count++] = strdup("join");
    for (int i = 0; i < 3; i++)
        joiner[count++] = strdup(text[i]);
    while (*words)
        joiner[count++] = *words++;
    job->joiner = joiner;
}

static void take(struct floor_job *job, char **words, const char *option)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(option, kinds[i].name) == 0) {
            job->kinds |= kinds[i].flag;
            return;
        }
    }
    const char *value = strchr(option, '=');
    if (value && strncmp(option, "hostname=", 9) == 0)
        job->host_name = strdup(value + 1);
    else if (value && strncmp(option, "ids=", 4) == 0)
        by_helper(job, words, "ids", value + 1);
    else if (value && strncmp(option, "join_time=", 10) == 0)
        by_helper(job, words, "time", value + 1);
    else if (value && strncmp(option, "held=", 5) == 0)
        hold(job, words, value + 1);
    else if (strcmp(option, "proc") == 0)
        job->proc = 1;
    else if (strcmp(option, "loopback_down") == 0)
        job->loopback = 0;
    else if (strcmp(option, "init") != 0)
        refuse(option);
}

static char *map_of(unsigned id)
{
    char text[32];
    snprintf(text, sizeof(text), "0 %u 1\n", id);
    return strdup(text);
}

struct floor_job *floor_job_new(const char *options, const char *const *argv)
{
    struct floor_job *job = calloc(1, sizeof(*job));
    char **words = calloc(MAX_WORDS, sizeof(*words)), *text = strdup(options), *rest;
    for (int i = 0; argv[i] && i < MAX_WORDS - 6; i++)
        words[i] = strdup(argv[i]);
    job->path = words[0];
    job->argv = words;
    job->envp = environ;
    job->options = strdup(options);
    job->held = -1;
    job->loopback = strstr(options, "net") != NULL;
    for (char *option = strtok_r(text, ",", &rest); option; option = strtok_r(NULL, ",", &rest))
        take(job, words, option);
    free(text);
    job->private_mounts = (job->kinds & CLONE_NEWNS) != 0;
    if (job->kinds & CLONE_NEWUSER) {
        job->gid_map = map_of(getegid());
        job->uid_map = map_of(geteuid());
    }
    return job;
}

void floor_grow(size_t mib)
{
    size_t length = mib << 20;
    if (length == 0)
        return;
    char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || madvise(memory, length, MADV_NOHUGEPAGE) < 0) {
        perror("floor: memory");
        exit(1);
    }
    for (size_t at = 0; at < length; at += PAGE)
        memory[at] = 1;
}
