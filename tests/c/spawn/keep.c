/* Are namespaces kept at a path and under a name, and is nothing left of it afterwards?
 *
 * usage: keep CHECK */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "own_mounts.h"
#include "sets.h"

/* No call of this process has opened so many. */
enum { CLOSED = 777 };

static void all_kinds_are_kept_at_paths(void)
{
    settle();
    int fds = count_fds();
    nsiso_namespaces *set = held_set(NSISO_KINDS_ALL);
    char path[64];
    nsiso_kinds kind;
    ino_t inodes[8];
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
        snprintf(path, sizeof path, "/run/%s", nsiso_kind_name(kind));
        inodes[i] = of_fd(nsiso_namespaces_fd(set, kind));
        ok(nsiso_ns_persist(nsiso_namespaces_fd(set, kind), path, 0, &error));
        refused(EEXIST, "persist", nsiso_ns_persist(nsiso_namespaces_fd(set, kind), path, 0, &error));
    }
    pid_t init = nsiso_namespaces_init(set);
    nsiso_namespaces_free(set);
    check_let_go(init);
    CHECK(count_fds() == fds);
    nsiso_spec *joining = new_spec();
    ok(nsiso_spec_join_path(joining, "/run/user", &error));
    ok(nsiso_spec_join_path(joining, "/run/uts", &error));
    nsiso_command *command = new_command(SLEEP);
    nsiso_process *process = NULL;
    ok(nsiso_spawn(joining, command, 0, &process, &error));
    nsiso_process_kill_on_free(process);
    CHECK(link_of(nsiso_process_pid(process), NSISO_NEWUTS) == inode_of("/run/uts"));
    nsiso_process_free(process);
    nsiso_command_free(command);
    nsiso_spec_free(joining);
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
        snprintf(path, sizeof path, "/run/%s", nsiso_kind_name(kind));
        int opened = nsiso_ns_open(path, 0, NULL);
        CHECK(opened > 2 && of_fd(opened) == inodes[i] && close(opened) == 0);
        ok(nsiso_ns_release(path, 0, &error));
        CHECK(access(path, F_OK) == -1);
        refused(ENOENT, "release", nsiso_ns_release(path, 0, &error));
    }
    CHECK(count_fds() == fds);
}

/* All kinds are added, found, opened and removed, and by_process are held by processes. */
static void kept_in(const nsiso_registry *registry, nsiso_kinds by_process)
{
    int fds = count_fds();
    nsiso_namespaces *set = held_set(NSISO_KINDS_ALL);
    nsiso_kinds kind;
    ino_t inodes[8];
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
        int fd = nsiso_namespaces_fd(set, kind);
        inodes[i] = of_fd(fd);
        ok(nsiso_registry_add(registry, "n\xffme", fd, 0, &error));
        refused(EEXIST, "add", nsiso_registry_add(registry, "n\xffme", fd, 0, &error));
    }
    pid_t init = nsiso_namespaces_init(set);
    nsiso_namespaces_free(set);
    nsiso_registry_entries *entries = NULL;
    ok(nsiso_registry_list(registry, 0, &entries, &error));
    CHECK(nsiso_registry_entries_count(entries) == 8);
    struct {
        nsiso_registry_entry entry;
        uint64_t later[2];
    } room;
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
        memset(&room, 0x5a, sizeof room);
        ok(nsiso_registry_entries_get(entries, i, &room.entry, sizeof room, &error));
        CHECK(room.later[0] == 0 && room.later[1] == 0 && strcmp(room.entry.name, "n\xffme") == 0);
        CHECK(room.entry.kind == kind && room.entry.inode == inodes[i]);
        CHECK((room.entry.holder != 0) == ((kind & by_process) != 0));
        int fd = nsiso_registry_open(registry, room.entry.name, kind, 0, NULL);
        CHECK(fd > 2 && fcntl(fd, F_GETFD) == FD_CLOEXEC && of_fd(fd) == inodes[i] && close(fd) == 0);
        ok(nsiso_registry_remove(registry, room.entry.name, kind, 0, &error));
        CHECK(room.entry.holder == 0 || state(room.entry.holder) == 0);
        refused(ENOENT, "remove", nsiso_registry_remove(registry, room.entry.name, kind, 0, &error));
        refused(ENOENT, "open", nsiso_registry_open(registry, room.entry.name, kind, 0, &error));
    }
    const nsiso_registry_entry last = room.entry;
    const char *step = "nsiso_registry_entries_get";
    refused(EINVAL, step, nsiso_registry_entries_get(entries, 8, &room.entry, sizeof room, &error));
    refused(EINVAL, step, nsiso_registry_entries_get(entries, 0, NULL, sizeof room, &error));
    refused(EINVAL, step, nsiso_registry_entries_get(entries, 0, &room.entry, sizeof room.entry - 1, &error));
    CHECK(memcmp(&last, &room.entry, sizeof last) == 0);
    CHECK(nsiso_registry_entries_free(entries) == NULL);
    ok(nsiso_registry_list(registry, 0, &entries, &error));
    CHECK(nsiso_registry_entries_count(entries) == 0);
    nsiso_registry_entries_free(entries);
    check_let_go(init);
    CHECK(count_fds() == fds);
}

