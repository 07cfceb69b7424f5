/* pid (row P1): which number has the first process of a new pid namespace, for itself?  Run: ./pid */
#define _GNU_SOURCE
#include "example.h"

static int inside(void *arg)
{
    int *output = arg;
    if (dup2(output[1], STDOUT_FILENO) < 0)
        return failed("dup2");
    execlp("sh", "sh", "-c", "echo $$", (char *)NULL);
    return failed("exec sh");
}

int main(void)
{
    int flags = flags_for(NSISO_NEWPID);
    int output[2];
    if (pipe2(output, O_CLOEXEC) < 0)
        return failed("pipe2");
    say("did", "in a child with NSISO_NEWPID%s: sh -c 'echo $$'", and_user(flags));

    pid_t child = nsiso_clone(inside, NULL, flags | SIGCHLD, output);
    if (child < 0)
        return failed("nsiso_clone");
    close(output[1]);
    char printed[64];
    ssize_t length = read(output[0], printed, sizeof printed - 1);
    close(output[0]);
    printed[length > 0 ? length : 0] = '\0';
    printed[strcspn(printed, "\n")] = '\0';
    say("outside", "the child is process %d", (int)child);
    say("inside", "the shell printed \"%s\"", printed);
    int status = wait_for(child);
    if (status != OK)
        return status;
    say("after", "no process %d: %s", (int)child, kill(child, 0) < 0 ? strerror(errno) : "but there is one");
    return verdict(strcmp(printed, "1") == 0 && child != 1, "one process, one number outside, and 1 inside");
}
