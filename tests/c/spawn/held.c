/* What becomes of a child that is not executed yet: held, released, abandoned, too slow, interrupted?
 *
 *   held CHECK [own_memory]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "child.h"

static void held_and_released(void)
{
    nsiso_held *held = hold(TRUE);
    pid_t pid = nsiso_held_pid(held);
    char path[64], own[256], program[256];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t length = readlink(path, program, sizeof program), own_length = readlink("/proc/self/exe", own, sizeof own);
    CHECK(length > 0 && length == own_length && memcmp(program, own, (size_t)length) == 0);
    CHECK(fcntl(nsiso_held_pidfd(held), F_GETFD) == FD_CLOEXEC);
    nsiso_process *process = NULL;
    ok(nsiso_held_release(held, 0, &process, &error));
    CHECK(nsiso_process_pid(process) == pid);
    CHECK(ended(process).exit_code == 0);
    nsiso_process_free(process);
    check_no_child();
}

static void held_and_abandoned(void)
{
    int fds = count_fds();
    nsiso_held *held = hold(TRUE);
    pid_t pid = nsiso_held_pid(held);
    CHECK(state(pid) != 0);
    errno = 1234;
    CHECK(nsiso_held_free(held) == NULL && errno == 1234);
    CHECK(state(pid) == 0 && count_fds() == fds);
    check_no_child();
    /* Its command cannot be executed. */
    nsiso_process *process = NULL;
    refused(ENOENT, "exec", nsiso_held_release(hold(NO_PROGRAM), 0, &process, &error));
    CHECK(process == NULL && count_fds() == fds);
    check_no_child();
    /* Somebody has killed it. */
    held = hold(TRUE);
    CHECK(kill(nsiso_held_pid(held), SIGKILL) == 0);
    pause_ms(50);
    nsiso_held_free(held);
    CHECK(count_fds() == fds);
    check_no_child();
    /* That is not a command's death by signal. */
    held = hold(TRUE);
    CHECK(kill(nsiso_held_pid(held), SIGKILL) == 0);
    nsiso_error *error = NULL;
    CHECK(nsiso_held_release(held, 0, &process, &error) == -ESRCH && process == NULL);
    CHECK(strstr(nsiso_error_cause(error), "killed") != NULL);
    nsiso_error_free(error);
    CHECK(count_fds() == fds);
    check_no_child();
}

static void held_child_ends_with_its_host(void)
{
    /* Orphans come to this process, which can so see their end. */
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t host = fork();
    if (host == 0) {
        pid_t pid = nsiso_held_pid(hold(SLEEP));
        CHECK(write(ends[1], &pid, sizeof pid) == sizeof pid);
        _exit(0);
    }
    int status;
    pid_t pid;
    CHECK(waitpid(host, &status, 0) == host && status == 0 && read(ends[0], &pid, sizeof pid) == sizeof pid);
    double end = now() + PATIENCE;
    while (waitpid(pid, &status, __WALL | WNOHANG) != pid && now() < end)
        pause_ms(5);
    CHECK(state(pid) == 0);
}

/* A program whose opening takes as long as somebody holds a lease on its file. */
static const char *slow_program(void)
{
    static char path[] = "/tmp/nsiso-slow-XXXXXX";
    signal(SIGIO, SIG_IGN);
    int to = mkstemp(path), from = open("/bin/true", O_RDONLY);
    CHECK(to >= 0 && from >= 0);
    char block[4096];
    ssize_t length;
    while ((length = read(from, block, sizeof block)) > 0)
        CHECK(write(to, block, (size_t)length) == length);
    CHECK(fchmod(to, 0755) == 0);
    close(to);
    close(from);
    CHECK((to = open(path, O_RDONLY)) >= 0 && fcntl(to, F_SETLEASE, F_WRLCK) == 0);
    return path;
}

