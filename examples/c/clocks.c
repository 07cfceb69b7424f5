/* clocks (row T1): can the boot-time and monotonic clocks be shifted inside only?  Run: ./clocks */
#define _GNU_SOURCE
#include "example.h"

#include <time.h>

/* Within these many seconds two readings, one after the other, count as the same clock. */
enum { HOUR = 3600, TOLERANCE = 5 };
enum { MONOTONIC_SHIFT = 100 * HOUR, BOOTTIME_SHIFT = 200 * HOUR };

typedef struct clocks {
    double uptime, monotonic, boottime, realtime; /* seconds */
} clocks;

typedef struct shift {
    int flags;
    clocks outside;
} shift;

static double read_clock(clockid_t id)
{
    struct timespec now = {0, 0};
    clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int show_clocks(const char *key, clocks *ret_clocks)
{
    char uptime[TEXT_SIZE];
    int status = run("cat /proc/uptime", uptime);
    if (status != OK)
        return status;
    clocks c = {
        .uptime = strtod(uptime, NULL),
        .monotonic = read_clock(CLOCK_MONOTONIC),
        .boottime = read_clock(CLOCK_BOOTTIME),
        .realtime = read_clock(CLOCK_REALTIME),
    };
    say(key, "cat /proc/uptime: %.0f s; monotonic %.0f s, boot time %.0f s",
        c.uptime, c.monotonic, c.boottime);
    *ret_clocks = c;
    return OK;
}

static bool is_near(double reading, double expected)
{
    return reading > expected - TOLERANCE && reading < expected + TOLERANCE;
}

static int inside(const clocks *outside)
{
    clocks own;
    int status = show_clocks("inside", &own);
    if (status != OK)
        return status;
    bool shifted = is_near(own.monotonic, outside->monotonic + MONOTONIC_SHIFT) &&
                   is_near(own.boottime, outside->boottime + BOOTTIME_SHIFT) &&
                   is_near(own.uptime, outside->uptime + BOOTTIME_SHIFT) &&
                   is_near(own.realtime, outside->realtime);
    return shifted ? OK : verdict(false, "both clocks are shifted as asked for, and the time of day is not");
}

/* unshare(CLONE_NEWTIME) only prepares: the offsets are set next, and the first child enters. */
static int prepare(void *arg)
{
    shift *s = arg;
    int status = settle_in(s->flags & NSISO_NEWUSER);
    if (status != OK)
        return status;
    if (nsiso_unshare(NSISO_NEWTIME) < 0)
        return failed("nsiso_unshare(NSISO_NEWTIME)");
    char offsets[128];
    snprintf(offsets, sizeof offsets, "monotonic %d 0\nboottime %d 0\n", MONOTONIC_SHIFT, BOOTTIME_SHIFT);
    if (write_file("/proc/self/timens_offsets", offsets) < 0)
        return failed("write timens_offsets");
    pid_t child = nsiso_fork(SIGCHLD);
    if (child == 0)
        _exit(inside(&s->outside));
    return child < 0 ? failed("nsiso_fork") : wait_for(child);
}

int main(void)
{
    shift s = {.flags = flags_for(NSISO_NEWTIME)};
    clocks after;
    say("did", "in a child%s: nsiso_unshare(NSISO_NEWTIME), offsets %d h and %d h, nsiso_fork",
        s.flags & NSISO_NEWUSER ? " with NSISO_NEWUSER" : "", MONOTONIC_SHIFT / HOUR, BOOTTIME_SHIFT / HOUR);
    int status = show_clocks("outside", &s.outside);
    if (status != OK)
        return status;
    pid_t child = nsiso_clone(prepare, NULL, (s.flags & NSISO_NEWUSER) | SIGCHLD, &s);
    if (child < 0)
        return failed("nsiso_clone");
    if ((status = wait_for(child)) != OK || (status = show_clocks("after", &after)) != OK)
        return status;
    bool untouched = is_near(after.monotonic, s.outside.monotonic) &&
                     is_near(after.boottime, s.outside.boottime) &&
                     is_near(after.uptime, s.outside.uptime);
    return verdict(untouched, "the clocks are shifted inside and run on unshifted outside");
}
