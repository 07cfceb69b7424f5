/* On which stack does nsiso_clone's child run, and does it leave anything behind? */
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { CODE = 42, STACK_SIZE = 256 * 1024, WARM_UP = 5, ROUNDS = 200 };

static _Alignas(16) char stack[STACK_SIZE];
static volatile int shared_word;
static volatile uintptr_t child_frame;
static volatile ssize_t child_maps_length;
static char child_maps[256 * 1024];

static int return_code(void *argument)
{
    child_frame = (uintptr_t)__builtin_frame_address(0);
    ++*(volatile int *)argument;
    return child_frame % 16 == 0 ? CODE : 1;
}

static void a_null_function_is_refused(void)
{
    const int flags[] = {SIGCHLD, NSISO_NEWUSER | SIGCHLD, CLONE_VM | CLONE_VFORK | SIGCHLD, NSISO_NEWTIME | SIGCHLD};
    int fds = count_fds();
    for (size_t i = 0; i < COUNT(flags); i++) {
        errno = 0;
        CHECK(nsiso_clone(NULL, NULL, flags[i], NULL) == -1 && errno == EINVAL);
        errno = 0;
        CHECK(nsiso_clone(NULL, stack + STACK_SIZE, flags[i], NULL) == -1 && errno == EINVAL);
        errno = 0;
        CHECK(nsiso_clone_with(NULL, NULL, flags[i], NULL, NULL, NULL, NULL) == -1 && errno == EINVAL);
    }
    check_no_child();
    CHECK(count_fds() == fds);
}

static void null_stack_is_the_callers_copy(void)
{
    volatile int local = 1;
    check_ended(nsiso_clone(return_code, NULL, SIGCHLD, (void *)&local), CODE);
    CHECK(local == 1);
    CHECK(child_frame == 0);
}

static int see_and_change(void *argument)
{
    volatile int *local = argument;
    if (*local != 7)
        return 1;
    *local = 8;
    return CODE;
}

static void null_stack_shows_the_callers_variables(void)
{
    volatile int local = 7;
    check_ended(nsiso_clone(see_and_change, NULL, NSISO_NEWUSER | SIGCHLD, (void *)&local), CODE);
    CHECK(local == 7);
}

static jmp_buf callers_frame;

static int leave_by_longjmp(void *argument)
{
    (void)argument;
    longjmp(callers_frame, CODE);
}

static void leave(void *child_stack, int flags)
{
    volatile int local = 5;
    pid_t parent = getpid();
    int code = setjmp(callers_frame);
    if (code != 0) {
        CHECK(code == CODE && local == 5 && getppid() == parent);
        _exit(code);
    }
    check_ended(nsiso_clone(leave_by_longjmp, child_stack, flags, NULL), CODE);
}

static void the_child_may_longjmp_from_a_copied_stack(void)
{
    leave(NULL, SIGCHLD);
    leave(NULL, NSISO_NEWUSER | NSISO_NEWTIME | SIGCHLD);
}

static void the_child_may_longjmp_from_a_given_stack(void)
{
    leave(stack + STACK_SIZE, SIGCHLD);
    leave(stack + STACK_SIZE, NSISO_NEWUSER | NSISO_NEWTIME | SIGCHLD);
}

static int copy_maps(void *argument)
{
    (void)argument;
    child_frame = (uintptr_t)__builtin_frame_address(0);
    int fd = open("/proc/self/maps", O_RDONLY);
    ssize_t got = 0;
    do {
        child_maps_length += got;
        got = read(fd, child_maps + child_maps_length, sizeof(child_maps) - 1 - (size_t)child_maps_length);
    } while (got > 0);
    close(fd);
    return CODE;
}

static void the_provided_stack_has_a_guard_page(void)
{
    check_ended(nsiso_clone(copy_maps, NULL, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL), CODE);
    CHECK(child_maps_length > 0);
    uintptr_t guard_end = 0, room = 0;
    for (char *line = strtok(child_maps, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned long start, end;
        char rights[5];
        CHECK(sscanf(line, "%lx-%lx %4s", &start, &end, rights) == 3);
        if (strncmp(rights, "---", 3) == 0)
            guard_end = end;
        if (start <= child_frame && child_frame < end) {
            CHECK(strncmp(rights, "rw-", 3) == 0);
            CHECK(guard_end == start);
            room = child_frame - start;
        }
    }
    CHECK(room >= 16 * 1024);
}

/* Counted page by page: the kernel's running count (statm) is off by some dozens. */
static long resident_kilobytes(void)
{
    long size = -1;
    char line[256];
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL)
        sscanf(line, "Rss: %ld", &size);
    fclose(file);
    CHECK(size > 0);
    return size;
}

static size_t count_maps(void)
{
    size_t lines = 0;
    char buffer[4096];
    int fd = open("/proc/self/maps", O_RDONLY);
    CHECK(fd >= 0);
    for (ssize_t got; (got = read(fd, buffer, sizeof(buffer))) > 0;)
        for (ssize_t i = 0; i < got; i++)
            lines += buffer[i] == '\n';
    close(fd);
    return lines;
}

static int call_exit(void *argument)
{
    ++*(volatile int *)argument;
    _exit(CODE);
}

