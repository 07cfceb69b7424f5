/* Is a snapshot what readlink(2), /proc and the kernel say, and does it lead where it says?
 *
 * usage: snapshot CHECK */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "snapshots.h"

static void places_are_those_of_readlink(void)
{
    pid_t child = apart(NSISO_NEWUTS | NSISO_NEWIPC | NSISO_NEWNET);
    nsiso_snapshot *snapshot = taken(NSISO_DEPTH_PROCESSES, NSISO_KINDS_ALL, 0);
    const pid_t pids[] = {getpid(), child};
    for (size_t n = 0; n < COUNT(pids); n++) {
        uint32_t process = nsiso_snapshot_find_process(snapshot, pids[n]);
        CHECK(process_at(snapshot, process).pid == pids[n]);
        nsiso_kinds kind;
        for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++) {
            uint32_t ns = nsiso_snapshot_namespace_of(snapshot, process, kind);
            nsiso_snapshot_namespace told = namespace_at(snapshot, ns);
            CHECK(told.kind == kind && told.inode == link_of(pids[n], kind));
            CHECK(nsiso_snapshot_find_namespace(snapshot, kind, told.inode) == ns);
            uint32_t place = 0, member;
            bool is_in = false;
            for (pid_t last = 0; (member = nsiso_snapshot_member(snapshot, ns, place)) != NSISO_NONE; place++) {
                pid_t pid = process_at(snapshot, member).pid;
                CHECK(pid > last);
                last = pid;
                is_in |= pid == pids[n];
            }
            CHECK(is_in && place == told.processes);
        }
    }
    size_t count = nsiso_snapshot_namespaces_count(snapshot);
    for (uint32_t ns = 1; ns < count; ns++) {
        nsiso_snapshot_namespace one = namespace_at(snapshot, ns - 1), other = namespace_at(snapshot, ns);
        CHECK(place_of(one.kind) < place_of(other.kind) || (one.kind == other.kind && one.inode < other.inode));
    }
    nsiso_snapshot_free(snapshot);
    end(child);
}

static void kinds_that_were_asked_for(void)
{
    nsiso_snapshot *snapshot = taken(NSISO_DEPTH_PROCESSES, NSISO_NEWUTS, 0);
    uint32_t own = nsiso_snapshot_find_process(snapshot, getpid());
    uint32_t uts = nsiso_snapshot_namespace_of(snapshot, own, NSISO_NEWUTS);
    CHECK(uts != NSISO_NONE && nsiso_snapshot_namespace_of(snapshot, own, NSISO_NEWNET) == NSISO_NONE);
    size_t count = nsiso_snapshot_namespaces_count(snapshot);
    for (uint32_t ns = 0; ns < count; ns++) {
        nsiso_snapshot_namespace told = namespace_at(snapshot, ns);
        CHECK(told.kind == NSISO_NEWUTS || (told.kind == NSISO_NEWUSER && told.processes == 0));
    }
    nsiso_snapshot_free(snapshot);
}

