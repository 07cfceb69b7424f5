/* How little runs between a vfork(2) and a program that has other ids, or is in another time or pid namespace?
 *
 *   helper ids NUMBER PROGRAM ARGUMENT...   is this user and group, with this group as the only supplementary one
 *   helper time PATH PROGRAM ARGUMENT...    is in the time namespace at this path
 *   helper join PIDFD BITS TOLD PROGRAM ARGUMENT...    is a sibling, in these namespaces; TOLD gets its number
 *
 * Without libc and without a data segment, as tiny.c: it is executed before each such program. It ends with 127 if
 * a call is refused.
 */
#include <asm/unistd.h>

enum { FAILED = 127, AT_FDCWD_ = -100, O_RDONLY_CLOEXEC = 02000000, NEWTIME = 0x80 };
enum { CLONE_SIBLING = 0x8000 | 0x4000 | 0x100 /* PARENT, VFORK, VM */, DUMPABLE = 4, ALL_FROM_3 = 3, CLOEXEC = 4 };

static long call(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#else
#error "no system call written for this architecture"
#endif
}

static void must(long result)
{
    if (result < 0)
        call(__NR_exit_group, FAILED, 0, 0, 0);
}

static unsigned number(const char *text)
{
    unsigned value = 0;
    while (*text)
        value = 10 * value + (unsigned)(*text++ - '0');
    return value;
}

static void change_ids(unsigned id)
{
    must(call(__NR_setgroups, 1, (long)&id, 0, 0));
    must(call(__NR_setresgid, id, id, id, 0));
    must(call(__NR_setresuid, id, id, id, 0));
}

static void join_time(const char *path)
{
    long fd = call(__NR_openat, AT_FDCWD_, (long)path, O_RDONLY_CLOEXEC, 0);
    must(fd);
    must(call(__NR_setns, fd, NEWTIME, 0, 0));
}

/* The sibling uses no stack, since that is also its maker's. */
static long start_sibling(char **argv, char **envp)
{
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    register char *path __asm__("r12") = argv[0];
    register char **words __asm__("r13") = argv;
    register char **variables __asm__("r14") = envp;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "mov %%r12, %%rdi\n\t"
                     "mov %%r13, %%rsi\n\t"
                     "mov %%r14, %%rdx\n\t"
                     "mov $59, %%eax\n\t"
                     "syscall\n\t"
                     "mov $127, %%edi\n\t"
                     "mov $231, %%eax\n\t"
                     "syscall\n\t"
                     "1:"
                     : "=a"(result)
                     : "a"(__NR_clone), "D"(CLONE_SIBLING), "S"(0), "d"(0), "r"(r10), "r"(r8), "r"(path), "r"(words),
                       "r"(variables)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x0 __asm__("x0") = CLONE_SIBLING;
    register long x1 __asm__("x1") = 0;
    register long x2 __asm__("x2") = 0;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    register long x8 __asm__("x8") = __NR_clone;
    register char *path __asm__("x9") = argv[0];
    register char **words __asm__("x10") = argv;
    register char **variables __asm__("x11") = envp;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x0, x9\n\t"
                     "mov x1, x10\n\t"
                     "mov x2, x11\n\t"
                     "mov x8, #221\n\t"
                     "svc #0\n\t"
                     "mov x0, #127\n\t"
                     "mov x8, #94\n\t"
                     "svc #0\n\t"
                     "1:"
                     : "+r"(x0)
                     : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x8), "r"(path), "r"(words), "r"(variables)
                     : "memory");
    return x0;
#endif
}

/* Whoever is there finds nothing in this process's memory to change. */
static void join_set(char **argv, char **envp)
{
    unsigned told = number(argv[4]);
    must(call(__NR_setns, number(argv[2]), number(argv[3]), 0, 0));
    must(call(__NR_prctl, DUMPABLE, 0, 0, 0));
    must(call(__NR_close_range, ALL_FROM_3, ~0u, CLOEXEC, 0));
    int pid = (int)start_sibling(argv + 5, envp);
    must(pid);
    must(call(__NR_pwrite64, told, (long)&pid, sizeof(pid), 0));
    call(__NR_exit_group, 0, 0, 0, 0);
}

/* The words as the kernel lays them out: a count, the arguments, NULL, the environment. */
__attribute__((used)) static void begin(long *words)
{
    char **argv = (char **)(words + 1), **envp = argv + words[0] + 1;
    if (words[0] < 4)
        must(-1);
    if (argv[1][0] == 'j' && words[0] > 5)
        join_set(argv, envp);
    else if (argv[1][0] == 'i')
        change_ids(number(argv[2]));
    else
        join_time(argv[2]);
    must(call(__NR_execve, (long)argv[3], (long)(argv + 3), (long)envp, 0));
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n\thlt");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: mov x0, sp\n\tbl begin\n\tbrk #1");
#endif
