/* terminal (row X1): an interactive shell in six new namespaces, on a terminal of its own.
 *
 * Run: ./terminal      in a terminal it is that shell, elsewhere somebody is made up who uses it */
#define _GNU_SOURCE
#include "example.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>

enum { PATIENCE_MS = 60000, SEEN_SIZE = 65536, SHELLS_STATUS = 7, SETTLED_MS = 500 };

#define KINDS (NSISO_NEWNS | NSISO_NEWUTS | NSISO_NEWIPC | NSISO_NEWPID | NSISO_NEWNET | NSISO_NEWUSER)
#define PROMPT "inside$ "
/* Says that it is in the foreground, in words that are not yet in the line that is typed. */
#define SLEEP "sh -c 'echo sleeps $((6*7)); exec sleep 600'\n"
#define CTRL_C "\x03"
#define CTRL_Z "\x1a"

static int complain(const char *step, nsiso_error *error)
{
    say("failed", "%s: %s", step, nsiso_error_message(error));
    nsiso_error_free(error);
    return FAILED;
}

/* Starts a program on a terminal of its own. */
static nsiso_process *start(const char *const *argv, nsiso_kinds kinds, nsiso_error **reterr)
{
    nsiso_spec *spec = NULL;
    nsiso_command *command = NULL;
    nsiso_process *process = NULL;
    if (nsiso_spec_new(0, &spec, reterr) == 0 && nsiso_spec_unshare(spec, kinds, reterr) == 0 &&
        (!kinds || nsiso_spec_map_root(spec, reterr) == 0) &&
        nsiso_spec_terminal(spec, NSISO_TERMINAL_OWN, reterr) == 0 &&
        nsiso_command_new(argv, 0, &command, reterr) == 0)
        nsiso_spawn(spec, command, 0, &process, reterr);
    nsiso_command_free(command);
    nsiso_spec_free(spec);
    return process;
}

/* Waits for its end; its exit status, or -1. */
static int status_of(const nsiso_process *process)
{
    nsiso_wait wait = {.exit_code = -1};
    nsiso_process_wait(process, PATIENCE_MS, &wait, sizeof wait, 0, NULL);
    return wait.exit_code;
}

/* Is the shell, until it has ended. */
static int shell(void)
{
    const char *const bash[] = {"bash", "--norc", "--noprofile", NULL}, *const sh[] = {"/bin/sh", "-i", NULL};
    nsiso_error *error = NULL;
    setenv("PS1", PROMPT, 1);
    nsiso_process *inside = start(bash, KINDS, &error);
    if (!inside && nsiso_error_errno(error) == ENOENT) {
        error = nsiso_error_free(error);
        inside = start(sh, KINDS, &error);
    }
    if (!inside)
        return complain("start the shell", error);
    int relayed = nsiso_process_relay(inside, STDIN_FILENO, STDOUT_FILENO, 0, &error);
    int status = relayed < 0 ? complain("nsiso_process_relay", error) : status_of(inside);
    nsiso_process_free(inside);
    return status;
}

/* ---- a person who uses it ---- */

typedef struct person {
    nsiso_process *program;
    int hand; /* the terminal's other side: what is typed goes in, what is to be seen comes out */
    char seen[SEEN_SIZE];
    size_t length, read;
} person;

/* What is typed, what is to be seen then, and what that shows. */
typedef struct act {
    const char *keys, *seen, *shows;
    bool takes_effect_later;
} act;

static const act ACTS[] = {
    {"\n", PROMPT, NULL, false}, /* see main */
    {"echo process $$, user $(id -u), $(stty size)\n", "process 1, user 0, 24 80",
     "the shell is process 1, user 0, on a terminal of 24 80", false},
    {SLEEP, "sleeps 42", NULL, false},
    {CTRL_C, PROMPT, NULL, false},
    {"echo status $?\n", "status 130", "Ctrl-C has ended the sleep (status 130) and not the shell", false},
    {SLEEP, "sleeps 42", NULL, false},
    {CTRL_Z, "Stopped", NULL, false},
    {"bg; jobs\n", "Running", NULL, false},
    {"fg\n", "sleep 600", NULL, true}, /* the line is shown before the job has the terminal */
    {CTRL_Z, "Stopped", NULL, false},
    /* A job that was not ended would be waited for. */
    {"kill %1; fg; jobs; echo status $?\n", "status 0", "Ctrl-Z, jobs, bg, fg and kill %1 work", false},
};
static const act LARGER = {"stty size\n", "33 101", "the window was made larger: 33 101", false};