static void relatives_are_the_kernels(void)
{
    pid_t child = apart(NSISO_NEWUSER | NSISO_NEWUTS);
    nsiso_snapshot *snapshot = taken(NSISO_DEPTH_PROCESSES, NSISO_KINDS_ALL, 0);
    uint32_t process = nsiso_snapshot_find_process(snapshot, child);
    uint32_t uts = nsiso_snapshot_namespace_of(snapshot, process, NSISO_NEWUTS);
    uint32_t user = nsiso_snapshot_namespace_of(snapshot, process, NSISO_NEWUSER);
    uint32_t own = nsiso_snapshot_namespace_of(snapshot, nsiso_snapshot_find_process(snapshot, getpid()), NSISO_NEWUSER);
    nsiso_snapshot_namespace told = namespace_at(snapshot, user);
    CHECK(told.parent == own && told.user_ns == own && told.level == 1 && told.owner_uid == geteuid());
    CHECK(namespace_at(snapshot, own).level == 0);
    told = namespace_at(snapshot, uts);
    CHECK(told.user_ns == user && told.parent == NSISO_NONE && told.level == NSISO_NONE);
    CHECK(told.owner_uid == geteuid() && told.processes == 1);

    nsiso_error *error = NULL;
    int fd = nsiso_snapshot_open(snapshot, uts, 0, &error);
    check_ok(__FILE__, __LINE__, fd < 0 ? fd : 0, error);
    nsiso_ns_info info;
    ok(nsiso_ns_get_info(fd, &info, sizeof info, 0, &error));
    CHECK(info.inode == told.inode && info.id == told.id && info.owner_uid == told.owner_uid);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    close(fd);
    end(child);
    refused(ESTALE, "open", nsiso_snapshot_open(snapshot, uts, 0, &error));

    size_t count = nsiso_snapshot_namespaces_count(snapshot);
    uint32_t *above = calloc(count, sizeof *above);
    CHECK(above != NULL);
    CHECK(nsiso_snapshot_tree(snapshot, NSISO_TREE_OWNER, NULL, 0, 0, NULL) == (int)count);
    CHECK(nsiso_snapshot_tree(snapshot, NSISO_TREE_OWNER, above, count, 0, NULL) == (int)count);
    CHECK(above[uts] == user && above[user] == own);
    CHECK(nsiso_snapshot_tree(snapshot, NSISO_TREE_PARENT, above, count, 0, NULL) == (int)count);
    CHECK(above[uts] == NSISO_NONE && above[user] == own);
    above[1] = 4711;
    CHECK(nsiso_snapshot_tree(snapshot, NSISO_TREE_PARENT, above, 1, 0, NULL) == (int)count && above[1] == 4711);
    free(above);
    nsiso_snapshot_free(snapshot);
}

static void lineage_is_that_of_stat(void)
{
    pid_t child = apart(NSISO_NEWUTS);
    nsiso_snapshot *snapshot = taken(NSISO_DEPTH_PROCESSES, NSISO_NEWUTS, NSISO_SNAPSHOT_LINEAGE);
    nsiso_snapshot_process told = process_at(snapshot, nsiso_snapshot_find_process(snapshot, child));
    unsigned long long start = 0;
    char name[64];
    int parent = 0;
    stat_of(child, name, sizeof name, &parent, &start);
    CHECK(parent == getpid() && told.parent == parent && told.start == start && strcmp(told.name, name) == 0);
    size_t count = nsiso_snapshot_namespaces_count(snapshot);
    uint32_t above[4096];
    CHECK(count <= COUNT(above));
    CHECK(nsiso_snapshot_tree(snapshot, NSISO_TREE_PROCESS, above, count, 0, NULL) == (int)count);
    uint32_t own = nsiso_snapshot_find_process(snapshot, getpid());
    uint32_t there = nsiso_snapshot_namespace_of(snapshot, nsiso_snapshot_find_process(snapshot, child), NSISO_NEWUTS);
    CHECK(above[there] == nsiso_snapshot_namespace_of(snapshot, own, NSISO_NEWUTS));
    nsiso_snapshot_free(snapshot);
    snapshot = taken(NSISO_DEPTH_PROCESSES, NSISO_NEWUTS, 0);
    told = process_at(snapshot, nsiso_snapshot_find_process(snapshot, child));
    CHECK(told.parent == -1 && told.start == 0 && told.name[0] == '\0');
    nsiso_snapshot_free(snapshot);
    end(child);
}

static void *thread_elsewhere(void *ready)
{
    CHECK(unshare(CLONE_NEWUTS) == 0);
    int *ends = ready, tid = (int)syscall(SYS_gettid);
    CHECK(write(ends[1], &tid, sizeof tid) == sizeof tid);
    for (;;)
        pause();
}

