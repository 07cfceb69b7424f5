/* same (row V3): do two processes share a namespace?  Run: ./same */
#define _GNU_SOURCE
#include "example.h"

static int inside(void *arg)
{
    return ready_and_wait(arg);
}

/* What sharing means: both links lead to the same device and inode. */
static bool same_file(pid_t a, pid_t b, const char *name)
{
    char path_a[64], path_b[64];
    struct stat file_a, file_b;
    snprintf(path_a, sizeof path_a, "/proc/%d/ns/%s", (int)a, name);
    snprintf(path_b, sizeof path_b, "/proc/%d/ns/%s", (int)b, name);
    return stat(path_a, &file_a) == 0 && stat(path_b, &file_b) == 0 &&
           file_a.st_dev == file_b.st_dev && file_a.st_ino == file_b.st_ino;
}

/* Clones a child with these flags and asks of each kind whether parent and child share it. */
static int compare(const char *key, const char *who, int flags)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return failed("socketpair");
    pid_t child = nsiso_clone(inside, NULL, flags | SIGCHLD, ends);
    if (child < 0)
        return failed("nsiso_clone");

    nsiso_kinds shared = 0, different = 0, kind;
    bool true_by_stat = is_ready(ends);
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
        int answer = nsiso_ns_same(getpid(), child, kind, 0, NULL);
        if (answer < 0)
            continue; /* this kernel has no such kind */
        true_by_stat = true_by_stat && answer == same_file(getpid(), child, nsiso_kind_name(kind));
        *(answer ? &shared : &different) |= kind;
    }
    close(ends[0]);
    int status = wait_for(child);
    if (status != OK)
        return status;

    say(key, "%s shares %s; differs in %s", who, name_kinds(shared).text, name_kinds(different).text);
    if (!true_by_stat)
        return verdict(false, "nsiso_ns_same says what device and inode of the links say");
    if (different != (nsiso_kinds)flags)
        return verdict(false, "exactly the kinds of the flags differ");
    return OK;
}

int main(void)
{
    int flags = flags_for(NSISO_NEWUTS);
    say("did", "nsiso_ns_same(parent, child), with a child of NSISO_NEWUTS%s", and_user(flags));
    int status = compare("outside", "a child like from fork", 0);
    if (status == OK)
        status = compare("inside", "a child with a new uts", flags);
    if (status == OK)
        status = compare("after", "another child", 0);
    if (status != OK)
        return status;
    return verdict(true, "a namespace is shared exactly when both links name the same device and inode");
}