static void a_registry_keeps_by_mounts(void)
{
    settle();
    nsiso_registry *registry = NULL;
    ok(nsiso_registry_new(NULL, 0, &registry, &error));
    CHECK(strcmp(nsiso_registry_directory(registry), "/run/nsiso") == 0);
    kept_in(registry, 0);
    kept_in(registry, 0);
    /* What holds a mount namespace must not be mounted in it. */
    int own = nsiso_ns_of_pid(0, NSISO_NEWNS, 0, NULL);
    ok(nsiso_registry_add(registry, "own", own, 0, &error));
    nsiso_registry_entries *entries = NULL;
    nsiso_registry_entry entry;
    ok(nsiso_registry_list(registry, 0, &entries, &error));
    ok(nsiso_registry_entries_get(entries, 0, &entry, sizeof entry, &error));
    CHECK(entry.holder > 0 && entry.inode == of_fd(own) && close(own) == 0);
    nsiso_registry_entries_free(entries);
    ok(nsiso_registry_remove(registry, "own", NSISO_NEWNS, 0, &error));
    CHECK(nsiso_registry_free(registry) == NULL);
}

static void an_ordinary_users_registry_keeps_by_processes(void)
{
    if (geteuid() == 0)
        return; /* as ordinary, by the same test */
    char directory[] = "/tmp/nsiso-keep-XXXXXX", expected[64], remove[64];
    CHECK(mkdtemp(directory) != NULL && setenv("XDG_RUNTIME_DIR", directory, 1) == 0);
    snprintf(expected, sizeof expected, "%s/nsiso", directory);
    snprintf(remove, sizeof remove, "rm -r %s", directory);
    nsiso_registry *registry = NULL;
    ok(nsiso_registry_new(NULL, 0, &registry, &error));
    CHECK(strcmp(nsiso_registry_directory(registry), expected) == 0);
    kept_in(registry, NSISO_KINDS_ALL);
    nsiso_registry_free(registry);
    ok(nsiso_registry_new(expected, 0, &registry, &error));
    kept_in(registry, NSISO_KINDS_ALL);
    nsiso_registry_free(registry);
    int own = nsiso_ns_of_pid(0, NSISO_NEWUTS, 0, NULL);
    snprintf(expected, sizeof expected, "%s/it", directory);
    refused(EPERM, "persist", nsiso_ns_persist(own, expected, 0, &error));
    CHECK(access(expected, F_OK) == -1 && close(own) == 0 && system(remove) == 0);
    CHECK(unsetenv("XDG_RUNTIME_DIR") == 0);
    refused(ENOENT, "registry", nsiso_registry_new(NULL, 0, &registry, &error));
}

