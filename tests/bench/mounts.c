/* What does a mount table cost from nsiso in C, against the least code that reads one, and against libmount?
 *
 *   mounts check                        do all sides see the same? Fails if not
 *   mounts measure ROUNDS MILLISECONDS  see rounds.h
 *
 * nsiso's side reads the table and asks for the record of each mount. Each job is in a mount namespace of its own.
 */
#define _GNU_SOURCE
#include <nsiso.h>
#include <string.h>

#include "floor/mounts.h"
#include "rounds.h"

enum { FEW = 1000, MANY = 10000, SLAVES = 3000, SIDES = 3, LARGE = 64 << 10 };

static long by_nsiso(uint64_t *ret_seen)
{
    nsiso_mounts *mounts = NULL;
    if (nsiso_mounts_read(0, 0, &mounts, NULL) < 0)
        return -1;
    size_t count = nsiso_mounts_count(mounts);
    for (size_t i = 0; i < count; i++) {
        nsiso_mount mount;
        nsiso_mounts_get(mounts, i, &mount, sizeof mount, NULL);
        if (ret_seen)
            *ret_seen = floor_mounts_seen(*ret_seen, mount.id, mount.point);
    }
    nsiso_mounts_free(mounts);
    return (long)count;
}

static struct job {
    const char *name;
    int count, slaves;
    struct {
        const char *name;
        floor_mounts_side *read;
        const char *goal;
    } sides[SIDES];
} jobs[] = {
    {"a table of 1,000 mounts", FEW, 0,
     {{"floor", floor_mounts_text, "<=1.10"}, {"nsiso", by_nsiso, NULL}, {"libmount", peer_mounts_libmount, ">=2"}}},
    {"a table of 10,000 mounts", MANY, 0,
     {{"floor", floor_mounts_text, "<=1.10"}, {"nsiso", by_nsiso, NULL}, {"libmount", peer_mounts_libmount, ">=2"}}},
    {"a table of 3,000 slaves of one group", SLAVES, 1,
     {{"floor", floor_mounts_calls, NULL}, {"nsiso", by_nsiso, NULL}, {"text", floor_mounts_text, ">=12"}}},
};

static double take(const void *argument)
{
    floor_mounts_side *const *read = argument;
    double start = now_microseconds();
    if ((*read)(NULL) < 0)
        exit(1);
    double took = now_microseconds() - start;
    /* libc puts many small freed pieces together at the next large request: not at that of the side that is next. */
    free(malloc(LARGE));
    return took;
}

static void check(const struct job *job)
{
    uint64_t seen[SIDES] = {0};
    for (int side = 0; side < SIDES; side++) {
        long count = job->sides[side].read(&seen[side]);
        if (count < job->count || seen[side] != seen[0]) {
            fprintf(stderr, "mounts: %s: %s sees %ld mounts, others than %s\n", job->name, job->sides[side].name,
                    count, job->sides[0].name);
            exit(1);
        }
    }
    printf("seen\t%s\tC\tthe same mounts\n", job->name);
    fflush(stdout);
}

int main(int count, char **words)
{
    int checking = count == 2 && strcmp(words[1], "check") == 0;
    if (!checking && (count != 4 || strcmp(words[1], "measure") != 0)) {
        fprintf(stderr, "usage: mounts check | mounts measure ROUNDS MILLISECONDS\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        struct job *job = &jobs[i];
        floor_mounts_enter(job->count, job->slaves);
        if (checking) {
            check(job);
            continue;
        }
        struct side sides[SIDES];
        for (int side = 0; side < SIDES; side++)
            sides[side] = (struct side){.name = job->sides[side].name, .goal = job->sides[side].goal, .take = take,
                                        .argument = &job->sides[side].read};
        struct effort effort = {.rounds = atoi(words[2]), .milliseconds = atof(words[3])};
        measure(job->name, "C", effort, sides, SIDES, 1);
    }
    return 0;
}
