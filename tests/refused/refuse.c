/* Runs a command under a seccomp filter: what does it do where the kernel refuses these system calls?
 *
 *   refuse ERRNO CALL[,CALL...] COMMAND [ARGUMENT...]
 *   refuse --check ERRNO CALL[,CALL...]       is each of them answered with ERRNO here? Exits with 0 or 1
 *
 * ERRNO is ENOSYS (an old kernel), EPERM (a container's profile) or EINVAL. Root stays root and may gain privilege
 * as before; an ordinary user cannot have a filter without no_new_privs, and gets both.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { P_OF_PIDFD = 3, NO_FD = 1 << 20, MOST = 16, PER_CALL = 5, HIGH_WORD = 4 /* both architectures: little-endian */ };

/* Which calls with the number are meant. */
enum which {
    ALL,
    OF_PIDFD,     /* the first argument says so */
    OF_PROGRAM,   /* not those of libc and of other libraries */
};

struct call {
    const char *name;
    long number; /* the same on every architecture, but for waitid's */
    enum which which;
    long harmless[4]; /* with these the kernel itself refuses, in another way */
};

static const struct call calls[] = {
    {"clone3", 435, ALL, {0, 0, 0, 0}},
    /* libc's own threads fall back on ENOSYS alone: with EPERM to all of clone3 there would be none to test with. */
    {"clone3:program", 435, OF_PROGRAM, {0, 0, 0, 0}},
    {"pidfd_send_signal", 424, ALL, {NO_FD, 0, 0, 0}},
    {"pidfd_open", 434, ALL, {-1, 0, 0, 0}},
    {"pidfd_getfd", 438, ALL, {NO_FD, NO_FD, 0, 0}},
    {"waitid:pidfd", SYS_waitid, OF_PIDFD, {P_OF_PIDFD, NO_FD, 0, WEXITED}},
    {"close_range", 436, ALL, {1, 0, 0, 0}},
    {"openat2", 437, ALL, {NO_FD, 0, 0, 0}},
    {"open_tree", 428, ALL, {NO_FD, 0, -1, 0}},
    {"move_mount", 429, ALL, {NO_FD, 0, NO_FD, 0}},
    {"fsopen", 430, ALL, {0, -1, 0, 0}},
    {"fsconfig", 431, ALL, {-1, 0, 0, 0}},
    {"fsmount", 432, ALL, {NO_FD, -1, 0, 0}},
    {"fspick", 433, ALL, {NO_FD, 0, -1, 0}},
    {"mount_setattr", 442, ALL, {NO_FD, 0, -1, 0}},
    {"statmount", 457, ALL, {0, 0, 0, -1}},
    {"listmount", 458, ALL, {0, 0, 0, -1}},
};

static const struct {
    const char *name;
    int number;
} errnos[] = {{"ENOSYS", ENOSYS}, {"EPERM", EPERM}, {"EINVAL", EINVAL}};

static void fail(const char *what)
{
    fprintf(stderr, "refuse: %s: %s\n", what, strerror(errno));
    exit(125);
}

static void usage(const char *word)
{
    fprintf(stderr, "refuse: what is \"%s\"?\nusage: refuse [--check] ERRNO CALL[,CALL...] [COMMAND [ARGUMENT...]]\n", word);
    exit(125);
}

static int errno_of(const char *name)
{
    for (size_t i = 0; i < COUNT(errnos); i++)
        if (strcmp(errnos[i].name, name) == 0)
            return errnos[i].number;
    usage(name);
    return 0;
}

/* The calls that a list names; it is taken apart. */
static size_t read_list(char *list, const struct call *chosen[MOST])
{
    size_t count = 0;
    for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
        size_t i = 0;
        while (i < COUNT(calls) && strcmp(calls[i].name, name) != 0)
            i++;
        if (i == COUNT(calls) || count == MOST)
            usage(name);
        chosen[count++] = &calls[i];
    }
    return count;
}

/* The high word of an address above every program and below every library: the kernel puts them far apart. */
static uint32_t between_program_and_libraries(void)
{
    void *library = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (library == MAP_FAILED)
        fail("mmap");
    uint64_t program = (uintptr_t)&calls;
    return (uint32_t)((program + ((uintptr_t)library - program) / 2) >> 32);
}

/* Adds: a call of this number, that also meets the condition, is answered with the errno. */
static size_t add(struct sock_filter *filter, const struct call *call, int error)
{
    const struct sock_filter number = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    const struct sock_filter refusal = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error);
    const struct sock_filter argument = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args));
    const struct sock_filter is_pidfd = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, P_OF_PIDFD, 0, 1);
    const struct sock_filter caller =
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + HIGH_WORD);
    const struct sock_filter is_library =
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, between_program_and_libraries(), 1, 0);
    size_t length = 0;
    filter[length++] = number;
    filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call->number, 0,
                                                    call->which == ALL ? 1 : 3);
    if (call->which == OF_PIDFD) {
        filter[length++] = argument;
        filter[length++] = is_pidfd;
    } else if (call->which == OF_PROGRAM) {
        filter[length++] = caller;
        filter[length++] = is_library;
    }
    filter[length++] = refusal;
    return length;
}

static void install(const struct call *const *chosen, size_t count, int error)
{
    struct sock_filter filter[MOST * PER_CALL + 1];
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += add(filter + length, chosen[i], error);
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = (unsigned short)length, .filter = filter};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
        return;
    /* Without privilege, and only then. */
    if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        fail("seccomp");
}

/* A system call of the program itself, as the library's stub makes them; -errno. */
static long raw(long number, const long argument[4])
{
#if defined(__x86_64__)
    register long fourth __asm__("r10") = argument[3];
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(argument[0]), "S"(argument[1]), "d"(argument[2]), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long which __asm__("x8") = number;
    register long first __asm__("x0") = argument[0];
    register long second __asm__("x1") = argument[1];
    register long third __asm__("x2") = argument[2];
    register long fourth __asm__("x3") = argument[3];
    __asm__ volatile("svc 0" : "+r"(first) : "r"(which), "r"(second), "r"(third), "r"(fourth) : "memory");
    return first;
#else
#error "another architecture"
#endif
}

static int is_answered(const struct call *call, int error)
{
    long answer = raw(call->number, call->harmless);
    int right = answer == -error;
    if (call->which == OF_PROGRAM) /* libc's call of the same number comes through */
        right = right && syscall(call->number, NULL, 0) == -1 && errno == EINVAL;
    if (call->which == OF_PIDFD) /* and so does any other kind of waiting */
        right = right && waitid(P_ALL, 0, NULL, WEXITED) == -1 && errno == ECHILD;
    if (!right)
        fprintf(stderr, "refuse: %s gives %ld\n", call->name, answer);
    return right;
}

int main(int argc, char **argv)
{
    const struct call *chosen[MOST];
    int checks = argc > 1 && strcmp(argv[1], "--check") == 0;
    char **words = argv + 1 + checks;
    if (argc - checks < 3 + !checks)
        usage(argc > 1 ? argv[argc - 1] : "");
    int error = errno_of(words[0]);
    size_t count = read_list(words[1], chosen);
    if (checks) {
        int right = 1;
        for (size_t i = 0; i < count; i++)
            right &= is_answered(chosen[i], error);
        return !right;
    }
    install(chosen, count, error);
    execvp(words[2], words + 2);
    fail(words[2]);
}