static void holders_are_all_roads(void)
{
    into_own_mounts();
    pid_t child = apart(NSISO_NEWUTS | NSISO_NEWNET | NSISO_NEWIPC);
    uint64_t uts = link_of(child, NSISO_NEWUTS), net = link_of(child, NSISO_NEWNET), ipc = link_of(child, NSISO_NEWIPC);
    int held = nsiso_ns_of_pid(child, NSISO_NEWUTS, 0, NULL), there = nsiso_ns_of_pid(child, NSISO_NEWNET, 0, NULL);
    CHECK(held >= 0 && there >= 0);
    int made = nsiso_ns_socket(there, AF_INET, SOCK_DGRAM, 0, 0, NULL);
    CHECK(made >= 0);
    close(there);
    char from[64];
    snprintf(from, sizeof from, "/proc/%d/ns/ipc", child);
    CHECK(mount("none", "/mnt", "tmpfs", 0, NULL) == 0);
    close(open("/mnt/an ipc", O_CREAT | O_WRONLY, 0600));
    CHECK(mount(from, "/mnt/an ipc", NULL, MS_BIND, NULL) == 0);
    int ends[2], tid;
    pthread_t thread;
    CHECK(pipe(ends) == 0 && pthread_create(&thread, NULL, thread_elsewhere, ends) == 0);
    CHECK(read(ends[0], &tid, sizeof tid) == sizeof tid);
    uint64_t of_thread = link_of(tid, NSISO_NEWUTS);

    nsiso_snapshot *snapshot = taken(NSISO_DEPTH_DESCRIPTORS, NSISO_KINDS_ALL, 0);
    nsiso_snapshot_holder holder = only_holder(snapshot, NSISO_NEWUTS, uts, NSISO_HOLDER_PROCESS);
    CHECK(holder.pid == child && holder.fd == -1 && holder.tid == 0 && holder.ns == NSISO_NONE && holder.point == NULL);
    holder = only_holder(snapshot, NSISO_NEWUTS, uts, NSISO_HOLDER_DESCRIPTOR);
    CHECK(holder.pid == getpid() && holder.fd == held);
    holder = only_holder(snapshot, NSISO_NEWNET, net, NSISO_HOLDER_SOCKET);
    CHECK(holder.pid == getpid() && holder.fd == made);
    holder = only_holder(snapshot, NSISO_NEWIPC, ipc, NSISO_HOLDER_MOUNT);
    CHECK(strcmp(holder.point, "/mnt/an ipc") == 0);
    CHECK(namespace_at(snapshot, holder.ns).inode == link_of(getpid(), NSISO_NEWNS));
    holder = only_holder(snapshot, NSISO_NEWUTS, of_thread, NSISO_HOLDER_THREAD);
    CHECK(holder.pid == getpid() && holder.tid == tid);
    uint32_t user = namespace_at(snapshot, nsiso_snapshot_find_namespace(snapshot, NSISO_NEWUTS, uts)).user_ns;
    bool owns = false;
    for (size_t place = 0; place < nsiso_snapshot_holders_count(snapshot, user); place++) {
        ok(nsiso_snapshot_get_holder(snapshot, user, place, &holder, sizeof holder, &error));
        owns |= holder.how == NSISO_HOLDER_OWNER && namespace_at(snapshot, holder.ns).inode == uts;
    }
    CHECK(owns);
    /* With its process gone a namespace is opened by what else holds it. */
    end(child);
    uint32_t ns = nsiso_snapshot_find_namespace(snapshot, NSISO_NEWUTS, uts);
    int fd = nsiso_snapshot_open(snapshot, ns, 0, NULL);
    struct stat file;
    CHECK(fd >= 0 && fstat(fd, &file) == 0 && file.st_ino == uts);
    close(fd);
    nsiso_snapshot_free(snapshot);
}

/* A child that goes elsewhere when it is told to. */
static pid_t mover(int *ret_end)
{
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        CHECK(recv(ends[1], &byte, 1, 0) == 1 && unshare(CLONE_NEWUTS) == 0 && send(ends[1], &byte, 1, 0) == 1);
        for (;;)
            pause();
    }
    *ret_end = ends[0];
    return child;
}

