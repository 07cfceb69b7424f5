/* How are the namespaces that were asked for found, and entered?  By one call where that will do; else the library finds
 * an order that the caller's rights allow, or says what stands in the way. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nsenter.h"

static bool is_needed(const request *r)
{
    bool is = r->all || r->socket >= 0 || r->has_inode || r->root == OF_TARGET || r->wd == OF_TARGET || r->env ||
              r->join_cgroup || r->follow_context || r->uid.follows || r->gid.follows;
    for (size_t i = 0; i < KINDS; i++)
        is |= r->namespaces[i] == OF_TARGET;
    return is;
}

static int open_process(const request *r)
{
    struct stat file;
    int pidfd = (int)syscall(SYS_pidfd_open, r->target, 0);
    if (pidfd < 0 && (errno != ENOSYS || r->has_inode || r->socket >= 0))
        fail("process %d", (int)r->target);
    if (!r->has_inode)
        return pidfd;
    if (fstat(pidfd, &file) < 0)
        fail("process %d", (int)r->target);
    if (file.st_ino != r->inode)
        refuse("process %d has the inode %llu, not %llu: it is another one", (int)r->target,
               (unsigned long long)file.st_ino, r->inode);
    return pidfd;
}

/* The namespace with this number for good, which some process has to be in: to open one that is only kept open or
 * mounted by its number takes Linux 6.19, and no function of the library's does so yet. */
static int open_by_id(nsiso_kinds kind, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long id = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || id == 0)
        refuse("%s is no number of a namespace", text);
    DIR *processes = opendir("/proc");
    if (!processes)
        fail("/proc");
    int found = -1;
    for (struct dirent *entry; found < 0 && (entry = readdir(processes)) != NULL;) {
        nsiso_ns_info info;
        long pid = strtol(entry->d_name, &end, 10);
        int fd = *end == '\0' && pid > 0 ? nsiso_ns_of_pid((pid_t)pid, kind, 0, NULL) : -1;
        if (fd >= 0 && nsiso_ns_get_info(fd, &info, sizeof info, 0, NULL) == 0 && info.id == id)
            found = fd;
        else if (fd >= 0)
            close(fd);
    }
    closedir(processes);
    if (found < 0)
        refuse("no process that the caller may look at is in a %s namespace with the number %s (numbers are known "
               "since Linux 6.18)", nsiso_kind_name(kind), text);
    return found;
}

static int open_of_process(const request *r, const targets *t, nsiso_kinds kind, nsiso_error **error)
{
    return t->pidfd >= 0 ? nsiso_ns_of_pidfd(t->pidfd, kind, 0, error) : nsiso_ns_of_pid(r->target, kind, 0, error);
}

static int open_net_of_socket(const request *r, const targets *t)
{
    nsiso_error *error = NULL;
    int socket = (int)syscall(SYS_pidfd_getfd, t->pidfd, r->socket, 0);
    if (socket < 0)
        fail("descriptor %d of process %d", r->socket, (int)r->target);
    int net = nsiso_ns_of_socket(socket, 0, &error);
    close(socket);
    return must(net, &error);
}

/* The user namespace around the one that was asked for, or around the owner of the first other one.  That which owns
 * a namespace is asked for by the same call as that which lies around a user namespace. */
static int open_user_parent(const request *r, const targets *t)
{
    nsiso_error *error = NULL;
    size_t i = 0;
    while (i < KINDS && !enters(t, i))
        i++;
    if (i == KINDS && r->target == 0)
        refuse("--user-parent: around which namespace? Name one, or a --target");
    int inner = i < KINDS && t->fds[i] >= 0 ? t->fds[i] : -1;
    if (inner < 0)
        inner = must(open_of_process(r, t, kind_options[i < KINDS ? i : USER].kind, &error), &error);
    return must(nsiso_ns_owner(inner, 0, &error), &error);
}

bool enters(const targets *t, size_t index)
{
    return t->fds[index] >= 0 || (t->of_process & kind_options[index].kind) != 0;
}

