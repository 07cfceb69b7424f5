/* Are namespaces held by a set without a process, joined by many, and entered, and is nothing left of it afterwards?
 *
 * usage: hold CHECK */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "sets.h"

enum { SLEEPERS = 8, THREADS = 8 };

/* How many processes are in a namespace, of those that the caller may look at. */
static int members(ino_t inode, nsiso_kinds kind, pid_t *ret_last)
{
    DIR *directory = opendir("/proc");
    CHECK(directory != NULL);
    struct dirent *entry;
    int count = 0;
    while ((entry = readdir(directory)) != NULL) {
        char path[300];
        struct stat status;
        snprintf(path, sizeof path, "/proc/%s/ns/%s", entry->d_name, nsiso_kind_name(kind));
        if (atoi(entry->d_name) > 0 && stat(path, &status) == 0 && status.st_ino == inode) {
            *ret_last = atoi(entry->d_name);
            count++;
        }
    }
    closedir(directory);
    return count;
}

static void nobody_is_in_them_but_pid_1(void)
{
    int fds = count_fds();
    nsiso_namespaces *set = held_set(NSISO_KINDS_ALL);
    pid_t init = nsiso_namespaces_init(set), last = 0;
    CHECK(init > 0);
    nsiso_kinds kind;
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
        int fd = nsiso_namespaces_fd(set, kind);
        CHECK(fd > 2 && fcntl(fd, F_GETFD) == FD_CLOEXEC && of_fd(fd) != link_of(getpid(), kind));
        /* A time namespace is entered by who executes anew in it. */
        CHECK(members(of_fd(fd), kind, &last) == (kind == NSISO_NEWTIME ? 0 : 1));
        CHECK(kind == NSISO_NEWTIME || last == init);
    }
    errno = 1234;
    CHECK(nsiso_namespaces_free(set) == NULL && errno == 1234);
    check_let_go(init);
    CHECK(count_fds() == fds);

    set = held_set(NSISO_KINDS_ALL & ~NSISO_NEWPID);
    CHECK(nsiso_namespaces_init(set) == 0 && nsiso_namespaces_fd(set, NSISO_NEWPID) == -1);
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++)
        CHECK(kind == NSISO_NEWPID || members(of_fd(nsiso_namespaces_fd(set, kind)), kind, &last) == 0);
    nsiso_namespaces_free(set);
    CHECK(count_fds() == fds);
    check_no_child();
}

static void many_join_them_and_end_with_pid_1(void)
{
    nsiso_namespaces *set = held_set(NSISO_KINDS_ALL);
    nsiso_spec *spec = new_spec();
    nsiso_command *command = new_command(SLEEP);
    nsiso_process *sleepers[SLEEPERS];
    pid_t init = nsiso_namespaces_init(set);
    ok(nsiso_spec_join_namespaces(spec, set, &error));
    for (int i = 0; i < SLEEPERS; i++) {
        ok(nsiso_spawn(spec, command, 0, &sleepers[i], &error));
        nsiso_kinds kind;
        for (size_t j = 0; (kind = nsiso_kind_at(j)) != 0; j++)
            CHECK(link_of(nsiso_process_pid(sleepers[i]), kind) == of_fd(nsiso_namespaces_fd(set, kind)));
    }
    /* The spec holds them as well. */
    nsiso_namespaces_free(set);
    CHECK(state(nsiso_process_pid(sleepers[0])) != 0);
    nsiso_spec_free(spec);
    for (int i = 0; i < SLEEPERS; i++) {
        CHECK(ended(sleepers[i]).signal == SIGKILL);
        nsiso_process_free(sleepers[i]);
    }
    nsiso_command_free(command);
    check_let_go(init);
}

static _Atomic bool at_work;

static void *allocate(void *unused)
{
    (void)unused;
    for (size_t size = 1; at_work; size = size % 5000 + 7) {
        char *memory = malloc(size);
        CHECK(memory != NULL);
        memory[size - 1] = 1;
        free(memory);
    }
    return NULL;
}

static void a_host_with_threads_holds(void)
{
    pthread_t threads[THREADS];
    at_work = true;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, allocate, NULL) == 0);
    ino_t own = link_of(getpid(), NSISO_NEWUSER);
    pid_t init = 0;
    for (int round = 0; round < 20; round++) {
        nsiso_namespaces *set = held_set(NSISO_KINDS_ALL);
        init = nsiso_namespaces_init(set);
        CHECK(link_of(init, NSISO_NEWUSER) == of_fd(nsiso_namespaces_fd(set, NSISO_NEWUSER)));
        nsiso_namespaces_free(set);
    }
    CHECK(link_of(getpid(), NSISO_NEWUSER) == own);
    at_work = false;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    check_let_go(init);
}

