/* Are the sets of a pool ready and given out once, and has a command of another process what is named?
 *
 * usage: ready CHECK */
#define _GNU_SOURCE
#include <stdlib.h>

#include "child.h"

static nsiso_spec *box(void)
{
    nsiso_spec *spec = new_spec();
    ok(nsiso_spec_unshare(spec, NSISO_NEWUSER | NSISO_NEWUTS | NSISO_NEWPID, &error));
    ok(nsiso_spec_map_root(spec, &error));
    ok(nsiso_spec_hostname(spec, "fresh", &error));
    return spec;
}

static nsiso_pool *pool_of(size_t size)
{
    nsiso_spec *spec = box();
    nsiso_pool *pool = NULL;
    ok(nsiso_pool_new(spec, size, 0, &pool, &error));
    nsiso_spec_free(spec);
    CHECK(pool != NULL && nsiso_pool_ready(pool) == 0);
    return pool;
}

static nsiso_namespaces *taken(const nsiso_pool *pool)
{
    nsiso_namespaces *set = NULL;
    ok(nsiso_pool_take(pool, 0, &set, &error));
    CHECK(set != NULL && nsiso_namespaces_init(set) > 0);
    CHECK(nsiso_namespaces_fd(set, NSISO_NEWUTS) >= 0 && nsiso_namespaces_fd(set, NSISO_NEWNET) == -1);
    return set;
}

/* Runs a line of shell in a spec; its exit status. */
static int says(const nsiso_spec *spec, const char *line)
{
    const char *const argv[] = {"sh", "-c", line, NULL};
    nsiso_command *command = new_command(argv);
    nsiso_process *process = NULL;
    ok(nsiso_spawn(spec, command, 0, &process, &error));
    int status = ended(process).exit_code;
    nsiso_process_free(process);
    nsiso_command_free(command);
    return status;
}

static int says_in(const nsiso_namespaces *set, const char *line)
{
    nsiso_spec *spec = new_spec();
    ok(nsiso_spec_join_namespaces(spec, set, &error));
    int status = says(spec, line);
    nsiso_spec_free(spec);
    return status;
}

/* What was let go of is reaped when something is started later. */
static void all_is_closed(int fds)
{
    double end = now() + PATIENCE;
    do
        CHECK(says(NULL, "true") == 0);
    while (count_fds() != fds && now() < end);
    CHECK(count_fds() == fds);
}

static void sets_are_ready_and_given_out_once(void)
{
    int fds = count_fds();
    nsiso_pool *pool = pool_of(2);
    CHECK(nsiso_pool_refill(pool, 0, NULL) == 2 && nsiso_pool_refill(pool, 0, NULL) == 0);
    CHECK(nsiso_pool_ready(pool) == 2);
    nsiso_namespaces *sets[] = {taken(pool), taken(pool), taken(pool)};
    CHECK(nsiso_pool_ready(pool) == 0);
    for (size_t i = 0; i < COUNT(sets); i++) {
        CHECK(says_in(sets[i], "test $(hostname) = fresh && hostname used") == 0);
        for (size_t other = 0; other < i; other++)
            CHECK(nsiso_ns_equal(nsiso_namespaces_fd(sets[i], NSISO_NEWUTS),
                                 nsiso_namespaces_fd(sets[other], NSISO_NEWUTS), NULL) == 0);
    }
    ok(nsiso_pool_give_back(pool, sets[0], 0, &error));
    CHECK(nsiso_pool_ready(pool) == 1);
    CHECK(nsiso_namespaces_free(sets[1]) == NULL && nsiso_namespaces_free(sets[2]) == NULL);
    CHECK(says_in(sets[0] = taken(pool), "test $(hostname) = used") == 0);
    nsiso_namespaces_free(sets[0]);
    CHECK(nsiso_pool_free(pool) == NULL);
    all_is_closed(fds);
}

static void it_goes_back_only_whole_and_unshared(void)
{
    int fds = count_fds();
    nsiso_pool *pool = pool_of(1);
    nsiso_namespaces *set = taken(pool);
    nsiso_spec *spec = new_spec();
    ok(nsiso_spec_join_namespaces(spec, set, &error));
    refused(EBUSY, "give back", nsiso_pool_give_back(pool, set, 0, &error));
    nsiso_spec_free(spec);
    refused(EINVAL, "nsiso_pool_give_back", nsiso_pool_give_back(pool, taken(pool), 1, &error));
    CHECK(nsiso_pool_refill(pool, 0, NULL) == 1);
    nsiso_namespaces *full = taken(pool);
    CHECK(nsiso_pool_refill(pool, 0, NULL) == 1);
    refused(ENOSPC, "give back", nsiso_pool_give_back(pool, full, 0, &error));
    refused(EINVAL, "nsiso_pool_give_back", nsiso_pool_give_back(pool, NULL, 0, &error));
    set = taken(pool);
    refused(EINVAL, "nsiso_pool_give_back", nsiso_pool_give_back(NULL, set, 0, &error));
    nsiso_namespaces_free(set);
    nsiso_pool_free(pool);
    all_is_closed(fds);
}

