/* pidfd: may one thread of many join the mount namespace of a process by its pidfd?  Run: ./pidfd
 *
 * The kernel would write the target's root and working directory into the fs_struct that all threads share,
 * and move only the calling thread's mount namespace: so nsiso_setns refuses it until the thread has called
 * unshare(CLONE_FS). */
#define _GNU_SOURCE
#include "example.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

enum { JOINED = NSISO_NEWNS | NSISO_NEWUTS };

/* The process that is joined: it stays. */
static int target(void *arg)
{
    return ready_and_wait(arg);
}

typedef struct joiner {
    int pidfd;
    int status;
} joiner;

/* The thread that joins, beside the main one. */
static void *join(void *arg)
{
    joiner *j = arg;
    j->status = FAILED;
    if (nsiso_setns(j->pidfd, JOINED) == 0 || errno != EINVAL) {
        say("failed", "one thread of two joined, or was refused for another reason: %s", strerror(errno));
        return NULL;
    }
    say("inside", "nsiso_setns(pidfd, NSISO_NEWNS | NSISO_NEWUTS) in one thread of two: %s", strerror(errno));
    if (nsiso_unshare(CLONE_FS) < 0 || nsiso_setns(j->pidfd, JOINED) < 0) {
        failed("unshare(CLONE_FS), then setns");
        return NULL;
    }
    say("inside", "the same after nsiso_unshare(CLONE_FS) on that thread: joined");
    j->status = nsiso_ns_same(0, getpid(), NSISO_NEWNS, 0, NULL) == 0 ? OK : FAILED;
    return NULL;
}

static int host(void *arg)
{
    int ends[2], status = settle_in(*(int *)arg);
    if (status != OK)
        return status;
    if (chdir("/proc/self/ns") < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return failed("chdir and socketpair");
    pid_t child = nsiso_clone(target, NULL, JOINED | SIGCHLD, ends);
    if (child < 0)
        return refused("nsiso_clone");
    joiner j = {-1, FAILED};
    pthread_t thread;
    if (is_ready(ends)) {
        j.pidfd = (int)syscall(SYS_pidfd_open, child, 0);
        if (j.pidfd < 0)
            return refused("pidfd_open");
        if (pthread_create(&thread, NULL, join, &j) != 0 || pthread_join(thread, NULL) != 0)
            return failed("pthread_create");
        close(j.pidfd);
    }
    close(ends[0]);
    status = wait_for(child);
    if (status != OK || j.status != OK)
        return FAILED;
    char cwd[TEXT_SIZE];
    if (!getcwd(cwd, sizeof cwd))
        return failed("getcwd");
    say("inside", "the main thread's working directory is still %s", cwd);
    return strstr(cwd, "/ns") ? OK : verdict(false, "the main thread stays where it was");
}

int main(void)
{
    int flags = flags_for(JOINED) & NSISO_NEWUSER;
    char before[TEXT_SIZE], after[TEXT_SIZE];
    if (!getcwd(before, sizeof before))
        return failed("getcwd");
    say("did", "joined a process's mount namespace by pidfd, from one thread of two");
    say("outside", "the working directory is %s", before);
    pid_t child = nsiso_clone(host, NULL, flags | SIGCHLD, &flags);
    if (child < 0)
        return failed("nsiso_clone");
    int status = wait_for(child);
    if (status != OK)
        return status;
    if (!getcwd(after, sizeof after))
        return failed("getcwd");
    say("after", "the working directory is %s", after);
    return verdict(strcmp(before, after) == 0, "refused while threads share root and directory, allowed afterwards");
}
