/* user_root (row S2): what may an ordinary user do who is root inside, and what not?  Run: ./user_root
 *
 * The same things are tried outside and inside: so one sees which rights the namespaces have given. */
#define _GNU_SOURCE
#include "spec.h"

#include <sys/prctl.h>

static const char MOUNTINFO[] = "/proc/self/mountinfo";
enum { ORDINARY_ID = 12345, OUTER_UTS = 3, OUTER_MNT = 4 };

/* $1 is a host name.  Nothing of it would do harm if it were allowed: signal 0 is none, c 1 3 is /dev/null. */
static const char TRY_ALL[] =
    "export LC_ALL=C\n"
    "may= may_not=\n"
    "try() {\n"
    "    what=$1\n"
    "    shift\n"
    "    words=$(\"$@\" 2>&1) && may=\"$may, $what\" && return\n"
    "    case $words in\n"
    "    *permitted* | *denied* | *'must be '*) may_not=\"$may_not, $what\" ;;\n"
    "    *) echo \"$what: $words\" >&2; exit 1 ;;\n"
    "    esac\n"
    "}\n"
    "try 'set the host name' hostname \"$1\"\n"
    "try 'mount a tmpfs' mount -t tmpfs none /tmp\n"
    "try 'join the uts namespace outside' nsenter --uts=/proc/self/fd/3 true\n"
    "try 'join the mnt namespace outside' nsenter --mount=/proc/self/fd/4 true\n"
    "try 'signal process 1' kill -0 1\n"
    "try 'read /etc/shadow' cat /etc/shadow\n"
    "try 'make a device' mknod /tmp/nsiso-example-$$ c 1 3\n"
    "may=${may#, } may_not=${may_not#, }\n"
    "echo \"user $(id -u) on $(hostname)\"\n"
    "echo \"may: ${may:-nothing}\"\n"
    "echo \"may not: ${may_not:-nothing}\"\n";
#define OF_NAMESPACES "set the host name, mount a tmpfs"
#define OF_THE_MACHINE \
    "join the uts namespace outside, join the mnt namespace outside, signal process 1, read /etc/shadow, make a device"

/* Runs it, shows what came of it, and compares that with what is expected. */
static int try_all(const char *key, const nsiso_spec *spec, const char *name, const char *expected)
{
    nsiso_error *error = NULL;
    const char *const argv[] = {"sh", "-c", TRY_ALL, "sh", name, NULL};
    nsiso_command *command = command_of(argv);
    /* Open descriptors: inside, the links in /proc of a process outside could not be followed at all. */
    int uts = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC), mnt = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (uts < 0 || mnt < 0)
        return failed("open the namespace files");
    must(nsiso_command_fd(command, uts, OUTER_UTS, &error), &error);
    must(nsiso_command_fd(command, mnt, OUTER_MNT, &error), &error);
    close(uts);
    close(mnt);
    char text[TEXT_SIZE];
    int status = output_of(spec, command, text);
    if (status != OK)
        return status;
    bool as_expected = strcmp(text, expected) == 0;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        say(key, "%s", line);
    return as_expected ? OK : verdict(false, "outside all is refused, inside what is not the namespaces' own");
}

static int show(void)
{
    char before[FIELD_SIZE], after[FIELD_SIZE], capabilities[FIELD_SIZE], expected[TEXT_SIZE];
    int status = read_status("/proc/self", "CapEff", capabilities);
    if (status != OK)
        return status;
    if (strtoull(capabilities, NULL, 16) != 0) {
        say("cannot", "user %u has capabilities (%s): this is no ordinary user", geteuid(), capabilities);
        return CANNOT;
    }
    nsiso_spec *spec = spec_for(NSISO_NEWUSER | NSISO_NEWUTS | NSISO_NEWNS);
    char *mounts_before = read_file(MOUNTINFO);
    if (!mounts_before || gethostname(before, sizeof before) < 0)
        return failed("read mountinfo and the host name");
    say("did", "tried seven things outside, and as root in new user, uts and mnt namespaces");
    snprintf(expected, sizeof expected, "user %u on %s\nmay: nothing\nmay not: %s, %s", geteuid(), before,
             OF_NAMESPACES, OF_THE_MACHINE);
    status = try_all("outside", NULL, before, expected);
    snprintf(expected, sizeof expected, "user 0 on inside\nmay: %s\nmay not: %s", OF_NAMESPACES, OF_THE_MACHINE);
    if (status == OK)
        status = try_all("inside", spec, "inside", expected);
    nsiso_spec_free(spec);
    char *mounts_after = read_file(MOUNTINFO);
    if (status == OK && (!mounts_after || gethostname(after, sizeof after) < 0)) {
        status = failed("read mountinfo and the host name");
    } else if (status == OK) {
        say("after", "the host name is %s; %d mounts", after, count_lines(mounts_after));
        bool untouched = strcmp(before, after) == 0 && strcmp(mounts_before, mounts_after) == 0;
        status = verdict(untouched, "root inside, with no right outside that was not there before");
    }
    free(mounts_before);
    free(mounts_after);
    return status;
}

/* Having changed its ids, the process would find that its files in /proc, uid_map among them, are root's. */
static int show_as_ordinary_user(void *unused)
{
    (void)unused;
    return prctl(PR_SET_DUMPABLE, 1) < 0 ? failed("PR_SET_DUMPABLE") : show();
}

int main(void)
{
    if (geteuid() != 0)
        return show();
    /* Root could do all of it before: a child gives up what root has. */
    nsiso_error *error = NULL;
    nsiso_spec *spec;
    nsiso_process *process;
    must(nsiso_spec_new(0, &spec, &error), &error);
    must(nsiso_spec_groups(spec, NULL, 0, &error), &error);
    must(nsiso_spec_gid(spec, ORDINARY_ID, &error), &error);
    must(nsiso_spec_uid(spec, ORDINARY_ID, &error), &error);
    must(nsiso_spawn_function(spec, show_as_ordinary_user, NULL, 0, &process, &error), &error);
    nsiso_spec_free(spec);
    return end_of(process);
}
