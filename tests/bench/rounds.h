/* How are two ways to do one thing timed fairly? Call by call in turn, in an order drawn anew each time.
 *
 * A round calls every side some dozen times or more and says one median per side; report.py pairs the sides round by round.
 *
 *   time <tab> JOB <tab> FROM <tab> ROUND <tab> SIDE <tab> MICROSECONDS <tab> GOAL
 *
 * GOAL is what that side's time is held against: "<=1.05", nsiso may take so many times as long; ">=1.3", it must be so
 * many times faster. Empty where nothing is promised.
 */
#ifndef NSISO_BENCH_ROUNDS_H
#define NSISO_BENCH_ROUNDS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_SIDES = 8, MAX_CALLS = 2000, MIN_CALLS = 40, WARM_UP = 5 };

/* Who is so slow that MIN_CALLS take longer than this is called less often. */
static const double longest = 30e3;

struct side {
    const char *name;
    void (*run)(void);
    const char *goal;
    /* In place of run: does the same with `argument`, and says itself how many microseconds it took. */
    double (*take)(const void *argument);
    const void *argument;
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
    if (side->take)
        return side->take(side->argument);
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

/* Calls each side some times that nobody notes; gives what the slowest takes. */
static inline double warm_up(const struct side *sides, int count)
{
    double slowest = 0;
    for (int side = 0; side < count; side++) {
        double samples[WARM_UP];
        for (int i = 0; i < WARM_UP; i++)
            samples[i] = time_once(&sides[side]);
        double usual = median(samples, WARM_UP);
        slowest = usual > slowest ? usual : slowest;
    }
    return slowest;
}

/* How often a side that takes so many microseconds is called in a round. */
static inline int calls_in_a_round(struct effort effort, double slowest)
{
    double least = longest / slowest, calls = effort.milliseconds * 1e3 / slowest;
    least = least < 1 ? 1 : least > MIN_CALLS ? MIN_CALLS : least;
    return (int)(calls < least ? least : calls > MAX_CALLS ? MAX_CALLS : calls);
}

/* One round; leaves each side's median in `ret`. */
static inline void take_round(const struct side *sides, int count, int calls, double *ret)
{
    static double samples[MAX_SIDES][MAX_CALLS];
    int order[MAX_SIDES];
    for (int side = 0; side < count; side++)
        order[side] = side;
    for (int call = 0; call < calls; call++) {
        shuffle(order, count);
        for (int i = 0; i < count; i++)
            samples[order[i]][call] = time_once(&sides[order[i]]);
    }
    for (int side = 0; side < count; side++)
        ret[side] = median(samples[side], calls);
}

/* Times all sides; one run of a side does the thing `batch` times, for things too short for the clock. */
static inline void measure(const char *job, const char *from, struct effort effort, const struct side *sides, int count,
                           int batch)
{
    double medians[MAX_SIDES];
    int calls = calls_in_a_round(effort, warm_up(sides, count));
    for (int round = 0; round < effort.rounds; round++) {
        take_round(sides, count, calls, medians);
        for (int side = 0; side < count; side++)
            printf("time\t%s\t%s\t%d\t%s\t%.4f\t%s\n", job, from, round, sides[side].name, medians[side] / batch,
                   sides[side].goal ? sides[side].goal : "");
    }
    fflush(stdout);
}

#endif
