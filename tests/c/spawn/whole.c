/* Is every function of spec, command, process, held and plan clean under a checker of memory and descriptors? Calls
 * each of them, as it is meant and as it is refused, and frees all.
 *
 *   whole [own_memory|valgrind]
 *
 * own_memory: starts from copies of this process. valgrind: the same, without what valgrind 3.19 itself does not have
 * (setdomainname, pidfd_open and with it held children).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "check.h"

static bool own_memory, under_valgrind;

/* Options that only a plan is made of: not every caller may start it. */
static void describe(void)
{
    nsiso_spec *spec = new_spec(), *copy = NULL;
    const gid_t groups[] = {7, 8, 9};
    ok(nsiso_spec_unshare(spec, NSISO_NEWUSER | NSISO_NEWTIME | NSISO_NEWCGROUP, &error));
    ok(nsiso_spec_map_current(spec, &error));
    ok(nsiso_spec_time_offset(spec, NSISO_CLOCK_MONOTONIC, 5, 6, &error));
    ok(nsiso_spec_time_offset(spec, NSISO_CLOCK_BOOTTIME, -1, 0, &error));
    ok(nsiso_spec_join_pid(spec, getpid(), NSISO_NEWIPC, &error));
    ok(nsiso_spec_join_path(spec, "/proc/self/ns/net", &error));
    int uts = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    ok(nsiso_spec_join_fd(spec, uts, &error));
    CHECK(close(uts) == 0);
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (under_valgrind) /* a plan does not ask what it is */
        pidfd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok(nsiso_spec_join_pidfd(spec, pidfd, NSISO_NEWPID, &error));
    CHECK(close(pidfd) == 0);
    ok(nsiso_spec_uid(spec, getuid(), &error));
    ok(nsiso_spec_gid(spec, getgid(), &error));
    ok(nsiso_spec_groups(spec, groups, COUNT(groups), &error));
    ok(nsiso_spec_process_group(spec, 0, &error));
    ok(nsiso_spec_copy(spec, &copy, &error));
    nsiso_spec_free(spec);

    const char *const argv[] = {"a name", "an argument", "", NULL};
    nsiso_command *command = new_command(argv);
    nsiso_plan *plan = NULL;
    ok(nsiso_plan_new(copy, command, 0, &plan, &error));
    size_t length = 0;
    for (size_t i = 0; i < nsiso_plan_count(plan); i++) {
        size_t needs = strlen(nsiso_plan_needs(plan, i));
        length += strlen(nsiso_plan_step(plan, i)) + (needs ? strlen(" (needs )") + needs : 0) + 1;
    }
    CHECK(nsiso_plan_count(plan) > 10 && length == strlen(nsiso_plan_text(plan)));
    CHECK(nsiso_plan_step(plan, nsiso_plan_count(plan)) == NULL);
    CHECK(nsiso_plan_needs(plan, nsiso_plan_count(plan)) == NULL);
    /* The plan outlives what it was made of. */
    nsiso_spec_free(copy);
    nsiso_command_free(command);
    CHECK(strncmp(nsiso_plan_step(plan, 0), "parent: clone", 13) == 0);
    CHECK(nsiso_plan_free(plan) == NULL);

    spec = new_spec();
    command = new_command(argv);
    ok(nsiso_spec_unshare(spec, NSISO_NEWUSER, &error));
    ok(nsiso_spec_map_auto(spec, &error));
    ok(nsiso_spec_controlling_terminal(spec, 0, &error));
    ok(nsiso_spec_new_session(spec, &error));
    ok(nsiso_spec_process_group(spec, 0, &error));
    refused(EINVAL, "plan", nsiso_plan_new(spec, command, 0, &plan, &error));
    refused(EINVAL, "nsiso_spec_hostname", nsiso_spec_hostname(spec, NULL, &error));
    refused(EINVAL, "nsiso_command_cwd", nsiso_command_cwd(command, NULL, &error));
    nsiso_spec_free(spec);
    nsiso_command_free(command);
}

