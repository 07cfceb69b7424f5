/* net (row N1): which network interfaces are there in a new network namespace?  Run: ./net */
#define _GNU_SOURCE
#include "example.h"

static int inside(void *arg)
{
    int *flags = arg;
    char links[TEXT_SIZE], name[64], state[256];
    int status = settle_in(*flags);
    if (status != OK || (status = run("ip -o link", links)) != OK)
        return status;
    say("inside", "ip -o link: %.*s", (int)strcspn(links, "\\\n"), links);
    if (sscanf(links, "%*d: %63[^:]: <%255[^>]>", name, state) != 2)
        return verdict(false, "ip names an interface and its flags");
    if (strchr(links, '\n') || strcmp(name, "lo") != 0)
        return verdict(false, "there is no interface but lo");
    return strstr(state, "UP") ? verdict(false, "lo is down") : OK;
}

int main(void)
{
    int flags = flags_for(NSISO_NEWNET);
    char before[TEXT_SIZE], after[TEXT_SIZE];
    int status = run("ip -o link | cut -d: -f2", before);
    if (status != OK)
        return status;
    say("did", "ran ip -o link in a child with NSISO_NEWNET%s", and_user(flags));
    say("outside", "ip -o link: %d interfaces", count_lines(before) + 1);
    pid_t child = nsiso_clone(inside, NULL, flags | SIGCHLD, &flags);
    if (child < 0)
        return failed("nsiso_clone");
    if ((status = wait_for(child)) != OK || (status = run("ip -o link | cut -d: -f2", after)) != OK)
        return status;
    say("after", "ip -o link: %d interfaces", count_lines(after) + 1);
    return verdict(strcmp(before, after) == 0,
                   "inside there is only lo, and it is down; outside nothing changed");
}
