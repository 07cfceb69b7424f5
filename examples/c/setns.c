/* setns (row A2): can a process join a namespace by an open descriptor?  Run: ./setns */
#define _GNU_SOURCE
#include "example.h"

static const char NAME[] = "first-life";

typedef struct first {
    int flags;
    int *ends;
} first;

/* The process whose namespace is joined: it gives it a host name and stays. */
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

static int open_ns(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* The process that joins; it is not the main one, which must stay where it is to compare. */
static int join(int uts, int user, pid_t target)
{
    if (nsiso_setns(uts, NSISO_NEWNET) == 0)
        return verdict(false, "a wrong nstype is EINVAL");
    if (errno != EINVAL)
        return failed("setns(uts, NSISO_NEWNET)");
    say("inside", "setns(uts, a wrong nstype): %s", strerror(errno));
    /* An ordinary user may join only after joining the user namespace that owns the other one. */
    if (user >= 0 && nsiso_setns(user, NSISO_NEWUSER) < 0)
        return failed("setns(user, NSISO_NEWUSER)");
    if (nsiso_setns(uts, 0) < 0)
        return failed("setns(uts, 0)");
    if (nsiso_setns(uts, NSISO_NEWUTS) < 0)
        return failed("setns(uts, NSISO_NEWUTS)");

    char name[TEXT_SIZE];
    int status = run("hostname", name);
    if (status != OK)
        return status;
    bool same = nsiso_ns_same(getpid(), target, NSISO_NEWUTS, 0, NULL) == 1;
    say("inside", "setns(uts, 0) and setns(uts, the right nstype): joined, the host name is \"%s\"", name);
    bool joined = same && strcmp(name, NAME) == 0;
    return joined ? OK : verdict(false, "the joined namespace is that of the descriptor");
}

static int join_by_descriptor(pid_t target, bool with_user_namespace)
{
    int uts = open_ns(target, "uts"), user = with_user_namespace ? open_ns(target, "user") : -1;
    if (uts < 0 || (with_user_namespace && user < 0))
        return failed("open the namespace files");
    pid_t joiner = nsiso_fork(SIGCHLD);
    if (joiner == 0)
        _exit(join(uts, user, target));
    int status = joiner < 0 ? failed("nsiso_fork") : wait_for(joiner);
    close(uts);
    if (user >= 0)
        close(user);
    return status;
}

int main(void)
{
    int flags = flags_for(NSISO_NEWUTS);
    char before[TEXT_SIZE], after[TEXT_SIZE];
    int ends[2], status = run("hostname", before);
    if (status != OK)
        return status;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return failed("socketpair");
    say("did", "nsiso_setns(fd, nstype) into the NSISO_NEWUTS%s of another child",
        and_user(flags));
    say("outside", "the host name is \"%s\"", before);

    first f = {flags, ends};
    pid_t target = nsiso_clone(owner, NULL, flags | SIGCHLD, &f);
    if (target < 0)
        return failed("nsiso_clone");
    if (is_ready(ends))
        status = join_by_descriptor(target, flags & NSISO_NEWUSER);
    close(ends[0]);
    int owner_status = wait_for(target);
    if (status != OK || owner_status != OK)
        return status != OK ? status : owner_status;

    if ((status = run("hostname", after)) != OK)
        return status;
    say("after", "the host name is \"%s\"", after);
    return verdict(strcmp(before, after) == 0,
                   "joined by descriptor; a wrong nstype is EINVAL, 0 does not check");
}
