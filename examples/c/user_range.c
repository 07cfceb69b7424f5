/* user_range (row S3): is there a second user inside, with a range of ids from /etc/subuid?  Run: ./user_range
 *
 * An ordinary user's range is what /etc/subuid and /etc/subgid grant, handed out by newuidmap(1) and
 * newgidmap(1).  Root, to whom nothing needs to be granted, takes one of its own choice if there is no line. */
#define _GNU_SOURCE
#include "spec.h"

#include <pwd.h>

enum { SECOND = 1, CHOSEN_FIRST = 100000, CHOSEN_COUNT = 1000, PATH_SIZE = 64 };

/* The first id of this owner's first line OWNER:FIRST:COUNT, by name or by number; 0 if there is none. */
static unsigned first_granted(uid_t uid)
{
    char *text = read_file("/etc/subuid"), *rest = text, *line;
    struct passwd *entry = getpwuid(uid);
    unsigned found = 0;
    while (found == 0 && rest && (line = strsep(&rest, "\n"))) {
        char owner[FIELD_SIZE], number[FIELD_SIZE];
        unsigned first;
        snprintf(number, sizeof number, "%u", uid);
        bool fits = sscanf(line, "%63[^:]:%u:%*u", owner, &first) == 2;
        if (fits && (strcmp(owner, number) == 0 || (entry && strcmp(owner, entry->pw_name) == 0)))
            found = first;
    }
    free(text);
    return found;
}

/* The namespaces; and which id the second user has outside. */
static nsiso_spec *spec_with_range(uid_t *ret_second)
{
    nsiso_error *error = NULL;
    nsiso_spec *spec;
    must(nsiso_spec_new(0, &spec, &error), &error);
    must(nsiso_spec_unshare(spec, (nsiso_kinds)flags_for(NSISO_NEWUSER), &error), &error);
    *ret_second = first_granted(geteuid());
    if (*ret_second != 0 || geteuid() != 0) {
        must(nsiso_spec_map_auto(spec, &error), &error);
    } else {
        const nsiso_id_range ids[] = {{0, 0, 1}, {SECOND, CHOSEN_FIRST, CHOSEN_COUNT}};
        must(nsiso_spec_map_ids(spec, ids, 2, ids, 2, &error), &error);
        *ret_second = CHOSEN_FIRST;
    }
    /* What is not granted is refused here: nothing has been done yet. */
    const char *const argv[] = {"sh", NULL};
    nsiso_command *command = command_of(argv);
    nsiso_plan *plan;
    must(nsiso_plan_new(spec, command, 0, &plan, &error), &error);
    nsiso_plan_free(plan);
    nsiso_command_free(command);
    return spec;
}

static char directory[] = "/tmp/nsiso-example-XXXXXX";

/* Whoever made what is in it: it is the caller's directory. */
static void clean_up(void)
{
    char path[PATH_SIZE];
    for (int user = 0; user <= SECOND; user++) {
        snprintf(path, sizeof path, "%s/%d", directory, user);
        unlink(path);
    }
    rmdir(directory);
}

/* As this user inside, makes a file that nobody else may read, and tries to read that of user 0.
 * `expected` is in what comes of it, and `owner` the file's owner outside. */
static int make_file(const nsiso_spec *spec, uid_t user, const char *expected, uid_t owner)
{
    nsiso_error *error = NULL;
    nsiso_spec *as_user;
    must(nsiso_spec_copy(spec, &as_user, &error), &error);
    must(nsiso_spec_groups(as_user, NULL, 0, &error), &error);
    must(nsiso_spec_gid(as_user, user, &error), &error);
    must(nsiso_spec_uid(as_user, user, &error), &error);
    const char *const argv[] = {
        "sh", "-c", "cd \"$1\"; umask 077; id -u; id -u >\"$(id -u)\"; LC_ALL=C cat 0 2>&1; true", "sh", directory,
        NULL};
    char text[TEXT_SIZE], path[PATH_SIZE];
    int status = output_of(as_user, command_of(argv), text);
    nsiso_spec_free(as_user);
    if (status != OK)
        return status;
    char *read = strchr(text, '\n');
    if (!read)
        return verdict(false, "id and cat say something");
    *read++ = '\0';
    say("inside", "id -u: %s; cat of the file of user 0: %s", text, read);
    struct stat file;
    snprintf(path, sizeof path, "%s/%u", directory, user);
    if (stat(path, &file) < 0)
        return failed(path);
    say("outside", "the file that user %u has made belongs to user %u", user, file.st_uid);
    bool holds = (uid_t)atoi(text) == user && strstr(read, expected) && file.st_uid == owner;
    return holds ? OK : verdict(false, "inside user 0 is the caller, and user 1 somebody else, from the range");
}

int main(void)
{
    uid_t second;
    nsiso_spec *spec = spec_with_range(&second);
    if (!mkdtemp(directory))
        return failed("mkdtemp");
    atexit(clean_up);
    /* Both users make a file in it, and neither removes the other's. */
    if (chmod(directory, 01777) < 0)
        return failed("chmod");
    say("did", "as users 0 and %d of a new user namespace, whose user %d is %u outside: made a file each", SECOND,
        SECOND, second);
    say("outside", "the caller is user %u", geteuid());
    int status = make_file(spec, 0, "0", geteuid());
    if (status == OK)
        status = make_file(spec, SECOND, "Permission denied", second);
    nsiso_spec_free(spec);
    return status != OK ? status : verdict(true, "a second user exists inside, with an id of the range outside");
}
