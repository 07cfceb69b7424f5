/* setns (row A2): can a process join a namespace of each kind by an open descriptor?  Run: ./setns */
#define _GNU_SOURCE
#include "example.h"

static const char NAME[] = "first-life";

enum { KINDS = 8 };

typedef struct first {
    int flags;
    int *ends;
} first;

/* The process whose namespaces are joined: it gives one of them a host name and stays. */
static int owner(void *arg)
{
    first *f = arg;
    int status = settle_in(f->flags);
    if (status != OK)
        return status;
    if (sethostname(NAME, strlen(NAME)) < 0)
        return refused("sethostname");
    return ready_and_wait(f->ends);
}

/* The kinds in the order in which they are joined: an ordinary user has the right to join the others only after joining
 * the user namespace that owns them. */
static nsiso_kinds kind_to_join(size_t index)
{
    nsiso_kinds kind = NSISO_NEWUSER;
    for (size_t i = 0; index > 0 && (kind = nsiso_kind_at(i)) != 0; i++)
        index -= kind != NSISO_NEWUSER;
    return kind;
}

/* Whether this process is in all the namespaces of the other.  Who joins a pid namespace stays where it is; its children
 * are in there. */
static bool is_in_those_of(pid_t target)
{
    nsiso_ns_link own[LINKS_MAX], its[LINKS_MAX];
    int own_count = nsiso_ns_links(0, own, sizeof own[0], LINKS_MAX, 0, NULL);
    int its_count = nsiso_ns_links(target, its, sizeof its[0], LINKS_MAX, 0, NULL);
    int same = 0;
    for (int i = 0; i < own_count; i++)
        for (int j = 0; j < its_count; j++)
            same += strcmp(its[j].name, nsiso_kind_name(its[j].kind)) == 0 && own[i].inode == its[j].inode &&
                    strcmp(own[i].name, its[j].kind == NSISO_NEWPID ? "pid_for_children" : its[j].name) == 0;
    return same == KINDS;
}

/* The process that joins; it is not the main one, which must stay where it is to compare. */
static int join(const int fds[KINDS], bool checked, pid_t target)
{
    for (size_t i = 0; i < KINDS; i++) {
        nsiso_kinds kind = kind_to_join(i);
        if (nsiso_setns(fds[i], kind == NSISO_NEWUTS ? NSISO_NEWNET : NSISO_NEWUTS) == 0)
            return verdict(false, "a wrong nstype is EINVAL");
        if (errno != EINVAL)
            return failed("setns(fd, a wrong nstype)");
        if (nsiso_setns(fds[i], checked ? (int)kind : 0) < 0)
            return failed(nsiso_kind_name(kind));
    }
    if (!is_in_those_of(target))
        return verdict(false, "the joined namespaces are those of the descriptors");
    char name[TEXT_SIZE];
    int status = run("hostname", name);
    if (status != OK)
        return status;
    if (!checked)
        say("inside", "setns(fd, a wrong nstype): %s, for each kind", strerror(EINVAL));
    say("inside", "setns(fd, %s): joined %s, the host name is \"%s\"", checked ? "its own nstype" : "0",
        name_kinds(NSISO_KINDS_ALL).text, name);
    return strcmp(name, NAME) == 0 ? OK : verdict(false, "the host name is that of the joined uts namespace");
}

static int join_by_descriptor(pid_t target)
{
    int fds[KINDS], status = OK;
    for (size_t i = 0; i < KINDS; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)target, nsiso_kind_name(kind_to_join(i)));
        fds[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (fds[i] < 0)
            return failed(path);
    }
    for (int checked = 0; checked <= 1 && status == OK; checked++) {
        pid_t joiner = nsiso_fork(SIGCHLD);
        if (joiner == 0)
            _exit(join(fds, checked, target));
        status = joiner < 0 ? failed("nsiso_fork") : wait_for(joiner);
    }
    for (size_t i = 0; i < KINDS; i++)
        close(fds[i]);
    return status;
}

int main(void)
{
    int flags = flags_for(NSISO_KINDS_ALL);
    char before[TEXT_SIZE], after[TEXT_SIZE];
    int ends[2], status = run("hostname", before);
    if (status != OK)
        return status;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return failed("socketpair");
    say("did", "nsiso_setns(fd, nstype) into the namespaces of another child, of each kind");
    say("outside", "the host name is \"%s\"", before);

    first f = {flags, ends};
    pid_t target = nsiso_clone(owner, NULL, flags | SIGCHLD, &f);
    if (target < 0)
        return failed("nsiso_clone");
    if (is_ready(ends))
        status = join_by_descriptor(target);
    close(ends[0]);
    int owner_status = wait_for(target);
    if (status != OK || owner_status != OK)
        return status != OK ? status : owner_status;

    if ((status = run("hostname", after)) != OK)
        return status;
    say("after", "the host name is \"%s\"", after);
    return verdict(strcmp(before, after) == 0,
                   "each kind is joined by descriptor; a wrong nstype is EINVAL, 0 does not check");
}
