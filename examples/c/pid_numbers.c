/* pid_numbers (row P2): which number has one process outside and inside, and whom does ps show there?
 * Run: ./pid_numbers */
#define _GNU_SOURCE
#include "spec.h"

/* The shell closes its output, and stays until its input ends.  -ww: whole lines, whatever COLUMNS says. */
static const char *const SHELL[] = {"sh", "-c", "echo $$; ps -efww; exec >&-; read -r _", NULL};

/* Compares the shell's number outside and all its numbers with what it and ps said inside. */
static int compare(pid_t child, const char *said)
{
    char command[64], arguments[TEXT_SIZE], processes[TEXT_SIZE], directory[32], numbers[FIELD_SIZE];
    snprintf(command, sizeof command, "ps -ww -o args= -p %d", (int)child);
    snprintf(directory, sizeof directory, "/proc/%d", (int)child);
    int status = run("ps -ef | wc -l", processes);
    if (status != OK || (status = run(command, arguments)) != OK ||
        (status = read_status(directory, "NSpid", numbers)) != OK)
        return status;
    say("outside", "the shell is process %d; ps -ef shows %d processes", (int)child, atoi(processes) - 1);

    /* Three lines: $$; then, below a heading, UID PID PPID … CMD of the shell and of ps. */
    int own = 0, first = 0, second = 0, first_parent = -1, second_parent = -1;
    sscanf(said, "%d %*[^\n] %*s %d %d %*[^\n] %*s %d %d", &own, &first, &first_parent, &second, &second_parent);
    int shown = count_lines(said) - 1;
    say("inside", "the shell is process %d; ps -ef shows %d processes: %d and its child %d", own, shown, first,
        second);
    say("outside", "NSpid of process %d is %s", (int)child, numbers);
    if (shown != 2 || first != own || first_parent != 0 || second_parent != own || !strstr(said, arguments))
        return verdict(false, "ps inside shows the shell, as ps outside does, and itself, and nobody else");
    char expected[FIELD_SIZE];
    snprintf(expected, sizeof expected, "%d %d", (int)child, own);
    if (own != 1 || child == own || strcmp(numbers, expected) != 0)
        return verdict(false, "NSpid is the number outside, and then the number 1 inside");
    return OK;
}

int main(void)
{
    nsiso_error *error = NULL;
    nsiso_spec *spec = spec_for(NSISO_NEWPID | NSISO_NEWNS);
    must(nsiso_spec_proc(spec, &error), &error);
    int input[2], output[2];
    if (pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0)
        return failed("pipe2");
    nsiso_command *shell = command_of(SHELL);
    must(nsiso_command_fd(shell, input[0], STDIN_FILENO, &error), &error);
    must(nsiso_command_fd(shell, output[1], STDOUT_FILENO, &error), &error);
    say("did", "in new pid and mnt namespaces with a /proc of their own: sh -c 'echo $$; ps -ef'");

    nsiso_process *process = start(spec, shell);
    nsiso_spec_free(spec);
    close(input[0]);
    close(output[1]);
    pid_t child = nsiso_process_pid(process);
    char said[TEXT_SIZE];
    read_to_end(output[0], said);
    int status = compare(child, said);
    close(input[1]);
    end_of(process); /* of read, which came to no line */
    if (status != OK)
        return status;
    bool gone = kill(child, 0) < 0;
    say("after", "no process %d: %s", (int)child, gone ? strerror(errno) : "but there is one");
    return verdict(gone, "one process, a number outside and another inside, both in NSpid; ps inside shows its own");
}
