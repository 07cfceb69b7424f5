/* How is a job told in words? One text for all languages: options of a spec by name, with commas between.
 *
 *   mnt uts ipc pid net user cgroup time   kinds that are new; user maps root, mnt makes mounts private, net brings lo up
 *   hostname=NAME proc loopback_down       as in a spec
 *   init                                   a reaper, which the floor does not have
 *   ids=NUMBER                             user, group and the only supplementary group
 *   join_time=PATH                         a time namespace to join
 *
 * A process that shares its caller's memory can neither change its ids safely nor join a time namespace. For these two
 * the floor executes first, and a helper beside the program does it (helper.c).
 */
#define _GNU_SOURCE
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

/* Puts the helper, told what to do, in front of the program. */
static void by_helper(struct floor_job *job, char **words, const char *verb, const char *object)
{
    char path[PATH_MAX];
    const char *slash = strrchr(job->path, '/');
    int directory = slash ? (int)(slash - job->path) : 0, count = 0;
    snprintf(path, sizeof(path), "%.*s/helper", directory, job->path);
    while (words[count])
        count++;
    memmove(words + 3, words, ((size_t)count + 1) * sizeof(*words));
    words[0] = strdup(path);
    words[1] = strdup(verb);
    words[2] = strdup(object);
    job->path = words[0];
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
    for (int i = 0; argv[i] && i < MAX_WORDS - 4; i++)
        words[i] = strdup(argv[i]);
    job->path = words[0];
    job->argv = words;
    job->envp = environ;
    job->options = strdup(options);
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