static void what_cannot_be_meant(void)
{
    nsiso_pool *const untouched = (nsiso_pool *)TRUE, *pool = untouched;
    nsiso_namespaces *set = (nsiso_namespaces *)untouched;
    nsiso_spec *spec = box(), *nothing = new_spec();
    refused(EINVAL, "nsiso_pool_new", nsiso_pool_new(NULL, 1, 0, &pool, &error));
    refused(EINVAL, "nsiso_pool_new", nsiso_pool_new(spec, 1, 0, NULL, &error));
    refused(EINVAL, "nsiso_pool_new", nsiso_pool_new(spec, 1, 1, &pool, &error));
    refused(EINVAL, "pool", nsiso_pool_new(spec, 0, 0, &pool, &error));
    refused(EINVAL, "pool", nsiso_pool_new(spec, (size_t)-1, 0, &pool, &error));
    refused(EINVAL, "hold", nsiso_pool_new(nothing, 1, 0, &pool, &error));
    refused(EINVAL, "nsiso_pool_refill", nsiso_pool_refill(NULL, 0, &error));
    refused(EINVAL, "nsiso_pool_take", nsiso_pool_take(NULL, 0, &set, &error));
    CHECK(pool == untouched && set == (nsiso_namespaces *)untouched);
    pool = pool_of(1);
    refused(EINVAL, "nsiso_pool_refill", nsiso_pool_refill(pool, 1, &error));
    refused(EINVAL, "nsiso_pool_take", nsiso_pool_take(pool, 1, &set, &error));
    refused(EINVAL, "nsiso_pool_take", nsiso_pool_take(pool, 0, NULL, &error));
    CHECK(set == (nsiso_namespaces *)untouched && nsiso_pool_ready(NULL) == 0 && nsiso_pool_free(NULL) == NULL);
    nsiso_pool_free(pool);
    refused(EINVAL, "nsiso_spec_like", nsiso_spec_like(NULL, 1, NSISO_LIKE_CWD, &error));
    refused(EINVAL, "nsiso_spec_like", nsiso_spec_like(spec, 0, NSISO_LIKE_CWD, &error));
    refused(EINVAL, "nsiso_spec_like", nsiso_spec_like(spec, 1, 0, &error));
    refused(EINVAL, "nsiso_spec_like", nsiso_spec_like(spec, 1, 32, &error));
    nsiso_spec_free(spec);
    nsiso_spec_free(nothing);
}

static void a_command_is_like_another_process(void)
{
    static const char *const env[] = {"MODEL=yes", "PATH=/usr/bin:/bin", NULL};
    nsiso_command *command = new_command(SLEEP);
    /* Should a check fail it is left: whoever reads what this program says must not wait for it. */
    for (int number = 0; number < 3; number++)
        ok(nsiso_command_null(command, number, &error));
    ok(nsiso_command_cwd(command, "/usr/lib", &error));
    ok(nsiso_command_env(command, env, &error));
    nsiso_process *model = NULL;
    ok(nsiso_spawn(NULL, command, 0, &model, &error));
    nsiso_command_free(command);
    nsiso_spec *spec = new_spec();
    ok(nsiso_spec_like(spec, nsiso_process_pid(model), NSISO_LIKE_CWD | NSISO_LIKE_ENVIRONMENT, &error));
    CHECK(says(spec, "test $PWD = /usr/lib -a \"$MODEL\" = yes") == 0);
    nsiso_spec_free(spec);
    ok(nsiso_process_kill(model, SIGKILL, 0, &error));
    ended(model);
    nsiso_process_free(model);
}

static const struct check checks[] = {
    CASE(sets_are_ready_and_given_out_once),
    CASE(it_goes_back_only_whole_and_unshared),
    CASE(what_cannot_be_meant),
    CASE(a_command_is_like_another_process),
};

int main(int argc, char **argv)
{
    return run_on_road(checks, COUNT(checks), argc, argv);
}
