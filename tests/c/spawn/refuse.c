/* Does every function refuse what cannot be meant: a NULL, an unknown flag or bit, a closed descriptor? Does it then
 * leave its outputs, errno and the objects as they were?
 *
 *   refuse CHECK
 */
#define _GNU_SOURCE
#include <limits.h>

#include "check.h"

static const char *const TRUE[] = {"true", NULL};
static const char *const NOTHING[] = {NULL};
/* No call of this process has opened so many. */
enum { CLOSED = 777 };

static void makers(void)
{
    nsiso_spec *const untouched_spec = (nsiso_spec *)TRUE, *spec = untouched_spec, *const real = new_spec();
    refused(EINVAL, "nsiso_spec_new", nsiso_spec_new(0, NULL, &error));
    refused(EINVAL, "nsiso_spec_new", nsiso_spec_new(1, &spec, &error));
    refused(EINVAL, "nsiso_spec_copy", nsiso_spec_copy(NULL, &spec, &error));
    refused(EINVAL, "nsiso_spec_copy", nsiso_spec_copy(real, NULL, &error));
    CHECK(spec == untouched_spec);

    nsiso_command *const untouched_command = (nsiso_command *)TRUE, *command = untouched_command;
    refused(EINVAL, "nsiso_command_new", nsiso_command_new(NULL, 0, &command, &error));
    refused(EINVAL, "nsiso_command_new", nsiso_command_new(NOTHING, 0, &command, &error));
    refused(EINVAL, "nsiso_command_new", nsiso_command_new(TRUE, 0, NULL, &error));
    refused(EINVAL, "nsiso_command_new", nsiso_command_new(TRUE, 0x80000000, &command, &error));
    CHECK(command == untouched_command);
    nsiso_spec_free(real);
}

static void starters(void)
{
    nsiso_command *const command = new_command(TRUE);
    nsiso_process *const untouched = (nsiso_process *)TRUE, *process = untouched;
    refused(EINVAL, "nsiso_spawn", nsiso_spawn(NULL, NULL, 0, &process, &error));
    refused(EINVAL, "nsiso_spawn", nsiso_spawn(NULL, command, 0, NULL, &error));
    refused(EINVAL, "nsiso_spawn", nsiso_spawn(NULL, command, 1, &process, &error));
    nsiso_held *held = (nsiso_held *)untouched;
    refused(EINVAL, "nsiso_spawn_held", nsiso_spawn_held(NULL, NULL, 0, &held, &error));
    refused(EINVAL, "nsiso_spawn_held", nsiso_spawn_held(NULL, command, 0, NULL, &error));
    refused(EINVAL, "nsiso_spawn_held", nsiso_spawn_held(NULL, command, 2, &held, &error));
    nsiso_plan *plan = (nsiso_plan *)untouched;
    refused(EINVAL, "nsiso_plan_new", nsiso_plan_new(NULL, NULL, 0, &plan, &error));
    refused(EINVAL, "nsiso_plan_new", nsiso_plan_new(NULL, command, 0, NULL, &error));
    refused(EINVAL, "nsiso_plan_new", nsiso_plan_new(NULL, command, 4, &plan, &error));
    CHECK(process == untouched && held == (nsiso_held *)untouched && plan == (nsiso_plan *)untouched);
    check_no_child();
    nsiso_command_free(command);
}

static void nothing_new(void)
{
    /* NULL is a spec without options, and as good as one. */
    nsiso_command *command = new_command(TRUE);
    nsiso_spec *spec = new_spec();
    nsiso_plan *of_null = NULL, *of_empty = NULL;
    ok(nsiso_plan_new(NULL, command, 0, &of_null, &error));
    ok(nsiso_plan_new(spec, command, 0, &of_empty, &error));
    CHECK(strcmp(nsiso_plan_text(of_null), nsiso_plan_text(of_empty)) == 0);
    nsiso_process *process = NULL;
    ok(nsiso_spawn(NULL, command, 0, &process, &error));
    nsiso_wait wait;
    CHECK(nsiso_process_wait(process, -1, &wait, sizeof wait, 0, NULL) == 1 && wait.exit_code == 0);
    nsiso_process_free(process);
    nsiso_plan_free(of_null);
    nsiso_plan_free(of_empty);
    nsiso_spec_free(spec);
    nsiso_command_free(command);
}

