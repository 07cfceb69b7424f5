/* What is the least code that reads a mount table? The text parsed in place, or one call a mount. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mounts.h"

enum {
    READ = 64 << 10,
    LISTED = 4096,
    STATMOUNT = 457,
    LISTMOUNT = 458,
    /* All that mountinfo tells but propagate_from. */
    MASK = 1 | 2 | 8 | 0x10 | 0x20 | 0x80 | 0x100 | 0x200,
};

struct entry {
    unsigned id, parent, major, minor;
    char *root, *point, *options, *fstype, *source, *super_options;
};

static char *text;
static struct entry *entries;
static size_t room, entries_room;

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void must(int result, const char *what)
{
    if (result < 0)
        die(what);
}

static void tmpfs(const char *at)
{
    must(mkdir(at, 0755) < 0 && errno != EEXIST ? -1 : 0, at);
    must(mount("tmpfs", at, "tmpfs", 0, "nr_inodes=0"), at);
}

void floor_mounts_enter(int count, int slaves)
{
    static int home = -1;
    if (home < 0)
        must(home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), "home");
    must(setns(home, CLONE_NEWNS), "setns");
    must(unshare(CLONE_NEWNS), "unshare");
    must(mount(NULL, "/", NULL, MS_REC | (slaves ? MS_SHARED : MS_PRIVATE), NULL), "/");
    tmpfs("/mnt");
    tmpfs("/mnt/real");
    for (int i = 0; i < count; i++) {
        char point[64];
        snprintf(point, sizeof point, "/mnt/mount-point-%05d", i);
        must(mkdir(point, 0755), point);
        must(mount("/mnt/real", point, NULL, MS_BIND, NULL), point);
    }
    if (!slaves)
        return;
    /* The masters live for as long as their namespace. */
    must(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), "masters");
    must(unshare(CLONE_NEWNS), "unshare");
    must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "/");
}

static ssize_t slurp(void)
{
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t more;
    if (fd < 0)
        return -1;
    do {
        if (length + READ >= room)
            text = realloc(text, room = (length + READ) * 2);
        more = read(fd, text + length, READ);
        length += more > 0 ? (size_t)more : 0;
    } while (more > 0);
    close(fd);
    return more < 0 ? -1 : (ssize_t)length;
}

static char *field(char **at)
{
    char *start = *at, *end = start;
    while (*end != ' ' && *end != '\n')
        end++;
    *end = '\0';
    *at = end + 1;
    return start;
}

static unsigned number(char **at)
{
    unsigned value = 0;
    char *digit = *at;
    while (*digit >= '0' && *digit <= '9')
        value = value * 10 + (unsigned)(*digit++ - '0');
    *at = digit + 1;
    return value;
}

static void undo_escapes(char *name)
{
    char *to = strchr(name, '\\'), *from = to;
    if (to == NULL)
        return;
    while (*from) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3') {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

long floor_mounts_text(uint64_t *ret_seen)
{
    ssize_t length = slurp();
    if (length < 0)
        return -1;
    char *at = text, *end = text + length;
    size_t count = 0;
    while (at < end) {
        if (count == entries_room)
            entries = realloc(entries, (entries_room = entries_room ? entries_room * 2 : 256) * sizeof *entries);
        struct entry *entry = &entries[count++];
        entry->id = number(&at);
        entry->parent = number(&at);
        entry->major = number(&at);
        entry->minor = number(&at);
        entry->root = field(&at);
        entry->point = field(&at);
        entry->options = field(&at);
        while (strcmp(field(&at), "-") != 0)
            ;
        entry->fstype = field(&at);
        entry->source = field(&at);
        entry->super_options = field(&at);
        undo_escapes(entry->root);
        undo_escapes(entry->point);
        undo_escapes(entry->source);
    }
    for (size_t i = 0; ret_seen && i < count; i++)
        *ret_seen = floor_mounts_seen(*ret_seen, entries[i].id, entries[i].point);
    return (long)count;
}

/* struct mnt_id_req and struct statmount, as far as is needed. */
struct request {
    uint32_t size, spare;
    uint64_t mount, param, namespace;
};
struct answer {
    uint32_t head[14], id, numbers[11], root, point, tail[100];
    char strings[];
};

long floor_mounts_calls(uint64_t *ret_seen)
{
    static uint64_t ids[1 << 17];
    static _Alignas(8) char buffer[16 << 10];
    struct request request = {.size = sizeof request, .mount = ~0ull};
    long count = 0, more;
    do {
        more = syscall(LISTMOUNT, &request, ids + count, (long)LISTED, 0L);
        if (more < 0)
            return -1;
        count += more;
        request.param = count ? ids[count - 1] : 0;
    } while (more == LISTED);
    request.param = MASK;
    for (long i = 0; i < count; i++) {
        request.mount = ids[i];
        if (syscall(STATMOUNT, &request, buffer, sizeof buffer, 0L) < 0)
            return -1;
        const struct answer *answer = (const struct answer *)buffer;
        if (ret_seen)
            *ret_seen = floor_mounts_seen(*ret_seen, answer->id, answer->strings + answer->point);
    }
    return count;
}
