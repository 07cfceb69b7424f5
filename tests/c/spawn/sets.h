/* How do the checks hold a set of namespaces, and see which a process or a descriptor is of? */
#ifndef NSISO_SPAWN_SETS_H
#define NSISO_SPAWN_SETS_H

#include <sys/stat.h>

#include "child.h"

static inline ino_t inode_of(const char *path)
{
    struct stat status;
    CHECK(stat(path, &status) == 0);
    return status.st_ino;
}

static inline ino_t link_of(pid_t pid, nsiso_kinds kind)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, nsiso_kind_name(kind));
    return inode_of(path);
}

static inline ino_t of_fd(int fd)
{
    struct stat status;
    CHECK(fstat(fd, &status) == 0);
    return status.st_ino;
}

static inline nsiso_spec *described(nsiso_kinds kinds)
{
    nsiso_spec *spec = new_spec();
    ok(nsiso_spec_unshare(spec, kinds | NSISO_NEWUSER, &error));
    ok(nsiso_spec_map_root(spec, &error));
    if (kinds & NSISO_NEWUTS)
        ok(nsiso_spec_hostname(spec, "held", &error));
    return spec;
}

static inline nsiso_namespaces *held_set(nsiso_kinds kinds)
{
    nsiso_spec *spec = described(kinds);
    nsiso_namespaces *set = NULL;
    ok(nsiso_hold(spec, 0, &set, &error));
    nsiso_spec_free(spec);
    CHECK(set != NULL);
    return set;
}

/* Pid 1 ends by itself once the set goes, and the next start reaps it, as all that was let go of. */
static inline void check_let_go(pid_t init)
{
    double end = now() + PATIENCE;
    while (state(init) != 'Z' && state(init) != 0 && now() < end)
        pause_ms(5);
    nsiso_process *next = spawn(TRUE);
    CHECK(ended(next).exit_code == 0 && nsiso_process_free(next) == NULL);
    CHECK(state(init) == 0);
    check_no_child();
}

#endif
