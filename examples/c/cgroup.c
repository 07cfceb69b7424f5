/* cgroup (row C1): how does a process in a new cgroup namespace see its own cgroup?  Run: ./cgroup */
#define _GNU_SOURCE
#include "example.h"

static const char OWN[] = "/proc/self/cgroup";

/* Lines are "hierarchy:controllers:path"; shows those whose path is not / and returns how many. */
static int show_cgroups(const char *key, char *text)
{
    int count = 0, below_root = 0;
    char *rest;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *controllers = strchr(line, ':');
        const char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        count++;
        if (path && strcmp(path + 1, "/") == 0)
            continue;
        below_root++;
        say(key, "%s", line);
    }
    say(key, "%d of %d hierarchies: /", count - below_root, count);
    return below_root;
}

static int inside(void *arg)
{
    int *flags = arg;
    int status = settle_in(*flags);
    if (status != OK)
        return status;
    char *own = read_file(OWN);
    if (!own)
        return failed(OWN);
    int below_root = show_cgroups("inside", own);
    free(own);
    return below_root == 0 ? OK : verdict(false, "every own cgroup reads / inside");
}

int main(void)
{
    int flags = flags_for(NSISO_NEWCGROUP);
    say("did", "read %s in a child with NSISO_NEWCGROUP%s", OWN, and_user(flags));
    char *before = read_file(OWN), *shown = before ? strdup(before) : NULL;
    if (!shown)
        return failed(OWN);
    int below_root = show_cgroups("outside", shown);
    free(shown);
    pid_t child = nsiso_clone(inside, NULL, flags | SIGCHLD, &flags);
    if (child < 0)
        return failed("nsiso_clone");
    int status = wait_for(child);
    char *after = read_file(OWN);
    if (status == OK && !after) {
        status = failed(OWN);
    } else if (status == OK) {
        bool same = strcmp(before, after) == 0;
        say("after", "%s", same ? "unchanged" : "changed");
        status = verdict(same, below_root ? "the own cgroup reads / inside, and its full path outside"
                                          : "the own cgroup reads / inside, as it already did outside");
    }
    free(before);
    free(after);
    return status;
}