static int call_exec(void *argument)
{
    ++*(volatile int *)argument;
    /* Any program that ends at once with a code of its own. */
    char *const words[] = {"sh", "-c", "exit 42", NULL}, *const environment[] = {NULL};
    execve("/bin/sh", words, environment);
    return 1;
}

static int die_by_signal(void *argument)
{
    ++*(volatile int *)argument;
    kill(getpid(), SIGKILL);
    return 1;
}

/* CLONE_VM|CLONE_VFORK with a NULL stack: memory is shared, and the library takes its stack back however fn ends. */
static void provide(int (*fn)(void *), int rounds, int expected)
{
    const int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    int fds = count_fds();
    size_t maps = 0;
    long resident = 0;
    for (int i = 0; i < WARM_UP + rounds; i++) {
        int status = -1;
        pid_t pid = nsiso_clone(fn, NULL, flags, (void *)&shared_word);
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        CHECK(status == expected);
        CHECK(shared_word == i + 1);
        /* What first calls set up once, and first measurements, is no leak. */
        if (i < WARM_UP) {
            maps = count_maps();
            resident = resident_kilobytes();
        }
    }
    check_no_child();
    CHECK(count_maps() == maps);
    CHECK(resident_kilobytes() < resident + 128);
    CHECK(count_fds() == fds);
}

static void the_provided_stack_is_freed_after_return(void)
{
    provide(return_code, ROUNDS, CODE << 8);
}

static void the_provided_stack_is_freed_after_exit(void)
{
    provide(call_exit, ROUNDS, CODE << 8);
}

static void the_provided_stack_is_freed_after_exec(void)
{
    provide(call_exec, 20, CODE << 8);
}

static void the_provided_stack_is_freed_after_a_signal(void)
{
    provide(die_by_signal, ROUNDS, SIGKILL);
}

static void the_provided_stack_is_freed_after_a_failure(void)
{
    const int flags = NSISO_NEWUSER | CLONE_FS | CLONE_VM | CLONE_VFORK | SIGCHLD;
    CHECK(nsiso_clone(return_code, NULL, flags, (void *)&shared_word) == -1 && errno == EINVAL);
    size_t maps = count_maps();
    for (int i = 0; i < ROUNDS; i++)
        CHECK(nsiso_clone(return_code, NULL, flags, (void *)&shared_word) == -1 && errno == EINVAL);
    CHECK(count_maps() == maps);
    CHECK(shared_word == 0);
    check_no_child();
}

static void vm_alone_needs_a_stack(void)
{
    const int flags[] = {CLONE_VM | SIGCHLD, CLONE_VM | NSISO_NEWUSER | SIGCHLD, CLONE_VM | NSISO_NEWTIME | SIGCHLD};
    for (size_t i = 0; i < COUNT(flags); i++) {
        errno = 0;
        CHECK(nsiso_clone(return_code, NULL, flags[i], (void *)&shared_word) == -1 && errno == EINVAL);
        errno = 0;
        CHECK(nsiso_clone_with(return_code, NULL, flags[i], (void *)&shared_word, NULL, NULL, NULL) == -1);
        CHECK(errno == EINVAL);
    }
    CHECK(shared_word == 0);
    check_no_child();
}

/* A given stack is used from its top down, aligned down as libc does: nothing at or above the top is touched. */
static void a_misaligned_stack_works(void)
{
    const int plain = CLONE_VM | CLONE_VFORK | SIGCHLD;
    const int flags[] = {plain, plain | NSISO_NEWUSER, plain | NSISO_NEWUSER | NSISO_NEWTIME};
    for (size_t i = 0; i < COUNT(flags); i++) {
        for (int offset = 0; offset < 16; offset++) {
            char *top = stack + STACK_SIZE / 2 + offset;
            memset(stack, 0x5A, STACK_SIZE);
            check_ended(nsiso_clone(return_code, top, flags[i], (void *)&shared_word), CODE);
            CHECK(child_frame < (uintptr_t)top && child_frame > (uintptr_t)top - 1024);
            for (char *byte = top; byte < stack + STACK_SIZE; byte++)
                CHECK(*byte == 0x5A);
        }
    }
}

static void a_misaligned_stack_works_in_a_copy(void)
{
    for (int offset = 0; offset < 16; offset++)
        check_ended(nsiso_clone(return_code, stack + STACK_SIZE - offset, SIGCHLD, (void *)&shared_word), CODE);
    CHECK(shared_word == 0);
}

int main(int argc, char **argv)
{
    static const struct check checks[] = {
        CASE(a_null_function_is_refused),
        CASE(null_stack_is_the_callers_copy),
        CASE(null_stack_shows_the_callers_variables),
        CASE(the_child_may_longjmp_from_a_copied_stack),
        CASE(the_child_may_longjmp_from_a_given_stack),
        CASE(the_provided_stack_has_a_guard_page),
        CASE(the_provided_stack_is_freed_after_return),
        CASE(the_provided_stack_is_freed_after_exit),
        CASE(the_provided_stack_is_freed_after_exec),
        CASE(the_provided_stack_is_freed_after_a_signal),
        CASE(the_provided_stack_is_freed_after_a_failure),
        CASE(vm_alone_needs_a_stack),
        CASE(a_misaligned_stack_works),
        CASE(a_misaligned_stack_works_in_a_copy),
    };
    return run_check(checks, COUNT(checks), argc == 2 ? argv[1] : "");
}