static void timing_out(void)
{
    const char *const argv[] = {slow_program(), NULL};
    nsiso_command *command = new_command(argv);
    nsiso_spec *spec = a_spec();
    ok(nsiso_spec_timeout(spec, 200, &error));
    nsiso_process *process = NULL;
    int fds = count_fds();
    double start = now();
    refused(ETIMEDOUT, "set up", nsiso_spawn(spec, command, 0, &process, &error));
    CHECK(now() - start >= 0.2 && now() - start < PATIENCE);
    CHECK(process == NULL && count_fds() == fds);
    check_no_child();
    /* Held in time, which on a busy machine is longer, and then too slow. */
    nsiso_held *held = NULL;
    for (uint64_t limit = 200; held == NULL; limit *= 2) {
        nsiso_error *error = NULL;
        ok(nsiso_spec_timeout(spec, limit, &error));
        int answer = nsiso_spawn_held(spec, command, 0, &held, &error);
        if (answer == -ETIMEDOUT && limit < 20000)
            error = nsiso_error_free(error);
        check_ok(__FILE__, __LINE__, answer == -ETIMEDOUT && error == NULL ? 0 : answer, error);
    }
    refused(ETIMEDOUT, "set up", nsiso_held_release(held, 0, &process, &error));
    CHECK(process == NULL && count_fds() == fds);
    check_no_child();
    /* The longest and the shortest. */
    nsiso_command *fine = new_command(TRUE);
    ok(nsiso_spec_timeout(spec, UINT64_MAX, &error));
    ok(nsiso_spawn(spec, fine, 0, &process, &error));
    CHECK(ended(process).exit_code == 0);
    nsiso_process_free(process);
    ok(nsiso_spec_timeout(spec, 0, &error));
    refused(ETIMEDOUT, "set up", nsiso_spawn(spec, command, 0, &process, &error));
    check_no_child();
    unlink(argv[0]);
    nsiso_command_free(command);
    nsiso_command_free(fine);
    nsiso_spec_free(spec);
}

enum { SOME_ALARMS = 6 };

static volatile sig_atomic_t alarms, last_alarm;
static int told[2];

static void count_alarm(int signal)
{
    (void)signal;
    int error = errno;
    alarms = alarms + 1;
    if (last_alarm != 0 && alarms >= last_alarm) {
        last_alarm = 0;
        CHECK(write(told[1], "\n", 1) == 1);
    }
    errno = error;
}

static void signals_do_not_end_a_call(void)
{
    struct sigaction action = {.sa_handler = count_alarm};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    const char *const argv[] = {slow_program(), NULL}, *const waits[] = {"sh", "-c", "read line <&7", NULL};
    nsiso_command *slow = new_command(argv);
    nsiso_spec *spec = a_spec();
    ok(nsiso_spec_timeout(spec, 300, &error));
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    double start = now();
    nsiso_process *process = NULL;
    refused(ETIMEDOUT, "set up", nsiso_spawn(spec, slow, 0, &process, &error));
    CHECK(now() - start >= 0.3);
    /* The last of some alarms lets the command end. */
    CHECK(pipe2(told, O_CLOEXEC) == 0);
    nsiso_command *waiting = new_command(waits);
    nsiso_spec *plain = a_spec();
    ok(nsiso_command_fd(waiting, told[0], 7, &error));
    ok(nsiso_spawn(plain, waiting, 0, &process, &error));
    int before = alarms;
    last_alarm = before + SOME_ALARMS;
    CHECK(ended(process).exit_code == 0);
    CHECK(alarms >= before + SOME_ALARMS);
    nsiso_process_free(process);
    nsiso_command_free(waiting);
    nsiso_spec_free(plain);
    for (int round = 0; round < 100; round++) {
        process = spawn(TRUE);
        CHECK(ended(process).exit_code == 0);
        nsiso_process_free(process);
    }
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    unlink(argv[0]);
    nsiso_command_free(slow);
    nsiso_spec_free(spec);
    check_no_child();
}

static const struct check checks[] = {
    CASE(held_and_released),
    CASE(held_and_abandoned),
    CASE(held_child_ends_with_its_host),
    CASE(timing_out),
    CASE(signals_do_not_end_a_call),
};

int main(int argc, char **argv)
{
    return run_on_road(checks, COUNT(checks), argc, argv);
}
