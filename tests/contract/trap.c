/* Is the pidfd trap real, and does nsiso_setns keep out of it?
 *
 * setns(pidfd, CLONE_NEWNS|other) in a process whose threads share root and cwd moves both for all of them, into mounts
 * that only the calling thread has entered. Here the main thread calls, and the other one's place is looked at.
 */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { KINDS = NSISO_NEWNS | NSISO_NEWUTS };

static const char *const joined[] = {"mnt", "uts"};

struct other {
    pid_t tid;
    int wake[2];
    int private_fs; /* does the other thread take a root and cwd of its own? */
};

static struct other other;
static pid_t target;
static int pidfd;

struct place {
    char cwd[128];
    char root[128];
    int root_mount;
    int cwd_mount;
};

/* A process in a mount and a uts namespace of its own; an ordinary user's is also in a user namespace. */
static void start_target(int extra)
{
    int ready[2];
    CHECK(pipe(ready) == 0);
    target = fork();
    CHECK(target >= 0);
    if (target == 0) {
        CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        CHECK(unshare(KINDS | extra) == 0);
        CHECK(write(ready[1], "r", 1) == 1);
        for (;;)
            pause();
    }
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    pidfd = (int)syscall(SYS_pidfd_open, target, 0);
    CHECK(pidfd >= 0);
}

static void end_target(void)
{
    close(pidfd);
    CHECK(kill(target, SIGKILL) == 0);
    CHECK(waitpid(target, NULL, 0) == target);
    check_no_child();
}

static void *other_main(void *argument)
{
    (void)argument;
    CHECK(!other.private_fs || unshare(CLONE_FS) == 0);
    other.tid = (pid_t)syscall(SYS_gettid);
    CHECK(write(other.wake[1], "r", 1) == 1);
    for (;;)
        pause();
    return NULL;
}

static void start_other(int private_fs)
{
    pthread_t thread;
    char byte;
    other.private_fs = private_fs;
    /* A working directory that no join leads to: a join's is the root. */
    CHECK(chdir("/proc") == 0);
    CHECK(pipe(other.wake) == 0);
    CHECK(pthread_create(&thread, NULL, other_main, NULL) == 0);
    CHECK(read(other.wake[0], &byte, 1) == 1);
}

static int mount_of(pid_t tid, const char *name)
{
    char path[128], line[128];
    int mount = -1;
    snprintf(path, sizeof(path), "/proc/self/task/%d/%s", tid, name);
    int fd = open(path, O_PATH);
    CHECK(fd >= 0);
    snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", fd);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL)
        sscanf(line, "mnt_id: %d", &mount);
    fclose(file);
    close(fd);
    CHECK(mount >= 0);
    return mount;
}

static struct place place_of(pid_t tid)
{
    struct place place;
    memset(&place, 0, sizeof(place));
    read_link(place.cwd, "/proc/self/task/%d/%s", tid, "cwd");
    read_link(place.root, "/proc/self/task/%d/%s", tid, "root");
    place.root_mount = mount_of(tid, "root");
    place.cwd_mount = mount_of(tid, "cwd");
    return place;
}

static int same_place(struct place a, struct place b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* Whether this thread is in the target's namespaces of both kinds (1), of neither (0); anything else is a failure. */
static int is_in_target(void)
{
    int count = 0;
    for (size_t i = 0; i < COUNT(joined); i++) {
        char own[128], its[128];
        read_link(own, "/proc/%d/ns/%s", getpid(), joined[i]); /* the main thread calls */
        read_link(its, "/proc/%d/ns/%s", target, joined[i]);
        count += strcmp(own, its) == 0;
    }
    CHECK(count == 0 || count == (int)COUNT(joined));
    return count != 0;
}

static void libc_moves_the_other_thread(void)
{
    start_target(0);
    start_other(0);
    struct place before = place_of(other.tid);
    CHECK(setns(pidfd, KINDS) == 0);
    struct place after = place_of(other.tid);
    CHECK(is_in_target());
    CHECK(strcmp(before.cwd, after.cwd) != 0 && strcmp(after.cwd, "/") == 0);
    CHECK(before.root_mount != after.root_mount);
    end_target();
}

static void nsiso_refuses(void)
{
    start_target(0);
    start_other(0);
    struct place before = place_of(other.tid), own = place_of(getpid());
    int fds = count_fds();
    errno = 0;
    CHECK(nsiso_setns(pidfd, KINDS) == -1 && errno == EINVAL);
    CHECK(count_fds() == fds);
    CHECK(!is_in_target());
    CHECK(same_place(before, place_of(other.tid)));
    CHECK(same_place(own, place_of(getpid())));
    end_target();
}

static void nsiso_allows_what_cannot_move_anybody(void)
{
    start_target(0);
    start_other(0);
    struct place before = place_of(other.tid);
    CHECK(nsiso_setns(pidfd, NSISO_NEWUTS) == 0);
    CHECK(same_place(before, place_of(other.tid)));
    end_target();
}

static void nsiso_allows_a_thread_with_its_own_root_and_cwd(void)
{
    start_target(0);
    start_other(0);
    CHECK(unshare(CLONE_FS) == 0);
    struct place before = place_of(other.tid);
    CHECK(nsiso_setns(pidfd, KINDS) == 0);
    CHECK(is_in_target());
    CHECK(same_place(before, place_of(other.tid)));
    end_target();
}

static void nsiso_allows_it_when_the_other_thread_has_its_own(void)
{
    start_target(0);
    start_other(1);
    struct place before = place_of(other.tid);
    CHECK(nsiso_setns(pidfd, KINDS) == 0);
    CHECK(is_in_target());
    CHECK(same_place(before, place_of(other.tid)));
    end_target();
}

static void nsiso_allows_it_in_a_single_thread(void)
{
    start_target(0);
    CHECK(nsiso_setns(pidfd, KINDS) == 0);
    CHECK(is_in_target());
    end_target();
}

static void nsiso_allows_it_beside_user_in_a_single_thread(void)
{
    start_target(NSISO_NEWUSER);
    CHECK(nsiso_setns(pidfd, KINDS | NSISO_NEWUSER) == 0);
    CHECK(is_in_target());
    end_target();
}

int main(int argc, char **argv)
{
    static const struct check checks[] = {
        CASE(libc_moves_the_other_thread),
        CASE(nsiso_refuses),
        CASE(nsiso_allows_what_cannot_move_anybody),
        CASE(nsiso_allows_a_thread_with_its_own_root_and_cwd),
        CASE(nsiso_allows_it_when_the_other_thread_has_its_own),
        CASE(nsiso_allows_it_in_a_single_thread),
        CASE(nsiso_allows_it_beside_user_in_a_single_thread),
    };
    return run_check(checks, COUNT(checks), argc == 2 ? argv[1] : "");
}
