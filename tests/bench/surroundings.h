/* What surrounds the calling process? In which namespaces it is, against another process's, and what is set up there.
 *
 * Both sides of a pair must answer the same text: that shows that they did the same.
 */
#ifndef NSISO_BENCH_SURROUNDINGS_H
#define NSISO_BENCH_SURROUNDINGS_H

#include <dirent.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KINDS = 8, NAME_SIZE = 72, LINE_SIZE = 1024 };

static const char *const kind_names[KINDS] = {"mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time"};

/* What to compare with: the links under /proc/PID/ns and the host name. */
struct surroundings {
    char links[KINDS][NAME_SIZE];
    char host_name[NAME_SIZE];
};

static inline void look_around(struct surroundings *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (int i = 0; i < KINDS; i++) {
        char path[NAME_SIZE];
        snprintf(path, sizeof(path), "/proc/self/ns/%s", kind_names[i]);
        if (readlink(path, ret->links[i], NAME_SIZE - 1) < 0)
            snprintf(ret->links[i], NAME_SIZE, "unreadable");
    }
    gethostname(ret->host_name, NAME_SIZE - 1);
}

/* Copies the first line of a file that starts with this word, without that word, blanks made single. */
static inline void first_line(const char *path, const char *word, char *ret, size_t size)
{
    char line[LINE_SIZE];
    size_t length = 0;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, word, strlen(word)) != 0)
            continue;
        char *rest;
        for (char *field = strtok_r(line + strlen(word), " \t\n", &rest); field && length < size;
             field = strtok_r(NULL, " \t\n", &rest))
            length += (size_t)snprintf(ret + length, size - length, "%s%s", length ? " " : "", field);
        break;
    }
    if (file)
        fclose(file);
    if (length == 0)
        snprintf(ret, size, "none");
}

/* What the mount furthest from private is: a copy in a new user namespace is a slave of what was shared. */
static inline const char *propagation(void)
{
    char line[LINE_SIZE];
    const char *result = "private";
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (strstr(line, " shared:"))
            result = "shared";
        else if (strstr(line, " master:") && strcmp(result, "private") == 0)
            result = "slave";
    }
    if (file)
        fclose(file);
    return result;
}

static inline int loopback_is_up(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int up = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP);
    close(fd);
    return up;
}

static inline int count_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count - 3; /* ".", ".." and the directory's own */
}

static inline int count_variables(void)
{
    int count = 0;
    while (environ[count])
        count++;
    return count;
}

/* The only supplementary group, or how many there are. */
static inline void describe_groups(char *ret, size_t size)
{
    gid_t groups[NAME_SIZE];
    int count = getgroups(NAME_SIZE, groups);
    if (count == 1)
        snprintf(ret, size, "group %u", (unsigned)groups[0]);
    else
        snprintf(ret, size, "%d groups", count);
}

/* Which signals are ignored; not of those that libc keeps for itself, which its posix_spawn leaves ignored. */
static inline unsigned long long ignored_signals(void)
{
    const unsigned long long own = 3ull << 31;
    char mask[NAME_SIZE];
    first_line("/proc/self/status", "SigIgn:", mask, sizeof(mask));
    return strtoull(mask, NULL, 16) & ~own;
}

/* One line; `before` are the caller's surroundings. */
static inline void describe(const struct surroundings *before, char *ret, size_t size)
{
    struct surroundings now;
    char new[NAME_SIZE] = "", gids[NAME_SIZE], uids[NAME_SIZE], blocked[NAME_SIZE], own[NAME_SIZE] = "",
         process[NAME_SIZE] = "a number like others", groups[NAME_SIZE];
    int renumbered = 0;
    look_around(&now);
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(now.links[i], before->links[i]) == 0)
            continue;
        snprintf(new + strlen(new), sizeof(new) - strlen(new), " %s", kind_names[i]);
        renumbered |= strcmp(kind_names[i], "pid") == 0;
    }
    if (renumbered)
        snprintf(process, sizeof(process), "number %d", (int)getpid());
    describe_groups(groups, sizeof(groups));
    first_line("/proc/self/gid_map", "", gids, sizeof(gids));
    first_line("/proc/self/uid_map", "", uids, sizeof(uids));
    first_line("/proc/self/status", "SigBlk:", blocked, sizeof(blocked));
    int numbered = renumbered && readlink("/proc/self", own, sizeof(own) - 1) > 0 && atoi(own) == getpid();
    int renamed = strcmp(now.host_name, before->host_name) != 0;
    snprintf(ret, size,
             "new:%s; uids %s, gids %s; user %u, group %u, beside it %s; %s; host name %s; %s mounts; /proc %s; lo %s; "
             "signals blocked %s, ignored %llx; %d descriptors; environment of %d",
             new[0] ? new : " nothing", uids, gids, (unsigned)geteuid(), (unsigned)getegid(), groups, process,
             renamed ? now.host_name : "kept", propagation(), numbered ? "of its own" : "the caller's",
             loopback_is_up() ? "up" : "down", blocked, ignored_signals(), count_descriptors(), count_variables());
}

#endif