/* Options about what the process may do and use: groups and limits are not everybody's to give. */
static void contain(void)
{
    const char *const argv[] = {"true", NULL};
    nsiso_spec *spec = new_spec();
    nsiso_command *command = new_command(argv);
    nsiso_plan *plan = NULL;
    ok(nsiso_spec_unshare(spec, NSISO_NEWUSER | NSISO_NEWPID | NSISO_NEWCGROUP, &error));
    ok(nsiso_spec_map_root(spec, &error));
    ok(nsiso_spec_init(spec, &error));
    ok(nsiso_spec_kill_with_parent(spec, &error));
    ok(nsiso_spec_terminal(spec, NSISO_TERMINAL_SHARE, &error));
    ok(nsiso_spec_capabilities(spec, "CAP_SYS_ADMIN,net_raw", &error));
    refused(EINVAL, "capabilities", nsiso_spec_capabilities(spec, "everything", &error));
    refused(EINVAL, "nsiso_spec_capabilities", nsiso_spec_capabilities(spec, NULL, &error));
    ok(nsiso_spec_memory_limit(spec, 1 << 30, &error));
    ok(nsiso_spec_pids_limit(spec, 100, &error));
    ok(nsiso_spec_cpu_limit(spec, 50000, 100000, &error));
    refused(EINVAL, "plan", nsiso_plan_new(spec, command, 0, &plan, &error));
    ok(nsiso_spec_cgroup(spec, "/sys/fs/cgroup/some group", &error));
    refused(EINVAL, "nsiso_spec_cgroup", nsiso_spec_cgroup(spec, NULL, &error));
    ok(nsiso_plan_new(spec, command, 0, &plan, &error));
    const char *text = nsiso_plan_text(plan);
    CHECK(strstr(text, "companion pid 1 in new pid,user") != NULL);
    CHECK(strstr(text, "cgroup /sys/fs/cgroup/some group") != NULL);
    CHECK(strstr(text, "capabilities keep net_raw,sys_admin") != NULL);
    nsiso_plan_free(plan);
    nsiso_command_free(command);
    nsiso_spec_free(spec);
}

static nsiso_spec *everything_that_anybody_may(void)
{
    nsiso_spec *spec = new_spec();
    const nsiso_id_range users = {0, getuid(), 1}, groups = {0, getgid(), 1};
    ok(nsiso_spec_unshare(spec, NSISO_KINDS_ALL, &error));
    ok(nsiso_spec_map_ids(spec, &users, 1, &groups, 1, &error));
    ok(nsiso_spec_hostname(spec, "inside", &error));
    if (!under_valgrind)
        ok(nsiso_spec_domainname(spec, "domain", &error));
    ok(nsiso_spec_time_offset(spec, NSISO_CLOCK_BOOTTIME, 1000, 1, &error));
    ok(nsiso_spec_proc(spec, &error));
    ok(nsiso_spec_loopback_down(spec, &error));
    ok(nsiso_spec_cwd(spec, "/proc", &error));
    ok(nsiso_spec_umask(spec, 027, &error));
    ok(nsiso_spec_new_session(spec, &error));
    ok(nsiso_spec_rlimit(spec, RLIMIT_CORE, 0, 0, &error));
    ok(nsiso_spec_oom_score_adj(spec, 500, &error));
    ok(nsiso_spec_no_new_privs(spec, &error));
    ok(nsiso_spec_timeout(spec, 60000, &error));
    if (own_memory)
        ok(nsiso_spec_own_memory(spec, &error));
    return spec;
}

static nsiso_command *a_command(void)
{
    const char *const argv[] = {"shell", "-c", "test \"$A\" = b && test \"$(hostname)\" = inside", NULL};
    const char *const envp[] = {"A=b", "PATH=/usr/bin:/bin", NULL};
    nsiso_command *command = new_command(argv);
    ok(nsiso_command_executable(command, "/bin/sh", &error));
    ok(nsiso_command_env(command, envp, &error));
    ok(nsiso_command_cwd(command, "/", &error));
    ok(nsiso_command_fd(command, 2, 9, &error));
    ok(nsiso_command_null(command, 0, &error));
    ok(nsiso_command_keep(command, 2, &error));
    return command;
}

