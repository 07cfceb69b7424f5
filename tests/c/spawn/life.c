/* What becomes of a running child: waited for, signalled, let go, killed; and is nothing left of it then?
 *
 *   life CHECK [own_memory]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "child.h"

static void four_outcomes(void)
{
    const char *const exits[] = {"sh", "-c", "exit 3", NULL}, *const dies[] = {"sh", "-c", "kill -TERM $$", NULL};
    nsiso_process *process = spawn(exits);
    nsiso_wait wait = ended(process);
    CHECK(wait.exit_code == 3 && wait.signal == 0 && wait.has_usage == 1 && wait.max_rss_kib > 0);
    nsiso_process_free(process);

    process = spawn(dies);
    wait = ended(process);
    CHECK(wait.exit_code == -1 && wait.signal == SIGTERM && wait.core_dumped == 0);
    nsiso_process_free(process);

    nsiso_spec *spec = a_spec();
    nsiso_command *nowhere = new_command(NO_PROGRAM), *fine = new_command(TRUE);
    refused(ENOENT, "exec", nsiso_spawn(spec, nowhere, 0, &process, &error));
    ok(nsiso_spec_cwd(spec, "/no/such/directory", &error));
    refused(ENOENT, "chdir", nsiso_spawn(spec, fine, 0, &process, &error));
    check_no_child();
    nsiso_spec_free(spec);
    nsiso_command_free(nowhere);
    nsiso_command_free(fine);
}

static void waiting(void)
{
    nsiso_process *process = spawn(SLEEP);
    nsiso_wait wait;
    memset(&wait, 0x5a, sizeof wait);
    const nsiso_wait before = wait;
    CHECK(nsiso_process_wait(process, 0, &wait, sizeof wait, 0, NULL) == 0);
    double start = now();
    CHECK(nsiso_process_wait(process, 100, &wait, sizeof wait, 0, NULL) == 0);
    CHECK(now() - start >= 0.1 && now() - start < PATIENCE);
    CHECK(memcmp(&wait, &before, sizeof wait) == 0);
    struct pollfd poll_of = {nsiso_process_pidfd(process), POLLIN, 0};
    CHECK(poll(&poll_of, 1, 0) == 0);
    CHECK(fcntl(poll_of.fd, F_GETFD) == FD_CLOEXEC);

    ok(nsiso_process_kill(process, 0, 0, &error));
    ok(nsiso_process_kill(process, SIGKILL, 0, &error));
    CHECK(poll(&poll_of, 1, PATIENCE * 1000) == 1);
    CHECK(nsiso_process_wait(process, INT64_MAX, NULL, 0, 0, NULL) == 1);
    /* A caller of a later version has a longer record: what this one does not know is 0. */
    struct {
        nsiso_wait known;
        unsigned char unknown[24];
    } longer;
    memset(&longer, 0x5a, sizeof longer);
    CHECK(nsiso_process_wait(process, -1, &longer.known, sizeof longer, 0, NULL) == 1);
    for (size_t i = 0; i < sizeof longer.unknown; i++)
        CHECK(longer.unknown[i] == 0);
    wait = ended(process);
    CHECK(wait.signal == SIGKILL && memcmp(&wait, &longer.known, sizeof wait) == 0);
    refused(ESRCH, "signal", nsiso_process_kill(process, SIGKILL, 0, &error));
    nsiso_process_free(process);
    check_no_child();
}

/* Others reap the child, or nobody does because SIGCHLD is ignored: the true status or ECHILD, nothing made up. */
static void check_reaped_by_others(nsiso_process *process, int exit_code)
{
    nsiso_wait wait;
    nsiso_error *error = NULL;
    int answer = nsiso_process_wait(process, -1, &wait, sizeof wait, 0, &error);
    if (answer == 1) {
        CHECK(wait.exit_code == exit_code && wait.has_usage == 0 && wait.user_usec == 0 && wait.max_rss_kib == 0);
    } else {
        CHECK(answer == -ECHILD && strstr(nsiso_error_cause(error), "reaped") != NULL);
        nsiso_error_free(error);
    }
    refused(ESRCH, "signal", nsiso_process_kill(process, SIGKILL, 0, &error));
    nsiso_process_free(process);
}