static void what_cannot_be_meant(void)
{
    settle();
    nsiso_namespaces *set = held_set(NSISO_NEWUTS);
    int own = nsiso_namespaces_fd(set, NSISO_NEWUTS), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    refused(EINVAL, "nsiso_ns_persist", nsiso_ns_persist(own, NULL, 0, &error));
    refused(EINVAL, "nsiso_ns_persist", nsiso_ns_persist(own, "/run/it", 1, &error));
    refused(EINVAL, "persist", nsiso_ns_persist(own, "/", 0, &error));
    refused(ENOENT, "persist", nsiso_ns_persist(own, "/run/no/it", 0, &error));
    refused(EINVAL, "open", nsiso_ns_persist(null, "/run/it", 0, &error));
    refused(EBADF, "open", nsiso_ns_persist(CLOSED, "/run/it", 0, &error));
    refused(EBADF, "open", nsiso_ns_persist(-1, "/run/it", 0, &error));
    CHECK(access("/run/it", F_OK) == -1);
    refused(EINVAL, "nsiso_ns_release", nsiso_ns_release(NULL, 0, &error));
    refused(EINVAL, "nsiso_ns_release", nsiso_ns_release("/run/it", 1, &error));
    refused(EINVAL, "release", nsiso_ns_release("/dev/null", 0, &error));

    nsiso_registry *const no_registry = (nsiso_registry *)TRUE, *registry = no_registry;
    refused(EINVAL, "nsiso_registry_new", nsiso_registry_new("/run/r", 0, NULL, &error));
    refused(EINVAL, "nsiso_registry_new", nsiso_registry_new("/run/r", 1, &registry, &error));
    refused(ENOENT, "registry", nsiso_registry_new("/run/no/such", 0, &registry, &error));
    refused(ENOENT, "registry", nsiso_registry_new("", 0, &registry, &error));
    CHECK(registry == no_registry);
    ok(nsiso_registry_new("/run/r", 0, &registry, &error));
    const char *const names[] = {"", ".", "..", ".hidden", "a/b"};
    for (size_t i = 0; i < COUNT(names); i++) {
        refused(EINVAL, "add", nsiso_registry_add(registry, names[i], own, 0, &error));
        refused(EINVAL, "open", nsiso_registry_open(registry, names[i], NSISO_NEWUTS, 0, &error));
        refused(EINVAL, "remove", nsiso_registry_remove(registry, names[i], NSISO_NEWUTS, 0, &error));
    }
    refused(EINVAL, "nsiso_registry_add", nsiso_registry_add(NULL, "a", own, 0, &error));
    refused(EINVAL, "nsiso_registry_add", nsiso_registry_add(registry, NULL, own, 0, &error));
    refused(EBADF, "open", nsiso_registry_add(registry, "a", CLOSED, 0, &error));
    refused(EINVAL, "open", nsiso_registry_add(registry, "a", null, 0, &error));
    const nsiso_kinds kinds[] = {0, 1, NSISO_NEWUTS | NSISO_NEWNET};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        refused(EINVAL, "nsiso_registry_open", nsiso_registry_open(registry, "a", kinds[i], 0, &error));
        refused(EINVAL, "nsiso_registry_remove", nsiso_registry_remove(registry, "a", kinds[i], 0, &error));
    }
    refused(EINVAL, "nsiso_registry_open", nsiso_registry_open(NULL, "a", NSISO_NEWUTS, 0, &error));
    refused(EINVAL, "nsiso_registry_remove", nsiso_registry_remove(registry, NULL, NSISO_NEWUTS, 0, &error));
    nsiso_registry_entries *const none = (nsiso_registry_entries *)TRUE, *entries = none;
    refused(EINVAL, "nsiso_registry_list", nsiso_registry_list(NULL, 0, &entries, &error));
    refused(EINVAL, "nsiso_registry_list", nsiso_registry_list(registry, 0, NULL, &error));
    refused(EINVAL, "nsiso_registry_add", nsiso_registry_add(registry, "a", own, 1, &error));
    refused(EINVAL, "nsiso_registry_open", nsiso_registry_open(registry, "a", NSISO_NEWUTS, 1, &error));
    refused(EINVAL, "nsiso_registry_remove", nsiso_registry_remove(registry, "a", NSISO_NEWUTS, 1, &error));
    refused(EINVAL, "nsiso_registry_list", nsiso_registry_list(registry, 1, &entries, &error));
    CHECK(entries == none && nsiso_registry_directory(NULL) == NULL && nsiso_registry_entries_count(NULL) == 0);
    nsiso_registry_entry entry;
    refused(EINVAL, "nsiso_registry_entries_get", nsiso_registry_entries_get(NULL, 0, &entry, sizeof entry, &error));
    CHECK(nsiso_registry_free(NULL) == NULL && nsiso_registry_entries_free(NULL) == NULL && close(null) == 0);
    nsiso_registry_free(registry);
    nsiso_namespaces_free(set);
}

static const struct check checks[] = {
    CASE(all_kinds_are_kept_at_paths),
    CASE(a_registry_keeps_by_mounts),
    CASE(an_ordinary_users_registry_keeps_by_processes),
    CASE(what_cannot_be_meant),
};

int main(int argc, char **argv)
{
    return argc >= 2 ? run_check(checks, COUNT(checks), argv[1]) : 2;
}
