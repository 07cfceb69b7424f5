/* kept (row V5): does a bind mount keep a namespace of each kind with neither process nor descriptor?  Run: ./kept */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>

#include "lives.h"

#define DIRECTORY "/tmp"

typedef struct path {
    char text[64];
} path;

static path path_of(nsiso_kinds kind)
{
    path path;
    snprintf(path.text, sizeof path.text, DIRECTORY "/%s", nsiso_kind_name(kind));
    return path;
}

/* Where it may mount, and nobody outside sees it: an empty directory in a mount namespace of its own. */
static int settle(void)
{
    /* Linux 6.18 tells by numbers of each CPU's which of two mount namespaces is the newer. */
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) < 0)
        return failed("sched_setaffinity");
    int flags = flags_for(NSISO_NEWNS), status;
    if (nsiso_unshare(flags) < 0)
        return refused("nsiso_unshare");
    if ((status = settle_in(flags)) != OK || (status = make_mounts_private()) != OK)
        return status;
    return mount("none", DIRECTORY, "tmpfs", 0, NULL) == 0 ? OK : refused("mount a tmpfs");
}

/* How many namespaces are mounted below the directory, as mountinfo has them. */
static int count_mounts(void)
{
    char *text = read_file("/proc/self/mountinfo"), *rest = text, *line;
    int count = 0;
    while (rest && (line = strsep(&rest, "\n")))
        count += strstr(line, " " DIRECTORY "/") && strstr(line, " - nsfs ");
    free(text);
    return count;
}

static bool is_in(const char *directory, const char *name, uint64_t inode)
{
    char link[512];
    struct stat status;
    snprintf(link, sizeof link, "/proc/%s/%s", directory, name);
    return stat(link, &status) == 0 && status.st_ino == inode;
}

/* How many processes are in it, of those that may be looked at, and how many descriptors of this one lead to it. */
static int count_holders(nsiso_kinds kind, uint64_t inode)
{
    char link[32];
    int count = 0;
    struct dirent *entry;
    snprintf(link, sizeof link, "ns/%s", nsiso_kind_name(kind));
    DIR *processes = opendir("/proc"), *descriptors = opendir("/proc/self/fd");
    while (processes && (entry = readdir(processes)))
        count += is_in(entry->d_name, link, inode);
    while (descriptors && (entry = readdir(descriptors)))
        count += is_in("self/fd", entry->d_name, inode);
    closedir(processes);
    closedir(descriptors);
    return count;
}

/* Keeps one at its path, and closes its descriptor. */
static uint64_t keep(int fd, nsiso_kinds kind)
{
    nsiso_error *error = NULL;
    uint64_t inode = inode_of(fd);
    must(nsiso_ns_persist(fd, path_of(kind).text, 0, &error), &error);
    close(fd);
    return inode;
}

static int release_all(void)
{
    nsiso_error *error = NULL;
    nsiso_kinds kind;
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
        must(nsiso_ns_release(path_of(kind).text, 0, &error), &error);
        if (access(path_of(kind).text, F_OK) == 0)
            return verdict(false, "nothing is left at the path");
    }
    if (count_mounts() != 0)
        return verdict(false, "nothing is mounted after the release");
    say("after", "released: no mounts, no files");
    return OK;
}

int main(void)
{
    nsiso_error *error = NULL;
    uint64_t inodes[KINDS], pid_inode;
    int fds[KINDS], pid, status, holders;
    if ((status = settle()) != OK)
        return status;
    say("did", "nsiso_ns_persist(fd, path, 0), the process ends, close(fd), nsiso_spec_join_path(spec, path), "
               "nsiso_ns_release(path, 0)");
    if ((status = first_life(fds, &pid)) != OK)
        return status;

    pid_inode = keep(pid, NSISO_NEWPID);
    for (size_t i = 0; i < KINDS; i++)
        inodes[i] = keep(fds[i], TRACES[i].kind);
    holders = count_holders(NSISO_NEWPID, pid_inode);
    for (size_t i = 0; i < KINDS; i++)
        holders += count_holders(TRACES[i].kind, inodes[i]);
    if (holders != 0 || count_mounts() != KINDS + 1)
        return verdict(false, "mounts alone keep them");
    say("outside", "%d mounts in mountinfo; no process is in them, and no descriptor leads to them", KINDS + 1);

    nsiso_spec *second = empty_spec(), *other = empty_spec();
    /* The user namespace owns the others, and comes first. */
    for (size_t i = 0; i < KINDS; i++)
        must(nsiso_spec_join_path(second, path_of(TRACES[i].kind).text, &error), &error);
    must(nsiso_spec_join_path(other, path_of(NSISO_NEWUSER).text, &error), &error);
    must(nsiso_spec_join_path(other, path_of(NSISO_NEWPID).text, &error), &error);
    if ((status = second_life(second, inodes)) != OK)
        return status;
    must(pid = nsiso_ns_open(path_of(NSISO_NEWPID).text, 0, &error), &error);
    if ((status = no_other_life(other, pid)) != OK || (status = release_all()) != OK)
        return status;
    return verdict(true, "a mount keeps each kind of namespace; a later process joins it by its path, but for pid");
}
