/* What do the examples share that leave something in namespaces of each kind, and find it in a later process?
 *
 * The first life is a process in new namespaces; the second is another one, which joins them when it has ended. */
#ifndef NSISO_EXAMPLE_LIVES_H
#define NSISO_EXAMPLE_LIVES_H

#include "spec.h"

enum { BOOTTIME_SHIFT = 86400, KINDS = 7 };

#define NAME "first-life"

/* What the first life leaves in each namespace, beside the host name and the clock that the spec sets. */
static const char LEAVE[] = "ipcmk --queue >/dev/null && ip link set lo name " NAME " &&"
                            " mount -t tmpfs none /tmp && echo " NAME " >/tmp/word || exit;"
                            " echo ready; read -r end";

/* What the second finds of it, a line for each kind. */
typedef struct trace {
    nsiso_kinds kind;
    const char *command;
    const char *words;
} trace;

static const trace TRACES[KINDS] = {
    {NSISO_NEWUSER, "cat /proc/self/uid_map | xargs", "map %s"},
    {NSISO_NEWUTS, "hostname", "host name \"%s\""},
    {NSISO_NEWIPC, "ipcs -q | grep -c 0x", "%s message queue"},
    {NSISO_NEWNET, "ip -o link | cut -d: -f2 | xargs", "interface \"%s\""},
    {NSISO_NEWNS, "cat /tmp/word", "file with \"%s\""},
    {NSISO_NEWTIME, "tail -1 /proc/self/timens_offsets | xargs", "offset %s"},
    {NSISO_NEWCGROUP, "cut -d: -f3 /proc/self/cgroup | sort -u", "root \"%s\""},
};

static inline nsiso_command *shell(const char *line)
{
    char words[512];
    snprintf(words, sizeof words, "LC_ALL=C PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH; %s", line);
    const char *const argv[] = {"sh", "-c", words, NULL};
    return command_of(argv);
}

/* Lets a process leave something in new namespaces, holds them, and lets it end. */
static inline int first_life(int fds[KINDS], int *pid_fd)
{
    nsiso_error *error = NULL;
    nsiso_spec *spec = spec_for(NSISO_KINDS_ALL);
    nsiso_command *command = shell(LEAVE);
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
        return failed("pipe2");
    must(nsiso_spec_hostname(spec, NAME, &error), &error);
    must(nsiso_spec_loopback_down(spec, &error), &error);
    must(nsiso_spec_time_offset(spec, NSISO_CLOCK_BOOTTIME, BOOTTIME_SHIFT, 0, &error), &error);
    must(nsiso_command_fd(command, to[0], STDIN_FILENO, &error), &error);
    must(nsiso_command_fd(command, from[1], STDOUT_FILENO, &error), &error);
    nsiso_process *process = start(spec, command);
    close(to[0]);
    close(from[1]);
    nsiso_spec_free(spec);

    char said[TEXT_SIZE] = "";
    if (read(from[0], said, sizeof said - 1) <= 0 || strcmp(said, "ready\n") != 0)
        return verdict(false, "the first process leaves something");
    int pidfd = nsiso_process_pidfd(process);
    for (size_t i = 0; i < KINDS; i++)
        must(fds[i] = nsiso_ns_of_pidfd(pidfd, TRACES[i].kind, 0, &error), &error);
    must(*pid_fd = nsiso_ns_of_pidfd(pidfd, NSISO_NEWPID, 0, &error), &error);
    if (write(to[1], "end\n", 4) != 4)
        return failed("write");
    close(to[1]);
    close(from[0]);
    return end_of(process);
}

/* A process that joins them looks for what is still there; the spec is freed. */
static inline int second_life(nsiso_spec *spec, const uint64_t inodes[KINDS])
{
    char map[64], offset[64];
    snprintf(map, sizeof map, "0 %u 1", geteuid());
    snprintf(offset, sizeof offset, "boottime %d 0", BOOTTIME_SHIFT);
    const char *const expected[KINDS] = {map, NAME, "1", NAME, NAME, offset, "/"};
    int status = OK;
    for (size_t i = 0; i < KINDS && status == OK; i++) {
        const char *kind = nsiso_kind_name(TRACES[i].kind);
        char line[256], text[TEXT_SIZE], link[64], told[TEXT_SIZE];
        snprintf(line, sizeof line, "readlink /proc/self/ns/%s; %s", kind, TRACES[i].command);
        status = output_of(spec, shell(line), text);
        snprintf(link, sizeof link, "%s:[%llu]\n", kind, (unsigned long long)inodes[i]);
        if (status == OK && (strncmp(text, link, strlen(link)) != 0 || strcmp(text + strlen(link), expected[i]) != 0))
            status = verdict(false, "the second process is in the namespaces of the first, and finds what it has left");
        if (status == OK) {
            snprintf(told, sizeof told, TRACES[i].words, text + strlen(link));
            say("inside", "%s: %s", kind, told);
        }
    }
    nsiso_spec_free(spec);
    return status;
}

/* A pid namespace ends with its process 1, and is a name from then on; the spec, which joins one, is freed. */
static inline int no_other_life(nsiso_spec *spec, int pid)
{
    nsiso_error *error = NULL;
    nsiso_process *process;
    const char *const argv[] = {"true", NULL};
    nsiso_command *command = command_of(argv);
    if (nsiso_spawn(spec, command, 0, &process, NULL) != -ENOMEM)
        return verdict(false, "a pid namespace whose process 1 has ended takes no other");
    uint32_t level;
    must(nsiso_ns_level(pid, &level, 0, &error), &error);
    say("inside", "pid: still %u level below, and takes no process after its number 1 has ended", (unsigned)level);
    nsiso_command_free(command);
    nsiso_spec_free(spec);
    return OK;
}

static inline uint64_t inode_of(int fd)
{
    nsiso_error *error = NULL;
    nsiso_ns_info info;
    must(nsiso_ns_get_info(fd, &info, sizeof info, 0, &error), &error);
    return info.inode;
}

static inline nsiso_spec *empty_spec(void)
{
    nsiso_error *error = NULL;
    nsiso_spec *spec;
    must(nsiso_spec_new(0, &spec, &error), &error);
    return spec;
}

#endif
