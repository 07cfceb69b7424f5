/* How are two ways to do one thing timed fairly? Call by call in turn, in an order drawn anew each time.
 *
 * A round calls every side some hundred times and says one median per side; report.py pairs the sides round by round.
 *
 *   time <tab> JOB <tab> FROM <tab> ROUND <tab> SIDE <tab> MICROSECONDS <tab> GOAL
 */
#ifndef NSISO_BENCH_ROUNDS_H
#define NSISO_BENCH_ROUNDS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_SIDES = 4, MAX_CALLS = 2000, MIN_CALLS = 100, WARM_UP = 5 };

struct side {
    const char *name;
    void (*run)(void);
    /* nsiso may take at most so many times as long as this side; empty where nothing is promised. */
    const char *goal;
};

/* What main was told: how many rounds, and for about how long each side runs in one. */
struct effort {
    int rounds;
    double milliseconds;
};

static inline double now_microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static inline int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static inline double median(double *samples, int count)
{
    qsort(samples, (size_t)count, sizeof(*samples), compare_doubles);
    return samples[count / 2];
}

static inline double time_once(const struct side *side)
{
    double start = now_microseconds();
    side->run();
    return now_microseconds() - start;
}

/* Draws one of `count` numbers; quality does not matter, only that neighbours do not repeat a pattern. */
static inline unsigned draw(unsigned count)
{
    static uint64_t state = 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state % count);
}

static inline void shuffle(int *order, int count)
{
    for (int i = count - 1; i > 0; i--) {
        int j = (int)draw((unsigned)i + 1), held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
}

/* Times all sides; one run of a side does the thing `batch` times, for things too short for the clock. */
static inline void measure(const char *job, const char *from, struct effort effort, const struct side *sides, int count,
                           int batch)
{
    static double samples[MAX_SIDES][MAX_CALLS];
    int order[MAX_SIDES] = {0, 1, 2, 3};
    double slowest = 0;
    for (int side = 0; side < count; side++) {
        for (int i = 0; i < WARM_UP; i++)
            samples[side][i] = time_once(&sides[side]);
        double usual = median(samples[side], WARM_UP);
        slowest = usual > slowest ? usual : slowest;
    }
    double fitting = effort.milliseconds * 1e3 / slowest;
    int calls = fitting < MIN_CALLS ? MIN_CALLS : fitting > MAX_CALLS ? MAX_CALLS : (int)fitting;
    for (int round = 0; round < effort.rounds; round++) {
        for (int call = 0; call < calls; call++) {
            shuffle(order, count);
            for (int i = 0; i < count; i++)
                samples[order[i]][call] = time_once(&sides[order[i]]);
        }
        for (int side = 0; side < count; side++)
            printf("time\t%s\t%s\t%d\t%s\t%.4f\t%s\n", job, from, round, sides[side].name,
                   median(samples[side], calls) / batch, sides[side].goal ? sides[side].goal : "");
    }
    fflush(stdout);
}

#endif
