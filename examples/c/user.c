/* user (row S1): who is a process in a user namespace where no id is mapped?  Run: ./user */
#define _GNU_SOURCE
#include "example.h"

static int inside(void *arg)
{
    unsigned *overflow = arg;
    char id[TEXT_SIZE];
    int status = run("id", id);
    if (status != OK)
        return status;
    say("inside", "id: %s", id);
    unsigned uid, gid;
    const char *group = strstr(id, "gid=");
    bool nobody = group && sscanf(id, "uid=%u", &uid) == 1 && sscanf(group, "gid=%u", &gid) == 1 &&
                  uid == overflow[0] && gid == overflow[1];
    return nobody ? OK : verdict(false, "uid and gid inside are the ids for what is not mapped");
}

/* 65534 almost everywhere, but the administrator may choose another. */
static unsigned read_number(const char *path)
{
    char *text = read_file(path);
    unsigned number = text ? (unsigned)strtoul(text, NULL, 10) : 65534;
    free(text);
    return number;
}

int main(void)
{
    int flags = flags_for(NSISO_NEWUSER);
    unsigned overflow[2] = {
        read_number("/proc/sys/kernel/overflowuid"),
        read_number("/proc/sys/kernel/overflowgid"),
    };
    char before[TEXT_SIZE], after[TEXT_SIZE];
    int status = run("id", before);
    if (status != OK)
        return status;
    say("did", "ran id in a child with NSISO_NEWUSER and no id map");
    say("outside", "id: %s", before);
    pid_t child = nsiso_clone(inside, NULL, flags | SIGCHLD, overflow);
    if (child < 0)
        return failed("nsiso_clone");
    if ((status = wait_for(child)) != OK || (status = run("id", after)) != OK)
        return status;
    say("after", "id: %s", after);
    return verdict(strcmp(before, after) == 0,
                   "without a map everybody is nobody inside, and unchanged outside");
}
