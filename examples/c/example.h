/* What do all C examples share?  Their output lines, what this caller may create, and running programs.
 *
 * A child of nsiso_clone ends without flushing stdio, so everything is printed with dprintf.
 * Exit status: 0 the claim is true, 1 it is not, 77 the kernel does not allow it to this caller. */
#ifndef NSISO_EXAMPLE_H
#define NSISO_EXAMPLE_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nsiso.h>

enum { OK = 0, FAILED = 1, CANNOT = 77 };
enum { TEXT_SIZE = 4096, FIELD_SIZE = 64, LINKS_MAX = 10 };

/* Prints "key: text".  Keys: did, outside, inside, after, and last ok, failed or cannot. */
__attribute__((format(printf, 2, 3)))
static inline void say(const char *key, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dprintf(STDOUT_FILENO, "%s: %s\n", key, text);
}

static inline int verdict(bool holds, const char *claim)
{
    say(holds ? "ok" : "failed", "%s", claim);
    return holds ? OK : FAILED;
}

/* The step went wrong, and errno says why. */
static inline int failed(const char *step)
{
    say("failed", "%s: %s", step, strerror(errno));
    return FAILED;
}

/* The same for a step that a sandbox or an older kernel may forbid although a namespace could be made. */
static inline int refused(const char *step)
{
    if (errno != EPERM && errno != EACCES && errno != ENOSYS)
        return failed(step);
    say("cannot", "%s: %s", step, strerror(errno));
    return CANNOT;
}

/* Waits for a child that has printed its own reason when its exit status is not 0. */
static inline int wait_for(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return failed("waitpid");
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    say("failed", "the child was killed by signal %d", WTERMSIG(status));
    return FAILED;
}

/* ---- a process's view ---- */

typedef struct view {
    nsiso_ns_link links[LINKS_MAX];
    int count;
} view;

static inline int look(view *ret_view)
{
    ret_view->count = nsiso_ns_links(0, ret_view->links, sizeof ret_view->links[0], LINKS_MAX, 0, NULL);
    if (ret_view->count >= 0)
        return OK;
    errno = -ret_view->count;
    return failed("nsiso_ns_links");
}

/* The kinds of which the views name different namespaces, without those that children would get. */
static inline nsiso_kinds differing(const view *a, const view *b)
{
    nsiso_kinds kinds = 0;
    for (int i = 0; i < a->count; i++)
        for (int j = 0; j < b->count; j++) {
            const nsiso_ns_link *one = &a->links[i], *other = &b->links[j];
            if (strcmp(one->name, other->name) == 0 && strcmp(one->name, nsiso_kind_name(one->kind)) == 0 &&
                (one->device != other->device || one->inode != other->inode))
                kinds |= one->kind;
        }
    return kinds;
}

/* ---- who calls, and what the caller may create ---- */

static uid_t outside_uid;
static gid_t outside_gid;
static view outside_view;

/* The flags for these kinds, together with a new user namespace where this caller needs one. */
static inline int flags_for(nsiso_kinds kinds)
{
    nsiso_probe *probe;
    nsiso_error *error = NULL;
    if (nsiso_probe_new(0, &probe, &error) < 0) {
        say("failed", "nsiso_probe_new: %s", nsiso_error_message(error));
        exit(FAILED);
    }
    int flags = (int)kinds;
    nsiso_kinds kind;
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
        if (!(kinds & kind))
            continue;
        int answer = nsiso_probe_kind(probe, kind);
        if (answer == NSISO_PROBE_NO) {
            say("cannot", "%s: %s; %s", nsiso_kind_flag_name(kind),
                nsiso_probe_cause(probe, kind), nsiso_probe_remedy(probe, kind));
            exit(CANNOT);
        }
        if (answer == NSISO_PROBE_WITH_USER)
            flags |= NSISO_NEWUSER;
    }
    nsiso_probe_free(probe);
    outside_uid = geteuid();
    outside_gid = getegid();
    if (look(&outside_view) != OK)
        exit(FAILED);
    return flags;
}

/* How the flags of a `did` line end when there is more in them than the row is about. */
static inline const char *and_user(int flags)
{
    return flags & NSISO_NEWUSER ? " | NSISO_NEWUSER" : "";
}

/* ---- files ---- */

/* A whole file as text, to be freed; NULL and errno on failure.  Files of /proc do not tell their size. */
static inline char *read_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    size_t used = 0, capacity = TEXT_SIZE;
    char *text = malloc(capacity);
    ssize_t got = -1;
    while (text && (got = read(fd, text + used, capacity - used - 1)) > 0) {
        used += (size_t)got;
        if (capacity - used < TEXT_SIZE / 2) {
            char *larger = realloc(text, capacity *= 2);
            if (!larger)
                free(text);
            text = larger;
        }
    }
    int why = errno;
    close(fd);
    errno = why;
    if (text && got < 0) {
        free(text);
        return NULL;
    }
    if (text)
        text[used] = '\0';
    return text;
}

