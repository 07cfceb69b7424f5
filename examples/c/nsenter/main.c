/* Can a library replace nsenter(1)?  A program in namespaces that are there, in place wherever that is possible. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nsenter.h"

enum { CANNOT_EXECUTE = 126, NOT_FOUND = 127, BY_SIGNAL = 128 };

static void complain(const char *format, va_list args)
{
    fputs("nsenter: ", stderr);
    vfprintf(stderr, format, args);
}

void fail(const char *format, ...)
{
    int code = errno;
    va_list args;
    va_start(args, format);
    complain(format, args);
    va_end(args);
    fprintf(stderr, ": %s\n", strerror(code));
    exit(EXIT_FAILURE);
}

void refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

int must(int result, nsiso_error **error)
{
    if (result < 0)
        refuse("%s", nsiso_error_message(*error));
    return result;
}

/* Without a program, a login shell. */
static void execute(char **program)
{
    const char *file = program[0];
    if (file) {
        execvp(file, program);
    } else {
        char name[256];
        file = getenv("SHELL");
        if (!file)
            file = "/bin/sh";
        const char *slash = strrchr(file, '/');
        snprintf(name, sizeof name, "-%s", slash ? slash + 1 : file);
        execl(file, name, (char *)NULL);
    }
    int status = errno == ENOENT ? NOT_FOUND : CANNOT_EXECUTE;
    fprintf(stderr, "nsenter: %s cannot be executed: %s\n", file, strerror(errno));
    exit(status);
}

/* Stops when the child does, and ends as it does. */
static int go_the_way_of(pid_t child)
{
    int status;
    for (;;) {
        if (waitpid(child, &status, WUNTRACED) < 0) {
            if (errno != EINTR)
                fail("waiting for the program");
        } else if (WIFSTOPPED(status)) {
            kill(getpid(), SIGSTOP);
            kill(child, SIGCONT);
        } else {
            break;
        }
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    signal(WTERMSIG(status), SIG_DFL);
    kill(getpid(), WTERMSIG(status));
    return BY_SIGNAL + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    request r;
    targets t;
    surroundings s;
    read_options(argc, argv, &r);
    open_targets(&r, &t);
    open_surroundings(&r, &s);
    must_live(&r, &t);
    drop_groups(&r, &t, &s);
    enter(&r, &t);
    change_directories(&r, &s);

    /* Nobody changes its own pid namespace: its children are in the one that was entered.  They are copies, not borrowers
     * of this process's memory: whoever may trace them in there would get at that. */
    bool in_a_child = false;
    for (size_t i = 0; i < KINDS; i++)
        in_a_child |= kind_options[i].kind == NSISO_NEWPID && enters(&t, i) && !r.no_fork;
    if (in_a_child) {
        signal(SIGCHLD, SIG_DFL); /* if it were ignored there would be no status */
        pid_t child = nsiso_fork(SIGCHLD);
        if (child < 0)
            fail("fork");
        if (child > 0)
            return go_the_way_of(child);
    }
    become(&r, &t, &s);
    execute(r.program);
}