static void reaped_by_others(void)
{
    const char *const exits[] = {"sh", "-c", "exit 5", NULL};
    nsiso_process *process = spawn(exits);
    int status;
    CHECK(waitpid(-1, &status, 0) == nsiso_process_pid(process) && WEXITSTATUS(status) == 5);
    check_reaped_by_others(process, 5);
    signal(SIGCHLD, SIG_IGN);
    process = spawn(exits);
    until_state(nsiso_process_pid(process), 0);
    check_reaped_by_others(process, 5);
}

static void letting_go(void)
{
    nsiso_process *process = spawn(SLEEP);
    pid_t pid = nsiso_process_pid(process);
    int fds = count_fds();
    CHECK(nsiso_process_free(process) == NULL);
    CHECK(state(pid) != 0 && state(pid) != 'Z');
    CHECK(kill(pid, SIGKILL) == 0);
    until_state(pid, 'Z');
    /* The next start reaps it and closes its pidfd. */
    nsiso_process *next = spawn(TRUE);
    CHECK(state(pid) == 0);
    CHECK(ended(next).exit_code == 0);
    nsiso_process_free(next);
    CHECK(count_fds() == fds - 1);
    check_no_child();
}

static void killing_on_free(void)
{
    nsiso_process *process = spawn(SLEEP);
    pid_t pid = nsiso_process_pid(process);
    nsiso_process_kill_on_free(process);
    CHECK(state(pid) != 0);
    errno = 1234;
    CHECK(nsiso_process_free(process) == NULL && errno == 1234);
    CHECK(state(pid) == 0);
    check_no_child();
    /* It has ended before, waited for or not. */
    process = spawn(TRUE);
    nsiso_process_kill_on_free(process);
    until_state(nsiso_process_pid(process), 'Z');
    nsiso_process_free(process);
    process = spawn(TRUE);
    nsiso_process_kill_on_free(process);
    ended(process);
    nsiso_process_free(process);
    check_no_child();
}

static void forked_copies_leave_the_child_alone(void)
{
    nsiso_process *process = spawn(SLEEP);
    nsiso_process_kill_on_free(process);
    pid_t pid = fork();
    if (pid == 0) {
        nsiso_wait wait;
        refused(ECHILD, "wait", nsiso_process_wait(process, -1, &wait, sizeof wait, 0, &error));
        refused(ESRCH, "signal", nsiso_process_kill(process, SIGKILL, 0, &error));
        nsiso_process_free(process);
        /* The copy can start children of its own. */
        nsiso_process *own = spawn(TRUE);
        CHECK(ended(own).exit_code == 0);
        nsiso_process_free(own);
        _exit(7);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(nsiso_process_wait(process, 0, NULL, 0, 0, NULL) == 0);
    nsiso_process_free(process);
    check_no_child();
}

enum { THREADS = 4, ROUNDS = 50 };

struct shared {
    nsiso_spec *spec;
    nsiso_command *command;
    nsiso_process *process;
};

static void *use_what_is_shared(void *argument)
{
    struct shared *shared = argument;
    for (int round = 0; round < ROUNDS; round++) {
        nsiso_process *process = NULL;
        nsiso_plan *plan = NULL;
        nsiso_spec *copy = NULL;
        ok(nsiso_spec_copy(shared->spec, &copy, &error));
        ok(nsiso_plan_new(shared->spec, shared->command, 0, &plan, &error));
        ok(nsiso_spawn(round % 2 ? copy : shared->spec, shared->command, 0, &process, &error));
        CHECK(ended(process).exit_code == 0);
        nsiso_process_free(process);
        nsiso_plan_free(plan);
        nsiso_spec_free(copy);
    }
    CHECK(ended(shared->process).signal == SIGTERM);
    return NULL;
}

static void threads_share(void)
{
    struct shared shared = {a_spec(), new_command(TRUE), spawn(SLEEP)};
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, use_what_is_shared, &shared) == 0);
    pause_ms(100);
    ok(nsiso_process_kill(shared.process, SIGTERM, 0, &error));
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    nsiso_process_free(shared.process);
    nsiso_spec_free(shared.spec);
    nsiso_command_free(shared.command);
    check_no_child();
}

