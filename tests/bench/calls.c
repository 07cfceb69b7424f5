/* What do the documented calls, visits and entering in place cost more from nsiso than from libc?
 *
 *   calls check                        do both sides do the same? Fails if not
 *   calls measure ROUNDS MILLISECONDS  see rounds.h
 *
 * Each job has a process of its own: calls that move their caller move only that.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <nsiso.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rounds.h"
#include "surroundings.h"

enum {
    VFORK = CLONE_VM | CLONE_VFORK,
    /* All kinds but user, which cannot be left again. */
    SEVEN = NSISO_KINDS_ALL & ~NSISO_NEWUSER,
    /* How often one sample does what takes the clock's own time or less. */
    BATCH = 20,
    SIDES = 2,
};

static const char from[] = "C";
static struct effort effort;
static _Alignas(16) char stack[256 * 1024];

/* While checking, whoever is in new namespaces says what surrounds it, in memory that all children share. */
static struct {
    int checking;
    struct surroundings before;
    char line[LINE_SIZE];
} *shared;

static void observe(void)
{
    if (shared->checking)
        describe(&shared->before, shared->line, LINE_SIZE);
}

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void must(int result, const char *what)
{
    if (result < 0)
        die(what);
}

static void reap(pid_t pid)
{
    int status;
    must(pid, "the process");
    must(waitpid(pid, &status, 0), "waitpid");
    if (status != 0) {
        fprintf(stderr, "calls: process %d: wait status %#x\n", (int)pid, (unsigned)status);
        exit(1);
    }
}

/* Job: clone. */

static int child_main(void *argument)
{
    (void)argument;
    observe();
    return 0;
}

static void libc_vfork(void)
{
    reap(clone(child_main, stack + sizeof(stack), VFORK | CLONE_NEWUTS | SIGCHLD, NULL));
}

static void nsiso_vfork_left_out(void)
{
    reap(nsiso_clone(child_main, NULL, VFORK | CLONE_NEWUTS | SIGCHLD, NULL));
}

static void nsiso_vfork_given(void)
{
    reap(nsiso_clone(child_main, stack + sizeof(stack), VFORK | CLONE_NEWUTS | SIGCHLD, NULL));
}

static void libc_copy(void)
{
    reap(clone(child_main, stack + sizeof(stack), CLONE_NEWUTS | SIGCHLD, NULL));
}

static void nsiso_copy(void)
{
    reap(nsiso_clone(child_main, NULL, CLONE_NEWUTS | SIGCHLD, NULL));
}

/* Job: unshare. */

static void repeat_unshare(int (*call)(int))
{
    for (int i = 0; i < BATCH; i++)
        must(call(CLONE_NEWUTS), "unshare");
    observe();
}

static void libc_unshare(void)
{
    repeat_unshare(unshare);
}

static void nsiso_unshare_uts(void)
{
    repeat_unshare(nsiso_unshare);
}

/* Jobs: setns. Descriptors of namespaces, or of processes in them. */

static int there, home;

