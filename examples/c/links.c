/* links (row V2): in which namespaces is a process?  Run: ./links [PID]; without a PID it shows its own */
#define _GNU_SOURCE
#include "example.h"

#include <dirent.h>
#include <inttypes.h>

/* What `ls -l /proc/PID/ns` shows for this link, and which file it leads to. */
static bool same_as_readlink(pid_t pid, const nsiso_ns_link *link, const char *shown)
{
    char path[128], target[64];
    struct stat file;
    snprintf(path, sizeof path, "/proc/%d/ns/%.23s", (int)pid, link->name);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0 || stat(path, &file) < 0)
        return false;
    target[length] = '\0';
    return strcmp(target, shown) == 0 && file.st_dev == link->device && file.st_ino == link->inode;
}

/* A link can be listed and yet lead nowhere: pid_for_children between unshare and the first fork. */
static int count_links(pid_t pid)
{
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/%d/ns", (int)pid);
    DIR *directory = opendir(path);
    if (!directory)
        return -1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += readlinkat(dirfd(directory), entry->d_name, target, sizeof target) > 0;
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    pid_t pid = argc > 1 ? (pid_t)strtol(argv[1], NULL, 10) : getpid();
    if (pid <= 0) {
        say("failed", "usage: links [PID]");
        return FAILED;
    }
    nsiso_ns_link links[LINKS_MAX];
    nsiso_error *error = NULL;
    int count = nsiso_ns_links(pid, links, sizeof links[0], LINKS_MAX, 0, &error);
    if (count < 0) {
        bool forbidden = count == -EACCES || count == -EPERM;
        say(forbidden ? "cannot" : "failed", "%s", nsiso_error_message(error));
        nsiso_error_free(error);
        return forbidden ? CANNOT : FAILED;
    }
    say("did", "asked nsiso_ns_links for the links of %s", argc > 1 ? argv[1] : "this process");

    bool equal = count == count_links(pid);
    for (int i = 0; i < count; i++) {
        char shown[64];
        snprintf(shown, sizeof shown, "%s:[%" PRIu64 "]", nsiso_kind_name(links[i].kind), links[i].inode);
        say("outside", "%-18s %s", links[i].name, shown);
        equal = equal && same_as_readlink(pid, &links[i], shown);
    }
    return verdict(equal, "name, device and inode of every link are what readlink and stat say");
}