static void null_specs(void)
{
    const nsiso_id_range range = {0, 0, 1};
    const gid_t group = 0;
#define NULL_SPEC(option, ...) refused(EINVAL, "nsiso_spec_" #option, nsiso_spec_##option(__VA_ARGS__, &error))
    NULL_SPEC(unshare, NULL, NSISO_NEWUTS);
    NULL_SPEC(join_pid, NULL, 1, NSISO_NEWUTS);
    NULL_SPEC(join_pidfd, NULL, 0, NSISO_NEWUTS);
    NULL_SPEC(join_fd, NULL, 0);
    NULL_SPEC(join_path, NULL, "/proc/self/ns/uts");
    NULL_SPEC(map_root, NULL);
    NULL_SPEC(map_current, NULL);
    NULL_SPEC(map_auto, NULL);
    NULL_SPEC(map_ids, NULL, &range, 1, &range, 1);
    NULL_SPEC(hostname, NULL, "a");
    NULL_SPEC(domainname, NULL, "a");
    NULL_SPEC(time_offset, NULL, NSISO_CLOCK_MONOTONIC, 1, 0);
    NULL_SPEC(proc, NULL);
    NULL_SPEC(loopback_down, NULL);
    NULL_SPEC(cwd, NULL, "/");
    NULL_SPEC(umask, NULL, 022);
    NULL_SPEC(uid, NULL, 0);
    NULL_SPEC(gid, NULL, 0);
    NULL_SPEC(groups, NULL, &group, 1);
    NULL_SPEC(new_session, NULL);
    NULL_SPEC(process_group, NULL, 0);
    NULL_SPEC(controlling_terminal, NULL, 0);
    NULL_SPEC(rlimit, NULL, 7, 1, 1);
    NULL_SPEC(oom_score_adj, NULL, 0);
    NULL_SPEC(no_new_privs, NULL);
    NULL_SPEC(timeout, NULL, 1);
    NULL_SPEC(own_memory, NULL);
    NULL_SPEC(terminal, NULL, NSISO_TERMINAL_OWN);
}