static void repeat_visit(int (*call)(int, int))
{
    for (int i = 0; i < BATCH; i++) {
        must(call(there, CLONE_NEWNET), "setns");
        close(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        observe();
        must(call(home, CLONE_NEWNET), "setns back");
    }
}

static void libc_visit(void)
{
    repeat_visit(setns);
}

static void nsiso_visit(void)
{
    repeat_visit(nsiso_setns);
}

static void repeat_join(int (*call)(int, int))
{
    for (int i = 0; i < BATCH; i++) {
        must(call(there, SEVEN), "setns by pidfd");
        observe();
        must(call(home, SEVEN), "setns back by pidfd");
    }
}

static void libc_join(void)
{
    repeat_join(setns);
}

static void nsiso_join(void)
{
    repeat_join(nsiso_setns);
}

/* Jobs: what a program writes in place of those two. */

static int body(void *argument)
{
    (void)argument;
    close(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    observe();
    return 0;
}

static void nsiso_visit_with_home(void)
{
    for (int i = 0; i < BATCH; i++)
        must(nsiso_ns_visit(there, NSISO_NEWNET, home, body, NULL, NULL, 0, NULL), "nsiso_ns_visit");
}

/* What enters `there`, and `home`. */
static struct nsiso_spec *entering, *returning;

static void nsiso_enter_both(void)
{
    for (int i = 0; i < BATCH; i++) {
        must(nsiso_enter(entering, 0, NULL), "nsiso_enter");
        observe();
        must(nsiso_enter(returning, 0, NULL), "nsiso_enter back");
    }
}

static void prepare_visit(void)
{
    must(home = nsiso_ns_home(NSISO_NEWNET, 0, NULL), "nsiso_ns_home");
    must(unshare(CLONE_NEWNET), "unshare net");
    must(there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "/proc/self/ns/net");
    must(setns(home, CLONE_NEWNET), "setns back");
}

static int wait_for_ever(void *argument)
{
    (void)argument;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (pause() < 0)
        continue;
    return 0;
}

static pid_t process_in(int kinds, int *ret_pidfd)
{
    pid_t pid = nsiso_clone(wait_for_ever, NULL, kinds | SIGCHLD, NULL);
    must(pid, "a process to join");
    must(*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0), "pidfd_open");
    return pid;
}

static pid_t joined[2];

static void prepare_join(void)
{
    joined[0] = process_in(0, &home);
    joined[1] = process_in(SEVEN, &there);
}

static struct nsiso_spec *spec_of(int pidfd)
{
    struct nsiso_spec *spec;
    must(nsiso_spec_new(0, &spec, NULL), "nsiso_spec_new");
    must(nsiso_spec_join_pidfd(spec, pidfd, SEVEN, NULL), "nsiso_spec_join_pidfd");
    return spec;
}

static void prepare_enter(void)
{
    prepare_join();
    entering = spec_of(there);
    returning = spec_of(home);
}

static void end_join(void)
{
    for (int i = 0; i < 2; i++) {
        kill(joined[i], SIGKILL);
        waitpid(joined[i], NULL, 0);
    }
}

static const struct job {
    const char *name;
    struct side sides[SIDES];
    void (*prepare)(void);
    void (*end)(void);
    int batch;
    /* What must be new, as describe() says it. */
    const char *new;
} jobs[] = {
    {.name = "clone, new uts, as vfork, stack left out",
     .sides = {{.name = "libc, stack given", .run = libc_vfork}, {.name = "nsiso", .run = nsiso_vfork_left_out}},
     .batch = 1,
     .new = "new: uts;"},
    {.name = "clone, new uts, as vfork, stack given",
     .sides = {{.name = "libc", .run = libc_vfork}, {.name = "nsiso", .run = nsiso_vfork_given}},
     .batch = 1,
     .new = "new: uts;"},
    {.name = "clone, new uts, as fork",
     .sides = {{.name = "libc", .run = libc_copy}, {.name = "nsiso", .run = nsiso_copy}},
     .batch = 1,
     .new = "new: uts;"},
    {.name = "unshare uts",
     .sides = {{.name = "libc", .run = libc_unshare}, {.name = "nsiso", .run = nsiso_unshare_uts}},
     .batch = BATCH,
     .new = "new: uts;"},
    {.name = "setns to a net, a socket there, setns back",
     .sides = {{.name = "libc", .run = libc_visit, .goal = "<=1.15"}, {.name = "nsiso", .run = nsiso_visit}},
     .prepare = prepare_visit,
     .batch = BATCH,
     .new = "new: net;"},
    {.name = "setns of seven kinds by pidfd",
     .sides = {{.name = "libc", .run = libc_join, .goal = "<=1.10"}, {.name = "nsiso", .run = nsiso_join}},
     .prepare = prepare_join,
     .end = end_join,
     .batch = 2 * BATCH,
     /* pid is for later children. */
     .new = "new: mnt uts ipc net cgroup time;"},
    {.name = "a visit of a net from a kept home, a socket there",
     .sides = {{.name = "libc", .run = libc_visit, .goal = "<=1.15"},
               {.name = "nsiso", .run = nsiso_visit_with_home}},
     .prepare = prepare_visit,
     .batch = BATCH,
     .new = "new: net;"},
    {.name = "seven kinds entered by a pidfd",
     .sides = {{.name = "libc", .run = libc_join, .goal = "<=1.10"}, {.name = "nsiso", .run = nsiso_enter_both}},
     .prepare = prepare_enter,
     .end = end_join,
     .batch = 2 * BATCH,
     .new = "new: mnt uts ipc net cgroup time;"},
};

/* Performs a job in a process of its own: checks one side, or measures all. */
static void perform(const struct job *job, const struct side *side)
{
    shared->line[0] = '\0';
    pid_t pid = fork();
    if (pid == 0) {
        if (job->prepare)
            job->prepare();
        if (shared->checking) {
            look_around(&shared->before);
            side->run();
        } else {
            measure(job->name, from, effort, side, SIDES, job->batch);
        }
        if (job->end)
            job->end();
        _exit(0);
    }
    reap(pid);
}

static void check(const struct job *job)
{
    char first[LINE_SIZE];
    perform(job, &job->sides[0]);
    memcpy(first, shared->line, LINE_SIZE);
    perform(job, &job->sides[1]);
    if (strcmp(first, shared->line) != 0 || strncmp(first, job->new, strlen(job->new)) != 0) {
        fprintf(stderr, "calls: %s: the sides do not both do this (%s)\n  %s: %s\n  %s: %s\n", job->name, job->new,
                job->sides[0].name, first, job->sides[1].name, shared->line);
        exit(1);
    }
    printf("seen\t%s\t%s\t%s\n", job->name, from, first);
    fflush(stdout);
}

int main(int count, char **words)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap");
    shared->checking = count == 2 && strcmp(words[1], "check") == 0;
    if (!shared->checking && (count != 4 || strcmp(words[1], "measure") != 0)) {
        fprintf(stderr, "usage: calls check | calls measure ROUNDS MILLISECONDS\n");
        return 2;
    }
    if (!shared->checking)
        effort = (struct effort){.rounds = atoi(words[2]), .milliseconds = atof(words[3])};
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (shared->checking)
            check(&jobs[i]);
        else
            perform(&jobs[i], jobs[i].sides);
    }
    return 0;
}
