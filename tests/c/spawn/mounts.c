/* Does a mount table in C say what /proc/PID/mountinfo says, and are its strings safe to use?
 *
 * usage: mounts CHECK */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "own_mounts.h"

enum { TEXT = 1 << 20 };

static const unsigned ways[] = {0, NSISO_MOUNTS_BY_MOUNTINFO, NSISO_MOUNTS_BY_STATMOUNT};

/* The kernel's text; to be freed. */
static char *own_text(void)
{
    char *text = malloc(TEXT);
    int fd = open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC);
    CHECK(text != NULL && fd >= 0);
    ssize_t length = 0, more;
    while ((more = read(fd, text + length, (size_t)(TEXT - 1 - length))) > 0)
        length += more;
    CHECK(more == 0 && close(fd) == 0);
    text[length] = '\0';
    return text;
}

/* NULL where the kernel has no statmount. */
static nsiso_mounts *table_of(pid_t pid, unsigned flags)
{
    nsiso_mounts *mounts = NULL;
    nsiso_error *error = NULL;
    int answer = nsiso_mounts_read(pid, flags, &mounts, &error);
    if ((flags & NSISO_MOUNTS_BY_STATMOUNT) != 0 && (answer == -ENOSYS || answer == -EOPNOTSUPP)) {
        nsiso_error_free(error);
        return NULL;
    }
    check_ok(__FILE__, __LINE__, answer, error);
    CHECK(mounts != NULL && nsiso_mounts_changed(mounts) == 0);
    return mounts;
}

static nsiso_mount get(const nsiso_mounts *mounts, size_t index)
{
    nsiso_mount mount;
    ok(nsiso_mounts_get(mounts, index, &mount, sizeof mount, &error));
    CHECK(strlen(mount.root) == mount.root_length && strlen(mount.point) == mount.point_length);
    CHECK(strlen(mount.options) == mount.options_length && strlen(mount.optional) == mount.optional_length);
    CHECK(strlen(mount.fstype) == mount.fstype_length && strlen(mount.source) == mount.source_length);
    CHECK(strlen(mount.super_options) == mount.super_options_length && mount.reserved == 0);
    return mount;
}

static nsiso_mount last(const nsiso_mounts *mounts)
{
    CHECK(nsiso_mounts_count(mounts) > 0);
    return get(mounts, nsiso_mounts_count(mounts) - 1);
}

/* Without escapes a line is its fields with spaces between them. */
static void check_line(const nsiso_mount *mount)
{
    char line[TEXT / 16];
    const char *space = mount->optional_length != 0 ? " " : "";
    int length = snprintf(line, sizeof line, "%u %u %u:%u %s %s %s%s%s - %s %s %s", mount->id, mount->parent_id,
                          mount->major, mount->minor, mount->root, mount->point, mount->options, space,
                          mount->optional, mount->fstype, mount->source, mount->super_options);
    if (memchr(mount->line, '\\', mount->line_length) != NULL)
        return;
    CHECK(length == (int)mount->line_length && memcmp(line, mount->line, mount->line_length) == 0);
}

static void the_table_is_the_text(void)
{
    settle();
    char *text = own_text();
    for (size_t way = 0; way < COUNT(ways); way++) {
        int fds = count_fds();
        nsiso_mounts *mounts = table_of(way % 2 == 0 ? 0 : getpid(), ways[way]);
        if (mounts == NULL)
            continue;
        const char *at = text;
        for (size_t i = 0; i < nsiso_mounts_count(mounts); i++) {
            nsiso_mount mount = get(mounts, i);
            CHECK(memcmp(mount.line, at, mount.line_length) == 0 && at[mount.line_length] == '\n');
            at += mount.line_length + 1;
            check_line(&mount);
            CHECK(mount.parent == SIZE_MAX && mount.flags == 0);
        }
        CHECK(*at == '\0' && nsiso_mounts_free(mounts) == NULL && count_fds() == fds);
    }
    free(text);
}

static void names_of_any_bytes(void)
{
    settle();
    const char *const names[] = {"/run/a b", "/run/tab\there", "/run/new\nline", "/run/back\\slash",
                                 "/run/h#sh", "/run/\\040",    "/run/\xff\xfe",  "/run/- x"};
    for (size_t i = 0; i < COUNT(names); i++) {
        CHECK(mkdir(names[i], 0755) == 0 && mount(names[i] + 5, names[i], "tmpfs", 0, NULL) == 0);
        for (size_t way = 0; way < COUNT(ways); way++) {
            nsiso_mounts *mounts = table_of(0, ways[way]);
            if (mounts == NULL)
                continue;
            nsiso_mount mount = last(mounts);
            CHECK(strcmp(mount.point, names[i]) == 0 && strcmp(mount.source, names[i] + 5) == 0);
            CHECK(strcmp(mount.root, "/") == 0 && strcmp(mount.fstype, "tmpfs") == 0);
            nsiso_mounts_free(mounts);
        }
    }
    CHECK(mkdir("/run/none", 0755) == 0 && mount("", "/run/none", "tmpfs", MS_NOEXEC, NULL) == 0);
    nsiso_mounts *mounts = table_of(0, 0);
    nsiso_mount mount = last(mounts);
    CHECK(mount.source_length == 0 && strstr(mount.options, "noexec") != NULL && mount.optional_length == 0);
    nsiso_mounts_free(mounts);
}

