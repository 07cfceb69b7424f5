/* Does CLONE_NEWTIME still work where clone3 is refused, with the right pid, pidfd and parent_tid?
 *
 *   clone3 CHECK ERRNO single|several
 *
 * A seccomp filter answers clone3 with ERRNO, as containers and old kernels do; an ordinary user takes a new user
 * namespace along. With "several", another thread is there.
 */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

enum { CODE = 42, CLONE3 = 435 /* on every architecture */ };

struct ends {
    int to_child[2];
    int to_parent[2];
};

static struct ends ends;

static void refuse_clone3(unsigned int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CLONE3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = COUNT(filter), .filter = filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    CHECK(syscall(CLONE3, NULL, 0) == -1 && errno == (int)error);
}

/* Tell the parent who we are, and live until it has looked at us. */
static int child_main(void *argument)
{
    pid_t seen[3] = {getpid(), getppid(), argument != NULL ? *(volatile pid_t *)argument : 0};
    char byte;
    close(ends.to_child[1]); /* so that a parent which fails ends this child */
    if (write(ends.to_parent[1], seen, sizeof(seen)) != sizeof(seen) || read(ends.to_child[0], &byte, 1) != 1)
        return 1;
    return CODE;
}

static int flags_for(int flags)
{
    return geteuid() == 0 ? flags : flags | NSISO_NEWUSER;
}

static void check_links(pid_t child)
{
    static const char *const names[] = {"time", "time_for_children"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char own[128], its[128];
        read_link(own, "/proc/%d/ns/%s", getpid(), names[i]);
        read_link(its, "/proc/%d/ns/%s", child, names[i]);
        CHECK(strcmp(own, its) != 0);
    }
    char time[128], for_children[128];
    read_link(time, "/proc/%d/ns/%s", getpid(), "time");
    read_link(for_children, "/proc/%d/ns/%s", getpid(), "time_for_children");
    /* The caller made its child's namespace without a new one for itself. */
    CHECK(strcmp(time, for_children) == 0);
}

/* The child that a call returned is ours, in a new time namespace, tells us when it ends, and is the only one. */
static void check_child_and_signal(pid_t pid, int fds, int pid_1, pid_t third_word, int signal)
{
    CHECK(pid > 0);
    pid_t seen[3];
    CHECK(read(ends.to_parent[0], seen, sizeof(seen)) == sizeof(seen));
    CHECK(seen[0] == (pid_1 ? 1 : pid));
    CHECK(seen[1] == (pid_1 ? 0 : getpid()));
    CHECK(seen[2] == third_word);
    check_links(pid);
    CHECK(count_fds() == fds);

    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    siginfo_t info;
    /* A process between the caller and the child may have ended; a signal of its would hide the child's. */
    while (sigtimedwait(&set, &info, &(struct timespec){0, 0}) == signal)
        CHECK(info.si_pid != pid);
    CHECK(write(ends.to_child[1], "e", 1) == 1);
    CHECK(sigtimedwait(&set, &info, &(struct timespec){30, 0}) == signal);
    CHECK(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == CODE);
    check_ended(pid, CODE);
}

static void check_child(pid_t pid, int fds, int pid_1, pid_t third_word)
{
    check_child_and_signal(pid, fds, pid_1, third_word, SIGCHLD);
}

static void clone_works(void)
{
    int fds = count_fds();
    check_child(nsiso_clone(child_main, NULL, flags_for(NSISO_NEWTIME | SIGCHLD), NULL), fds, 0, 0);
}

static void clone_works_on_a_given_stack(void)
{
    static _Alignas(16) char stack[256 * 1024];
    int fds = count_fds();
    char *top = stack + sizeof(stack);
    check_child(nsiso_clone(child_main, top, flags_for(NSISO_NEWTIME | SIGCHLD), NULL), fds, 0, 0);
}

static void clone_works_with_pid(void)
{
    int fds = count_fds();
    int flags = flags_for(NSISO_NEWTIME | NSISO_NEWPID | SIGCHLD);
    check_child(nsiso_clone(child_main, NULL, flags, NULL), fds, 1, 0);
}

static void another_exit_signal_works(void)
{
    int fds = count_fds(), flags = flags_for(NSISO_NEWTIME | SIGUSR1);
    check_child_and_signal(nsiso_clone(child_main, NULL, flags, NULL), fds, 0, 0, SIGUSR1);
}

static char seen_link[128];

static int look_and_end(void *argument)
{
    (void)argument;
    read_link(seen_link, "/proc/%d/ns/%s", getpid(), "time_for_children");
    return CODE;
}