void open_targets(request *r, targets *t)
{
    nsiso_error *error = NULL;
    *t = (targets){.pidfd = -1};
    if (r->target == 0 && is_needed(r))
        refuse("of which process? Give a --target, or a file where a namespace or directory is named");
    if (is_needed(r) || (r->user_parent && r->target != 0))
        t->pidfd = open_process(r);
    for (size_t i = 0; i < KINDS; i++) {
        const char *from = r->namespaces[i];
        nsiso_kinds kind = kind_options[i].kind;
        t->fds[i] = -1;
        /* Whoever has given up capabilities must not get them back by entering its own user namespace. */
        if (!from && r->all && !(i == USER && must(nsiso_ns_same(0, r->target, kind, 0, &error), &error)))
            from = OF_TARGET;
        if (from == OF_TARGET)
            t->of_process |= kind;
        else if (from && from[0] == ':')
            t->fds[i] = open_by_id(kind, from + 1);
        else if (from)
            t->fds[i] = must(nsiso_ns_open(from, 0, &error), &error);
    }
    if (r->socket >= 0) {
        t->of_process &= ~(nsiso_kinds)NSISO_NEWNET;
        t->fds[NET] = open_net_of_socket(r, t);
    }
    if (r->user_parent) {
        int parent = open_user_parent(r, t);
        t->of_process &= ~(nsiso_kinds)NSISO_NEWUSER;
        t->fds[USER] = parent;
    }
}

void must_live(const request *r, const targets *t)
{
    struct pollfd process = {.fd = t->pidfd, .events = POLLIN};
    if (t->pidfd >= 0 && poll(&process, 1, 0) != 0)
        refuse("process %d has ended", (int)r->target);
}

/* All that the kernel does or refuses as a whole. */
static bool enter_at_once(const targets *t)
{
    size_t count = 0, last = 0;
    for (size_t i = 0; i < KINDS; i++)
        if (t->fds[i] >= 0) {
            count++;
            last = i;
        }
    if (count == 0)
        return t->of_process == 0 || (t->pidfd >= 0 && nsiso_setns(t->pidfd, (int)t->of_process) == 0);
    return count == 1 && t->of_process == 0 && nsiso_setns(t->fds[last], (int)kind_options[last].kind) == 0;
}

/* Each by its own descriptor, of the kind that it was named for. */
static void open_each(const request *r, targets *t)
{
    for (size_t i = 0; i < KINDS; i++) {
        nsiso_error *error = NULL;
        nsiso_kinds kind = kind_options[i].kind;
        nsiso_ns_info info;
        if (t->of_process & kind)
            t->fds[i] = open_of_process(r, t, kind, &error);
        if (t->fds[i] == -ENOENT && r->all)
            t->fds[i] = -1; /* A kind that this kernel does not have. */
        else if (t->of_process & kind)
            must(t->fds[i], &error);
        if (t->fds[i] < 0)
            continue;
        must(nsiso_ns_get_info(t->fds[i], &info, sizeof info, 0, &error), &error);
        if (info.kind != kind)
            refuse("--%s: %s is a %s namespace", kind_options[i].word, r->namespaces[i], nsiso_kind_name(info.kind));
    }
    t->of_process = 0;
}

static bool is_own(int fd, nsiso_kinds kind)
{
    nsiso_error *error = NULL;
    int own = must(nsiso_ns_of_pid(0, kind, 0, &error), &error);
    bool is = must(nsiso_ns_equal(own, fd, &error), &error) != 0;
    close(own);
    return is;
}

void enter(const request *r, targets *t)
{
    nsiso_error *error = NULL;
    nsiso_spec *spec;
    if (enter_at_once(t))
        return;
    open_each(r, t);
    must(nsiso_spec_new(0, &spec, &error), &error);
    for (size_t i = 0; i < KINDS; i++) {
        nsiso_kinds kind = kind_options[i].kind;
        if (t->fds[i] < 0)
            continue;
        /* nsiso_enter leaves out what the caller is in already.  nsenter takes the right for it, its own user namespace is
         * refused, and its own mnt namespace brings a root directory along. */
        if (is_own(t->fds[i], kind) && nsiso_setns(t->fds[i], (int)kind) < 0)
            fail("the %s namespace, which is the caller's own", nsiso_kind_name(kind));
        must(nsiso_spec_join_fd(spec, t->fds[i], &error), &error);
    }
    must(nsiso_enter(spec, 0, &error), &error);
    nsiso_spec_free(spec);
}
