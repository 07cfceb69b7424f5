/* unshare (row A3): can a process leave into new namespaces of some kinds only?  Run: ./unshare */
#define _GNU_SOURCE
#include "example.h"

static int leave(int flags)
{
    view before, after;
    if (look(&before) != OK)
        return FAILED;
    if (nsiso_unshare(flags) < 0)
        return failed("nsiso_unshare");
    if (look(&after) != OK)
        return FAILED;
    nsiso_kinds changed = differing(&before, &after);
    say("inside", "the same process, now in new ones of: %s", name_kinds(changed).text);
    return changed == (nsiso_kinds)flags ? OK : verdict(false, "exactly the kinds of the flags changed");
}

int main(void)
{
    int flags = flags_for(NSISO_NEWNS | NSISO_NEWUTS | NSISO_NEWIPC);
    view before, after;
    if (look(&before) != OK)
        return FAILED;
    say("did", "a child called nsiso_unshare(NSISO_NEWNS | NSISO_NEWUTS | NSISO_NEWIPC%s)", and_user(flags));
    say("outside", "this process has %d links to namespaces", before.count);

    /* In a child, because unshare() has no way back and the comparison needs one who stayed. */
    pid_t child = nsiso_fork(SIGCHLD);
    if (child == 0)
        _exit(leave(flags));
    if (child < 0)
        return failed("nsiso_fork");
    int status = wait_for(child);
    if (status != OK)
        return status;

    if (look(&after) != OK)
        return FAILED;
    nsiso_kinds moved = differing(&before, &after);
    say("after", "changed for this process: %s", name_kinds(moved).text);
    return verdict(!moved, "the child left into new namespaces of exactly these kinds");
}
