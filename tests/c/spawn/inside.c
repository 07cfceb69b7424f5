/* What is told of a namespace's inside and of a process, and what does no function of a snapshot take?
 *
 * usage: inside CHECK */
#define _GNU_SOURCE
#include "snapshots.h"

static void particulars_are_those_inside(void)
{
    pid_t child = apart(NSISO_NEWUSER | NSISO_NEWUTS | NSISO_NEWNET | NSISO_NEWNS);
    nsiso_snapshot *snapshot = taken(NSISO_DEPTH_PROCESSES, NSISO_KINDS_ALL, 0);
    nsiso_particulars *own = inside(snapshot, getpid(), NSISO_NEWUTS), *user = inside(snapshot, child, NSISO_NEWUSER);
    nsiso_particulars *net = inside(snapshot, child, NSISO_NEWNET), *ipc = inside(snapshot, child, NSISO_NEWIPC);
    nsiso_particulars_info info = told(user);
    CHECK(info.known == (NSISO_KNOWN_MAPS | NSISO_KNOWN_SETGROUPS) && info.setgroups == 0);
    CHECK(info.uid_map_count == 1 && info.uid_map[0].inside == 0 && info.uid_map[0].outside == geteuid());
    CHECK(info.gid_map_count == 1 && info.gid_map[0].outside == getegid() && info.gid_map[0].count == 1);
    CHECK(info.host_name == NULL && info.interfaces == NULL && info.interfaces_count == 0);
    info = told(net);
    CHECK((info.known & NSISO_KNOWN_INTERFACES) != 0 && info.interfaces_count >= 1);
    CHECK(strcmp(info.interfaces[0], "lo") == 0 && info.interfaces[info.interfaces_count] == NULL);
    CHECK(told(ipc).known == 0);
    info = told(own);
    char name[65] = "";
    CHECK(gethostname(name, sizeof name) == 0);
    CHECK((info.known & NSISO_KNOWN_NAMES) == 0 || strcmp(info.host_name, name) == 0);
    CHECK(geteuid() != 0 || (info.known & NSISO_KNOWN_NAMES) != 0);
    refused(EINVAL, "nsiso_particulars_get", nsiso_particulars_get(own, NULL, sizeof info, &error));
    refused(EINVAL, "nsiso_particulars_get", nsiso_particulars_get(own, &info, sizeof info - 1, &error));
    CHECK(nsiso_particulars_free(own) == NULL && nsiso_particulars_free(NULL) == NULL);
    nsiso_particulars_free(user);
    nsiso_particulars_free(net);
    nsiso_particulars_free(ipc);
    nsiso_snapshot_free(snapshot);
    end(child);
}

static void descriptions_are_those_of_proc(void)
{
    nsiso_description *description = NULL;
    ok(nsiso_describe(getpid(), 0, &description, &error));
    nsiso_description_info info;
    ok(nsiso_description_get(description, &info, sizeof info, &error));
    char own[4096], name[64];
    int fd = open("/proc/self/cmdline", O_RDONLY), parent;
    ssize_t length = read(fd, own, sizeof own);
    close(fd);
    unsigned long long start;
    stat_of(getpid(), name, sizeof name, &parent, &start);
    CHECK(info.uid == geteuid() && info.parent == parent && strcmp(info.name, name) == 0);
    CHECK(info.command_length == (size_t)length && memcmp(info.command, own, (size_t)length) == 0);
    CHECK(info.command[length] == '\0' && info.numbers_count >= 1 && info.numbers[0] == getpid());
    refused(EINVAL, "nsiso_description_get", nsiso_description_get(description, NULL, sizeof info, &error));
    refused(EINVAL, "nsiso_description_get", nsiso_description_get(description, &info, 8, &error));
    CHECK(nsiso_description_free(description) == NULL && nsiso_description_free(NULL) == NULL);
    refused(ESRCH, "read status", nsiso_describe(-1, 0, &description, &error));
    refused(EINVAL, "nsiso_describe", nsiso_describe(1, 1, &description, &error));
    refused(EINVAL, "nsiso_describe", nsiso_describe(1, 0, NULL, &error));
}

