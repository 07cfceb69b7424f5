/* How do the checks of snapshots make namespaces, and read of them what /proc says? */
#ifndef NSISO_SPAWN_SNAPSHOTS_H
#define NSISO_SPAWN_SNAPSHOTS_H

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "check.h"

static inline nsiso_snapshot *taken(uint32_t depth, nsiso_kinds kinds, uint32_t flags)
{
    nsiso_snapshot *snapshot = NULL;
    ok(nsiso_snapshot_take(depth, kinds, flags, &snapshot, &error));
    CHECK(snapshot != NULL);
    return snapshot;
}

static inline nsiso_snapshot_namespace namespace_at(const nsiso_snapshot *snapshot, uint32_t index)
{
    nsiso_snapshot_namespace ns;
    ok(nsiso_snapshot_get_namespace(snapshot, index, &ns, sizeof ns, &error));
    return ns;
}

static inline nsiso_snapshot_process process_at(const nsiso_snapshot *snapshot, uint32_t index)
{
    nsiso_snapshot_process process;
    ok(nsiso_snapshot_get_process(snapshot, index, &process, sizeof process, &error));
    return process;
}

/* The one holder of this sort, by which a namespace is held. */
static inline nsiso_snapshot_holder only_holder(const nsiso_snapshot *snapshot, nsiso_kinds kind, uint64_t inode,
                                                uint32_t how)
{
    uint32_t ns = nsiso_snapshot_find_namespace(snapshot, kind, inode);
    nsiso_snapshot_holder holder, found = {0};
    size_t count = nsiso_snapshot_holders_count(snapshot, ns), of_this_sort = 0;
    for (size_t place = 0; place < count; place++) {
        ok(nsiso_snapshot_get_holder(snapshot, ns, place, &holder, sizeof holder, &error));
        if (holder.how != how)
            continue;
        found = holder;
        of_this_sort++;
    }
    CHECK(of_this_sort == 1);
    return found;
}

static inline nsiso_particulars *inside(const nsiso_snapshot *snapshot, pid_t pid, nsiso_kinds kind)
{
    uint32_t process = nsiso_snapshot_find_process(snapshot, pid);
    uint32_t ns = nsiso_snapshot_namespace_of(snapshot, process, kind);
    nsiso_particulars *particulars = NULL;
    ok(nsiso_snapshot_particulars(snapshot, ns, 0, &particulars, &error));
    return particulars;
}

static inline nsiso_particulars_info told(const nsiso_particulars *particulars)
{
    nsiso_particulars_info info;
    ok(nsiso_particulars_get(particulars, &info, sizeof info, &error));
    return info;
}

static inline size_t place_of(nsiso_kinds kind)
{
    size_t place = 0;
    while (nsiso_kind_at(place) != kind)
        place++;
    return place;
}

/* The inode in a link of /proc. */
static inline uint64_t link_of(pid_t pid, nsiso_kinds kind)
{
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, nsiso_kind_name(kind));
    CHECK(readlink(path, target, sizeof target - 1) > 0);
    return strtoull(strchr(target, '[') + 1, NULL, 10);
}

static inline void stat_of(pid_t pid, char *name, size_t size, int *parent, unsigned long long *start)
{
    char path[64], text[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    char *begin = strchr(text, '(') + 1, *rest = strrchr(text, ')');
    snprintf(name, size, "%.*s", (int)(rest - begin), begin);
    int fields = sscanf(rest + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                        parent, start);
    CHECK(fields == 2);
}

static inline void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* In new namespaces, as root of them; who is none gets a user namespace as well. */
static inline void unshare_as_root(nsiso_kinds kinds)
{
    char users[64], groups[64];
    snprintf(users, sizeof users, "0 %u 1", geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", getegid());
    if (geteuid() != 0)
        kinds |= NSISO_NEWUSER;
    CHECK(unshare((int)kinds) == 0);
    if ((kinds & NSISO_NEWUSER) == 0)
        return;
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/gid_map", groups);
    write_file("/proc/self/uid_map", users);
}

/* Mounts of this process's own, and a net namespace that it may leave and come back to. */
static inline void into_own_mounts(void)
{
    unshare_as_root(NSISO_NEWNS | NSISO_NEWNET);
    CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
}

/* A child in new namespaces, which ends with this process. */
static inline pid_t apart(nsiso_kinds kinds)
{
    int ends[2];
    char byte;
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        close(ends[0]);
        unshare_as_root(kinds);
        CHECK(write(ends[1], "x", 1) == 1);
        close(ends[1]);
        for (;;)
            pause();
    }
    close(ends[1]);
    CHECK(child > 0 && read(ends[0], &byte, 1) == 1);
    close(ends[0]);
    return child;
}

static inline void end(pid_t child)
{
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

#endif
