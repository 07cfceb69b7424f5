/* kinds (row V1): which kinds of namespace are there, and which may this caller create here?  Run: ./kinds */
#define _GNU_SOURCE
#include "example.h"

#define ROW "%-7s %-16s %-7s %-9s %s"
static const char *const ANSWERS[] = {
    [NSISO_PROBE_NO] = "no",
    [NSISO_PROBE_YES] = "yes",
    [NSISO_PROBE_WITH_USER] = "with user",
};

typedef struct trial {
    view outside;
    nsiso_kinds kind;
} trial;

static int inside(void *arg)
{
    trial *t = arg;
    view own;
    if (look(&own) != OK)
        return FAILED;
    return differing(&t->outside, &own) & t->kind ? OK : FAILED;
}

/* The kernel itself is asked: a child is cloned into a new one and looks at its own link. */
static bool can_make(trial *t, nsiso_kinds kind, nsiso_kinds together_with)
{
    t->kind = kind;
    pid_t child = nsiso_clone(inside, NULL, (int)(kind | together_with) | SIGCHLD, t);
    return child > 0 && wait_for(child) == OK;
}

int main(void)
{
    nsiso_probe *probe;
    nsiso_error *error = NULL;
    trial t;
    if (nsiso_probe_new(0, &probe, &error) < 0) {
        say("failed", "nsiso_probe_new: %s", nsiso_error_message(error));
        return FAILED;
    }
    if (look(&t.outside) != OK)
        return FAILED;

    say("did", "read the table of kinds and the probe, then tried each kind with nsiso_clone");
    say("outside", ROW, "kind", "flag", "since", "allowed", "isolates");
    nsiso_kinds kind, with_user = 0, made = 0, wrong = 0;
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
        int answer = nsiso_probe_kind(probe, kind);
        say("outside", ROW, nsiso_kind_name(kind), nsiso_kind_flag_name(kind), nsiso_kind_first_kernel(kind),
            ANSWERS[answer], nsiso_kind_isolates(kind));
        if (answer == NSISO_PROBE_WITH_USER)
            with_user |= kind;
        if (answer == NSISO_PROBE_NO)
            say("outside", "%-7s %s; %s", "", nsiso_probe_cause(probe, kind),
                nsiso_probe_remedy(probe, kind));

        int truth = can_make(&t, kind, 0)               ? NSISO_PROBE_YES
                    : can_make(&t, kind, NSISO_NEWUSER) ? NSISO_PROBE_WITH_USER
                                                        : NSISO_PROBE_NO;
        if (truth != NSISO_PROBE_NO)
            made |= kind;
        if (truth != answer)
            wrong |= kind;
    }
    nsiso_probe_free(probe);
    if (with_user)
        say("outside", "with user: in the same call as a new user namespace");

    view own;
    if (look(&own) != OK)
        return FAILED;
    nsiso_kinds moved = differing(&t.outside, &own);
    say("inside", "children saw a new namespace of: %s", name_kinds(made).text);
    say("after", "changed for the caller itself: %s", name_kinds(moved).text);
    if (wrong) {
        say("failed", "the probe was wrong about: %s", name_kinds(wrong).text);
        return FAILED;
    }
    return verdict(!moved, "for every kind the kernel did what the probe had said");
}
