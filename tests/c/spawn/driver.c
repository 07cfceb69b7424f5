/* Does what it is told with a spec and a command, so that a test can look at the result from outside.
 *
 *   driver plan|spawn|held [OPTION[=VALUE]]... -- COMMAND [ARGUMENT]...
 *
 * OPTION is that of nsiso_spec_OPTION or nsiso_command_OPTION; where a function takes several values, they are
 * separated by colons. Says what came of it, a line each, fields separated by tabs:
 *
 *   -> "plan TEXT..."  the text until the end
 *   -> "pid PID"
 *   -> "error ERRNO STEP OBJECT CAUSE CHILDREN"  CHILDREN: 1 if a child is left
 *
 * A running child is then asked for by lines on standard input, until its end, where the child is killed:
 *
 *   <- "release"      -> "pid PID" or "error ..."
 *   <- "wait MS"      -> "ended STATUS EXIT_CODE SIGNAL CORE HAS_USAGE MAX_RSS" or "running"
 *   <- "kill SIGNAL"  -> "killed"
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdlib.h>

#include "check.h"

struct setting {
    const char *name;
    int (*set)(nsiso_spec *, nsiso_command *, const char *value, nsiso_error **);
};

/* Options by how they take their value. */
#define PLAIN(option)                                                                                            \
    static int set_##option(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)    \
    {                                                                                                            \
        (void)command, (void)value;                                                                              \
        return nsiso_spec_##option(spec, error);                                                                 \
    }
#define TEXT(option)                                                                                             \
    static int set_##option(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)    \
    {                                                                                                            \
        (void)command;                                                                                           \
        return nsiso_spec_##option(spec, value, error);                                                          \
    }
#define NUMBER(option, type, base)                                                                               \
    static int set_##option(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)    \
    {                                                                                                            \
        (void)command;                                                                                           \
        return nsiso_spec_##option(spec, (type)strtoll(value, NULL, base), error);                               \
    }

enum { MANY = 64 };

/* The numbers between colons or commas. */
static size_t numbers(const char *value, long long *to)
{
    size_t count = 0;
    while (*value != '\0' && count < MANY) {
        char *end;
        to[count++] = strtoll(value, &end, 10);
        value = *end != '\0' ? end + 1 : end;
    }
    return count;
}

/* Names between commas, or a number. */
static nsiso_kinds kinds(const char *value)
{
    if (value[0] >= '0' && value[0] <= '9')
        return (nsiso_kinds)strtoul(value, NULL, 0);
    nsiso_kinds set = 0;
    while (*value != '\0') {
        size_t length = strcspn(value, ",");
        nsiso_kinds kind;
        for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
            const char *name = nsiso_kind_name(kind);
            if (strlen(name) == length && strncmp(name, value, length) == 0)
                set |= kind;
        }
        value += length + (value[length] == ',');
    }
    return set;
}

static nsiso_kinds kinds_after(const char *value)
{
    return kinds(strchr(value, ':') + 1);
}

PLAIN(map_root)
PLAIN(map_current)
PLAIN(map_auto)
PLAIN(proc)
PLAIN(loopback_down)
PLAIN(new_session)
PLAIN(no_new_privs)
PLAIN(own_memory)
TEXT(join_path)
TEXT(hostname)
TEXT(domainname)
TEXT(cwd)
NUMBER(join_fd, int, 10)
NUMBER(umask, mode_t, 8)
NUMBER(uid, uid_t, 10)
NUMBER(gid, gid_t, 10)
NUMBER(process_group, pid_t, 10)
NUMBER(controlling_terminal, int, 10)
NUMBER(oom_score_adj, int, 10)
NUMBER(terminal, int, 10)
NUMBER(timeout, uint64_t, 10)

static int set_unshare(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)command;
    return nsiso_spec_unshare(spec, kinds(value), error);
}

static int set_join_pid(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)command;
    return nsiso_spec_join_pid(spec, (pid_t)atoi(value), kinds_after(value), error);
}

static int set_join_pidfd(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)command;
    return nsiso_spec_join_pidfd(spec, atoi(value), kinds_after(value), error);
}

static size_t ranges(const char *value, nsiso_id_range *to)
{
    long long from[MANY];
    size_t count = numbers(value, from) / 3;
    for (size_t i = 0; i < count; i++) {
        to[i].inside = (uint32_t)from[3 * i];
        to[i].outside = (uint32_t)from[3 * i + 1];
        to[i].count = (uint32_t)from[3 * i + 2];
    }
    return count;
}

/* USERS/GROUPS, each INSIDE:OUTSIDE:COUNT,... */
static int set_map_ids(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)command;
    nsiso_id_range users[MANY], groups[MANY];
    char *copy = strdup(value), *slash = strchr(copy, '/');
    *slash = '\0';
    size_t user_count = ranges(copy, users), group_count = ranges(slash + 1, groups);
    free(copy);
    return nsiso_spec_map_ids(spec, users, user_count, groups, group_count, error);
}

static int set_time_offset(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)command;
    long long n[MANY] = {0};
    numbers(value, n);
    return nsiso_spec_time_offset(spec, (int)n[0], n[1], (uint32_t)n[2], error);
}

static int set_groups(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)command;
    long long n[MANY];
    gid_t groups[MANY];
    size_t count = numbers(value, n);
    for (size_t i = 0; i < count; i++)
        groups[i] = (gid_t)n[i];
    return nsiso_spec_groups(spec, count != 0 ? groups : NULL, count, error);
}

static int set_rlimit(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)command;
    long long n[MANY] = {0};
    numbers(value, n);
    return nsiso_spec_rlimit(spec, (uint32_t)n[0], (uint64_t)n[1], (uint64_t)n[2], error);
}