static void differences_are_what_was_done(void)
{
    into_own_mounts();
    int end_of_mover;
    char byte = 'x';
    pid_t moving = mover(&end_of_mover), ending = apart(NSISO_NEWIPC);
    uint64_t gone = link_of(ending, NSISO_NEWIPC);
    nsiso_snapshot *before = taken(NSISO_DEPTH_PROCESSES, NSISO_KINDS_ALL, NSISO_SNAPSHOT_LINEAGE);
    CHECK(send(end_of_mover, &byte, 1, 0) == 1 && recv(end_of_mover, &byte, 1, 0) == 1);
    end(ending);
    nsiso_snapshot *after = taken(NSISO_DEPTH_PROCESSES, NSISO_KINDS_ALL, NSISO_SNAPSHOT_LINEAGE);
    nsiso_difference *difference = NULL;
    ok(nsiso_snapshot_since(after, before, 0, &difference, &error));
    bool has_appeared = false, is_gone = false, has_moved = false;
    for (size_t i = 0; i < nsiso_difference_count(difference); i++) {
        nsiso_change change;
        ok(nsiso_difference_get(difference, i, &change, sizeof change, &error));
        if (change.what == NSISO_CHANGE_APPEARED) {
            CHECK(change.from == NSISO_NONE && change.process == NSISO_NONE);
            has_appeared |= namespace_at(after, change.to).inode == link_of(moving, NSISO_NEWUTS);
        } else if (change.what == NSISO_CHANGE_GONE) {
            CHECK(change.to == NSISO_NONE && change.process == NSISO_NONE);
            is_gone |= namespace_at(before, change.from).inode == gone;
        } else if (process_at(after, change.process).pid == moving) {
            CHECK(change.what == NSISO_CHANGE_MOVED && change.kind == NSISO_NEWUTS);
            CHECK(namespace_at(before, change.from).inode == link_of(getpid(), NSISO_NEWUTS));
            has_moved = namespace_at(after, change.to).inode == link_of(moving, NSISO_NEWUTS);
        }
    }
    CHECK(has_appeared && is_gone && has_moved);
    nsiso_change change;
    size_t count = nsiso_difference_count(difference);
    refused(EINVAL, "nsiso_difference_get", nsiso_difference_get(difference, count, &change, sizeof change, &error));
    CHECK(nsiso_difference_free(difference) == NULL);
    nsiso_snapshot_free(before);
    nsiso_snapshot_free(after);
    end(moving);
}

static void what_was_not_seen_is_said(void)
{
    nsiso_snapshot *snapshot = taken(NSISO_DEPTH_ALL, NSISO_KINDS_ALL, NSISO_SNAPSHOT_INTRUSIVE);
    size_t count = nsiso_snapshot_incomplete_count(snapshot);
    bool has_processes = false;
    for (size_t i = 0; i < count; i++) {
        nsiso_snapshot_incomplete missing;
        ok(nsiso_snapshot_get_incomplete(snapshot, i, &missing, sizeof missing, &error));
        CHECK(missing.what[0] != '\0' && missing.cause[0] != '\0' && missing.remedy != NULL);
        CHECK(strncmp(missing.text, missing.what, strlen(missing.what)) == 0 && missing.errno_value >= 0);
        for (size_t p = 1; p < missing.pids_count; p++)
            CHECK(missing.pids[p] > missing.pids[p - 1]);
        has_processes |= strcmp(missing.what, "namespaces") == 0 && missing.errno_value == EACCES;
    }
    /* pid 1 is root's. */
    char target[64];
    bool may_read = readlink("/proc/1/ns/uts", target, sizeof target) > 0;
    CHECK(may_read || has_processes);
    nsiso_snapshot_incomplete missing;
    refused(EINVAL, "nsiso_snapshot_get_incomplete",
            nsiso_snapshot_get_incomplete(snapshot, count, &missing, sizeof missing, &error));
    nsiso_snapshot_free(snapshot);
}

static void nothing_is_left(void)
{
    int fds = count_fds();
    nsiso_snapshot *snapshot = taken(NSISO_DEPTH_ALL, NSISO_KINDS_ALL, NSISO_SNAPSHOT_LINEAGE);
    CHECK(count_fds() == fds);
    nsiso_snapshot_free(snapshot);
    check_no_child();
}

static const struct check checks[] = {
    CASE(places_are_those_of_readlink),
    CASE(kinds_that_were_asked_for),
    CASE(relatives_are_the_kernels),
    CASE(lineage_is_that_of_stat),
    CASE(holders_are_all_roads),
    CASE(differences_are_what_was_done),
    CASE(what_was_not_seen_is_said),
    CASE(nothing_is_left),
};

int main(int argc, char **argv)
{
    return argc >= 2 ? run_check(checks, COUNT(checks), argv[1]) : 2;
}