static void null_commands(void)
{
#define NULL_COMMAND(option, ...)                                                                                \
    refused(EINVAL, "nsiso_command_" #option, nsiso_command_##option(NULL, __VA_ARGS__, &error))
    NULL_COMMAND(env, NOTHING);
    NULL_COMMAND(cwd, "/");
    NULL_COMMAND(fd, 0, 0);
    NULL_COMMAND(null, 0);
    NULL_COMMAND(keep, 0);
    NULL_COMMAND(executable, "/bin/true");
}

static void bad_values_of_specs(void)
{
    nsiso_spec *spec = new_spec();
    nsiso_command *command = new_command(TRUE);
#define BAD(errno_, option, ...) refused(errno_, "nsiso_spec_" #option, nsiso_spec_##option(spec, __VA_ARGS__, &error))
    BAD(EINVAL, unshare, 1);
    BAD(EINVAL, unshare, NSISO_NEWUTS | 0x11);
    BAD(EINVAL, unshare, UINT32_MAX);
    BAD(EINVAL, join_pid, 1, 0);
    BAD(EINVAL, join_pid, 1, 1);
    BAD(EINVAL, join_pid, 0, NSISO_NEWUTS);
    BAD(EINVAL, join_pid, -1, NSISO_NEWUTS);
    BAD(EINVAL, join_pidfd, 0, 0);
    BAD(EINVAL, join_pidfd, 0, 1);
    BAD(EBADF, join_pidfd, CLOSED, NSISO_NEWUTS);
    BAD(EBADF, join_pidfd, -1, NSISO_NEWUTS);
    BAD(EBADF, join_fd, CLOSED);
    BAD(EBADF, join_fd, -1);
    BAD(EBADF, join_fd, INT_MIN);
    BAD(EINVAL, join_path, NULL);
    BAD(EINVAL, hostname, NULL);
    BAD(EINVAL, domainname, NULL);
    BAD(EINVAL, cwd, NULL);
    BAD(EINVAL, time_offset, 0, 1, 0);
    BAD(EINVAL, time_offset, 4, 1, 0);
    BAD(EINVAL, groups, NULL, 1);
    const gid_t group = 0;
    BAD(EINVAL, groups, &group, SIZE_MAX);
    BAD(EINVAL, process_group, -1);
    BAD(EINVAL, controlling_terminal, -1);
    BAD(EINVAL, terminal, -1);
    BAD(EINVAL, terminal, NSISO_TERMINAL_OWN + 1);

    const nsiso_id_range one = {0, 0, 1}, empty = {0, 0, 0}, beyond = {0, UINT32_MAX, 1};
    const nsiso_id_range twice[] = {{0, 0, 10}, {5, 100, 1}};
    BAD(EINVAL, map_ids, NULL, 1, &one, 1);
    BAD(EINVAL, map_ids, &one, 1, NULL, 1);
    BAD(EINVAL, map_ids, NULL, 0, &one, 1);
    BAD(EINVAL, map_ids, &one, 1, &one, 0);
    BAD(EINVAL, map_ids, &one, SIZE_MAX, &one, 1);
#define BAD_RANGES(ranges, count)                                                                                \
    refused(EINVAL, "id map", nsiso_spec_map_ids(spec, ranges, count, &one, 1, &error));                         \
    refused(EINVAL, "id map", nsiso_spec_map_ids(spec, &one, 1, ranges, count, &error))
    BAD_RANGES(&empty, 1);
    BAD_RANGES(&beyond, 1);
    BAD_RANGES(twice, 2);

    /* None of it has stayed. */
    nsiso_plan *plan = NULL, *plain = NULL;
    ok(nsiso_plan_new(spec, command, 0, &plan, &error));
    ok(nsiso_plan_new(NULL, command, 0, &plain, &error));
    CHECK(strcmp(nsiso_plan_text(plan), nsiso_plan_text(plain)) == 0);
    nsiso_plan_free(plan);
    nsiso_plan_free(plain);
    nsiso_spec_free(spec);
    nsiso_command_free(command);
}

static void bad_values_of_commands(void)
{
    nsiso_command *command = new_command(TRUE);
    const char *const no_equals[] = {"A=1", "B", NULL};
#define WRONG(errno_, option, ...)                                                                               \
    refused(errno_, "nsiso_command_" #option, nsiso_command_##option(command, __VA_ARGS__, &error))
    WRONG(EINVAL, env, NULL);
    WRONG(EINVAL, env, no_equals);
    WRONG(EINVAL, cwd, NULL);
    WRONG(EINVAL, executable, NULL);
    WRONG(EBADF, fd, CLOSED, 5);
    WRONG(EBADF, fd, -1, 5);
    WRONG(EINVAL, fd, 0, -1);
    WRONG(EINVAL, null, -1);
    WRONG(EBADF, keep, CLOSED);
    WRONG(EBADF, keep, -1);
    nsiso_process *process = NULL;
    ok(nsiso_spawn(NULL, command, 0, &process, &error));
    CHECK(nsiso_process_wait(process, -1, NULL, 0, 0, NULL) == 1);
    nsiso_process_free(process);
    nsiso_command_free(command);
}

static void running(void)
{
    nsiso_command *command = new_command(TRUE);
    nsiso_process *process = NULL;
    ok(nsiso_spawn(NULL, command, 0, &process, &error));
    nsiso_wait wait;
    memset(&wait, 0x5a, sizeof wait);
    const nsiso_wait before = wait;
    const char *step = "nsiso_process_wait";
    refused(EINVAL, step, nsiso_process_wait(NULL, -1, &wait, sizeof wait, 0, &error));
    refused(EINVAL, step, nsiso_process_wait(process, -1, &wait, sizeof wait - 1, 0, &error));
    refused(EINVAL, step, nsiso_process_wait(process, -1, &wait, 0, 0, &error));
    refused(EINVAL, step, nsiso_process_wait(process, -2, &wait, sizeof wait, 0, &error));
    refused(EINVAL, step, nsiso_process_wait(process, -1, &wait, sizeof wait, 1, &error));
    CHECK(memcmp(&wait, &before, sizeof wait) == 0);
    refused(EINVAL, "nsiso_process_kill", nsiso_process_kill(NULL, SIGTERM, 0, &error));
    refused(EINVAL, "nsiso_process_kill", nsiso_process_kill(process, SIGTERM, 1, &error));
    refused(EINVAL, "signal", nsiso_process_kill(process, -1, 0, &error));
    refused(EINVAL, "signal", nsiso_process_kill(process, 65, 0, &error));
    CHECK(nsiso_process_wait(process, -1, &wait, sizeof wait, 0, NULL) == 1 && wait.exit_code == 0);
    nsiso_process_free(process);
    nsiso_command_free(command);
}

static void releasing(void)
{
    const char *step = "nsiso_held_release";
    nsiso_process *const untouched = (nsiso_process *)TRUE, *process = untouched;
    refused(EINVAL, step, nsiso_held_release(NULL, 0, &process, &error));
    /* A held child is used up also by a call that refuses. */
    nsiso_command *command = new_command(TRUE);
    int fds = count_fds();
    for (int round = 0; round < 2; round++) {
        nsiso_held *held = NULL;
        ok(nsiso_spawn_held(NULL, command, 0, &held, &error));
        CHECK(kill(nsiso_held_pid(held), 0) == 0);
        if (round == 0)
            refused(EINVAL, step, nsiso_held_release(held, 1, &process, &error));
        else
            refused(EINVAL, step, nsiso_held_release(held, 0, NULL, &error));
        check_no_child();
        CHECK(count_fds() == fds);
    }
    CHECK(process == untouched);
    nsiso_command_free(command);
}

static void null_objects(void)
{
    CHECK(nsiso_spec_free(NULL) == NULL && nsiso_command_free(NULL) == NULL && nsiso_plan_free(NULL) == NULL);
    CHECK(nsiso_process_free(NULL) == NULL && nsiso_held_free(NULL) == NULL);
    CHECK(nsiso_process_pid(NULL) == 0 && nsiso_process_pidfd(NULL) == -1);
    CHECK(nsiso_held_pid(NULL) == 0 && nsiso_held_pidfd(NULL) == -1);
    CHECK(nsiso_plan_count(NULL) == 0 && nsiso_plan_step(NULL, 0) == NULL && nsiso_plan_text(NULL) == NULL);
    CHECK(nsiso_plan_needs(NULL, 0) == NULL);
    nsiso_process_kill_on_free(NULL);
}

static void without_an_error(void)
{
    /* reterr may be NULL wherever something is refused. */
    nsiso_spec *spec = new_spec();
    CHECK(nsiso_spec_new(1, NULL, NULL) == -EINVAL);
    CHECK(nsiso_spec_copy(NULL, NULL, NULL) == -EINVAL);
    CHECK(nsiso_spec_unshare(spec, 1, NULL) == -EINVAL);
    CHECK(nsiso_spec_join_fd(spec, CLOSED, NULL) == -EBADF);
    CHECK(nsiso_command_new(NULL, 0, NULL, NULL) == -EINVAL);
    CHECK(nsiso_command_keep(NULL, 0, NULL) == -EINVAL);
    CHECK(nsiso_spawn(spec, NULL, 0, NULL, NULL) == -EINVAL);
    CHECK(nsiso_spawn_held(spec, NULL, 0, NULL, NULL) == -EINVAL);
    CHECK(nsiso_held_release(NULL, 0, NULL, NULL) == -EINVAL);
    CHECK(nsiso_process_wait(NULL, 0, NULL, 0, 0, NULL) == -EINVAL);
    CHECK(nsiso_process_kill(NULL, 0, 0, NULL) == -EINVAL);
    CHECK(nsiso_plan_new(spec, NULL, 0, NULL, NULL) == -EINVAL);
    nsiso_spec_free(spec);
}

static const struct check checks[] = {
    CASE(makers),
    CASE(starters),
    CASE(nothing_new),
    CASE(null_specs),
    CASE(null_commands),
    CASE(bad_values_of_specs),
    CASE(bad_values_of_commands),
    CASE(running),
    CASE(releasing),
    CASE(null_objects),
    CASE(without_an_error),
};

int main(int argc, char **argv)
{
    return argc >= 2 ? run_check(checks, COUNT(checks), argv[1]) : 2;
}
