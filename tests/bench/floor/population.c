/* What does a machine with many processes look like? Makes that many idle ones, in some sets of namespaces.
 *
 *   population PROCESSES SETS COMMAND [ARGUMENT...]
 *
 * All are in a new pid namespace with a /proc of its own, each set in new uts and ipc namespaces. The command is run there;
 * when it ends, so do they. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        _exit(125);
    }
}

static void idle(void)
{
    for (;;)
        pause();
}

/* One set, whose first process says when it is there. */
static void populate(int members, int ready)
{
    must(unshare(CLONE_NEWUTS | CLONE_NEWIPC), "unshare");
    for (int member = 1; member < members; member++) {
        pid_t child = fork();
        must(child, "fork");
        if (child == 0) {
            close(ready);
            idle();
        }
    }
    must((int)write(ready, "", 1), "write");
    close(ready);
    idle();
}

static int status_of(pid_t child)
{
    int status;
    pid_t ended;
    do
        ended = wait(&status);
    while (ended > 0 && ended != child);
    must(ended, "wait");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    int processes = atoi(argv[1]), sets = atoi(argv[2]);
    must(unshare(CLONE_NEWPID | CLONE_NEWNS), "unshare");
    pid_t init = fork();
    must(init, "fork");
    if (init > 0)
        return status_of(init);
    must(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount");
    must(mount("proc", "/proc", "proc", 0, NULL), "mount");
    int ready[2];
    must(pipe(ready), "pipe");
    for (int set = 0; set < sets; set++) {
        int members = processes / sets + (set < processes % sets);
        if (members == 0)
            continue;
        pid_t first = fork();
        must(first, "fork");
        if (first == 0) {
            close(ready[0]);
            populate(members, ready[1]);
        }
        char told;
        if (read(ready[0], &told, 1) != 1)
            return 125;
    }
    close(ready[0]);
    close(ready[1]);
    pid_t command = fork();
    must(command, "fork");
    if (command == 0) {
        execvp(argv[3], argv + 3);
        _exit(127);
    }
    return status_of(command);
}