static inline int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, text, strlen(text));
    int why = errno;
    close(fd);
    errno = why;
    return written == (ssize_t)strlen(text) ? 0 : -1;
}

/* A field of DIRECTORY/status, one space between its words: "NSpid" in /proc/4242 may be "4242 1". */
static inline int read_status(const char *directory, const char *field, char value[FIELD_SIZE])
{
    char path[TEXT_SIZE], key[FIELD_SIZE];
    snprintf(path, sizeof path, "%s/status", directory);
    snprintf(key, sizeof key, "%s:", field);
    char *text = read_file(path);
    if (!text)
        return failed(path);
    value[0] = '\0';
    char *rest = text, *line, *in_line;
    while ((line = strsep(&rest, "\n")) && strncmp(line, key, strlen(key)) != 0)
        ;
    size_t used = 0;
    for (char *word = line ? strtok_r(line + strlen(key), "\t ", &in_line) : NULL; word && used < FIELD_SIZE;
         word = strtok_r(NULL, "\t ", &in_line))
        used += (size_t)snprintf(value + used, FIELD_SIZE - used, used ? " %s" : "%s", word);
    free(text);
    return OK;
}

static inline int count_lines(const char *text)
{
    int lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* ---- inside ---- */

/* The first thing inside: nothing of the machine may be changed, should the namespaces not be new ones.
 * In a new user namespace the caller's own id becomes 0; setgroups comes first, or gid_map is refused. */
static inline int settle_in(int flags)
{
    view own;
    if (look(&own) != OK)
        return FAILED;
    if (differing(&outside_view, &own) != (nsiso_kinds)flags)
        return verdict(false, "exactly the kinds of the flags are new inside");
    if (!(flags & NSISO_NEWUSER))
        return OK;
    char uid_map[64], gid_map[64];
    snprintf(uid_map, sizeof uid_map, "0 %u 1", outside_uid);
    snprintf(gid_map, sizeof gid_map, "0 %u 1", outside_gid);
    if (write_file("/proc/self/setgroups", "deny") < 0 ||
        write_file("/proc/self/gid_map", gid_map) < 0 ||
        write_file("/proc/self/uid_map", uid_map) < 0)
        return refused("write setgroups, gid_map and uid_map");
    return OK;
}

/* The first thing in a new mount namespace: where / is shared, mounts would appear outside, too. */
static inline int make_mounts_private(void)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        return OK;
    if (errno != EINVAL)
        return refused("make all mounts private");
    say("cannot", "/ is not a mount point: this is a chroot");
    return CANNOT;
}

/* The output of a command, without its last newline; OK, FAILED or CANNOT, and then printed why. */
static inline int run(const char *command, char output[TEXT_SIZE])
{
    /* The output is parsed: no translation.  ip lives in sbin, which an ordinary user often lacks. */
    char line[512];
    snprintf(line, sizeof line, "LC_ALL=C PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH; %s", command);
    FILE *program = popen(line, "r");
    if (!program)
        return failed("popen");
    size_t used = fread(output, 1, TEXT_SIZE - 1, program);
    char rest[512];
    while (fread(rest, 1, sizeof rest, program) > 0)
        ; /* too long to keep, but the program must not die of a closed pipe */
    int status = pclose(program);
    while (used > 0 && output[used - 1] == '\n')
        used--;
    output[used] = '\0';
    if (status == 0)
        return OK;
    bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
    say(missing ? "cannot" : "failed", "%s: %s", command, missing ? "not installed" : "ended with an error");
    return missing ? CANNOT : FAILED;
}

/* A child that has to stay: it says that it is ready, and goes on when the parent closes its end. */
static inline int ready_and_wait(int ends[2])
{
    char byte = 0;
    close(ends[0]);
    if (write(ends[1], &byte, 1) != 1 || read(ends[1], &byte, 1) != 0)
        return failed("wait for the parent");
    return OK;
}

/* The parent's side of it; false when the child ended instead. */
static inline bool is_ready(int ends[2])
{
    char byte;
    close(ends[1]);
    return read(ends[0], &byte, 1) == 1;
}

/* ---- words ---- */

typedef struct kinds_text {
    char text[64];
} kinds_text;

/* "mnt uts ipc", in the order in which Linux got them */
static inline kinds_text name_kinds(nsiso_kinds kinds)
{
    kinds_text names = {""};
    nsiso_kinds kind;
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++)
        if (kinds & kind) {
            if (names.text[0])
                strcat(names.text, " ");
            strcat(names.text, nsiso_kind_name(kind));
        }
    if (!names.text[0])
        strcpy(names.text, "nothing");
    return names;
}

#endif