static void check_success(const nsiso_process *process)
{
    nsiso_wait wait;
    nsiso_error *error = NULL;
    CHECK(nsiso_process_wait(process, -1, &wait, sizeof wait, 0, &error) == 1 && error == NULL);
    CHECK(wait.exit_code == 0 && wait.has_usage == 1);
}

static void check_namespace(int fd)
{
    CHECK(fd > 2 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(close(fd) == 0);
}

static void hold(const nsiso_spec *spec, const nsiso_command *command)
{
    nsiso_process *process = NULL;
    nsiso_held *held = NULL;
    if (under_valgrind && nsiso_spawn_held(spec, command, 0, &held, NULL) == -ENOSYS)
        return;
    nsiso_held_free(held);
    ok(nsiso_spawn_held(spec, command, 0, &held, &error));
    CHECK(nsiso_held_pid(held) > 0 && nsiso_held_pidfd(held) > 2);
    check_namespace(nsiso_held_namespace(held, NSISO_NEWUTS, 0, NULL));
    ok(nsiso_held_release(held, 0, &process, &error));
    check_success(process);
    nsiso_process_free(process);
    ok(nsiso_spawn_held(spec, command, 0, &held, &error));
    CHECK(nsiso_held_free(held) == NULL);
    refused(EINVAL, "nsiso_held_release", nsiso_held_release(NULL, 0, &process, &error));
}

static void call_off(void)
{
    const char *const argv[] = {"true", NULL};
    nsiso_command *command = new_command(argv);
    nsiso_spec *spec = new_spec();
    nsiso_process *process = NULL;
    nsiso_cancel *cancel = NULL;
    refused(EINVAL, "nsiso_cancel_new", nsiso_cancel_new(1, &cancel, &error));
    ok(nsiso_cancel_new(0, &cancel, &error));
    ok(nsiso_spec_cancel_by(spec, cancel, &error));
    ok(nsiso_spawn(spec, command, 0, &process, &error));
    check_success(process);
    nsiso_process_free(process);
    CHECK(nsiso_cancel_is_cancelled(cancel) == 0);
    nsiso_cancel_now(cancel);
    CHECK(nsiso_cancel_is_cancelled(cancel) == 1);
    CHECK(nsiso_spawn(spec, command, 0, &process, NULL) == -ECANCELED);
    /* The spec keeps what it needs of it. */
    CHECK(nsiso_cancel_free(cancel) == NULL);
    CHECK(nsiso_spawn(spec, command, 0, &process, NULL) == -ECANCELED);
    refused(EINVAL, "nsiso_spec_cancel_by", nsiso_spec_cancel_by(spec, NULL, &error));
    nsiso_spec_free(spec);
    nsiso_command_free(command);
    nsiso_cancel_now(NULL);
    CHECK(nsiso_cancel_is_cancelled(NULL) == 0 && nsiso_cancel_free(NULL) == NULL);
}

static int status_of(void *arg)
{
    _exit(*(int *)arg); /* without the leak checker's own farewell in the copy */
}

static void start(void)
{
    nsiso_spec *spec = everything_that_anybody_may();
    nsiso_command *command = a_command();
    nsiso_process *process = NULL;
    ok(nsiso_spec_keep_namespaces(spec, NSISO_NEWUTS, &error));
    ok(nsiso_spawn(spec, command, 0, &process, &error));
    CHECK(nsiso_process_pid(process) > 0 && nsiso_process_pidfd(process) > 2);
    check_success(process);
    check_namespace(nsiso_process_namespace(process, NSISO_NEWUTS, 0, NULL));
    refused(ESRCH, "open", nsiso_process_namespace(process, NSISO_NEWNET, 0, &error));
    refused(EINVAL, "nsiso_process_namespace", nsiso_process_namespace(process, 0, 0, &error));
    refused(ESRCH, "signal", nsiso_process_kill(process, SIGTERM, 0, &error));
    CHECK(nsiso_process_free(process) == NULL);
    hold(spec, command);
    call_off();
    nsiso_spec_free(spec);
    nsiso_command_free(command);

    /* An own root, a failing execution, and a child that does not end by itself. */
    spec = new_spec();
    if (own_memory)
        ok(nsiso_spec_own_memory(spec, &error));
    ok(nsiso_spec_unshare(spec, NSISO_NEWUSER, &error));
    ok(nsiso_spec_map_root(spec, &error));
    const char *const nowhere[] = {"/no/such/program", NULL}, *const sleeps[] = {"sleep", "600", NULL};
    command = new_command(nowhere);
    refused(ENOENT, "exec", nsiso_spawn(spec, command, 0, &process, &error));
    nsiso_command_free(command);
    command = new_command(sleeps);
    ok(nsiso_spawn(spec, command, 0, &process, &error));
    CHECK(nsiso_process_wait(process, 10, NULL, 0, 0, NULL) == 0);
    ok(nsiso_process_kill(process, SIGTERM, 0, &error));
    CHECK(nsiso_process_wait(process, -1, NULL, 0, 0, NULL) == 1);
    nsiso_process_free(process);
    ok(nsiso_spawn(spec, command, 0, &process, &error));
    nsiso_process_kill_on_free(process);
    nsiso_process_free(process);
    int status = 7;
    ok(nsiso_spawn_function(spec, status_of, &status, 0, &process, &error));
    CHECK(nsiso_process_wait(process, -1, NULL, 0, 0, NULL) == 1);
    nsiso_process_free(process);
    nsiso_spec_free(spec);
    nsiso_command_free(command);
}

/* A terminal of its own, and what goes through it. */
static void relay(void)
{
    const char *const argv[] = {"sh", "-c", "read -r line; test -t 1 && echo \"<$line>\"; exit 5", NULL};
    nsiso_spec *spec = new_spec();
    nsiso_command *command = new_command(argv);
    nsiso_process *process = NULL;
    int in[2], out[2];
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    CHECK(write(in[1], "word\n", 5) == 5 && close(in[1]) == 0);
    ok(nsiso_spec_terminal(spec, NSISO_TERMINAL_OWN, &error));
    if (own_memory)
        ok(nsiso_spec_own_memory(spec, &error));
    ok(nsiso_spawn(spec, command, 0, &process, &error));
    CHECK(isatty(nsiso_process_terminal(process)));
    CHECK(fcntl(nsiso_process_terminal(process), F_GETFD) == FD_CLOEXEC);
    refused(EBADF, "relay", nsiso_process_relay(process, -1, out[1], 0, &error));
    refused(EINVAL, "nsiso_process_relay", nsiso_process_relay(process, in[0], out[1], 1, &error));
    refused(EINVAL, "nsiso_process_relay", nsiso_process_relay(NULL, in[0], out[1], 0, &error));
    ok(nsiso_process_relay(process, in[0], out[1], 0, &error));
    nsiso_wait wait;
    CHECK(nsiso_process_wait(process, 0, &wait, sizeof wait, 0, NULL) == 1 && wait.exit_code == 5);
    char said[64] = "";
    CHECK(read(out[0], said, sizeof said - 1) > 0 && strstr(said, "<word>\r\n") != NULL);
    CHECK((fcntl(nsiso_process_terminal(process), F_GETFL) & O_NONBLOCK) == 0);
    nsiso_process_free(process);
    int status = 0;
    refused(EINVAL, "plan", nsiso_spawn_function(spec, status_of, &status, 0, &process, &error));

    ok(nsiso_spec_terminal(spec, NSISO_TERMINAL_APART, &error));
    ok(nsiso_spawn(spec, command, 0, &process, &error));
    CHECK(nsiso_process_terminal(process) == -1 && nsiso_process_terminal(NULL) == -1);
    refused(ENOTTY, "relay", nsiso_process_relay(process, in[0], out[1], 0, &error));
    nsiso_process_kill_on_free(process);
    nsiso_process_free(process);
    nsiso_spec_free(spec);
    nsiso_command_free(command);
    CHECK(close(in[0]) == 0 && close(out[0]) == 0 && close(out[1]) == 0);
}

int main(int argc, char **argv)
{
    under_valgrind = argc == 2 && strcmp(argv[1], "valgrind") == 0;
    own_memory = under_valgrind || (argc == 2 && strcmp(argv[1], "own_memory") == 0);
    alarm(120);
    int fds = count_fds();
    describe();
    contain();
    start();
    relay();
    CHECK(count_fds() == fds);
    check_no_child();
    return 0;
}