static void the_tree_and_the_groups(void)
{
    settle();
    CHECK(mkdir("/run/a", 0755) == 0 && mkdir("/run/b", 0755) == 0);
    CHECK(mount("none", "/run/a", "tmpfs", 0, NULL) == 0 && mount(NULL, "/run/a", NULL, MS_SHARED, NULL) == 0);
    CHECK(mount("/run/a", "/run/b", NULL, MS_BIND, NULL) == 0);
    CHECK(mount(NULL, "/run/b", NULL, MS_SLAVE, NULL) == 0);
    CHECK(mount("none", "/run/b", "tmpfs", 0, NULL) == 0 && mount(NULL, "/run/b", NULL, MS_UNBINDABLE, NULL) == 0);
    for (size_t way = 0; way < COUNT(ways); way++) {
        nsiso_mounts *mounts = table_of(0, NSISO_MOUNTS_TREE | ways[way]);
        if (mounts == NULL)
            continue;
        size_t count = nsiso_mounts_count(mounts);
        nsiso_mount top = get(mounts, count - 1), b = get(mounts, count - 2), a = get(mounts, count - 3);
        CHECK(top.flags == NSISO_MOUNT_UNBINDABLE && b.flags == NSISO_MOUNT_OVER_MOUNTED && a.flags == 0);
        CHECK(top.parent == count - 2 && top.parent_id == b.id && b.parent == a.parent && top.shared == 0);
        CHECK(a.shared != 0 && b.master == a.shared && b.shared == 0 && a.master == 0 && b.propagate_from == 0);
        size_t roots = 0;
        for (size_t i = 0; i < count; i++)
            roots += get(mounts, i).parent == SIZE_MAX;
        CHECK(roots == 1);
        nsiso_mounts_free(mounts);
    }
}

static void what_cannot_be_meant(void)
{
    const char *const step = "nsiso_mounts_read";
    nsiso_mounts *const none = (nsiso_mounts *)&step, *mounts = none;
    refused(EINVAL, step, nsiso_mounts_read(-1, 0, &mounts, &error));
    refused(EINVAL, step, nsiso_mounts_read(0, 8, &mounts, &error));
    refused(EINVAL, step, nsiso_mounts_read(0, ways[1] | ways[2], &mounts, &error));
    refused(EINVAL, step, nsiso_mounts_read(0, 0, NULL, &error));
    refused(ESRCH, "read mounts", nsiso_mounts_read(0x7ffffffe, 0, &mounts, &error));
    CHECK(mounts == none && nsiso_mounts_read(-1, 0, &mounts, NULL) == -EINVAL);
    CHECK(nsiso_mounts_count(NULL) == 0 && nsiso_mounts_changed(NULL) == 0 && nsiso_mounts_free(NULL) == NULL);
    mounts = table_of(0, 0);
    const char *const getting = "nsiso_mounts_get";
    nsiso_mount mount;
    refused(EINVAL, getting, nsiso_mounts_get(NULL, 0, &mount, sizeof mount, &error));
    refused(EINVAL, getting, nsiso_mounts_get(mounts, 0, NULL, sizeof mount, &error));
    refused(EINVAL, getting, nsiso_mounts_get(mounts, 0, &mount, sizeof mount - 1, &error));
    refused(EINVAL, getting, nsiso_mounts_get(mounts, nsiso_mounts_count(mounts), &mount, sizeof mount, &error));
    /* A record of a later version. */
    struct {
        nsiso_mount known;
        uint64_t more[2];
    } later = {.more = {1, 2}};
    ok(nsiso_mounts_get(mounts, 0, &later.known, sizeof later, &error));
    CHECK(later.more[0] == 0 && later.more[1] == 0 && later.known.point != NULL);
    nsiso_mounts_free(mounts);
}

static const struct check checks[] = {
    CASE(the_table_is_the_text),
    CASE(names_of_any_bytes),
    CASE(the_tree_and_the_groups),
    CASE(what_cannot_be_meant),
};

int main(int argc, char **argv)
{
    return argc >= 2 ? run_check(checks, COUNT(checks), argv[1]) : 2;
}