static void what_cannot_be_meant_is_refused(void)
{
    nsiso_snapshot *snapshot = NULL;
    const char *take = "nsiso_snapshot_take";
    refused(EINVAL, take, nsiso_snapshot_take(4, NSISO_KINDS_ALL, 0, &snapshot, &error));
    refused(EINVAL, take, nsiso_snapshot_take(0, 0, 0, &snapshot, &error));
    refused(EINVAL, take, nsiso_snapshot_take(0, 1, 0, &snapshot, &error));
    refused(EINVAL, take, nsiso_snapshot_take(0, NSISO_KINDS_ALL, 4, &snapshot, &error));
    refused(EINVAL, take, nsiso_snapshot_take(0, NSISO_KINDS_ALL, 0, NULL, &error));
    CHECK(snapshot == NULL);
    nsiso_snapshot_namespace ns;
    nsiso_snapshot_process process;
    nsiso_snapshot_holder holder;
    nsiso_snapshot_incomplete missing;
    nsiso_particulars *particulars = NULL;
    nsiso_difference *difference = NULL;
    for (int round = 0; round < 2; round++) {
        uint32_t beyond = (uint32_t)nsiso_snapshot_namespaces_count(snapshot);
        uint32_t above = (uint32_t)nsiso_snapshot_processes_count(snapshot);
        refused(EINVAL, "nsiso_snapshot_get_namespace",
                nsiso_snapshot_get_namespace(snapshot, beyond, &ns, sizeof ns, &error));
        refused(EINVAL, "nsiso_snapshot_get_process",
                nsiso_snapshot_get_process(snapshot, above, &process, sizeof process, &error));
        refused(EINVAL, "nsiso_snapshot_get_holder",
                nsiso_snapshot_get_holder(snapshot, beyond, 0, &holder, sizeof holder, &error));
        refused(EINVAL, "nsiso_snapshot_get_incomplete",
                nsiso_snapshot_get_incomplete(snapshot, 99, &missing, sizeof missing, &error));
        refused(EINVAL, "nsiso_snapshot_open", nsiso_snapshot_open(snapshot, beyond, 0, &error));
        refused(EINVAL, "nsiso_snapshot_particulars",
                nsiso_snapshot_particulars(snapshot, beyond, 0, &particulars, &error));
        refused(EINVAL, "nsiso_snapshot_since", nsiso_snapshot_since(snapshot, NULL, 0, &difference, &error));
        refused(EINVAL, "nsiso_snapshot_tree", nsiso_snapshot_tree(snapshot, 3, NULL, 0, 0, &error));
        CHECK(nsiso_snapshot_find_namespace(snapshot, NSISO_NEWUTS, 1) == NSISO_NONE);
        CHECK(nsiso_snapshot_find_namespace(snapshot, 0, 1) == NSISO_NONE);
        CHECK(nsiso_snapshot_find_process(snapshot, -1) == NSISO_NONE);
        CHECK(nsiso_snapshot_member(snapshot, beyond, 0) == NSISO_NONE);
        CHECK(nsiso_snapshot_member(snapshot, 0, above) == NSISO_NONE);
        CHECK(nsiso_snapshot_namespace_of(snapshot, above, NSISO_NEWUTS) == NSISO_NONE);
        CHECK(nsiso_snapshot_namespace_of(snapshot, 0, 3) == NSISO_NONE);
        CHECK(nsiso_snapshot_holders_count(snapshot, beyond) == 0);
        if (snapshot == NULL)
            snapshot = taken(NSISO_DEPTH_PROCESSES, NSISO_NEWUTS, 0);
    }
    CHECK(nsiso_snapshot_incomplete_count(NULL) == 0 && nsiso_difference_count(NULL) == 0);
    refused(EINVAL, "nsiso_snapshot_get_namespace", nsiso_snapshot_get_namespace(snapshot, 0, NULL, 64, &error));
    refused(EINVAL, "nsiso_snapshot_get_namespace", nsiso_snapshot_get_namespace(snapshot, 0, &ns, 8, &error));
    refused(EINVAL, "nsiso_snapshot_since", nsiso_snapshot_since(snapshot, snapshot, 1, &difference, &error));
    refused(EINVAL, "nsiso_snapshot_since", nsiso_snapshot_since(snapshot, snapshot, 0, NULL, &error));
    refused(EINVAL, "nsiso_snapshot_tree", nsiso_snapshot_tree(snapshot, 0, NULL, 1, 0, &error));
    refused(EINVAL, "nsiso_snapshot_tree", nsiso_snapshot_tree(snapshot, 0, NULL, 0, 1, &error));
    refused(EINVAL, "nsiso_snapshot_open", nsiso_snapshot_open(snapshot, 0, 1, &error));
    refused(EINVAL, "nsiso_snapshot_particulars",
            nsiso_snapshot_particulars(snapshot, 0, 1, &particulars, &error));
    nsiso_change change;
    refused(EINVAL, "nsiso_difference_get", nsiso_difference_get(NULL, 0, &change, sizeof change, &error));
    CHECK(nsiso_snapshot_free(snapshot) == NULL && nsiso_snapshot_free(NULL) == NULL);
    CHECK(nsiso_difference_free(NULL) == NULL);
}

/* What a program that knows more fields than the library finds in them. */
static void a_larger_record_is_filled_with_nothing(void)
{
    struct { nsiso_snapshot_namespace known; uint64_t more[4]; } larger;
    memset(&larger, 0xff, sizeof larger);
    nsiso_snapshot *snapshot = taken(NSISO_DEPTH_THREADS, NSISO_KINDS_ALL, 0);
    ok(nsiso_snapshot_get_namespace(snapshot, 0, &larger.known, sizeof larger, &error));
    CHECK(larger.known.inode != 0 && larger.more[0] == 0 && larger.more[3] == 0);
    nsiso_snapshot_free(snapshot);
}

static const struct check checks[] = {
    CASE(particulars_are_those_inside),
    CASE(descriptions_are_those_of_proc),
    CASE(what_cannot_be_meant_is_refused),
    CASE(a_larger_record_is_filled_with_nothing),
};

int main(int argc, char **argv)
{
    return argc >= 2 ? run_check(checks, COUNT(checks), argv[1]) : 2;
}
