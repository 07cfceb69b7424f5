/* proc (row M2): how many processes does ps show before and after `mount -t proc` inside?  Run: ./proc */
#define _GNU_SOURCE
#include "example.h"

static const char MOUNTINFO[] = "/proc/self/mountinfo";
typedef struct stay {
    int flags;
    int *ends;
} stay;

static int count_processes(int *ret_count)
{
    char line[TEXT_SIZE];
    int status = run("ps -e -o pid= | wc -l", line);
    if (status == OK)
        *ret_count = atoi(line);
    return status;
}

static int inside(void *arg)
{
    stay *s = arg;
    int before, status = settle_in(s->flags);
    if (status == OK)
        status = make_mounts_private();
    if (status == OK)
        status = count_processes(&before);
    if (status != OK)
        return status;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return refused("mount proc");

    char list[TEXT_SIZE];
    /* exec, so that sh is not one more process to count */
    if ((status = run("exec ps -e -o pid=", list)) != OK)
        return status;
    int count = count_lines(list) + 1, first;
    bool own_only = count == 2 && sscanf(list, "%d", &first) == 1 && first == 1 && getpid() == 1;
    say("inside", "ps -e shows %d processes with the old /proc, %d with the new one", before, count);
    if (!own_only || before <= count)
        return verdict(false, "after the mount ps shows process 1 and itself and nothing else");
    return ready_and_wait(s->ends);
}

int main(void)
{
    int flags = flags_for(NSISO_NEWNS | NSISO_NEWPID);
    int before, after, ends[2];
    char own[TEXT_SIZE];
    int status = count_processes(&before);
    if (status != OK)
        return status;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return failed("socketpair");
    char *mounts_before = read_file(MOUNTINFO);
    if (!mounts_before)
        return failed(MOUNTINFO);
    say("did", "in a child with NSISO_NEWNS | NSISO_NEWPID%s: mount -t proc proc /proc", and_user(flags));
    say("outside", "ps -e shows %d processes", before);

    stay s = {flags, ends};
    pid_t child = nsiso_clone(inside, NULL, flags | SIGCHLD, &s);
    if (child < 0)
        return failed("nsiso_clone");
    bool ready = is_ready(ends);
    char *mounts_during = read_file(MOUNTINFO);
    close(ends[0]);
    status = wait_for(child);
    char *mounts_after = read_file(MOUNTINFO);
    if (status == OK)
        status = count_processes(&after);
    if (status == OK)
        status = run("ps -o pid= -p $PPID", own); /* $PPID: this process, as an untouched /proc knows it */
    if (status == OK && (!ready || !mounts_during || !mounts_after)) {
        status = failed(MOUNTINFO);
    } else if (status == OK) {
        say("after", "ps -e shows %d processes", after);
        bool untouched = strcmp(mounts_before, mounts_during) == 0 &&
                         strcmp(mounts_before, mounts_after) == 0 && atoi(own) == getpid();
        status = verdict(untouched, "only the own processes inside; /proc and mountinfo outside untouched");
    }
    free(mounts_before);
    free(mounts_during);
    free(mounts_after);
    return status;
}
