/* What is the least code that starts a program in new namespaces, set up as a job says, and reaps it?
 *
 * The floor that spawn.rs, spawn.c and spawn.py load and pair with nsiso: one clone3(2), the steps, exec, waitid(2); the
 * caller's own stack, nothing allocated, nothing copied. As safe for the host as nsiso is: all signals blocked meanwhile,
 * the host's handlers gone in the child, SIGPIPE, SIGCHLD and SIGXFSZ at their defaults even where the host ignores them,
 * its descriptors from 3 on not passed. side_fork does the same in a copy of the
 * caller; side_posix_spawn is libc's way (from glibc 2.34 on), for jobs without namespaces.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "floor.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

enum { SETUP_FAILED = 127, KERNEL_SIGNAL_SET = 8, FIRST_NOT_PASSED = 3, STACK_SIZE = 16 * 1024 };

struct child {
    const struct floor_job *job;
    int by_helper; /* its steps are the helper's, which it executes */
    uint64_t signals_before;
    const char *failed;
    int error;
};

/* clone3(2) whose child calls function(argument), on the stack that args name or on its copy of this one, and ends with
 * what that returns. */
static long clone3(struct clone_args *args, int (*function)(void *), void *argument)
{
#if defined(__x86_64__)
    long result;
    register void *function_in __asm__("r8") = (void *)function;
    register void *argument_in __asm__("r9") = argument;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r9, %%rdi\n\t"
                     "call *%%r8\n\t"
                     "mov %%eax, %%edi\n\t"
                     "mov $60, %%eax\n\t"
                     "syscall\n\t"
                     "hlt\n\t"
                     "1:"
                     : "=a"(result)
                     : "a"(SYS_clone3), "D"(args), "S"(sizeof(*args)), "r"(function_in), "r"(argument_in)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x0 __asm__("x0") = (long)args;
    register long x1 __asm__("x1") = (long)sizeof(*args);
    register long x8 __asm__("x8") = SYS_clone3;
    register void *x9 __asm__("x9") = (void *)function;
    register void *x10 __asm__("x10") = argument;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t"
                     "mov x0, x10\n\t"
                     "blr x9\n\t"
                     "mov x8, #93\n\t"
                     "svc #0\n\t"
                     "brk #1\n\t"
                     "1:"
                     : "+r"(x0)
                     : "r"(x1), "r"(x8), "r"(x9), "r"(x10)
                     : "memory");
    return x0;
#else
#error "no clone3(2) written for this architecture"
#endif
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t length = (ssize_t)strlen(text), written = write(fd, text, (size_t)length);
    close(fd);
    return written == length ? 0 : -1;
}

static int loopback_up(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int result = ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
    return result;
}

