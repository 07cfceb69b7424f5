/* mountinfo (row M3): what does a process see mounted?  Run: ./mountinfo [PID]; without a PID it shows its own */
#define _GNU_SOURCE
#include "example.h"

enum { LINE_SIZE = 16 << 10, TABLE_SIZE = 4 << 20, TRIES = 100 };

/* Writes a name as the kernel does. */
static void escape(const char *name, char *to, size_t size)
{
    size_t length = 0;
    for (; *name && length + 5 < size; name++) {
        if (strchr(" \t\n\\", *name))
            length += (size_t)sprintf(to + length, "\\%03o", (unsigned)*name);
        else
            to[length++] = *name;
    }
    to[length] = '\0';
}

/* Shows the eleven fields, and puts them together again: the kernel's line. */
static bool show(const nsiso_mount *mount)
{
    static char root[LINE_SIZE], point[LINE_SIZE], line[4 * LINE_SIZE];
    escape(mount->root, root, sizeof root);
    escape(mount->point, point, sizeof point);
    say("outside",
        "mount id %u, parent id %u, major:minor %u:%u, root %s, mount point %s, mount options %s, optional fields %s, "
        "separator -, filesystem type %s, source %s, super options %s",
        mount->id, mount->parent_id, mount->major, mount->minor, root, point, mount->options,
        mount->optional_length ? mount->optional : "none", mount->fstype,
        mount->source_length ? mount->source : "none", mount->super_options);
    /* The kernel has its own escapes for each file system's options: they stay out of this. */
    if (strpbrk(mount->fstype, " \t\n\\#") || strpbrk(mount->source, " \t\n\\#") ||
        strpbrk(mount->super_options, " \t\n\\"))
        return true;
    int length = snprintf(line, sizeof line, "%u %u %u:%u %s %s %s %s%s- %s %s %s", mount->id, mount->parent_id,
                          mount->major, mount->minor, root, point, mount->options, mount->optional,
                          mount->optional_length ? " " : "", mount->fstype, mount->source, mount->super_options);
    return length == (int)mount->line_length && memcmp(line, mount->line, mount->line_length) == 0;
}

/* Whether the table is the kernel's text. */
static bool same_as_text(pid_t pid, const nsiso_mounts *mounts)
{
    static char text[TABLE_SIZE];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mountinfo", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t length = 0, at = 0;
    for (ssize_t more; length < sizeof text && (more = read(fd, text + length, sizeof text - length)) > 0;)
        length += (size_t)more;
    close(fd);
    for (size_t i = 0; i < nsiso_mounts_count(mounts); i++) {
        nsiso_mount mount;
        nsiso_mounts_get(mounts, i, &mount, sizeof mount, NULL);
        if (length - at <= mount.line_length || memcmp(text + at, mount.line, mount.line_length) != 0)
            return false;
        at += mount.line_length + 1;
    }
    return at == length;
}

int main(int argc, char **argv)
{
    pid_t pid = argc > 1 ? (pid_t)strtol(argv[1], NULL, 10) : getpid();
    if (pid <= 0) {
        say("failed", "usage: mountinfo [PID]");
        return FAILED;
    }
    nsiso_mounts *mounts = NULL;
    bool equal = false;
    /* Others may mount and unmount meanwhile. */
    for (int i = 0; i < TRIES && !equal; i++) {
        nsiso_error *error = NULL;
        nsiso_mounts_free(mounts);
        mounts = NULL;
        if (nsiso_mounts_read(pid, NSISO_MOUNTS_TREE, &mounts, &error) < 0) {
            say("failed", "%s", nsiso_error_message(error));
            nsiso_error_free(error);
            return FAILED;
        }
        equal = same_as_text(pid, mounts);
    }
    size_t count = nsiso_mounts_count(mounts), hidden = 0;
    say("did", "asked nsiso_mounts_read for the %zu mounts of %s", count, argc > 1 ? argv[1] : "this process");
    for (size_t i = 0; i < count; i++) {
        nsiso_mount mount;
        nsiso_mounts_get(mounts, i, &mount, sizeof mount, NULL);
        equal = show(&mount) && equal;
        hidden += (mount.flags & NSISO_MOUNT_OVER_MOUNTED) != 0;
    }
    say("outside", "no path leads into %zu of them: others are mounted over them", hidden);
    nsiso_mounts_free(mounts);
    return verdict(equal, "put together again, the eleven fields of each mount are the kernel's line");
}
