/* What becomes of the clone flags that need a pointer, and of nsiso_fork, which takes no function? */
#include "check.h"

#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum { CODE = 42, STACK_SIZE = 256 * 1024, THREAD_FLAGS = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD };

static _Alignas(16) char stack[STACK_SIZE];
static char *const stack_top = stack + STACK_SIZE;

static const int pointer_flags[] = {
    CLONE_PIDFD, CLONE_PARENT_SETTID, CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID, CLONE_SETTLS,
};

static int return_code(void *argument)
{
    (void)argument;
    return CODE;
}

static void clone_refuses_pointer_flags(void)
{
    int fds = count_fds();
    for (size_t i = 0; i < COUNT(pointer_flags); i++) {
        errno = 0;
        CHECK(nsiso_clone(return_code, stack_top, pointer_flags[i] | SIGCHLD, NULL) == -1 && errno == EINVAL);
        errno = 0;
        CHECK(nsiso_clone(return_code, NULL, pointer_flags[i] | NSISO_NEWUSER | SIGCHLD, NULL) == -1);
        CHECK(errno == EINVAL);
    }
    check_no_child();
    CHECK(count_fds() == fds);
}

static void fork_refuses_pointer_flags(void)
{
    for (size_t i = 0; i < COUNT(pointer_flags); i++) {
        errno = 0;
        CHECK(nsiso_fork(pointer_flags[i] | SIGCHLD) == -1 && errno == EINVAL);
    }
    check_no_child();
}

static void clone_with_refuses_null_pointers(void)
{
    int fds = count_fds();
    for (size_t i = 0; i < COUNT(pointer_flags); i++) {
        errno = 0;
        CHECK(nsiso_clone_with(return_code, stack_top, pointer_flags[i] | SIGCHLD, NULL, NULL, NULL, NULL) == -1);
        CHECK(errno == EINVAL);
    }
    check_no_child();
    CHECK(count_fds() == fds);
}

static void clone_with_needs_no_pointers_without_flags(void)
{
    check_ended(nsiso_clone_with(return_code, NULL, NSISO_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL), CODE);
}

static void a_pidfd_is_stored_through_parent_tid(void)
{
    pid_t pidfd = -1;
    int fds = count_fds();
    pid_t pid = nsiso_clone_with(return_code, NULL, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
    CHECK(pid > 0 && pidfd >= 0);
    CHECK(count_fds() == fds + 1);
    CHECK(fcntl(pidfd, F_GETFD) == FD_CLOEXEC);
    siginfo_t info = {0};
    CHECK(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) == 0);
    CHECK(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == CODE);
    close(pidfd);
    check_no_child();
}

/* clone(2) has one pointer for both. */
static void a_pidfd_and_the_parents_tid_are_refused_together(void)
{
    const int flags = CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD;
    pid_t word = -1;
    CHECK(clone(return_code, stack_top, flags, NULL, &word, NULL, NULL) == -1 && errno == EINVAL);
    errno = 0;
    CHECK(nsiso_clone_with(return_code, stack_top, flags, NULL, &word, NULL, NULL) == -1 && errno == EINVAL);
    check_no_child();
}

static void the_parents_tid_is_stored(void)
{
    pid_t tid = -1;
    pid_t pid = nsiso_clone_with(return_code, NULL, CLONE_PARENT_SETTID | SIGCHLD, NULL, &tid, NULL, NULL);
    CHECK(tid == pid);
    check_ended(pid, CODE);
}

static int check_own_tid(void *argument)
{
    return *(volatile pid_t *)argument == getpid() ? CODE : 1;
}

static void the_childs_tid_is_stored_in_the_child(void)
{
    pid_t tid = -1;
    check_ended(nsiso_clone_with(check_own_tid, NULL, CLONE_CHILD_SETTID | SIGCHLD, &tid, NULL, NULL, &tid), CODE);
    CHECK(tid == -1);
}

static void the_childs_tid_is_cleared_at_its_end(void)
{
    static volatile pid_t tid = -1;
    const int flags = CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
    pid_t *place = (pid_t *)(uintptr_t)&tid;
    check_ended(nsiso_clone_with(check_own_tid, stack_top, flags, place, NULL, NULL, place), CODE);
    CHECK(tid == 0);
}

#ifdef __x86_64__
enum { GET_FS = 0x1003 };

static unsigned long own_tls(void)
{
    unsigned long base = 0;
    syscall(SYS_arch_prctl, GET_FS, &base);
    return base;
}

static int check_own_tls(void *argument)
{
    return own_tls() == (uintptr_t)argument ? CODE : 1;
}