static void *enter_beside_others(void *joining)
{
    nsiso_error *error = NULL;
    CHECK(nsiso_enter(joining, 0, &error) == -EINVAL);
    CHECK(strstr(nsiso_error_cause(error), "more than one thread") != NULL);
    CHECK(strstr(nsiso_error_object(error), "user") != NULL);
    nsiso_error_free(error);
    return NULL;
}

static void a_thread_is_refused_and_a_process_enters(void)
{
    const nsiso_kinds kinds = NSISO_NEWUSER | NSISO_NEWUTS | NSISO_NEWNET;
    nsiso_namespaces *set = held_set(kinds);
    nsiso_spec *joining = new_spec();
    ok(nsiso_spec_join_namespaces(joining, set, &error));
    ino_t before = link_of(getpid(), NSISO_NEWUSER);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, enter_beside_others, joining) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(link_of(getpid(), NSISO_NEWUSER) == before);
    /* A thread that is joined may take a moment to be gone. */
    struct stat tasks;
    while (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3)
        pause_ms(1);
    ok(nsiso_enter(joining, 0, &error));
    nsiso_kinds kind;
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++)
        CHECK(!(kind & kinds) || link_of(getpid(), kind) == of_fd(nsiso_namespaces_fd(set, kind)));
    char name[16];
    CHECK(gethostname(name, sizeof name) == 0 && strcmp(name, "held") == 0 && geteuid() == 0);
    /* What it is in already takes no power. */
    ok(nsiso_enter(joining, 0, &error));
    nsiso_spec_free(joining);
    nsiso_namespaces_free(set);
}

static void what_cannot_be_meant(void)
{
    nsiso_spec *empty = new_spec(), *no_join = described(NSISO_NEWUTS);
    nsiso_namespaces *const untouched = (nsiso_namespaces *)TRUE, *set = untouched;
    refused(EINVAL, "nsiso_hold", nsiso_hold(NULL, 0, &set, &error));
    refused(EINVAL, "nsiso_hold", nsiso_hold(no_join, 1, &set, &error));
    refused(EINVAL, "nsiso_hold", nsiso_hold(no_join, 0, NULL, &error));
    refused(EINVAL, "hold", nsiso_hold(empty, 0, &set, &error));
    CHECK(set == untouched && nsiso_hold(NULL, 0, NULL, NULL) == -EINVAL);
    set = held_set(NSISO_NEWUTS);
    refused(EINVAL, "nsiso_spec_join_namespaces", nsiso_spec_join_namespaces(NULL, set, &error));
    refused(EINVAL, "nsiso_spec_join_namespaces", nsiso_spec_join_namespaces(empty, NULL, &error));
    refused(EINVAL, "nsiso_enter", nsiso_enter(NULL, 0, &error));
    refused(EINVAL, "nsiso_enter", nsiso_enter(empty, 2, &error));
    refused(EINVAL, "enter", nsiso_enter(empty, 0, &error));
    refused(EINVAL, "enter", nsiso_enter(no_join, 0, &error));
    CHECK(nsiso_namespaces_fd(set, NSISO_NEWNET) == -1 && nsiso_namespaces_fd(set, 0) == -1);
    CHECK(nsiso_namespaces_fd(set, NSISO_NEWUTS | NSISO_NEWNET) == -1 && nsiso_namespaces_fd(NULL, NSISO_NEWUTS) == -1);
    CHECK(nsiso_namespaces_init(NULL) == 0 && nsiso_namespaces_free(NULL) == NULL);
    nsiso_namespaces_free(set);
    nsiso_spec_free(empty);
    nsiso_spec_free(no_join);
}

static const struct check checks[] = {
    CASE(nobody_is_in_them_but_pid_1),
    CASE(many_join_them_and_end_with_pid_1),
    CASE(a_host_with_threads_holds),
    CASE(a_thread_is_refused_and_a_process_enters),
    CASE(what_cannot_be_meant),
};

int main(int argc, char **argv)
{
    return argc >= 2 ? run_check(checks, COUNT(checks), argv[1]) : 2;
}
