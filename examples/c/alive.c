/* alive (row V4): does an open descriptor keep a namespace of each kind after its last process has ended?  Run: ./alive */
#define _GNU_SOURCE
#include "lives.h"

int main(void)
{
    nsiso_error *error = NULL;
    uint64_t inodes[KINDS];
    int fds[KINDS], pid;
    say("did", "nsiso_ns_of_pidfd(pidfd, kind, 0), the process ends, nsiso_spec_join_fd(spec, fd) for another");
    int status = first_life(fds, &pid);
    if (status != OK)
        return status;

    nsiso_spec *second = empty_spec(), *other = empty_spec();
    /* The user namespace owns the others, and comes first. */
    for (size_t i = 0; i < KINDS; i++) {
        must(nsiso_spec_join_fd(second, fds[i], &error), &error);
        inodes[i] = inode_of(fds[i]);
    }
    must(nsiso_spec_join_fd(other, fds[0], &error), &error);
    must(nsiso_spec_join_fd(other, pid, &error), &error);
    if ((status = second_life(second, inodes)) != OK || (status = no_other_life(other, pid)) != OK)
        return status;
    return verdict(true, "a descriptor keeps each kind of namespace; a later process joins it, but for pid");
}
