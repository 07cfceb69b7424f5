/* Does a descriptor lead to the namespace that was meant, tell the truth about it, and lead a thread there and back?
 *
 * usage: namespace CHECK */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "child.h"

/* No call of this process has opened so many. */
enum { CLOSED = 777 };

#ifndef __SANITIZE_ADDRESS__
/* Who allocates in a visit pays for it in each. */
static _Atomic size_t allocations;

void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}
#else
static const size_t allocations;
#endif

static const nsiso_kinds VISITED[] = {NSISO_NEWUTS, NSISO_NEWIPC, NSISO_NEWNET, NSISO_NEWCGROUP};

/* A call that gives a descriptor: close-on-exec, and no number that every program knows. */
#define opened(call) opened_by(__FILE__, __LINE__, (call))

static int opened_by(const char *file, int line, int fd)
{
    if (fd > 2 && fcntl(fd, F_GETFD) == FD_CLOEXEC)
        return fd;
    fail(file, line, "a descriptor, close-on-exec");
}

/* The kernel's own word for which namespace that is. */
static struct stat link_of(const char *process, nsiso_kinds kind)
{
    struct stat status;
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/ns/%s", process, nsiso_kind_name(kind));
    CHECK(stat(path, &status) == 0);
    return status;
}

static int same(struct stat a, struct stat b)
{
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static struct stat here(nsiso_kinds kind)
{
    return link_of("thread-self", kind);
}

static struct stat of_fd(int fd)
{
    struct stat status;
    CHECK(fstat(fd, &status) == 0);
    return status;
}

static const char *name_of(const nsiso_process *process)
{
    static char name[16];
    snprintf(name, sizeof name, "%d", (int)nsiso_process_pid(process));
    return name;
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

/* From here on this process has namespaces of its own, and may do what it likes in them. */
static void settle(void)
{
    int kinds = NSISO_NEWUTS | NSISO_NEWIPC | NSISO_NEWNET | NSISO_NEWCGROUP | NSISO_NEWNS;
    char map[32];
    snprintf(map, sizeof map, "0 %u 1", geteuid());
    if (geteuid() == 0) {
        CHECK(nsiso_unshare(kinds) == 0);
        return;
    }
    CHECK(nsiso_unshare(kinds | NSISO_NEWUSER) == 0);
    write_file("/proc/self/uid_map", map);
}

/* In new namespaces of these kinds; what an ordinary user needs for it is the caller's to name. */
static nsiso_process *sleeper(nsiso_kinds kinds)
{
    nsiso_spec *spec = new_spec();
    nsiso_command *command = new_command(SLEEP);
    nsiso_process *process = NULL;
    ok(nsiso_spec_unshare(spec, kinds, &error));
    if (kinds & NSISO_NEWUSER)
        ok(nsiso_spec_map_root(spec, &error));
    ok(nsiso_spawn(spec, command, 0, &process, &error));
    nsiso_process_kill_on_free(process);
    nsiso_spec_free(spec);
    nsiso_command_free(command);
    return process;
}

static void every_way_leads_to_the_same_namespace(void)
{
    const nsiso_kinds new_ones = NSISO_NEWUSER | NSISO_NEWNET | NSISO_NEWUTS;
    nsiso_process *process = sleeper(new_ones);
    int fds = count_fds();
    nsiso_kinds kind;
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%s/ns/%s", name_of(process), nsiso_kind_name(kind));
        const int ways[] = {
            opened(nsiso_ns_of_pid(nsiso_process_pid(process), kind, 0, NULL)),
            opened(nsiso_ns_of_pidfd(nsiso_process_pidfd(process), kind, 0, NULL)),
            opened(nsiso_ns_open(path, 0, NULL)),
        };
        int own = opened(nsiso_ns_of_pid(0, kind, 0, NULL));
        CHECK(same(of_fd(own), here(kind)));
        for (size_t way = 0; way < COUNT(ways); way++) {
            CHECK(same(of_fd(ways[way]), link_of(name_of(process), kind)));
            CHECK(nsiso_ns_equal(ways[0], ways[way], NULL) == 1);
            CHECK(nsiso_ns_equal(own, ways[way], NULL) == ((kind & new_ones) == 0));
        }
        CHECK(close(ways[0]) == 0 && close(ways[1]) == 0 && close(ways[2]) == 0 && close(own) == 0);
    }
    CHECK(count_fds() == fds);
    nsiso_process_free(process);
    check_no_child();
}

static void info_owner_parent_and_level_are_true(void)
{
    nsiso_process *process = sleeper(NSISO_NEWUSER | NSISO_NEWUTS);
    int user = opened(nsiso_ns_of_pid(nsiso_process_pid(process), NSISO_NEWUSER, 0, NULL));
    int uts = opened(nsiso_ns_of_pid(nsiso_process_pid(process), NSISO_NEWUTS, 0, NULL));
    int own = opened(nsiso_ns_of_pid(0, NSISO_NEWUSER, 0, NULL));

    struct {
        nsiso_ns_info info;
        uint64_t later[2];
    } room;
    nsiso_ns_info again;
    memset(&room, 0x5a, sizeof room);
    ok(nsiso_ns_get_info(uts, &room.info, sizeof room, 0, &error));
    CHECK(room.later[0] == 0 && room.later[1] == 0);
    CHECK(room.info.kind == NSISO_NEWUTS && room.info.owner_uid == geteuid());
    CHECK(room.info.device == of_fd(uts).st_dev && room.info.inode == of_fd(uts).st_ino);
    ok(nsiso_ns_get_info(uts, &again, sizeof again, 0, &error));
    CHECK(memcmp(&again, &room.info, sizeof again) == 0);
    ok(nsiso_ns_get_info(user, &again, sizeof again, 0, &error));
    CHECK(again.kind == NSISO_NEWUSER && again.owner_uid == geteuid());
    CHECK(again.id != room.info.id || again.id == 0);

    int owner = opened(nsiso_ns_owner(uts, 0, NULL)), parent = opened(nsiso_ns_parent(user, 0, NULL));
    CHECK(nsiso_ns_equal(owner, user, NULL) == 1 && nsiso_ns_equal(parent, own, NULL) == 1);
    uint32_t level = 7;
    ok(nsiso_ns_level(user, &level, 0, &error));
    CHECK(level == 1);
    ok(nsiso_ns_level(own, &level, 0, &error));
    CHECK(level == 0);
    refused(EINVAL, "ask for the parent", nsiso_ns_parent(uts, 0, &error));
    refused(EPERM, "ask for the parent", nsiso_ns_parent(own, 0, &error));
    refused(EPERM, "ask for the owner", nsiso_ns_owner(own, 0, &error));
    refused(EINVAL, "ask for the level", nsiso_ns_level(uts, &level, 0, &error));
    CHECK(close(user) == 0 && close(uts) == 0 && close(own) == 0 && close(owner) == 0 && close(parent) == 0);
    nsiso_process_free(process);
}

/* What is owned further out than the caller's own user namespace has an owner all the same. */
static void an_owner_that_may_not_be_asked(void)
{
    CHECK(nsiso_unshare(NSISO_NEWUSER) == 0);
    int uts = opened(nsiso_ns_of_pid(0, NSISO_NEWUTS, 0, NULL));
    nsiso_ns_info info;
    ok(nsiso_ns_get_info(uts, &info, sizeof info, 0, &error));
    CHECK(info.owner_uid == (uint32_t)-1 && info.inode == of_fd(uts).st_ino);
    CHECK(close(uts) == 0);
}

static void a_process_is_found_by_its_number_inside(void)
{
    nsiso_process *process = sleeper(NSISO_NEWUSER | NSISO_NEWPID);
    pid_t number = nsiso_process_pid(process);
    int pid = opened(nsiso_ns_of_pid(number, NSISO_NEWPID, 0, NULL));
    int uts = opened(nsiso_ns_of_pid(number, NSISO_NEWUTS, 0, NULL));
    CHECK(nsiso_ns_pid_inside(pid, number, 0, NULL) == 1 && nsiso_ns_pid_outside(pid, 1, 0, NULL) == number);
    refused(ESRCH, "translate a number", nsiso_ns_pid_inside(pid, getpid(), 0, &error));
    refused(ESRCH, "translate a number", nsiso_ns_pid_outside(pid, 4000000, 0, &error));
    refused(ESRCH, "translate a number", nsiso_ns_pid_inside(pid, -1, 0, &error));
    refused(EINVAL, "translate a number", nsiso_ns_pid_inside(uts, number, 0, &error));
    refused(EINVAL, "translate a number", nsiso_ns_pid_outside(uts, 1, 0, &error));
    CHECK(close(pid) == 0 && close(uts) == 0);
    nsiso_process_free(process);
}

static void a_saved_one_is_that_one_or_none(void)
{
    unsigned char saved[NSISO_NS_SAVED + 1];
    int own = opened(nsiso_ns_of_pid(0, NSISO_NEWUTS, 0, NULL)), fds = count_fds();
    memset(saved, 0x5a, sizeof saved);
    int bytes = nsiso_ns_save(own, saved, sizeof saved, 0, NULL);
    if (bytes == -EOPNOTSUPP)
        return; /* before Linux 6.18 */
    CHECK(bytes == NSISO_NS_SAVED && saved[NSISO_NS_SAVED] == 0x5a);
    CHECK(nsiso_ns_save(own, NULL, 0, 0, NULL) == NSISO_NS_SAVED);
    refused(ERANGE, "nsiso_ns_save", nsiso_ns_save(own, saved, NSISO_NS_SAVED - 1, 0, &error));
    refused(EINVAL, "nsiso_ns_save", nsiso_ns_save(own, NULL, NSISO_NS_SAVED, 0, &error));
    int again = opened(nsiso_ns_restore(saved, NSISO_NS_SAVED, 0, NULL));
    CHECK(nsiso_ns_equal(own, again, NULL) == 1 && close(again) == 0);
    refused(EINVAL, "restore", nsiso_ns_restore(saved, NSISO_NS_SAVED - 1, 0, &error));
    refused(EINVAL, "restore", nsiso_ns_restore(NULL, 0, 0, &error));
    refused(EINVAL, "nsiso_ns_restore", nsiso_ns_restore(NULL, NSISO_NS_SAVED, 0, &error));
    refused(EINVAL, "nsiso_ns_restore", nsiso_ns_restore(saved, (size_t)-1, 0, &error));
    saved[NSISO_NS_SAVED - 1] ^= 1;
    refused(ESTALE, "restore", nsiso_ns_restore(saved, NSISO_NS_SAVED, 0, &error));
    CHECK(count_fds() == fds && close(own) == 0);
}

static void a_socket_is_of_the_namespace_it_was_made_in(void)
{
    settle();
    nsiso_process *process = sleeper(NSISO_NEWNET);
    int net = opened(nsiso_ns_of_pid(nsiso_process_pid(process), NSISO_NEWNET, 0, NULL));
    int uts = opened(nsiso_ns_of_pid(0, NSISO_NEWUTS, 0, NULL));
    struct stat home = here(NSISO_NEWNET);
    int made = opened(nsiso_ns_socket(net, AF_INET, SOCK_STREAM, 0, 0, NULL));
    int its = opened(nsiso_ns_of_socket(made, 0, NULL));
    CHECK(nsiso_ns_equal(its, net, NULL) == 1);
    refused(EINVAL, "socket", nsiso_ns_socket(net, AF_INET, 99, 0, 0, &error));
    refused(EINVAL, "socket", nsiso_ns_socket(uts, AF_INET, SOCK_STREAM, 0, 0, &error));
    CHECK(same(here(NSISO_NEWNET), home));
    CHECK(close(net) == 0 && close(uts) == 0 && close(made) == 0 && close(its) == 0);
    nsiso_process_free(process);
}

/* What a function finds where it is called. */
struct visitor {
    nsiso_kinds kind;
    struct stat there;
    int fds, calls;
    pid_t thread;
};

static int look_around(void *arg)
{
    struct visitor *visitor = arg;
    visitor->there = here(visitor->kind);
    visitor->fds = count_fds();
    visitor->thread = (pid_t)syscall(SYS_gettid);
    errno = 4321; /* is the function's own affair */
    return ++visitor->calls;
}

static void visits_lead_there_and_back(void)
{
    settle();
    nsiso_process *process = sleeper(NSISO_NEWUTS | NSISO_NEWIPC | NSISO_NEWNET | NSISO_NEWCGROUP);
    for (size_t i = 0; i < COUNT(VISITED); i++) {
        nsiso_kinds kind = VISITED[i];
        int fd = opened(nsiso_ns_of_pid(nsiso_process_pid(process), kind, 0, NULL));
        int home = opened(nsiso_ns_home(kind, 0, NULL)), fds = count_fds(), result = 0;
        struct stat before = here(kind);
        CHECK(same(of_fd(home), before));
        for (int round = 1; round <= 200; round++) {
            struct visitor visitor = {.kind = kind, .calls = round};
            errno = 1234;
            ok(nsiso_ns_visit(fd, kind, round % 2 ? home : -1, look_around, &visitor, &result, 0, &error));
            CHECK(errno == 1234 && result == round + 1 && visitor.calls == round + 1);
            CHECK(same(visitor.there, of_fd(fd)) && !same(visitor.there, before));
            CHECK(visitor.thread == getpid() && visitor.fds == fds + (round % 2 ? 0 : 1));
            CHECK(same(here(kind), before));
        }
        ok(nsiso_ns_visit(fd, kind, home, look_around, &(struct visitor){.kind = kind}, NULL, 0, &error));
        CHECK(count_fds() == fds && close(fd) == 0 && close(home) == 0);
    }
    nsiso_process_free(process);
}

/* Where a visit of another kind, or the same one, goes on from. */
struct nested {
    int fd, home;
    struct visitor visitor;
};

static int go_further(void *arg)
{
    struct nested *nested = arg;
    struct stat before = here(NSISO_NEWNET);
    int result = 0;
    ok(nsiso_ns_visit(nested->fd, NSISO_NEWNET, nested->home, look_around, &nested->visitor, &result, 0, &error));
    CHECK(same(here(NSISO_NEWNET), nested->home == -1 ? before : of_fd(nested->home)));
    return result + 10;
}

static int count_calls(void *arg)
{
    return ++*(int *)arg;
}

static void a_visit_from_home_allocates_and_opens_nothing(void)
{
    settle();
    nsiso_process *process = sleeper(NSISO_NEWNET);
    int fd = opened(nsiso_ns_of_pid(nsiso_process_pid(process), NSISO_NEWNET, 0, NULL));
    int home = opened(nsiso_ns_home(NSISO_NEWNET, 0, NULL)), calls = 0, result = 0;
    size_t before = allocations;
    struct rlimit none = {0, 0}, limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none.rlim_max = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    for (int i = 0; i < 100; i++)
        ok(nsiso_ns_visit(fd, NSISO_NEWNET, home, count_calls, &calls, &result, 0, &error));
    CHECK(calls == 100 && result == 100 && allocations == before);
    refused(EMFILE, "open", nsiso_ns_visit(fd, NSISO_NEWNET, -1, count_calls, &calls, &result, 0, &error));
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(close(fd) == 0 && close(home) == 0);
    nsiso_process_free(process);
}

static void visits_nest(void)
{
    settle();
    nsiso_process *processes[] = {sleeper(NSISO_NEWNET), sleeper(NSISO_NEWNET)};
    int first = opened(nsiso_ns_of_pid(nsiso_process_pid(processes[0]), NSISO_NEWNET, 0, NULL));
    int second = opened(nsiso_ns_of_pid(nsiso_process_pid(processes[1]), NSISO_NEWNET, 0, NULL));
    struct stat before = here(NSISO_NEWNET);
    struct nested nested = {second, -1, {.kind = NSISO_NEWNET}};
    int result = 0;
    ok(nsiso_ns_visit(first, NSISO_NEWNET, -1, go_further, &nested, &result, 0, &error));
    CHECK(result == 11 && same(nested.visitor.there, of_fd(second)) && same(here(NSISO_NEWNET), before));
    CHECK(close(first) == 0 && close(second) == 0);
    nsiso_process_free(processes[0]);
    nsiso_process_free(processes[1]);
}

static void mounts_are_visited_on_another_thread(void)
{
    settle();
    CHECK(chdir("/proc") == 0);
    nsiso_process *process = sleeper(NSISO_NEWNS);
    int fd = opened(nsiso_ns_of_pid(nsiso_process_pid(process), NSISO_NEWNS, 0, NULL)), fds = count_fds(), result = 0;
    struct stat before = here(NSISO_NEWNS);
    struct visitor visitor = {.kind = NSISO_NEWNS};
    ok(nsiso_ns_visit(fd, NSISO_NEWNS, -1, look_around, &visitor, &result, 0, &error));
    CHECK(result == 1 && same(visitor.there, of_fd(fd)) && visitor.thread != getpid());
    char cwd[16];
    CHECK(getcwd(cwd, sizeof cwd) != NULL && strcmp(cwd, "/proc") == 0 && same(here(NSISO_NEWNS), before));
    CHECK(syscall(SYS_tgkill, getpid(), visitor.thread, 0) == -1 && errno == ESRCH);
    CHECK(count_fds() == fds && close(fd) == 0);
    nsiso_process_free(process);
}

static void nobody_goes_where_there_is_no_way_back(void)
{
    CHECK(nsiso_unshare(NSISO_NEWUSER) == 0);
    nsiso_process *process = sleeper(NSISO_NEWNET);
    int fd = opened(nsiso_ns_of_pid(nsiso_process_pid(process), NSISO_NEWNET, 0, NULL)), result = 0;
    struct stat before = here(NSISO_NEWNET);
    struct visitor visitor = {.kind = NSISO_NEWNET};
    refused(EPERM, "visit", nsiso_ns_home(NSISO_NEWNET, 0, &error));
    refused(EPERM, "visit", nsiso_ns_visit(fd, NSISO_NEWNET, -1, look_around, &visitor, &result, 0, &error));
    refused(EPERM, "visit", nsiso_ns_socket(fd, AF_INET, SOCK_STREAM, 0, 0, &error));
    CHECK(visitor.calls == 0 && result == 0 && same(here(NSISO_NEWNET), before));
    /* It could have gone there. */
    CHECK(nsiso_setns(fd, NSISO_NEWNET) == 0 && close(fd) == 0);
    nsiso_process_free(process);
}

static void visits_that_cannot_be_meant(void)
{
    settle();
    int net = opened(nsiso_ns_of_pid(0, NSISO_NEWNET, 0, NULL));
    int uts = opened(nsiso_ns_of_pid(0, NSISO_NEWUTS, 0, NULL));
    int pid = opened(nsiso_ns_of_pid(0, NSISO_NEWPID, 0, NULL)), home = opened(nsiso_ns_home(NSISO_NEWNET, 0, NULL));
    const struct {
        int errno_, fd;
        nsiso_kinds kind;
        int home;
        uint32_t flags;
        const char *step;
    } cases[] = {
        {EINVAL, net, NSISO_NEWNET, -1, 1, "nsiso_ns_visit"},
        {EINVAL, net, 0, -1, 0, "nsiso_ns_visit"},
        {EINVAL, net, NSISO_NEWNET | NSISO_NEWUTS, -1, 0, "nsiso_ns_visit"},
        {EINVAL, net, 1, -1, 0, "nsiso_ns_visit"},
        {EINVAL, pid, NSISO_NEWPID, -1, 0, "visit"},
        {EINVAL, pid, NSISO_NEWPID, home, 0, "visit"},
        {EINVAL, uts, NSISO_NEWNET, home, 0, "visit"},
        {EINVAL, uts, NSISO_NEWNET, -1, 0, "visit"},
        {EINVAL, uts, NSISO_NEWUTS, home, 0, "visit"},
        {EINVAL, net, NSISO_NEWNS, -1, 0, "nsiso_ns_visit"},
        {EINVAL, net, NSISO_NEWNS, home, 0, "nsiso_ns_visit"},
        {EBADF, CLOSED, NSISO_NEWNET, home, 0, "visit"},
        {EBADF, CLOSED, NSISO_NEWNET, -1, 0, "visit"},
        {EBADF, -1, NSISO_NEWNET, home, 0, "nsiso_ns_visit"},
        {EBADF, -1, NSISO_NEWNS, -1, 0, "open"},
        {EBADF, net, NSISO_NEWNET, -2, 0, "nsiso_ns_visit"},
        {EINVAL, net, NSISO_NEWNET, CLOSED, 0, "visit"},
        {EINVAL, net, NSISO_NEWNET, 0, 0, "visit"},
    };
    struct visitor visitor = {.kind = NSISO_NEWNET};
    struct stat before = here(NSISO_NEWNET);
    int result = 77;
    for (size_t i = 0; i < COUNT(cases); i++)
        refused(cases[i].errno_, cases[i].step,
                nsiso_ns_visit(cases[i].fd, cases[i].kind, cases[i].home, look_around, &visitor, &result,
                               cases[i].flags, &error));
    refused(EINVAL, "nsiso_ns_visit", nsiso_ns_visit(net, NSISO_NEWNET, home, NULL, &visitor, &result, 0, &error));
    refused(EINVAL, "nsiso_ns_home", nsiso_ns_home(0, 0, &error));
    refused(EINVAL, "visit", nsiso_ns_home(NSISO_NEWNS, 0, &error));
    refused(EINVAL, "visit", nsiso_ns_home(NSISO_NEWUSER, 0, &error));
    CHECK(nsiso_ns_visit(net, NSISO_NEWNET, -1, NULL, NULL, NULL, 0, NULL) == -EINVAL);
    CHECK(visitor.calls == 0 && result == 77 && same(here(NSISO_NEWNET), before));
    CHECK(close(net) == 0 && close(uts) == 0 && close(pid) == 0 && close(home) == 0);
}

static void what_is_no_namespace(void)
{
    const int none[] = {-1, CLOSED, open("/dev/null", O_RDONLY | O_CLOEXEC), open("/proc/self/ns/uts", O_PATH | O_CLOEXEC)};
    const int errors[] = {EBADF, EBADF, EINVAL, EBADF};
    int own = opened(nsiso_ns_of_pid(0, NSISO_NEWUTS, 0, NULL)), fds = count_fds();
    nsiso_ns_info info, untouched;
    memset(&info, 0x5a, sizeof info);
    untouched = info;
    uint32_t level = 77;
    unsigned char saved[NSISO_NS_SAVED] = {0x5a};
    for (size_t i = 0; i < COUNT(none); i++) {
        refused(errors[i], "open", nsiso_ns_get_info(none[i], &info, sizeof info, 0, &error));
        refused(errors[i], "open", nsiso_ns_owner(none[i], 0, &error));
        refused(errors[i], "open", nsiso_ns_parent(none[i], 0, &error));
        refused(errors[i], "open", nsiso_ns_level(none[i], &level, 0, &error));
        refused(errors[i], "open", nsiso_ns_pid_inside(none[i], 1, 0, &error));
        refused(errors[i], "open", nsiso_ns_pid_outside(none[i], 1, 0, &error));
        refused(errors[i], "open", nsiso_ns_equal(none[i], own, &error));
        refused(errors[i], "open", nsiso_ns_equal(own, none[i], &error));
        refused(errors[i], "open", nsiso_ns_save(none[i], saved, sizeof saved, 0, &error));
        refused(errors[i], "open", nsiso_ns_socket(none[i], AF_INET, SOCK_STREAM, 0, 0, &error));
    }
    refused(EINVAL, "nsiso_ns_get_info", nsiso_ns_get_info(own, NULL, sizeof info, 0, &error));
    refused(EINVAL, "nsiso_ns_get_info", nsiso_ns_get_info(own, &info, sizeof info - 1, 0, &error));
    refused(EINVAL, "nsiso_ns_get_info", nsiso_ns_get_info(own, &info, sizeof info, 1, &error));
    refused(EINVAL, "nsiso_ns_level", nsiso_ns_level(own, NULL, 0, &error));
    CHECK(memcmp(&info, &untouched, sizeof info) == 0 && level == 77 && saved[0] == 0x5a);

    refused(EINVAL, "nsiso_ns_open", nsiso_ns_open(NULL, 0, &error));
    refused(ENOENT, "open", nsiso_ns_open("/no/such/file", 0, &error));
    refused(EINVAL, "open", nsiso_ns_open("/dev/null", 0, &error));
    refused(EINVAL, "nsiso_ns_of_pid", nsiso_ns_of_pid(-1, NSISO_NEWUTS, 0, &error));
    refused(EINVAL, "nsiso_ns_of_pid", nsiso_ns_of_pid(0, 0, 0, &error));
    refused(EINVAL, "nsiso_ns_of_pid", nsiso_ns_of_pid(0, NSISO_NEWUTS | NSISO_NEWNET, 0, &error));
    refused(ESRCH, "open", nsiso_ns_of_pid(999999999, NSISO_NEWUTS, 0, &error));
    refused(EBADF, "nsiso_ns_of_pidfd", nsiso_ns_of_pidfd(-1, NSISO_NEWUTS, 0, &error));
    refused(EBADF, "open", nsiso_ns_of_pidfd(CLOSED, NSISO_NEWUTS, 0, &error));
    refused(EBADF, "open", nsiso_ns_of_pidfd(none[2], NSISO_NEWUTS, 0, &error));
    refused(EINVAL, "nsiso_ns_of_pidfd", nsiso_ns_of_pidfd(none[2], 3, 0, &error));
    refused(EBADF, "nsiso_ns_of_socket", nsiso_ns_of_socket(-1, 0, &error));
    refused(EBADF, "open", nsiso_ns_of_socket(CLOSED, 0, &error));
    refused(EINVAL, "open", nsiso_ns_of_socket(none[2], 0, &error));
    CHECK(nsiso_ns_open(NULL, 0, NULL) == -EINVAL && nsiso_ns_equal(-1, -1, NULL) == -EBADF);
    CHECK(count_fds() == fds && close(own) == 0 && close(none[2]) == 0 && close(none[3]) == 0);
}

static void no_flag_has_a_meaning_yet(void)
{
    int own = opened(nsiso_ns_of_pid(0, NSISO_NEWUTS, 0, NULL)), fds = count_fds();
    uint32_t level = 77;
    unsigned char saved[NSISO_NS_SAVED] = {0x5a};
    refused(EINVAL, "nsiso_ns_open", nsiso_ns_open("/proc/self/ns/uts", 1, &error));
    refused(EINVAL, "nsiso_ns_of_pid", nsiso_ns_of_pid(0, NSISO_NEWUTS, 1, &error));
    refused(EINVAL, "nsiso_ns_of_pidfd", nsiso_ns_of_pidfd(CLOSED, NSISO_NEWUTS, 1, &error));
    refused(EINVAL, "nsiso_ns_of_socket", nsiso_ns_of_socket(CLOSED, 1, &error));
    refused(EINVAL, "nsiso_ns_owner", nsiso_ns_owner(own, 1, &error));
    refused(EINVAL, "nsiso_ns_parent", nsiso_ns_parent(own, 1, &error));
    refused(EINVAL, "nsiso_ns_level", nsiso_ns_level(own, &level, 1, &error));
    refused(EINVAL, "nsiso_ns_pid_inside", nsiso_ns_pid_inside(own, 1, 1, &error));
    refused(EINVAL, "nsiso_ns_pid_outside", nsiso_ns_pid_outside(own, 1, 1, &error));
    refused(EINVAL, "nsiso_ns_save", nsiso_ns_save(own, saved, sizeof saved, 1, &error));
    refused(EINVAL, "nsiso_ns_restore", nsiso_ns_restore(saved, sizeof saved, 1, &error));
    refused(EINVAL, "nsiso_ns_home", nsiso_ns_home(NSISO_NEWUTS, 1, &error));
    refused(EINVAL, "nsiso_ns_socket", nsiso_ns_socket(own, AF_INET, SOCK_STREAM, 0, 1, &error));
    nsiso_error *error = NULL;
    CHECK(nsiso_ns_open("/proc/self/ns/uts", UINT32_MAX, &error) == -EINVAL);
    CHECK(strcmp(nsiso_error_object(error), "flags 0xffffffff: none is known") == 0);
    nsiso_error_free(error);
    CHECK(level == 77 && saved[0] == 0x5a && count_fds() == fds && close(own) == 0);
}

static const struct check checks[] = {
    CASE(every_way_leads_to_the_same_namespace),
    CASE(info_owner_parent_and_level_are_true),
    CASE(an_owner_that_may_not_be_asked),
    CASE(a_process_is_found_by_its_number_inside),
    CASE(a_saved_one_is_that_one_or_none),
    CASE(a_socket_is_of_the_namespace_it_was_made_in),
    CASE(visits_lead_there_and_back),
    CASE(a_visit_from_home_allocates_and_opens_nothing),
    CASE(visits_nest),
    CASE(mounts_are_visited_on_another_thread),
    CASE(nobody_goes_where_there_is_no_way_back),
    CASE(visits_that_cannot_be_meant),
    CASE(what_is_no_namespace),
    CASE(no_flag_has_a_meaning_yet),
};

int main(int argc, char **argv)
{
    return run_on_road(checks, COUNT(checks), argc, argv);
}
