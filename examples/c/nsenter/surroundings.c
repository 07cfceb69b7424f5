/* What has the program beside namespaces?  Directories, environment, control group, ids, capabilities, SELinux context. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nsenter.h"

enum { PATH_SIZE = 64, CGROUP_SIZE = 8192, CHUNK = 65536 };

static int opened(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        fail("%s", path);
    return fd;
}

static int open_of_target(const request *r, const char *name, int flags)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)r->target, name);
    return opened(path, flags);
}

/* All of a file of the target's, with a NUL behind it. */
static char *read_of_target(const request *r, const char *name, size_t *ret_size)
{
    char *text = NULL;
    size_t size = 0;
    ssize_t got;
    int fd = open_of_target(r, name, O_RDONLY);
    do {
        text = realloc(text, size + CHUNK + 1);
        if (!text || (got = read(fd, text + size, CHUNK)) < 0)
            fail("%s of process %d", name, (int)r->target);
        size += (size_t)got;
    } while (got > 0);
    close(fd);
    text[size] = '\0';
    *ret_size = size;
    return text;
}

static char **read_env(const request *r)
{
    size_t size, count = 0;
    char *text = read_of_target(r, "environ", &size), **env;
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\0';
    env = calloc(count + 2, sizeof *env);
    if (!env)
        fail("the environment of process %d", (int)r->target);
    count = 0;
    for (char *string = text; string < text + size; string += strlen(string) + 1)
        if (string[0] != '\0')
            env[count++] = string;
    return env;
}

/* What is written there after the caller has become another is still judged as written by whoever opened it: so it is
 * never handed on. */
static int open_cgroup(const request *r)
{
    static const char *const MOUNTS[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    enum { CGROUP2 = 0x63677270 };
    struct statfs mounted;
    size_t size;
    char path[CGROUP_SIZE], *text = read_of_target(r, "cgroup", &size), *line = text;
    /* The line of version 2 is "0::", and the group as this process's own cgroup namespace names it. */
    while (line && strncmp(line, "0::", 3) != 0)
        line = (line = strchr(line, '\n')) ? line + 1 : NULL;
    for (size_t i = 0; line && i < sizeof MOUNTS / sizeof MOUNTS[0]; i++)
        if (statfs(MOUNTS[i], &mounted) == 0 && mounted.f_type == CGROUP2) {
            snprintf(path, sizeof path, "%s%.*s/cgroup.procs", MOUNTS[i], (int)strcspn(line + 3, "\n"), line + 3);
            free(text);
            return opened(path, O_WRONLY);
        }
    refuse("--join-cgroup: no control groups of version 2 are mounted at %s", MOUNTS[0]);
}

/* It counts from the next execution on, also a child's. */
static void follow_context(const request *r)
{
    enum { SELINUX = (int)0xf97cff8c };
    struct statfs mounted;
    if (statfs("/sys/fs/selinux", &mounted) < 0 || (int)mounted.f_type != SELINUX)
        refuse("--follow-context: there is no SELinux on this machine, so no process has a context");
    size_t size;
    char *context = read_of_target(r, "attr/current", &size);
    int fd = opened("/proc/thread-self/attr/exec", O_WRONLY);
    if (write(fd, context, size) < 0)
        fail("the context %s", context);
    close(fd);
    free(context);
}

void open_surroundings(const request *r, surroundings *s)
{
    *s = (surroundings){.root = -1, .wd = -1, .cgroup = -1, .process = -1};
    if (r->root)
        s->root = r->root == OF_TARGET ? open_of_target(r, "root", O_RDONLY) : opened(r->root, O_RDONLY);
    if (r->wd)
        s->wd = r->wd == OF_TARGET ? open_of_target(r, "cwd", O_RDONLY) : opened(r->wd, O_RDONLY);
    if (r->env)
        s->env = read_env(r);
    if (r->join_cgroup)
        s->cgroup = open_cgroup(r);
    if (r->uid.follows || r->gid.follows)
        s->process = open_of_target(r, "", O_PATH | O_DIRECTORY);
    if (r->follow_context)
        follow_context(r);
}

/* A user namespace in which the caller is nobody is of little use. */
static bool becomes_another(const request *r, const targets *t)
{
    return enters(t, USER) && !r->preserve_credentials;
}

void drop_groups(const request *r, const targets *t, surroundings *s)
{
    if (!r->preserve_credentials && (r->gid.is_set || becomes_another(r, t)))
        s->lost_groups = setgroups(0, NULL) == 0;
}

void change_directories(const request *r, const surroundings *s)
{
    /* A new root alone leaves the working directory where it is by now. */
    int wd = s->wd < 0 && s->root >= 0 && !r->wd_inside ? opened(".", O_RDONLY) : s->wd;
    if (s->root >= 0 && (fchdir(s->root) < 0 || chroot(".") < 0))
        fail("the root directory %s", r->root == OF_TARGET ? "of the target" : r->root);
    if (s->root >= 0 && chdir("/") < 0)
        fail("the new root directory");
    if (r->wd_inside && chdir(r->wd_inside) < 0)
        fail("%s", r->wd_inside);
    if (wd >= 0 && fchdir(wd) < 0)
        fail("the working directory");
}

/* What is permitted becomes ambient, so that a program gets it whoever executes it. */
static void keep_caps(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, sets) < 0)
        fail("the capabilities");
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        sets[i].effective = sets[i].inheritable = sets[i].permitted;
    if (syscall(SYS_capset, &header, sets) < 0)
        fail("the capabilities");
    for (unsigned long cap = 0; cap < 32 * _LINUX_CAPABILITY_U32S_3; cap++)
        if ((sets[cap / 32].permitted >> cap % 32 & 1) != 0 &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0UL, 0UL) < 0)
            fail("capability %lu", cap);
}

void become(const request *r, const targets *t, const surroundings *s)
{
    bool is_another = becomes_another(r, t), keeps_caps = r->keep_caps && enters(t, USER);
    id_option uid = r->uid, gid = r->gid;
    struct stat process;
    if (s->cgroup >= 0 && write(s->cgroup, "0", 1) < 0)
        fail("the control group of process %d", (int)r->target);
    if (s->process >= 0) {
        if (fstat(s->process, &process) < 0)
            fail("the ids of process %d", (int)r->target);
        uid.number = uid.follows ? process.st_uid : uid.number;
        gid.number = gid.follows ? process.st_gid : gid.number;
    }
    if (keeps_caps && prctl(PR_SET_KEEPCAPS, 1UL, 0UL, 0UL, 0UL) < 0)
        fail("the capabilities");
    if (gid.is_set || is_another) {
        if (setgroups(0, NULL) < 0 && !s->lost_groups && !r->preserve_credentials)
            fail("the supplementary groups cannot be given up; --preserve-credentials keeps them");
        if (setgid(gid.number) < 0)
            fail("group %u", gid.number);
    }
    if ((uid.is_set || is_another) && setuid(uid.number) < 0)
        fail("user %u", uid.number);
    if (keeps_caps)
        keep_caps();
    if (s->env)
        environ = s->env;
}
