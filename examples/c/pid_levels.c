/* pid_levels (row P3): who sees whom, where pid namespaces lie beside and in each other?  Run: ./pid_levels
 *
 * Each of these processes is this program, with its name as its argument, and starts those to its right.
 * Brackets are a new pid namespace, with a /proc of its own:
 *
 *     [parent --+-- A -- [A-child -- [A-grandchild]]
 *               +-- B -- [B-child -- [B-grandchild]]] */
#define _GNU_SOURCE
#include "spec.h"

#include <ctype.h>
#include <dirent.h>

enum { BRANCHES = 2, PROCESSES = 1 + 3 * BRANCHES };

/* A process as one /proc shows it. */
typedef struct seen {
    char name[FIELD_SIZE];
    char numbers[FIELD_SIZE]; /* NSpid: in that namespace, and in those below it that the process is in */
} seen;

typedef struct sight {
    seen processes[PROCESSES];
    int count;
} sight;

/* Starts this program under another name, with this as its standard input. */
static nsiso_process *start_as(const char *name, const nsiso_spec *spec, int input)
{
    nsiso_error *error = NULL;
    const char *const argv[] = {"pid_levels", name, NULL};
    nsiso_command *command = command_of(argv);
    must(nsiso_command_executable(command, "/proc/self/exe", &error), &error);
    must(nsiso_command_fd(command, input, STDIN_FILENO, &error), &error);
    return start(spec, command);
}

/* The same in a new pid namespace, below the caller's. */
static nsiso_process *start_below_as(const char *name)
{
    nsiso_error *error = NULL;
    nsiso_spec *spec = spec_for(NSISO_NEWPID | NSISO_NEWNS);
    must(nsiso_spec_proc(spec, &error), &error);
    nsiso_process *process = start_as(name, spec, STDIN_FILENO);
    nsiso_spec_free(spec);
    return process;
}

/* Reads a /proc, wherever it is mounted; more than PROCESSES are counted only. */
static int read_proc(const char *proc, sight *ret_sight)
{
    DIR *directory = opendir(proc);
    if (!directory)
        return failed(proc);
    ret_sight->count = 0;
    int status = OK;
    for (struct dirent *entry; status == OK && (entry = readdir(directory));) {
        char path[TEXT_SIZE];
        seen *process = &ret_sight->processes[ret_sight->count];
        if (!isdigit((unsigned char)entry->d_name[0]) || ret_sight->count++ >= PROCESSES)
            continue;
        snprintf(path, sizeof path, "%s/%s", proc, entry->d_name);
        if ((status = read_status(path, "Name", process->name)) == OK)
            status = read_status(path, "NSpid", process->numbers);
    }
    closedir(directory);
    return status;
}

static void tell(const char *who, const sight *shown)
{
    char text[TEXT_SIZE] = "";
    for (int i = 0; i < shown->count && i < PROCESSES; i++) {
        const seen *process = &shown->processes[i];
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s (%s)", i ? ", " : "", process->name, process->numbers);
    }
    say("inside", "%s sees %s", who, text);
}

/* How many namespaces lie between the parent's and that of the process with this name. */
static int depth_of(const char *name)
{
    return strstr(name, "-grandchild") ? 2 : strstr(name, "-child") ? 1 : 0;
}

/* "7 2 1" without the first two numbers is "1"; NULL when there are not more than that. */
static const char *numbers_from(const char *numbers, int level)
{
    for (; level > 0 && numbers; level--)
        if ((numbers = strchr(numbers, ' ')))
            numbers++;
    return numbers;
}

/* Whether this one sees what it should: of all that the parent sees, its own branch from its own level on,
 * and itself there as process 1. */
static bool is_apart(const seen *self, const sight *all, const sight *own)
{
    int level = depth_of(self->name), expected = 0;
    const char *last = numbers_from(self->numbers, level);
    bool holds = last && strcmp(last, "1") == 0;
    for (int i = 0; i < PROCESSES; i++) {
        const seen *other = &all->processes[i];
        if (other->name[0] != self->name[0] || depth_of(other->name) < level)
            continue;
        const char *numbers = numbers_from(other->numbers, level);
        const seen *found = expected < own->count ? &own->processes[expected] : NULL;
        expected++;
        holds = holds && found && numbers && strcmp(found->name, other->name) == 0 &&
                strcmp(found->numbers, numbers) == 0;
    }
    return holds && own->count == expected;
}

/* Looks at the parent's own /proc, and through /proc/PID/root at that of everybody in a namespace below. */
static int compare(void)
{
    sight all, own;
    int status = read_proc("/proc", &all);
    if (status != OK)
        return status;
    tell("parent", &all);
    if (all.count != PROCESSES || strcmp(all.processes[0].name, "parent") != 0 ||
        strcmp(all.processes[0].numbers, "1") != 0)
        return verdict(false, "the parent is process 1, and sees itself and all that come of it");
    for (int i = 0; i < PROCESSES; i++) {
        const seen *self = &all.processes[i];
        if (depth_of(self->name) == 0)
            continue;
        char proc[FIELD_SIZE];
        snprintf(proc, sizeof proc, "/proc/%d/root/proc", atoi(self->numbers));
        if ((status = read_proc(proc, &own)) != OK)
            return status;
        tell(self->name, &own);
        if (!is_apart(self, &all, &own))
            return verdict(false, "it is process 1 and sees nobody but those it has started");
    }
    return OK;
}

static int parent(void)
{
    static const char *const NAMES[BRANCHES] = {"A", "B"};
    nsiso_process *processes[BRANCHES];
    int ends[BRANCHES][2], status = OK;
    for (int i = 0; i < BRANCHES; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[i]) < 0)
            return failed("socketpair");
        processes[i] = start_as(NAMES[i], NULL, ends[i][1]);
        if (!is_ready(ends[i]))
            return verdict(false, "the last of the branch is ready");
    }
    status = compare();
    for (int i = 0; i < BRANCHES; i++) {
        close(ends[i][0]);
        if (end_of(processes[i]) != OK)
            status = FAILED;
    }
    return status;
}

/* The last one of a branch: it says so, and stays until the parent closes its end. */
static int stay(void)
{
    char byte = 0;
    if (write(STDIN_FILENO, &byte, 1) != 1 || read(STDIN_FILENO, &byte, 1) != 0)
        return failed("wait for the parent");
    return OK;
}

static int act_as(const char *name)
{
    if (write_file("/proc/self/comm", name) < 0)
        return failed("write /proc/self/comm");
    if (strcmp(name, "parent") == 0)
        return parent();
    int depth = depth_of(name);
    if (depth == 2)
        return stay();
    char next[FIELD_SIZE];
    snprintf(next, sizeof next, "%c-%s", name[0], depth == 0 ? "child" : "grandchild");
    return end_of(start_below_as(next));
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return act_as(argv[1]);
    say("did", "in new pid and mnt namespaces A and B each start a child in new ones, and it one more");
    nsiso_process *process = start_below_as("parent");
    pid_t child = nsiso_process_pid(process);
    say("outside", "the parent is process %d", (int)child);
    int status = end_of(process);
    if (status != OK)
        return status;
    bool gone = kill(child, 0) < 0;
    say("after", "no process %d: %s", (int)child, gone ? strerror(errno) : "but there is one");
    return verdict(gone, "each child is process 1 of its own and does not see the other; the parent sees all");
}