static void nothing_is_left(void)
{
    nsiso_command *fine = new_command(TRUE), *nowhere = new_command(NO_PROGRAM);
    nsiso_process *process = NULL;
    int fds = 0;
    for (int round = 0; round < 200; round++) {
        if (round == 5)
            fds = count_fds();
        nsiso_spec *spec = a_spec(), *copy = NULL;
        int link = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
        ok(nsiso_spec_join_fd(spec, link, &error));
        CHECK(close(link) == 0);
        ok(nsiso_spec_copy(spec, &copy, &error));
        nsiso_spec_free(spec);
        nsiso_plan *plan = NULL;
        ok(nsiso_plan_new(copy, fine, 0, &plan, &error));
        nsiso_plan_free(plan);
        nsiso_spec_free(copy);
        spec = a_spec();
        nsiso_command *plumbed = new_command(TRUE);
        ok(nsiso_command_keep(plumbed, 2, &error));
        ok(nsiso_command_fd(plumbed, 2, 40, &error));
        ok(nsiso_command_null(plumbed, 0, &error));
        ok(nsiso_spawn(spec, plumbed, 0, &process, &error));
        nsiso_command_free(plumbed);
        CHECK(ended(process).exit_code == 0);
        nsiso_process_free(process);
        refused(ENOENT, "exec", nsiso_spawn(spec, nowhere, 0, &process, &error));
        nsiso_held *held = NULL;
        ok(nsiso_spawn_held(spec, fine, 0, &held, &error));
        nsiso_held_free(held);
        nsiso_spec_free(spec);
    }
    CHECK(count_fds() == fds);
    check_no_child();
    nsiso_command_free(fine);
    nsiso_command_free(nowhere);
}

static int sees_its_namespaces(void *expected)
{
    char *memory = malloc(1 << 20); /* the allocator works in the copy */
    if (memory == NULL || getpid() != *(pid_t *)expected)
        return 1;
    memset(memory, 1, 1 << 20);
    free(memory);
    return 42;
}

static int waits(void *unused)
{
    (void)unused;
    return pause(); /* for a signal that ends it */
}

static void functions(void)
{
    nsiso_process *process = NULL;
    ok(nsiso_spawn_function(NULL, waits, NULL, 0, &process, &error));
    CHECK(nsiso_process_wait(process, 50, NULL, 0, 0, NULL) == 0);
    ok(nsiso_process_kill(process, SIGKILL, 0, &error));
    CHECK(ended(process).signal == SIGKILL);
    nsiso_process_free(process);
    nsiso_spec *spec = a_spec();
    ok(nsiso_spec_unshare(spec, NSISO_NEWUSER | NSISO_NEWPID, &error));
    pid_t inside = 1;
    ok(nsiso_spawn_function(spec, sees_its_namespaces, &inside, 0, &process, &error));
    CHECK(ended(process).exit_code == 42);
    nsiso_process_free(process);
    refused(EINVAL, "nsiso_spawn_function", nsiso_spawn_function(spec, NULL, NULL, 0, &process, &error));
    ok(nsiso_spec_cwd(spec, "/no/such/directory", &error));
    refused(ENOENT, "chdir", nsiso_spawn_function(spec, sees_its_namespaces, &inside, 0, &process, &error));
    nsiso_spec_free(spec);
    check_no_child();
}

static void a_reaper_is_pid_1(void)
{
    const char *const second[] = {"sh", "-c", "test $$ = 2 && exit 5", NULL};
    nsiso_spec *spec = a_spec();
    ok(nsiso_spec_unshare(spec, NSISO_NEWUSER | NSISO_NEWPID, &error));
    ok(nsiso_spec_init(spec, &error));
    ok(nsiso_spec_kill_with_parent(spec, &error));
    nsiso_process *process = NULL;
    nsiso_command *command = new_command(second);
    ok(nsiso_spawn(spec, command, 0, &process, &error));
    CHECK(ended(process).exit_code == 5);
    nsiso_process_free(process);
    nsiso_command_free(command);
    nsiso_spec_free(spec);
}

static const struct check checks[] = {
    CASE(four_outcomes),
    CASE(waiting),
    CASE(reaped_by_others),
    CASE(letting_go),
    CASE(killing_on_free),
    CASE(forked_copies_leave_the_child_alone),
    CASE(threads_share),
    CASE(nothing_is_left),
    CASE(functions),
    CASE(a_reaper_is_pid_1),
};

int main(int argc, char **argv)
{
    return run_on_road(checks, COUNT(checks), argc, argv);
}
