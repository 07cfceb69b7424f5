/* mount (row M1): does a mount inside touch anything outside, even where / is shared?  Run: ./mount */
#define _GNU_SOURCE
#include "example.h"

static const char MOUNTINFO[] = "/proc/self/mountinfo";
static const char DIRECTORY[] = "/tmp";

typedef struct stay {
    int flags;
    int *ends;
} stay;

/* The propagation of /: the optional fields of the last line for that mount point. */
static const char *root_is(const char *mountinfo)
{
    const char *propagation = "private";
    for (const char *line = mountinfo; *line; line = strchr(line, '\n') + 1) {
        char point[TEXT_SIZE], optional[64];
        if (sscanf(line, "%*s %*s %*s %*s %4095s %*s %63s", point, optional) != 2 || strcmp(point, "/") != 0)
            continue;
        bool shared = strncmp(optional, "shared:", 7) == 0, slave = strncmp(optional, "master:", 7) == 0;
        propagation = shared ? "shared" : slave ? "slave" : "private";
    }
    return propagation;
}

static int show_own_mounts(const char *when)
{
    char *mounts = read_file(MOUNTINFO);
    if (!mounts)
        return failed(MOUNTINFO);
    say("inside", "%s: %d mounts, / is %s", when, count_lines(mounts), root_is(mounts));
    free(mounts);
    return OK;
}

static int inside(void *arg)
{
    stay *s = arg;
    int status = settle_in(s->flags);
    if (status == OK)
        status = make_mounts_private();
    if (status != OK)
        return status;

    struct stat before, mounted;
    if (stat(DIRECTORY, &before) < 0 || mount("none", DIRECTORY, "tmpfs", 0, NULL) < 0)
        return refused("mount a tmpfs");
    if (stat(DIRECTORY, &mounted) < 0 || mounted.st_dev == before.st_dev)
        return verdict(false, "the tmpfs is to be seen inside");
    if ((status = show_own_mounts("tmpfs mounted on /tmp")) != OK)
        return status;
    if ((status = ready_and_wait(s->ends)) != OK)
        return status;
    if (umount2(DIRECTORY, 0) < 0)
        return failed("umount");
    return show_own_mounts("unmounted again");
}

int main(void)
{
    int flags = flags_for(NSISO_NEWNS);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return failed("socketpair");
    char *before = read_file(MOUNTINFO);
    if (!before)
        return failed(MOUNTINFO);
    say("did", "in a child with NSISO_NEWNS%s: all mounts private, mount, umount", and_user(flags));
    say("outside", "%d mounts, / is %s", count_lines(before), root_is(before));

    stay s = {flags, ends};
    pid_t child = nsiso_clone(inside, NULL, flags | SIGCHLD, &s);
    if (child < 0)
        return failed("nsiso_clone");
    bool ready = is_ready(ends);
    char *during = read_file(MOUNTINFO);
    close(ends[0]);
    int status = wait_for(child);
    char *after = read_file(MOUNTINFO);
    if (status == OK && (!ready || !during || !after)) {
        status = failed(MOUNTINFO);
    } else if (status == OK) {
        say("after", "%d mounts during, %d after; mountinfo has %zu bytes",
            count_lines(during), count_lines(after), strlen(after));
        bool untouched = strcmp(before, during) == 0 && strcmp(before, after) == 0;
        status = verdict(untouched, "mountinfo outside is byte for byte the same before, during and after");
    }
    free(before);
    free(during);
    free(after);
    return status;
}