static void the_child_gets_the_given_tls(void)
{
    /* A borrowed block, zero but for what compiled code reads: the pointer to itself. */
    static _Alignas(64) uintptr_t block[8192];
    uintptr_t *middle = block + COUNT(block) / 2;
    middle[0] = middle[2] = (uintptr_t)middle;
    CHECK(own_tls() != (uintptr_t)middle);
    check_ended(nsiso_clone_with(check_own_tls, NULL, CLONE_SETTLS | SIGCHLD, middle, NULL, middle, NULL), CODE);
    CHECK(own_tls() != (uintptr_t)middle);
}
#else
static void the_child_gets_the_given_tls(void)
{
    skip("how a thread asks for its own TLS base is known here for x86_64 only");
}
#endif

static void fork_returns_twice(void)
{
    volatile int local = 1;
    pid_t parent = getpid();
    pid_t pid = nsiso_fork(SIGCHLD);
    if (pid == 0) {
        CHECK(local == 1 && getppid() == parent && getpid() != parent);
        local = 2;
        _exit(CODE);
    }
    check_ended(pid, CODE);
    CHECK(local == 1);
}

static void fork_makes_namespaces(void)
{
    char before[128], after[128];
    read_link(before, "/proc/%d/ns/%s", getpid(), "user");
    pid_t pid = nsiso_fork(NSISO_NEWUSER | NSISO_NEWPID | NSISO_NEWTIME | SIGCHLD);
    if (pid == 0)
        _exit(getpid() == 1 ? CODE : 1);
    siginfo_t info;
    CHECK(pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
    read_link(after, "/proc/%d/ns/%s", pid, "user"); /* of a zombie, only this and pid can be read */
    CHECK(strcmp(before, after) != 0);
    check_ended(pid, CODE);
    read_link(after, "/proc/%d/ns/%s", getpid(), "user");
    CHECK(strcmp(before, after) == 0);
}

static void fork_refuses_shared_memory(void)
{
    const int flags[] = {CLONE_VM | SIGCHLD, CLONE_VM | CLONE_VFORK | SIGCHLD, THREAD_FLAGS, CLONE_VM | NSISO_NEWTIME};
    for (size_t i = 0; i < COUNT(flags); i++) {
        errno = 0;
        CHECK(nsiso_fork(flags[i]) == -1 && errno == EINVAL);
    }
    check_no_child();
}

static void fork_fails_as_the_kernel_does(void)
{
    errno = 0;
    CHECK(nsiso_fork(NSISO_NEWUSER | CLONE_FS | SIGCHLD) == -1 && errno == EINVAL);
    errno = 0;
    CHECK(nsiso_fork(CLONE_SIGHAND | SIGCHLD) == -1 && errno == EINVAL);
    errno = 0;
    CHECK(geteuid() == 0 || (nsiso_fork(NSISO_NEWUTS | SIGCHLD) == -1 && errno == EPERM));
    check_no_child();
}

/* The bit 0x80 of the low byte is the new time namespace; the rest is the signal that the parent gets. */
static void the_exit_signal_beside_newtime_is_kept(void)
{
    const int signals[] = {SIGCHLD, SIGUSR1};
    for (size_t i = 0; i < COUNT(signals); i++) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, signals[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        pid_t pid = nsiso_clone(return_code, NULL, NSISO_NEWUSER | NSISO_NEWTIME | signals[i], NULL);
        CHECK(pid > 0);
        siginfo_t info;
        struct timespec limit = {30, 0};
        CHECK(sigtimedwait(&set, &info, &limit) == signals[i]);
        CHECK(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == CODE);
        check_ended(pid, CODE);
    }
}

int main(int argc, char **argv)
{
    static const struct check checks[] = {
        CASE(clone_refuses_pointer_flags),
        CASE(fork_refuses_pointer_flags),
        CASE(clone_with_refuses_null_pointers),
        CASE(clone_with_needs_no_pointers_without_flags),
        CASE(a_pidfd_is_stored_through_parent_tid),
        CASE(a_pidfd_and_the_parents_tid_are_refused_together),
        CASE(the_parents_tid_is_stored),
        CASE(the_childs_tid_is_stored_in_the_child),
        CASE(the_childs_tid_is_cleared_at_its_end),
        CASE(the_child_gets_the_given_tls),
        CASE(fork_returns_twice),
        CASE(fork_makes_namespaces),
        CASE(fork_refuses_shared_memory),
        CASE(fork_fails_as_the_kernel_does),
        CASE(the_exit_signal_beside_newtime_is_kept),
    };
    return run_check(checks, COUNT(checks), argc == 2 ? argv[1] : "");
}
