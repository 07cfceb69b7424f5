/* What does nsenter's command line ask for?  The options of util-linux 2.42. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nsenter.h"

const kind_option kind_options[KINDS] = {
    {NSISO_NEWUSER, "user"}, {NSISO_NEWCGROUP, "cgroup"}, {NSISO_NEWIPC, "ipc"}, {NSISO_NEWUTS, "uts"},
    {NSISO_NEWNET, "net"},   {NSISO_NEWPID, "pid"},       {NSISO_NEWNS, "mount"}, {NSISO_NEWTIME, "time"},
};
const char OF_TARGET[] = "";

/* Options that have no letter. */
enum { PRESERVE_CREDENTIALS = 256, KEEP_CAPS, USER_PARENT };

/* In the order of kind_options. */
static const char KIND_LETTERS[] = "UCiunpmT";
static const char LETTERS[] = "+ahVFZect:N:S:G:W:r::w::U::C::i::u::n::p::m::T::";
static const struct option WORDS[] = {
    {"all", no_argument, NULL, 'a'},
    {"target", required_argument, NULL, 't'},
    {"mount", optional_argument, NULL, 'm'},
    {"uts", optional_argument, NULL, 'u'},
    {"ipc", optional_argument, NULL, 'i'},
    {"net", optional_argument, NULL, 'n'},
    {"net-socket", required_argument, NULL, 'N'},
    {"pid", optional_argument, NULL, 'p'},
    {"user", optional_argument, NULL, 'U'},
    {"user-parent", no_argument, NULL, USER_PARENT},
    {"cgroup", optional_argument, NULL, 'C'},
    {"time", optional_argument, NULL, 'T'},
    {"setuid", required_argument, NULL, 'S'},
    {"setgid", required_argument, NULL, 'G'},
    {"preserve-credentials", no_argument, NULL, PRESERVE_CREDENTIALS},
    {"keep-caps", no_argument, NULL, KEEP_CAPS},
    {"root", optional_argument, NULL, 'r'},
    {"wd", optional_argument, NULL, 'w'},
    {"wdns", optional_argument, NULL, 'W'},
    {"env", no_argument, NULL, 'e'},
    {"join-cgroup", no_argument, NULL, 'c'},
    {"no-fork", no_argument, NULL, 'F'},
    {"follow-context", no_argument, NULL, 'Z'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static const char HELP[] =
    "Usage: nsenter [option...] [program [argument...]]\n"
    "\n"
    "Executes a program, or a login shell, in namespaces that are there.\n"
    "\n"
    "From where:\n"
    " -t, --target PID[:INODE]   the process that is meant where none of these is said:\n"
    "     =FILE                  a namespace's file, /proc/PID/ns/* or a mount of one\n"
    "     =:NSID                 the number that the kernel gave a namespace for good\n"
    "Which:\n"
    " -m, --mount[=...]  -u, --uts[=...]     -i, --ipc[=...]   -n, --net[=...]\n"
    " -p, --pid[=...]    -C, --cgroup[=...]  -U, --user[=...]  -T, --time[=...]\n"
    " -a, --all                  all of the target's, but for the caller's own user namespace\n"
    " -N, --net-socket FD        the net namespace of the socket that the target has as FD\n"
    "     --user-parent          the user namespace around --user's, or around the others' owner\n"
    "The program:\n"
    " -S, --setuid UID|follow    its user; 0 in a user namespace; follow: the target's\n"
    " -G, --setgid GID|follow    its group, and no others; the same\n"
    "     --preserve-credentials leave both as they are\n"
    "     --keep-caps            let it keep the capabilities that a user namespace gave\n"
    " -r, --root[=DIR]           its root directory; the target's\n"
    " -w, --wd[=DIR]             its working directory, as seen outside; the target's\n"
    " -W DIR, --wdns[=DIR]       its working directory, as seen inside; the target's\n"
    " -e, --env                  the environment that the target was started with\n"
    " -c, --join-cgroup          put it into the target's control group\n"
    " -F, --no-fork              stay this process also where a pid namespace is entered\n"
    " -Z, --follow-context       the target's SELinux context\n"
    "\n"
    " -h, --help                 this text\n"
    " -V, --version              the version\n";

static long long number(const char *text, long long least, long long most, const char *what)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < least || value > most)
        refuse("%s is no %s", text, what);
    return value;
}

static void read_target(char *text, request *r)
{
    char *colon = strchr(text, ':');
    if (colon) {
        *colon = '\0';
        r->inode = (unsigned long long)number(colon + 1, 0, LLONG_MAX, "inode");
        r->has_inode = true;
    }
    r->target = (pid_t)number(text, INT_MIN, INT_MAX, "process");
}

static id_option read_id(const char *text, const char *what)
{
    id_option id = {.is_set = true, .follows = strcmp(text, "follow") == 0};
    if (!id.follows)
        id.number = (unsigned)number(text, 0, UINT_MAX, what);
    return id;
}

static void print_and_exit(const char *text)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
        fail("standard output");
    exit(EXIT_SUCCESS);
}

/* One that is about a kind of namespace, or nothing that there is.  Said both ways, the target's counts, here and for
 * directories. */
static void read_kind(int letter, request *r)
{
    const char *kind = letter != 0 && letter < 256 ? strchr(KIND_LETTERS, letter) : NULL;
    if (!kind) {
        fputs("nsenter: --help names the options\n", stderr);
        exit(EXIT_FAILURE);
    }
    const char **from = &r->namespaces[kind - KIND_LETTERS];
    *from = optarg && *from != OF_TARGET ? optarg : OF_TARGET;
}

void read_options(int argc, char **argv, request *r)
{
    char version[64];
    int letter;
    *r = (request){.socket = -1};
    while ((letter = getopt_long(argc, argv, LETTERS, WORDS, NULL)) != -1)
        switch (letter) {
        case 'a':
            r->all = true;
            break;
        case 't':
            read_target(optarg, r);
            break;
        case 'N':
            r->socket = (int)number(optarg, 0, INT_MAX, "descriptor");
            break;
        case USER_PARENT:
            r->user_parent = true;
            break;
        case 'S':
            r->uid = read_id(optarg, "uid");
            break;
        case 'G':
            r->gid = read_id(optarg, "gid");
            break;
        case PRESERVE_CREDENTIALS:
            r->preserve_credentials = true;
            break;
        case KEEP_CAPS:
            r->keep_caps = true;
            break;
        case 'r':
            r->root = optarg && r->root != OF_TARGET ? optarg : OF_TARGET;
            break;
        case 'w':
            r->wd = optarg && r->wd != OF_TARGET ? optarg : OF_TARGET;
            break;
        case 'W':
            r->wd_inside = optarg ? optarg : OF_TARGET;
            break;
        case 'e':
            r->env = true;
            break;
        case 'c':
            r->join_cgroup = true;
            break;
        case 'F':
            r->no_fork = true;
            break;
        case 'Z':
            r->follow_context = true;
            break;
        case 'h':
            print_and_exit(HELP);
            break;
        case 'V':
            snprintf(version, sizeof version, "nsenter from nsiso %s\n", nsiso_version());
            print_and_exit(version);
            break;
        default:
            read_kind(letter, r);
        }
    if (r->wd && r->wd_inside)
        refuse("--wd and --wdns both say where: give one of them");
    if (r->wd_inside == OF_TARGET) {
        r->wd = OF_TARGET; /* the same place, from wherever it is looked at */
        r->wd_inside = NULL;
    }
    r->program = argv + optind;
}
