/* Where may a check mount, whoever runs it? In a mount namespace of its own. To be included after _GNU_SOURCE. */
#ifndef NSISO_SPAWN_OWN_MOUNTS_H
#define NSISO_SPAWN_OWN_MOUNTS_H

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "check.h"

static inline void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

/* From here on this process may mount, in a mount namespace of its own with an empty /run. */
static inline void settle(void)
{
    /* Linux 6.18 tells by numbers of the CPU's which of two mount namespaces is the newer. */
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    char users[32], groups[32];
    snprintf(users, sizeof users, "0 %u 1", geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", getegid());
    if (geteuid() == 0) {
        CHECK(nsiso_unshare(NSISO_NEWNS) == 0);
    } else {
        CHECK(nsiso_unshare(NSISO_NEWNS | NSISO_NEWUSER) == 0);
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/gid_map", groups);
        write_file("/proc/self/uid_map", users);
    }
    CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    CHECK(mount("none", "/run", "tmpfs", 0, "mode=755") == 0);
}

#endif
