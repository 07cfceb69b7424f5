/* Does nsiso_probe say for each kind and each feature what a start says, and take what names none?
 *
 * usage: probe CHECK */
#define _GNU_SOURCE

#include "child.h"

static nsiso_probe *a_probe(void)
{
    nsiso_probe *probe = NULL;
    ok(nsiso_probe_new(0, &probe, &error));
    CHECK(probe != NULL);
    return probe;
}

/* What comes of a start: an answer of the probe's, and the error of the last refusal. */
static int by_starting(nsiso_kinds kinds, nsiso_error **reterr)
{
    static const int answers[] = {NSISO_PROBE_YES, NSISO_PROBE_WITH_USER};
    nsiso_command *command = new_command(TRUE);
    int answer = NSISO_PROBE_NO;
    for (size_t i = 0; i < COUNT(answers) && answer == NSISO_PROBE_NO; i++) {
        nsiso_spec *spec = a_spec();
        ok(nsiso_spec_unshare(spec, kinds | (i == 0 ? 0 : NSISO_NEWUSER), &error));
        *reterr = nsiso_error_free(*reterr);
        nsiso_process *process = NULL;
        if (nsiso_spawn(spec, command, 0, &process, reterr) == 0) {
            CHECK(ended(process).exit_code == 0);
            answer = answers[i];
        }
        nsiso_process_free(process);
        nsiso_spec_free(spec);
    }
    nsiso_command_free(command);
    return answer;
}

static void kinds_are_as_a_start_says(void)
{
    nsiso_probe *probe = a_probe();
    nsiso_kinds kind;
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
        nsiso_error *error = NULL;
        CHECK(nsiso_probe_kind(probe, kind) == by_starting(kind, &error));
        const nsiso_error *told = nsiso_probe_kind_error(probe, kind);
        CHECK((told == NULL) == (nsiso_probe_kind(probe, kind) != NSISO_PROBE_NO));
        CHECK(nsiso_probe_cause(probe, kind) == nsiso_error_cause(told));
        CHECK(nsiso_probe_remedy(probe, kind) == nsiso_error_remedy(told));
        if (told != NULL)
            CHECK(strcmp(nsiso_error_message(told), nsiso_error_message(error)) == 0);
        nsiso_error_free(error);
    }
    nsiso_probe_free(probe);
    check_no_child();
}

static void features_have_names_words_and_answers(void)
{
    nsiso_probe *probe = a_probe();
    const char *name;
    size_t count = 0, refusals = 0;
    for (; (name = nsiso_feature_at(count)) != NULL; count++) {
        CHECK(nsiso_feature_at(count) == name);
        CHECK(nsiso_feature_about(name) != NULL && nsiso_feature_about(name)[0] != '\0');
        CHECK((nsiso_feature_needs(name) & ~NSISO_KINDS_ALL) == 0);
        int answer = nsiso_probe_feature(probe, name);
        const nsiso_error *error = nsiso_probe_feature_error(probe, name);
        CHECK((answer == NSISO_PROBE_NO) == (error != NULL));
        if (error != NULL) {
            refusals++;
            CHECK(nsiso_error_errno(error) > 0 && nsiso_error_cause(error)[0] != '\0');
            CHECK(strstr(nsiso_error_message(error), nsiso_error_step(error)) != NULL);
        }
    }
    CHECK(count >= 25 && refusals < count);
    CHECK(nsiso_feature_at((size_t)-1) == NULL);
    CHECK(nsiso_feature_needs("proc") == (NSISO_NEWPID | NSISO_NEWNS));
    CHECK(nsiso_probe_feature(probe, "map_root") == NSISO_PROBE_WITH_USER);
    CHECK(nsiso_probe_feature(probe, "clone_vm") == NSISO_PROBE_YES);
    int own = geteuid() == 0 ? NSISO_PROBE_YES : NSISO_PROBE_WITH_USER;
    CHECK(nsiso_probe_feature(probe, "hostname") == own);
    nsiso_probe_free(probe);
}

/* What the probe says of a feature of which one may have less than the machine gives comes out of a start too. */
static void a_refusal_is_the_starts(void)
{
    nsiso_probe *probe = a_probe();
    const nsiso_error *told = nsiso_probe_feature_error(probe, "oom_score_adj");
    nsiso_spec *spec = new_spec();
    nsiso_command *command = new_command(TRUE);
    nsiso_process *process = NULL;
    nsiso_error *error = NULL;
    ok(nsiso_spec_oom_score_adj(spec, -1000, &error));
    int answer = nsiso_spawn(spec, command, 0, &process, &error);
    CHECK((answer == 0) == (told == NULL) && answer == -nsiso_error_errno(told));
    if (told != NULL)
        CHECK(strcmp(nsiso_error_message(told), nsiso_error_message(error)) == 0);
    else
        CHECK(ended(process).exit_code == 0);
    nsiso_error_free(error);
    nsiso_process_free(process);
    nsiso_command_free(command);
    nsiso_spec_free(spec);
    nsiso_probe_free(probe);
}

static void what_names_none(void)
{
    nsiso_probe *probe = a_probe();
    static const char *const words[] = {NULL, "", "net", "no_such_feature", "\xff"};
    for (size_t i = 0; i < COUNT(words); i++) {
        CHECK(nsiso_probe_feature(probe, words[i]) == NSISO_PROBE_NO);
        CHECK(nsiso_probe_feature_error(probe, words[i]) == NULL);
        CHECK(nsiso_feature_about(words[i]) == NULL && nsiso_feature_needs(words[i]) == 0);
    }
    CHECK(nsiso_probe_kind(probe, NSISO_NEWNET | NSISO_NEWUTS) == NSISO_PROBE_NO);
    CHECK(nsiso_probe_kind_error(probe, NSISO_NEWNET | NSISO_NEWUTS) == NULL);
    CHECK(nsiso_probe_kind(NULL, NSISO_NEWNET) == NSISO_PROBE_NO);
    CHECK(nsiso_probe_kind_error(NULL, NSISO_NEWNET) == NULL);
    CHECK(nsiso_probe_feature(NULL, "proc") == NSISO_PROBE_NO);
    CHECK(nsiso_probe_feature_error(NULL, "proc") == NULL);
    CHECK(nsiso_probe_free(probe) == NULL && nsiso_probe_free(NULL) == NULL);
    refused(EINVAL, "nsiso_probe_new", nsiso_probe_new(1, &probe, &error));
    refused(EINVAL, "nsiso_probe_new", nsiso_probe_new(0, NULL, &error));
}

static void nothing_is_left(void)
{
    int fds = count_fds();
    nsiso_probe_free(a_probe());
    CHECK(count_fds() == fds);
    check_no_child();
}

static const struct check checks[] = {
    CASE(kinds_are_as_a_start_says),
    CASE(features_have_names_words_and_answers),
    CASE(a_refusal_is_the_starts),
    CASE(what_names_none),
    CASE(nothing_is_left),
};

int main(int argc, char **argv)
{
    return run_on_road(checks, COUNT(checks), argc, argv);
}