/* The steps in the order of Plan; gives the one that failed. */
static const char *take_steps(const struct floor_job *job)
{
    int joined = (int)(job->held_kinds & ~(uint64_t)CLONE_NEWPID);
    if (joined && setns(job->held, joined) < 0)
        return "setns";
    if (job->uid_map) {
        if (write_file("/proc/self/setgroups", "deny") < 0)
            return "setgroups";
        if (write_file("/proc/self/gid_map", job->gid_map) < 0)
            return "gid_map";
        if (write_file("/proc/self/uid_map", job->uid_map) < 0)
            return "uid_map";
    }
    if (job->private_mounts && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return "private mounts";
    if (job->host_name && sethostname(job->host_name, strlen(job->host_name)) < 0)
        return "sethostname";
    if (job->loopback && loopback_up() < 0)
        return "lo up";
    if (job->proc && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return "mount proc";
    if (syscall(SYS_close_range, FIRST_NOT_PASSED, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0)
        return "close_range";
    return NULL;
}

/* What hosts are wont to ignore for themselves. */
static const int unignored[] = {SIGPIPE, SIGCHLD, SIGXFSZ};
enum { UNIGNORED = sizeof(unignored) / sizeof(unignored[0]) };

/* The kernel's own struct sigaction, all zeros for the default. */
static const uint64_t default_action[4];

static int run(void *argument)
{
    struct child *child = argument;
    const struct floor_job *job = child->job;
    child->failed = child->by_helper ? NULL : take_steps(job);
    if (!child->failed) {
        for (int i = 0; i < UNIGNORED; i++)
            syscall(SYS_rt_sigaction, unignored[i], default_action, NULL, KERNEL_SIGNAL_SET);
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &child->signals_before, NULL, KERNEL_SIGNAL_SET);
        char *const *argv = child->by_helper ? job->joiner : job->argv;
        execve(child->by_helper ? argv[0] : job->path, argv, job->envp);
        child->failed = "execve";
    }
    child->error = errno;
    _exit(SETUP_FAILED);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int complain(const char *step, int error)
{
    fprintf(stderr, "floor: %s: %s\n", step, strerror(error));
    return -error;
}

/* Waits for a process and gives its pidfd back. */
static int reap(int pidfd)
{
    siginfo_t end = {0};
    int waited = waitid(P_PIDFD, (id_t)pidfd, &end, WEXITED);
    int error = errno;
    close(pidfd);
    if (waited < 0)
        return complain("waitid", error);
    return end.si_code == CLD_EXITED && end.si_status == 0 ? 0 : complain("the program", EIO);
}

static int start(const struct floor_job *job, uint64_t birth, int by_helper)
{
    _Alignas(16) char stack[STACK_SIZE];
    int pidfd = -1, shared = (birth & CLONE_VM) != 0;
    struct child child = {.job = job, .by_helper = by_helper};
    struct clone_args args = {
        .flags = birth | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | job->kinds,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
        .stack = shared ? (uint64_t)(uintptr_t)stack : 0,
        .stack_size = shared ? sizeof(stack) : 0,
    };
    uint64_t all = UINT64_MAX;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &child.signals_before, KERNEL_SIGNAL_SET);
    long pid = clone3(&args, run, &child);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &child.signals_before, NULL, KERNEL_SIGNAL_SET);
    if (pid < 0)
        return complain("clone3", (int)-pid);
    int result = reap(pidfd);
    if (child.failed)
        return complain(child.failed, child.error);
    if (result < 0 || !by_helper)
        return result;
    pidfd = (int)syscall(SYS_pidfd_open, *job->ret_born, 0);
    return pidfd < 0 ? complain("pidfd_open", errno) : reap(pidfd);
}

int64_t side_floor(const struct floor_job *job)
{
    int64_t began = now();
    int result = start(job, CLONE_VM | CLONE_VFORK, job->joiner != NULL);
    return result < 0 ? result : now() - began;
}

int64_t side_exposed(const struct floor_job *job)
{
    int64_t began = now();
    if (setns(job->held, CLONE_NEWPID) < 0)
        return complain("setns", errno);
    int result = start(job, CLONE_VM | CLONE_VFORK, 0);
    if (setns(job->home, CLONE_NEWPID) < 0)
        return complain("setns back", errno);
    return result < 0 ? result : now() - began;
}

int64_t side_fork(const struct floor_job *job)
{
    int64_t began = now();
    int result = start(job, 0, 0);
    return result < 0 ? result : now() - began;
}

static int spawn_by_libc(const struct floor_job *job)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    pid_t pid;
    int status;
    sigemptyset(&defaults);
    for (int i = 0; i < UNIGNORED; i++)
        sigaddset(&defaults, unignored[i]);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addclosefrom_np(&actions, FIRST_NOT_PASSED);
    int error = posix_spawn(&pid, job->path, &actions, &attributes, job->argv, job->envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error)
        return complain("posix_spawn", error);
    if (waitpid(pid, &status, 0) < 0)
        return complain("waitpid", errno);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : complain("the program", EIO);
}

int64_t side_posix_spawn(const struct floor_job *job)
{
    int64_t began = now();
    int result = spawn_by_libc(job);
    return result < 0 ? result : now() - began;
}