/* Waits until the text is to be seen, behind all that was waited for before. */
static int see(person *p, const char *text)
{
    char *found;
    while (!(found = strstr(p->seen + p->read, text))) {
        struct pollfd hand = {.fd = p->hand, .events = POLLIN};
        ssize_t got = poll(&hand, 1, PATIENCE_MS) == 1 && p->length + 1 < SEEN_SIZE
                          ? read(p->hand, p->seen + p->length, SEEN_SIZE - 1 - p->length)
                          : -1;
        if (got <= 0) {
            say("failed", "\"%s\" is not to be seen after \"%s\"", text, p->seen + p->read);
            return FAILED;
        }
        p->length += (size_t)got;
        p->seen[p->length] = '\0';
    }
    p->read = (size_t)(found - p->seen) + strlen(text);
    return OK;
}

static void settle(void)
{
    nanosleep(&(struct timespec){.tv_nsec = SETTLED_MS * 1000000L}, NULL);
}

static int do_it(person *p, const act *act)
{
    if (write(p->hand, act->keys, strlen(act->keys)) < 0)
        return failed("type");
    if (see(p, act->seen) != OK)
        return FAILED;
    if (act->takes_effect_later)
        settle();
    if (act->shows)
        say("inside", "%s", act->shows);
    return OK;
}

static bool resize(const person *p, unsigned short rows, unsigned short columns)
{
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(p->hand, TIOCSWINSZ, &size) == 0;
}

static int use(person *p)
{
    static struct termios before, raw, after; /* static: compared with what lies between their members */
    if (!resize(p, 24, 80) || tcgetattr(p->hand, &before) < 0)
        return failed("set up the person's terminal");
    say("outside", "a terminal of 24 rows and 80 columns");
    for (size_t i = 0; i < sizeof ACTS / sizeof ACTS[0]; i++)
        if (do_it(p, &ACTS[i]) != OK)
            return FAILED;
    if (tcgetattr(p->hand, &raw) < 0 || !resize(p, 33, 101))
        return failed("resize");
    settle();
    if (do_it(p, &LARGER) != OK)
        return FAILED;
    if (write(p->hand, "exit 7\n", 7) < 0)
        return failed("type");
    int status = status_of(p->program);
    if (tcgetattr(p->hand, &after) < 0)
        return failed("tcgetattr");
    say("after", "the shell's status is %d; the caller's terminal is set as before", status);
    return verdict(status == SHELLS_STATUS && memcmp(&before, &after, sizeof before) == 0 &&
                       memcmp(&before, &raw, sizeof before) != 0,
                   "a shell in six new namespaces with working job control, Ctrl-C and window size");
}

int main(void)
{
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return shell();
    flags_for(KINDS);
    say("did", "nsiso_spec_unshare(spec, NSISO_NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET | NEWUSER), map_root, "
               "nsiso_spec_terminal(spec, NSISO_TERMINAL_OWN); nsiso_spawn, nsiso_process_relay");
    /* Nothing but what was written is to be seen: no colours, no brackets around what is typed. */
    setenv("TERM", "dumb", 1);
    /* It waits for a line, so that its terminal can be looked at as it was before. */
    char path[TEXT_SIZE] = "";
    if (readlink("/proc/self/exe", path, sizeof path - 1) < 0)
        return failed("readlink /proc/self/exe");
    const char *const argv[] = {"/bin/sh", "-c", "read -r line; exec \"$0\"", path, NULL};
    static person p;
    nsiso_error *error = NULL;
    p.program = start(argv, 0, &error);
    if (!p.program)
        return complain("start this program on a terminal", error);
    nsiso_process_kill_on_free(p.program);
    p.hand = nsiso_process_terminal(p.program);
    int status = use(&p);
    nsiso_process_free(p.program);
    return status;
}