/* Each further one adds a string; "env" alone makes the environment empty. */
static int set_env(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)spec;
    static const char *envp[MANY];
    static size_t count;
    if (value[0] != '\0')
        envp[count++] = value;
    return nsiso_command_env(command, envp, error);
}

static int set_command_cwd(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)spec;
    return nsiso_command_cwd(command, value, error);
}

static int set_fd(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)spec;
    long long n[MANY] = {0};
    numbers(value, n);
    return nsiso_command_fd(command, (int)n[0], (int)n[1], error);
}

static int set_null(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)spec;
    return nsiso_command_null(command, atoi(value), error);
}

static int set_keep(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)spec;
    return nsiso_command_keep(command, atoi(value), error);
}

static int set_executable(nsiso_spec *spec, nsiso_command *command, const char *value, nsiso_error **error)
{
    (void)spec;
    return nsiso_command_executable(command, value, error);
}

#define SETTING(option) {#option, set_##option}
static const struct setting settings[] = {
    SETTING(unshare),      SETTING(join_pid),      SETTING(join_pidfd),   SETTING(join_fd),
    SETTING(join_path),    SETTING(map_root),      SETTING(map_current),  SETTING(map_auto),
    SETTING(map_ids),      SETTING(hostname),      SETTING(domainname),   SETTING(time_offset),
    SETTING(proc),         SETTING(loopback_down), SETTING(cwd),          SETTING(umask),
    SETTING(uid),          SETTING(gid),           SETTING(groups),       SETTING(new_session),
    SETTING(no_new_privs), SETTING(process_group), SETTING(rlimit),       SETTING(controlling_terminal),
    SETTING(timeout),      SETTING(oom_score_adj), SETTING(own_memory),   SETTING(env),
    SETTING(command_cwd),  SETTING(fd),            SETTING(null),         SETTING(keep),
    SETTING(executable),   SETTING(terminal),
};

static int set(nsiso_spec *spec, nsiso_command *command, const char *argument, nsiso_error **error)
{
    size_t length = strcspn(argument, "=");
    const char *value = argument + length + (argument[length] == '=');
    for (size_t i = 0; i < COUNT(settings); i++) {
        if (strlen(settings[i].name) == length && strncmp(settings[i].name, argument, length) == 0)
            return settings[i].set(spec, command, value, error);
    }
    fprintf(stderr, "no option is called %s\n", argument);
    exit(2);
}

static int told(nsiso_error *error)
{
    bool is_left = waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD;
    printf("error\t%d\t%s\t%s\t%s\t%d\n", nsiso_error_errno(error), nsiso_error_step(error),
           nsiso_error_object(error), nsiso_error_cause(error), is_left);
    nsiso_error_free(error);
    return 1;
}

static int plan(const nsiso_spec *spec, const nsiso_command *command)
{
    nsiso_error *error = NULL;
    nsiso_plan *plan = NULL;
    if (nsiso_plan_new(spec, command, 0, &plan, &error) < 0)
        return told(error);
    printf("plan\t%s", nsiso_plan_text(plan));
    nsiso_plan_free(plan);
    return 0;
}

static void look(nsiso_process *process, long timeout)
{
    nsiso_wait wait;
    nsiso_error *error = NULL;
    int ended = nsiso_process_wait(process, timeout, &wait, sizeof wait, 0, &error);
    if (ended < 0)
        told(error);
    else if (ended == 0)
        puts("running");
    else
        printf("ended\t%d\t%d\t%d\t%u\t%u\t%llu\n", wait.status, wait.exit_code, wait.signal, wait.core_dumped,
               wait.has_usage, (unsigned long long)wait.max_rss_kib);
}

/* Answers the lines on standard input. */
static int serve(nsiso_held *held, nsiso_process *process)
{
    nsiso_error *error = NULL;
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strncmp(line, "release", 7) == 0) {
            int released = nsiso_held_release(held, 0, &process, &error);
            held = NULL;
            if (released < 0)
                return told(error);
            printf("pid\t%d\n", nsiso_process_pid(process));
        } else if (strncmp(line, "wait ", 5) == 0) {
            look(process, atol(line + 5));
        } else if (strncmp(line, "kill ", 5) == 0) {
            if (nsiso_process_kill(process, atoi(line + 5), 0, &error) < 0)
                return told(error);
            puts("killed");
        }
        fflush(stdout);
    }
    nsiso_held_free(held);
    nsiso_process_kill_on_free(process);
    nsiso_process_free(process);
    check_no_child();
    return 0;
}

int main(int argc, char **argv)
{
    int options = 2;
    while (options < argc && strcmp(argv[options], "--") != 0)
        options++;
    if (argc < 4 || options + 1 >= argc) {
        fprintf(stderr, "usage: %s plan|spawn|held [OPTION[=VALUE]]... -- COMMAND [ARGUMENT]...\n", argv[0]);
        return 2;
    }
    nsiso_error *error = NULL;
    nsiso_spec *spec = new_spec();
    nsiso_command *command = new_command((const char *const *)&argv[options + 1]);
    for (int i = 2; i < options; i++) {
        if (set(spec, command, argv[i], &error) < 0)
            return told(error);
    }
    if (strcmp(argv[1], "plan") == 0)
        return plan(spec, command);
    nsiso_held *held = NULL;
    nsiso_process *process = NULL;
    int started = strcmp(argv[1], "held") == 0 ? nsiso_spawn_held(spec, command, 0, &held, &error)
                                               : nsiso_spawn(spec, command, 0, &process, &error);
    nsiso_spec_free(spec);
    nsiso_command_free(command);
    if (started < 0)
        return told(error);
    printf("pid\t%d\n", held != NULL ? nsiso_held_pid(held) : nsiso_process_pid(process));
    fflush(stdout);
    return serve(held, process);
}
