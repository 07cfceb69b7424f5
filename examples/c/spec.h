/* What do the C examples share that describe namespaces by a spec?  Refusals, starting, and output.
 *
 * What cannot be had ends the example: with 77 for want of a right or of a program, else with 1. */
#ifndef NSISO_EXAMPLE_SPEC_H
#define NSISO_EXAMPLE_SPEC_H

#include "example.h"

/* Goes on only if a call of the library had no error. */
static inline void must(int result, nsiso_error **error)
{
    if (result >= 0)
        return;
    int code = nsiso_error_errno(*error);
    bool cannot = code == EPERM || code == EACCES || code == ENOSYS || code == ENOENT;
    say(cannot ? "cannot" : "failed", "%s", nsiso_error_message(*error));
    exit(cannot ? CANNOT : FAILED);
}

/* New namespaces of these kinds.  In a new user namespace, wanted or needed, the caller is root. */
static inline nsiso_spec *spec_for(nsiso_kinds kinds)
{
    nsiso_error *error = NULL;
    nsiso_spec *spec;
    nsiso_kinds flags = (nsiso_kinds)flags_for(kinds);
    must(nsiso_spec_new(0, &spec, &error), &error);
    must(nsiso_spec_unshare(spec, flags, &error), &error);
    if (flags & NSISO_NEWUSER)
        must(nsiso_spec_map_root(spec, &error), &error);
    return spec;
}

static inline nsiso_command *command_of(const char *const argv[])
{
    nsiso_error *error = NULL;
    nsiso_command *command;
    must(nsiso_command_new(argv, 0, &command, &error), &error);
    return command;
}

/* Starts the command and frees it.  Without a spec it runs as the caller does. */
static inline nsiso_process *start(const nsiso_spec *spec, nsiso_command *command)
{
    nsiso_error *error = NULL;
    nsiso_process *process;
    must(nsiso_spawn(spec, command, 0, &process, &error), &error);
    nsiso_command_free(command);
    return process;
}

/* Waits, frees the process, and returns its exit status, or FAILED for a death by signal. */
static inline int end_of(nsiso_process *process)
{
    nsiso_error *error = NULL;
    nsiso_wait ended;
    must(nsiso_process_wait(process, -1, &ended, sizeof ended, 0, &error), &error);
    nsiso_process_free(process);
    if (ended.signal != 0)
        say("failed", "the child was killed by signal %d", (int)ended.signal);
    return ended.signal != 0 ? FAILED : ended.exit_code;
}

/* All that comes until the other end is closed, without the last newline; closes this end. */
static inline void read_to_end(int fd, char text[TEXT_SIZE])
{
    size_t used = 0;
    ssize_t got;
    while (used < TEXT_SIZE - 1 && (got = read(fd, text + used, TEXT_SIZE - 1 - used)) > 0)
        used += (size_t)got;
    close(fd);
    while (used > 0 && text[used - 1] == '\n')
        used--;
    text[used] = '\0';
}

/* What the command writes on its standard output; it is freed.  OK, or FAILED and printed why. */
static inline int output_of(const nsiso_spec *spec, nsiso_command *command, char text[TEXT_SIZE])
{
    nsiso_error *error = NULL;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return failed("pipe2");
    must(nsiso_command_fd(command, ends[1], STDOUT_FILENO, &error), &error);
    close(ends[1]);
    nsiso_process *process = start(spec, command);
    read_to_end(ends[0], text);
    int status = end_of(process);
    return status == OK ? OK : verdict(false, "the command inside ends with 0");
}

#endif