/* A child that shares memory enters the namespace only at its exec: it shows in time_for_children. */
static void shared_memory_works(void)
{
    static _Alignas(16) char stack[256 * 1024];
    char own[128];
    read_link(own, "/proc/%d/ns/%s", getpid(), "time_for_children");
    int fds = count_fds(), flags = flags_for(NSISO_NEWTIME | CLONE_VM | CLONE_VFORK | SIGCHLD);
    for (int provided = 0; provided < 2; provided++) {
        seen_link[0] = '\0';
        check_ended(nsiso_clone(look_and_end, provided ? NULL : stack + sizeof(stack), flags, NULL), CODE);
        CHECK(seen_link[0] != '\0' && strcmp(seen_link, own) != 0);
    }
    CHECK(count_fds() == fds);
}

static jmp_buf callers_frame;

static int leave_by_longjmp(void *argument)
{
    (void)argument;
    longjmp(callers_frame, CODE);
}

static void the_child_may_longjmp(void)
{
    volatile int local = 5;
    pid_t parent = getpid();
    int code = setjmp(callers_frame);
    if (code != 0) {
        CHECK(code == CODE && local == 5 && getppid() == parent);
        _exit(code);
    }
    check_ended(nsiso_clone(leave_by_longjmp, NULL, flags_for(NSISO_NEWTIME | SIGCHLD), NULL), CODE);
}

static void fork_works(void)
{
    int fds = count_fds();
    pid_t pid = nsiso_fork(flags_for(NSISO_NEWTIME | SIGCHLD));
    if (pid == 0)
        _exit(child_main(NULL));
    check_child(pid, fds, 0, 0);
}

static void the_pidfd_is_the_childs(void)
{
    pid_t pidfd = -1;
    int fds = count_fds(), flags = flags_for(NSISO_NEWTIME | CLONE_PIDFD | SIGCHLD);
    pid_t pid = nsiso_clone_with(child_main, NULL, flags, NULL, &pidfd, NULL, NULL);
    CHECK(pid > 0 && pidfd >= 0);
    char path[64], line[64];
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    pid_t named = -1;
    while (fgets(line, sizeof(line), file) != NULL)
        sscanf(line, "Pid: %d", &named);
    fclose(file);
    CHECK(named == pid);
    check_child(pid, fds + 1, 0, 0);
}

static void parent_tid_is_the_childs(void)
{
    pid_t tid = -1;
    int fds = count_fds(), flags = flags_for(NSISO_NEWTIME | CLONE_PARENT_SETTID | SIGCHLD);
    pid_t pid = nsiso_clone_with(child_main, NULL, flags, NULL, &tid, NULL, NULL);
    CHECK(pid > 0 && tid == pid);
    check_child(pid, fds, 0, 0);
}

static void child_tid_is_set_in_the_child(void)
{
    pid_t tid = -1;
    int fds = count_fds(), flags = flags_for(NSISO_NEWTIME | CLONE_CHILD_SETTID | SIGCHLD);
    pid_t pid = nsiso_clone_with(child_main, NULL, flags, &tid, NULL, NULL, &tid);
    CHECK(tid == -1);
    check_child(pid, fds, 0, pid);
}

static void the_kernels_refusals_stay(void)
{
    int fds = count_fds();
    errno = 0;
    CHECK(nsiso_clone(child_main, NULL, flags_for(NSISO_NEWTIME | NSISO_NEWNS | CLONE_FS | SIGCHLD), NULL) == -1);
    CHECK(errno == EINVAL);
    errno = 0;
    CHECK(geteuid() == 0 || (nsiso_fork(NSISO_NEWTIME | SIGCHLD) == -1 && errno == EPERM));
    check_no_child();
    CHECK(count_fds() == fds);
}

/* The first child of an unshared pid namespace is its pid 1, with whose end the namespace dies: if no child can be had
 * here, nobody else may have been the first. */
static void a_refusal_uses_up_no_pid_namespace(void)
{
    CHECK(unshare(flags_for(NSISO_NEWPID)) == 0);
    pid_t pid = nsiso_fork(NSISO_NEWTIME | SIGCHLD);
    if (pid == -1)
        pid = fork();
    if (pid == 0)
        _exit(getpid() == 1 ? CODE : 1);
    check_ended(pid, CODE);
}

static void *park(void *argument)
{
    (void)argument;
    for (;;)
        pause();
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct check checks[] = {
        CASE(clone_works),
        CASE(clone_works_on_a_given_stack),
        CASE(clone_works_with_pid),
        CASE(another_exit_signal_works),
        CASE(shared_memory_works),
        CASE(the_child_may_longjmp),
        CASE(fork_works),
        CASE(the_pidfd_is_the_childs),
        CASE(parent_tid_is_the_childs),
        CASE(child_tid_is_set_in_the_child),
        CASE(the_kernels_refusals_stay),
        CASE(a_refusal_uses_up_no_pid_namespace),
    };
    CHECK(argc == 4);
    CHECK(pipe(ends.to_child) == 0 && pipe(ends.to_parent) == 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pthread_t thread;
    if (strcmp(argv[3], "several") == 0)
        CHECK(pthread_create(&thread, NULL, park, NULL) == 0);
    refuse_clone3((unsigned int)strtoul(argv[2], NULL, 10));
    return run_check(checks, COUNT(checks), argv[1]);
}
