/*
 * nsiso: Linux namespaces as a library. Create, join and inspect them from any program.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Generated from bindings/c/src by cbindgen: do not edit. C99 or C++11 and later.
 *
 * The documented calls (nsiso_clone and its kin, nsiso_setns, nsiso_unshare) return -1 and set
 * errno. Every other function that can fail returns 0, a count or a descriptor, or -errno, leaves
 * errno alone, and takes a last argument reterr: where to store an error that tells more, to be
 * freed with nsiso_error_free; NULL if not wanted. Outputs are written on success only, reterr on
 * failure only. flags must be 0 until a bit has a meaning. Strings that come out are borrowed from
 * the object named until that is freed. All functions may be called from any thread at any time;
 * which objects threads may share stands at each object and function, in the words of
 * attributes(7). Calls that sleep go on after a signal handler: none of them returns -EINTR.
 */

#ifndef NSISO_H
#define NSISO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * Boot-time and monotonic clocks.
 */
#define NSISO_NEWTIME 128

/**
 * Mount points.
 */
#define NSISO_NEWNS 131072

/**
 * The root of the cgroup tree.
 */
#define NSISO_NEWCGROUP 33554432

/**
 * Host name and NIS domain name.
 */
#define NSISO_NEWUTS 67108864

/**
 * System V IPC objects and POSIX message queues.
 */
#define NSISO_NEWIPC 134217728

/**
 * User and group ids, and capabilities.
 */
#define NSISO_NEWUSER 268435456

/**
 * Process numbers.
 */
#define NSISO_NEWPID 536870912

/**
 * Network devices, addresses, ports and routes.
 */
#define NSISO_NEWNET 1073741824

/**
 * All eight kinds.
 */
#define NSISO_KINDS_ALL 2114060416

/**
 * Bytes for a link's name, with the NUL.
 */
#define NSISO_NS_LINK_NAME 24

/**
 * nsiso_mounts_read: also find out what is mounted on what, and what is over-mounted.
 */
#define NSISO_MOUNTS_TREE 1

/**
 * nsiso_mounts_read: read the text of /proc/PID/mountinfo, whatever that costs.
 */
#define NSISO_MOUNTS_BY_MOUNTINFO 2

/**
 * nsiso_mounts_read: ask mount by mount, with listmount(2) and statmount(2) (Linux 6.15), or fail.
 */
#define NSISO_MOUNTS_BY_STATMOUNT 4

/**
 * A mount's flag: no path leads into it any more, for another mount is on the same point or on one further up. Told
 * with NSISO_MOUNTS_TREE.
 */
#define NSISO_MOUNT_OVER_MOUNTED 1

/**
 * A mount's flag: it cannot be bind mounted.
 */
#define NSISO_MOUNT_UNBINDABLE 2

/**
 * Bytes of a saved namespace: see nsiso_ns_save.
 */
#define NSISO_NS_SAVED 36

/**
 * nsiso_particulars_info's known: the user namespace's maps, of users and of groups.
 */
#define NSISO_KNOWN_MAPS 1

/**
 * nsiso_particulars_info's known: setgroups.
 */
#define NSISO_KNOWN_SETGROUPS 2

/**
 * nsiso_particulars_info's known: the uts namespace's names.
 */
#define NSISO_KNOWN_NAMES 4

/**
 * nsiso_particulars_info's known: the time namespace's clocks.
 */
#define NSISO_KNOWN_CLOCKS 8

/**
 * nsiso_particulars_info's known: the net namespace's interfaces.
 */
#define NSISO_KNOWN_INTERFACES 16

/**
 * nsiso_particulars_info's known: the net namespace's number.
 */
#define NSISO_KNOWN_NSID 32

/**
 * nsiso_particulars_info's known: how many mounts the mnt namespace has.
 */
#define NSISO_KNOWN_MOUNTS 64

/**
 * nsiso_probe_kind and nsiso_probe_feature: it cannot be had.
 */
#define NSISO_PROBE_NO 0

/**
 * nsiso_probe_kind and nsiso_probe_feature: it can be had as the caller is.
 */
#define NSISO_PROBE_YES 1

/**
 * nsiso_probe_kind and nsiso_probe_feature: it can be had together with a new user namespace.
 */
#define NSISO_PROBE_WITH_USER 2

/**
 * Bytes for a name, with the NUL.
 */
#define NSISO_REGISTRY_NAME 256

/**
 * In place of an index, and of a number that is not known: none.
 */
#define NSISO_NONE UINT32_MAX

/**
 * nsiso_snapshot_take: processes, and the namespaces that own or contain theirs.
 */
#define NSISO_DEPTH_PROCESSES 0

/**
 * nsiso_snapshot_take: also threads that are elsewhere than their process, and where children will be.
 */
#define NSISO_DEPTH_THREADS 1

/**
 * nsiso_snapshot_take: also descriptors and sockets of all processes, and what is mounted in the caller's mount
 * namespace.
 */
#define NSISO_DEPTH_DESCRIPTORS 2

/**
 * nsiso_snapshot_take: also what is mounted in other mount namespaces, and what the kernel itself lists.
 */
#define NSISO_DEPTH_ALL 3

/**
 * nsiso_snapshot_take: read each process's name, parent and time of birth as well: half as much again.
 */
#define NSISO_SNAPSHOT_LINEAGE 1

/**
 * nsiso_snapshot_take: from NSISO_DEPTH_DESCRIPTORS on, open copies of descriptors that wait in sockets, by reading
 * messages without taking them.
 */
#define NSISO_SNAPSHOT_INTRUSIVE 2

/**
 * Bytes for a process's name, with the NUL.
 */
#define NSISO_SNAPSHOT_NAME 16

/**
 * nsiso_snapshot_tree: below the one that a pid or user namespace lies in.
 */
#define NSISO_TREE_PARENT 0

/**
 * nsiso_snapshot_tree: below the one that owns it.
 */
#define NSISO_TREE_OWNER 1

/**
 * nsiso_snapshot_tree: below the one of the same kind of which its process with the lowest number is a child: needs
 * NSISO_SNAPSHOT_LINEAGE.
 */
#define NSISO_TREE_PROCESS 2

/**
 * A change's what: only the later snapshot has the namespace.
 */
#define NSISO_CHANGE_APPEARED 0

/**
 * A change's what: only the earlier snapshot has the namespace.
 */
#define NSISO_CHANGE_GONE 1

/**
 * A change's what: a process that both have is in another namespace.
 */
#define NSISO_CHANGE_MOVED 2

/**
 * A holder's how: a process is in it.
 */
#define NSISO_HOLDER_PROCESS 0

/**
 * A holder's how: a thread is in it, and its process is not.
 */
#define NSISO_HOLDER_THREAD 1

/**
 * A holder's how: the next children of a thread will be in it.
 */
#define NSISO_HOLDER_FOR_CHILDREN 2

/**
 * A holder's how: a process has it open.
 */
#define NSISO_HOLDER_DESCRIPTOR 3

/**
 * A holder's how: a process has a socket in it, and is in another itself.
 */
#define NSISO_HOLDER_SOCKET 4

/**
 * A holder's how: a descriptor of it waits in a socket.
 */
#define NSISO_HOLDER_IN_FLIGHT 5

/**
 * A holder's how: it is mounted.
 */
#define NSISO_HOLDER_MOUNT 6

/**
 * A holder's how: another one lies in it.
 */
#define NSISO_HOLDER_PARENT 7

/**
 * A holder's how: it owns another one.
 */
#define NSISO_HOLDER_OWNER 8

/**
 * A holder's how: the kernel lists it, and nothing else was found.
 */
#define NSISO_HOLDER_KERNEL 9

/**
 * nsiso_spec_terminal: none in namespaces of its own, where it would have the caller's. The default.
 */
#define NSISO_TERMINAL_APART 0

/**
 * nsiso_spec_terminal: the caller's, in the caller's session.
 */
#define NSISO_TERMINAL_SHARE 1

/**
 * nsiso_spec_terminal: a new one.
 */
#define NSISO_TERMINAL_OWN 2

/**
 * nsiso_spec_time_offset: the kernel's CLOCK_MONOTONIC.
 */
#define NSISO_CLOCK_MONOTONIC 1

/**
 * nsiso_spec_time_offset: the kernel's CLOCK_BOOTTIME.
 */
#define NSISO_CLOCK_BOOTTIME 7

/**
 * nsiso_spec_like: its root directory; the working directory is that too, unless another is named.
 */
#define NSISO_LIKE_ROOT 1

/**
 * nsiso_spec_like: its working directory.
 */
#define NSISO_LIKE_CWD 2

/**
 * nsiso_spec_like: the environment that it was started with.
 */
#define NSISO_LIKE_ENVIRONMENT 4

/**
 * nsiso_spec_like: the control groups that it is in, of every hierarchy that the caller sees mounted.
 */
#define NSISO_LIKE_CGROUP 8

/**
 * nsiso_spec_like: its effective user and group and its supplementary groups, as its own user namespace numbers
 * them where that is joined. Where setgroups(2) is denied there, the caller's groups stay.
 */
#define NSISO_LIKE_IDS 16

/**
 * Version of this header: major.
 */
#define NSISO_VERSION_MAJOR 0

/**
 * Version of this header: minor.
 */
#define NSISO_VERSION_MINOR 1

/**
 * Version of this header: patch.
 */
#define NSISO_VERSION_PATCH 0

/**
 * A token that calls off the starts of the specs that were given it.
 *
 * Owned by the caller, who frees it; the specs keep what they need of it. Many threads may use one at once, also
 * while others start something. In a forked copy of its process it is another token.
 */
typedef struct nsiso_cancel nsiso_cancel;

/**
 * What to run: a program, its arguments, its environment, directory and descriptors. Can be used often,
 * with any spec.
 *
 * The program gets the caller's descriptors 0, 1 and 2 and those that are named here, and no others.
 * Its signal mask is that of the thread that starts it; no handler is left, and of the signals that
 * are ignored SIGPIPE, SIGCHLD and SIGXFSZ are put back to their defaults.
 *
 * Every option is a function nsiso_command_OPTION. It returns 0, or -EINVAL for a NULL and what else
 * it names; on failure the command stays as it was. Strings and arrays are copied; of
 * descriptors it keeps duplicates of its own, close-on-exec, until it is freed.
 *
 * Owned by the caller, who frees it. Many threads may use a command at once as long as none changes
 * it (attributes(7): MT-Safe race:command). It may also be used in a forked copy of its process.
 */
typedef struct nsiso_command nsiso_command;

/**
 * What /proc tells of a process to anybody. Owned by the caller, who frees it (nsiso_description_free). May be read
 * by many threads at once.
 */
typedef struct nsiso_description nsiso_description;

/**
 * What changed between two snapshots. Owned by the caller, who frees it; outlives the snapshots. May be read by many
 * threads at once.
 */
typedef struct nsiso_difference nsiso_difference;

/**
 * Why a call failed. Owned by the caller, who frees it, unless it is borrowed from another
 * object. May be read by many threads at once.
 */
typedef struct nsiso_error nsiso_error;

/**
 * A child in its namespaces, set up, that waits before it executes its command.
 *
 * Owned by the caller, who releases it (nsiso_held_release) or frees it, which ends the child. The
 * child also ends with the process that started it. May be used by one thread at a time, and not in a
 * forked copy of its process.
 */
typedef struct nsiso_held nsiso_held;

/**
 * The mounts that a process sees, in the kernel's order. Owned by the caller, who frees it (nsiso_mounts_free). May
 * be read by many threads at once.
 */
typedef struct nsiso_mounts nsiso_mounts;

/**
 * Namespaces that are held open together, with no process in them but pid 1 of a pid namespace, a tiny
 * program of the library's.
 *
 * Owned by the caller, who frees it (nsiso_namespaces_free). May be used by many threads at once. When it
 * is freed, and no spec that joins it is left, or when its process ends, that pid 1 ends, and with it
 * everything in the pid namespace; the others live on as long as somebody is in them or has them open.
 */
typedef struct nsiso_namespaces nsiso_namespaces;

/**
 * What the caller may read of a namespace's inside. Owned by the caller, who frees it (nsiso_particulars_free);
 * outlives the snapshot. May be read by many threads at once.
 */
typedef struct nsiso_particulars nsiso_particulars;

/**
 * The steps that nsiso_spawn would take. Owned by the caller, who frees it; outlives the spec and the
 * command that it was made of. May be read by many threads at once.
 */
typedef struct nsiso_plan nsiso_plan;

/**
 * At most so many sets of namespaces as one spec makes them, ready to be taken.
 *
 * Nothing happens behind its host's back: it has no thread and no timer. Owned by the caller, who frees it
 * (nsiso_pool_free); the sets in it go then, those that were taken are their takers'. May be used by many
 * threads at once.
 */
typedef struct nsiso_pool nsiso_pool;

/**
 * What was allowed when it was made. May be read by many threads at once.
 */
typedef struct nsiso_probe nsiso_probe;

/**
 * A child that executes its command, and its pidfd.
 *
 * Owned by the caller, who frees it: see nsiso_process_free for what becomes of the child. Many
 * threads may use it at once. It belongs to the process that started the child: in a forked copy of
 * that nsiso_process_wait is -ECHILD, nsiso_process_kill is -ESRCH, and nsiso_process_free leaves the
 * child alone.
 */
typedef struct nsiso_process nsiso_process;

/**
 * A directory of named namespaces. A name is one kind's, and any bytes: DIRECTORY/KIND/NAME.
 *
 * Whoever may mount keeps a namespace there by a bind mount; anybody else by a tiny process, and so is a mnt
 * namespace that the kernel does not let be mounted. That process ignores what it can: it ends by SIGKILL, as
 * where a service or a login session is ended with all its processes, and with its pid namespace. Names are
 * seen where they were added: in the same mount namespace and its later copies, or in the same pid namespace.
 *
 * Owned by the caller, who frees it (nsiso_registry_free); what is kept stays. May be used by many threads at
 * once, and the directory by many programs. Whatever is left of one that was killed meanwhile, later calls
 * remove.
 */
typedef struct nsiso_registry nsiso_registry;

/**
 * What nsiso_registry_list has found. Owned by the caller, who frees it (nsiso_registry_entries_free); outlives
 * the registry. May be read by many threads at once.
 */
typedef struct nsiso_registry_entries nsiso_registry_entries;

/**
 * One reading of the machine's namespaces: it holds no descriptor and changes no more.
 *
 * What it tells of has an index: namespaces, sorted by kind, as nsiso_kind_at has them, and inode; and processes,
 * sorted by number. What is borrowed from it stays until it is freed. Owned by the caller, who frees it
 * (nsiso_snapshot_free). May be read by many threads at once.
 */
typedef struct nsiso_snapshot nsiso_snapshot;

/**
 * What is wanted: namespaces that are new, namespaces that are joined, how they are set up, and
 * what the process in them is to be. Making one does nothing yet; it can be used often, by
 * nsiso_spawn, nsiso_spawn_held and nsiso_plan_new, with any command.
 *
 * Every option is a function nsiso_spec_OPTION. It returns 0, or -EINVAL for a NULL spec and what else
 * it names; on failure the spec stays as it was. An option that is set again replaces what was
 * set before, unless it says otherwise. Options are looked at together, and against each
 * other, when a plan is made of them: see nsiso_plan_new for what is refused there.
 *
 * A command in namespaces of its own that has a terminal on one of its descriptors 0 to 2 is kept from
 * typing into it what runs outside: it leads a session of its own, without that terminal, and where it
 * keeps CAP_SYS_ADMIN a filter refuses the attempt. nsiso_spec_terminal gives it
 * one of its own, or the caller's.
 *
 * A spec copies what it is told: strings and arrays stay the caller's, and of descriptors it
 * keeps duplicates of its own, close-on-exec, until it is freed.
 *
 * Owned by the caller, who frees it. Many threads may use a spec at once as long as none changes
 * it (attributes(7): MT-Safe race:spec). It may also be used in a forked copy of its process.
 */
typedef struct nsiso_spec nsiso_spec;

/**
 * The same in a record. What it leads to is borrowed from the description.
 */
typedef struct nsiso_description_info {
    /**
     * The number of its parent; 0 if that is not to be seen here.
     */
    pid_t parent;
    /**
     * Its effective user, as the caller's own user namespace numbers them.
     */
    uid_t uid;
    /**
     * Its number in each pid namespace that it is in, from that of the mounted /proc to its own.
     */
    const pid_t *numbers;
    /**
     * How many these are, at least 1.
     */
    size_t numbers_count;
    /**
     * Its name as the kernel shows it, without escapes.
     */
    const char *name;
    /**
     * Its words, each ended by a NUL; "" of a kernel's thread and of a zombie. A process may write anything there.
     */
    const char *command;
    /**
     * How many bytes these are, their NULs included.
     */
    size_t command_length;
} nsiso_description_info;

/**
 * A set of kinds of namespace: NSISO_NEW* bits or-ed together, the kernel's CLONE_NEW* values.
 */
typedef uint32_t nsiso_kinds;

/**
 * One link under /proc/PID/ns. Two links name the same namespace exactly when device and inode are
 * equal, read at a time when both processes live.
 */
typedef struct nsiso_ns_link {
    /**
     * The kind's name, or "pid_for_children" or "time_for_children".
     */
    char name[NSISO_NS_LINK_NAME];
    /**
     * The kind.
     */
    nsiso_kinds kind;
    /**
     * Always 0.
     */
    uint32_t reserved;
    /**
     * Device of the nsfs file system.
     */
    uint64_t device;
    /**
     * Inode in it.
     */
    uint64_t inode;
} nsiso_ns_link;

/**
 * One mount: the eleven fields of its line in /proc/PID/mountinfo. See proc(5).
 *
 * The strings are borrowed from the table. They are any bytes but NUL, and end with one, which their lengths do not
 * count; what the kernel writes as a backslash and three octal digits is as it was before.
 */
typedef struct nsiso_mount {
    /**
     * Its number; the kernel gives it again after an unmount.
     */
    uint32_t id;
    /**
     * The number of the mount that it is mounted on, which may be outside what the process sees.
     */
    uint32_t parent_id;
    /**
     * The device's major number; 0 where there is no block device.
     */
    uint32_t major;
    /**
     * The device's minor number.
     */
    uint32_t minor;
    /**
     * NSISO_MOUNT_* bits.
     */
    uint32_t flags;
    /**
     * Always 0.
     */
    uint32_t reserved;
    /**
     * The index in the table of the mount that it is mounted on; SIZE_MAX for none, and without NSISO_MOUNTS_TREE.
     */
    size_t parent;
    /**
     * The peer group that it shares mounts and unmounts with; 0 for none.
     */
    uint64_t shared;
    /**
     * The peer group whose mounts and unmounts it gets; 0 for none.
     */
    uint64_t master;
    /**
     * The nearest peer group that the process sees, of those whose slave it is by way of others; 0 for none.
     */
    uint64_t propagate_from;
    /**
     * Which directory or file of the file system is mounted.
     */
    const char *root;
    /**
     * Its length.
     */
    size_t root_length;
    /**
     * Where it is mounted, seen from the process's root directory.
     */
    const char *point;
    /**
     * Its length.
     */
    size_t point_length;
    /**
     * The mount's own options, "rw,relatime".
     */
    const char *options;
    /**
     * Their length.
     */
    size_t options_length;
    /**
     * The optional fields as the kernel wrote them, "shared:5 master:2"; may be empty.
     */
    const char *optional;
    /**
     * Their length.
     */
    size_t optional_length;
    /**
     * The file system's type.
     */
    const char *fstype;
    /**
     * Its length.
     */
    size_t fstype_length;
    /**
     * What was named as its source; may be empty.
     */
    const char *source;
    /**
     * Its length.
     */
    size_t source_length;
    /**
     * The file system's options, "rw,size=4k".
     */
    const char *super_options;
    /**
     * Their length.
     */
    size_t super_options_length;
    /**
     * The whole line as the kernel wrote it, escapes and all: in here a comma that is part of an option's value
     * is told from one between options. Behind it is a newline, and no NUL.
     */
    const char *line;
    /**
     * Its length, without the newline.
     */
    size_t line_length;
} nsiso_mount;

/**
 * What the kernel tells of a namespace. Two are the same exactly when device and inode are equal while
 * both are held.
 */
typedef struct nsiso_ns_info {
    /**
     * The kind.
     */
    nsiso_kinds kind;
    /**
     * Who made it, or of other kinds who made the user namespace that owns it, as the caller's own user
     * namespace numbers them; 65534 for one that has no number there; (uint32_t)-1 where the caller may
     * not ask, as of a namespace that is owned further out than its own.
     */
    uint32_t owner_uid;
    /**
     * Device of the nsfs file system.
     */
    uint64_t device;
    /**
     * Inode in it: the kernel gives the number to another one soon after nobody holds the namespace.
     */
    uint64_t inode;
    /**
     * Its number that is never given again before the machine starts anew; 0 where the kernel has
     * none: before Linux 6.18, for mnt before 6.11.
     */
    uint64_t id;
} nsiso_ns_info;

/**
 * Some ids in a row: `inside` and the following stand for `outside` and the following.
 */
typedef struct nsiso_id_range {
    /**
     * First id in the new user namespace.
     */
    uint32_t inside;
    /**
     * First id in the caller's user namespace.
     */
    uint32_t outside;
    /**
     * How many, at least 1.
     */
    uint32_t count;
} nsiso_id_range;

/**
 * What is known of it; what is not, and what other kinds have, is 0 or NULL. What it leads to is borrowed from the
 * particulars.
 */
typedef struct nsiso_particulars_info {
    /**
     * What is known: NSISO_KNOWN_* bits.
     */
    uint32_t known;
    /**
     * user: 1 if setgroups(2) is allowed there.
     */
    uint32_t setgroups;
    /**
     * user: who is who, the outside numbers being those of the caller's own user namespace, 4294967295 for who has
     * none there.
     */
    const struct nsiso_id_range *uid_map;
    /**
     * How many ranges; 0 until it is written.
     */
    size_t uid_map_count;
    /**
     * user: the same of groups.
     */
    const struct nsiso_id_range *gid_map;
    /**
     * How many ranges.
     */
    size_t gid_map_count;
    /**
     * uts: the host name.
     */
    const char *host_name;
    /**
     * uts: the NIS domain name.
     */
    const char *domain_name;
    /**
     * time: how far the monotonic clock is set forward, in seconds.
     */
    int64_t monotonic_seconds;
    /**
     * time: as monotonic_seconds, of the clock that counts from the machine's start.
     */
    int64_t boottime_seconds;
    /**
     * time: nanoseconds on top.
     */
    uint32_t monotonic_nanoseconds;
    /**
     * time: nanoseconds on top.
     */
    uint32_t boottime_nanoseconds;
    /**
     * net: the names of its interfaces, and a NULL behind the last one.
     */
    const char *const *interfaces;
    /**
     * How many.
     */
    size_t interfaces_count;
    /**
     * net: its number as the caller's own net namespace gives it (ip netns list-id).
     */
    int32_t nsid;
    /**
     * mnt: how many mounts it has, seen from any root (Linux 6.12).
     */
    uint32_t mounts;
} nsiso_particulars_info;

/**
 * How a child ended, and what it has used up.
 */
typedef struct nsiso_wait {
    /**
     * As wait(2) stores it: for WIFEXITED and its like.
     */
    int32_t status;
    /**
     * Its exit status, or -1 if a signal ended it.
     */
    int32_t exit_code;
    /**
     * The signal that ended it, or 0 if it ended by itself.
     */
    int32_t signal;
    /**
     * 1 if a core was dumped.
     */
    uint32_t core_dumped;
    /**
     * Time on a CPU in its own code, in microseconds; like the next two 0 without has_usage.
     */
    uint64_t user_usec;
    /**
     * Time on a CPU in the kernel, in microseconds.
     */
    uint64_t system_usec;
    /**
     * Most memory in use at a time, in KiB.
     */
    uint64_t max_rss_kib;
    /**
     * 1 if its usage is known: not if somebody else has reaped it.
     */
    uint32_t has_usage;
    /**
     * Always 0.
     */
    uint32_t reserved;
} nsiso_wait;

/**
 * A name in a registry, and what it stands for.
 */
typedef struct nsiso_registry_entry {
    /**
     * The kind.
     */
    nsiso_kinds kind;
    /**
     * The process that holds it; 0 if it is kept by a mount.
     */
    pid_t holder;
    /**
     * Its inode.
     */
    uint64_t inode;
    /**
     * The name.
     */
    char name[NSISO_REGISTRY_NAME];
} nsiso_registry_entry;

/**
 * A namespace as it was found.
 */
typedef struct nsiso_snapshot_namespace {
    /**
     * The kind.
     */
    nsiso_kinds kind;
    /**
     * As of nsiso_ns_info: who made it, or of other kinds who made the user namespace that owns it; NSISO_NONE
     * where the caller may not know.
     */
    uint32_t owner_uid;
    /**
     * Its inode while the snapshot was taken: the kernel gives the number to another one soon after nobody holds
     * the namespace.
     */
    uint64_t inode;
    /**
     * As of nsiso_ns_info: its number that is never given again; 0 where the kernel has none.
     */
    uint64_t id;
    /**
     * Index of the user namespace that owns it, or that this user namespace lies in; NSISO_NONE for the first one,
     * and where that is outside the caller's own.
     */
    uint32_t user_ns;
    /**
     * Index of the one that this pid or user namespace lies in; NSISO_NONE as above, and for other kinds.
     */
    uint32_t parent;
    /**
     * How many levels below the caller's own this pid or user namespace lies; NSISO_NONE if it does not.
     */
    uint32_t level;
    /**
     * How many processes are in it: see nsiso_snapshot_member.
     */
    uint32_t processes;
} nsiso_snapshot_namespace;

/**
 * A process as it was found.
 */
typedef struct nsiso_snapshot_process {
    /**
     * Its number, as the mounted /proc counts.
     */
    pid_t pid;
    /**
     * The number of its parent, 0 if that is not to be seen here; -1 without NSISO_SNAPSHOT_LINEAGE.
     */
    pid_t parent;
    /**
     * When it was born, in ticks of the clock (sysconf(_SC_CLK_TCK)) since the machine started: with its number that
     * names it for ever. 0 without NSISO_SNAPSHOT_LINEAGE.
     */
    uint64_t start;
    /**
     * Its name as the kernel shows it; "" without NSISO_SNAPSHOT_LINEAGE.
     */
    char name[NSISO_SNAPSHOT_NAME];
} nsiso_snapshot_process;

/**
 * One change.
 */
typedef struct nsiso_change {
    /**
     * What: NSISO_CHANGE_*, and others in later versions.
     */
    uint32_t what;
    /**
     * Which kind of namespace.
     */
    nsiso_kinds kind;
    /**
     * Index, in the later snapshot, of the process that moved; else NSISO_NONE.
     */
    uint32_t process;
    /**
     * Index, in the earlier snapshot, of the namespace that is gone, or where the process was; else NSISO_NONE.
     */
    uint32_t from;
    /**
     * Index, in the later snapshot, of the namespace that appeared, or where the process is; else NSISO_NONE.
     */
    uint32_t to;
} nsiso_change;

/**
 * One reason why a namespace is there.
 */
typedef struct nsiso_snapshot_holder {
    /**
     * How it holds: NSISO_HOLDER_*, and others in later versions.
     */
    uint32_t how;
    /**
     * The process; 0 where none holds.
     */
    pid_t pid;
    /**
     * The thread; 0 where none holds by itself.
     */
    pid_t tid;
    /**
     * The number of the descriptor or socket; -1 where none holds.
     */
    int fd;
    /**
     * Index of a namespace: the mount namespace that it is mounted in, the one that lies in it, or the one that it
     * owns; NSISO_NONE otherwise.
     */
    uint32_t ns;
    /**
     * Always 0.
     */
    uint32_t reserved;
    /**
     * Where it is mounted, as the processes there see it; NULL otherwise. Borrowed from the snapshot.
     */
    const char *point;
} nsiso_snapshot_holder;

/**
 * Something that could not be read, in the same way and for the same reason. What it leads to is borrowed from the
 * snapshot.
 */
typedef struct nsiso_snapshot_incomplete {
    /**
     * What is missing, for instance "namespaces", "descriptors", "sockets", "owners".
     */
    const char *what;
    /**
     * Why, as of nsiso_error_cause.
     */
    const char *cause;
    /**
     * What to do about it, as of nsiso_error_remedy.
     */
    const char *remedy;
    /**
     * All of it in one line.
     */
    const char *text;
    /**
     * Of which processes, by number; not to be read if there are none.
     */
    const pid_t *pids;
    /**
     * How many these are; 0 where it is not of a process.
     */
    size_t pids_count;
    /**
     * How many things are missing, as far as that is known: processes, or namespaces, or descriptors.
     */
    size_t count;
    /**
     * The kernel's errno; 0 where nothing was refused but is not to be seen from here.
     */
    int errno_value;
    /**
     * Always 0.
     */
    uint32_t reserved;
} nsiso_snapshot_incomplete;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * clone(2): runs func(arg) in a new process; func's result is its exit status.
 *
 * func: may return, _exit, exec, or (without CLONE_VM) leave by longjmp: nothing of the library is
 * pending around it. NULL is EINVAL.
 * stack: one past the highest byte of the child's stack, aligned down to 16. It must stay until the
 * child has ended or executed, if the child shares memory with the caller. NULL: without CLONE_VM
 * the child runs on its copy of the caller's stack; with CLONE_VM and CLONE_VFORK the library
 * provides 1 MiB with a guard page and frees it.
 * flags: the manual's CLONE_* flags, and the exit signal in the low byte (SIGCHLD, or 0 for none).
 * There the bit 0x80 means CLONE_NEWTIME (NSISO_NEWTIME): no signal has that number.
 * arg: passed to func as it is.
 *
 * Returns the child's process id, or -1 with errno, and then there is no child: EINVAL func is NULL,
 * flags that exclude each other, a NULL stack with CLONE_VM but without CLONE_VFORK, or a flag that
 * needs a pointer (CLONE_PIDFD, CLONE_PARENT_SETTID, CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID,
 * CLONE_SETTLS: see nsiso_clone_with); EPERM new namespaces without CAP_SYS_ADMIN and
 * without CLONE_NEWUSER, or CLONE_NEWUSER in a chroot; EAGAIN too many processes; ENOMEM out of
 * memory, or the pid namespace for children has lost its first process; ENOSPC a limit on namespaces.
 *
 * MT-Safe. Without CLONE_VM the child is a raw copy of the caller: no fork handler has run, and
 * only the calling thread exists in it. When the caller has threads, its child may only do what
 * is async-signal-safe, since a lock may be held for ever. First kernel: any; a kind of namespace since
 * its own (nsiso_kind_first_kernel). It uses clone(2), and clone3(2) for CLONE_NEWTIME alone (Linux
 * 6.3); where that is refused, a process that ends at once stands between, at the price of one more
 * exit signal. See clone(2), namespaces(7).
 */
int nsiso_clone(int (*func)(void *arg),
                void *stack,
                int flags,
                void *arg);

/**
 * clone(2) with the manual's optional arguments; otherwise as nsiso_clone.
 *
 * parent_tid: where CLONE_PARENT_SETTID stores the child's id, or CLONE_PIDFD its descriptor.
 * tls: the child's thread-local storage, for CLONE_SETTLS.
 * child_tid: in the child's memory, where CLONE_CHILD_SETTID stores its id and CLONE_CHILD_CLEARTID
 * clears it at the end.
 *
 * Errors as nsiso_clone, and EINVAL for a flag whose pointer is NULL. Pointers without a flag are ignored.
 */
int nsiso_clone_with(int (*func)(void *arg),
                     void *stack,
                     int flags,
                     void *arg,
                     pid_t *parent_tid,
                     void *tls,
                     pid_t *child_tid);

/**
 * clone(2) without a function: returns twice as fork(2) does, the child's id in the caller and 0 in
 * the child.
 *
 * flags: as nsiso_clone, so nsiso_fork(SIGCHLD) is a fork without fork handlers.
 *
 * Returns -1 with errno and no child as nsiso_clone; EINVAL also for CLONE_VM.
 * MT-Safe; what the child of a threaded caller may do: see nsiso_clone.
 */
int nsiso_fork(int flags);

/**
 * setns(2): moves the calling thread (for pid: its later children) into an existing namespace.
 *
 * fd: a namespace's descriptor, or a pidfd (Linux 5.8). Stays the caller's.
 * nstype: with a namespace's descriptor its own CLONE_NEW* value, or 0 ("do not check"); with a
 * pidfd a mask of CLONE_NEW* bits, all of which are joined or none.
 *
 * Returns 0, or -1 with errno and nothing changed: EBADF fd is closed or opened with O_PATH; EINVAL
 * nstype does not fit fd, the caller's own user namespace, or a user or mnt namespace from a thread
 * of many; EUSERS a time namespace from a thread of many; EPERM no CAP_SYS_ADMIN in the caller's
 * user namespace and in that which owns the target; ESRCH the process has ended; ENOMEM.
 *
 * EINVAL also where the kernel would do harm in silence: a pidfd with CLONE_NEWNS, while another
 * thread shares this one's root and working directory. The kernel would move these in all
 * threads, into a mount namespace that only this thread enters. Call unshare(CLONE_FS) on this
 * thread before, or join in a child. The manual page and examples/c/pidfd.c tell more.
 *
 * MT-Safe; changes the calling thread only. Needs, beside the CAP_SYS_ADMIN of EPERM, CAP_SYS_CHROOT in the
 * caller's user namespace for mnt; for user, CAP_SYS_ADMIN in the target alone. First kernel: 3.0. See setns(2).
 */
int nsiso_setns(int fd,
                int nstype);

/**
 * unshare(2): moves the calling thread (for pid and time: its later children) into new namespaces.
 *
 * flags: CLONE_NEW* bits, and the manual's CLONE_FILES, CLONE_FS and CLONE_SYSVSEM.
 *
 * Returns 0, or -1 with errno and nothing changed: EINVAL an unknown flag, or a user namespace in a
 * process with threads; EPERM namespaces without CAP_SYS_ADMIN and without CLONE_NEWUSER, or
 * CLONE_NEWUSER in a chroot; ENOSPC a limit on namespaces; ENOMEM.
 *
 * MT-Safe; changes the calling thread only. First kernel: 2.6.16. See unshare(2).
 */
int nsiso_unshare(int flags);

/**
 * Makes a token.
 *
 * flags: 0.
 * ret_cancel: the token, to be freed with nsiso_cancel_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL or an unknown flag. MT-Safe. Needs no privilege and no kernel feature.
 */
int nsiso_cancel_new(uint32_t flags,
                     struct nsiso_cancel **ret_cancel,
                     struct nsiso_error **reterr);

/**
 * Calls off: what is being set up is undone, and its start is -ECANCELED; later starts are at once. A command
 * or function that runs already runs on (nsiso_process_kill). Once is for ever. MT-Safe, not to be called from
 * a signal handler. NULL is allowed. Cannot fail.
 */
void nsiso_cancel_now(const struct nsiso_cancel *cancel);

/**
 * 1 if it has called off, else 0; 0 for NULL. MT-Safe.
 */
int nsiso_cancel_is_cancelled(const struct nsiso_cancel *cancel);

/**
 * Frees a token. Starts that are under way go on, and nobody calls them off. NULL is allowed. Returns NULL.
 */
struct nsiso_cancel *nsiso_cancel_free(struct nsiso_cancel *cancel);

/**
 * Lets a token call off the starts of a spec, newuidmap(1) that runs for them included.
 *
 * spec: is changed. A token that is given again takes the place of the one before.
 * cancel: stays the caller's.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. See nsiso_spec_timeout for the other way to give up.
 */
int nsiso_spec_cancel_by(struct nsiso_spec *spec,
                         const struct nsiso_cancel *cancel,
                         struct nsiso_error **reterr);

/**
 * Makes a command.
 *
 * argv: the program and its arguments, with a NULL behind the last one; copied. The first is the
 * program's path; or, without a slash, its name, which is sought in the caller's PATH when a plan is made,
 * as execvp(3) does.
 * flags: 0.
 * ret_command: the command, to be freed with nsiso_command_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL, no program in argv, or an unknown flag. MT-Safe. Whether there is such a
 * program is seen at the start. See execve(2), execvp(3).
 */
int nsiso_command_new(const char *const *argv,
                      uint32_t flags,
                      struct nsiso_command **ret_command,
                      struct nsiso_error **reterr);

/**
 * Sets the whole environment, in place of the caller's.
 *
 * command: is changed. Without this, each start takes the environment that the caller has then.
 * envp: strings "NAME=VALUE" with a NULL behind the last one; copied. No string at all is an empty
 * environment.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL, or a string without "=". MT-Safe race:command. See environ(7).
 */
int nsiso_command_env(struct nsiso_command *command,
                      const char *const *envp,
                      struct nsiso_error **reterr);

/**
 * Starts in this directory, as seen inside. Wins over the spec's (nsiso_spec_cwd).
 *
 * command: is changed.
 * path: copied.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL. MT-Safe race:command. Needs the right to enter it, with the ids that the
 * process will have. See chdir(2).
 */
int nsiso_command_cwd(struct nsiso_command *command,
                      const char *path,
                      struct nsiso_error **reterr);

/**
 * Puts a descriptor of the caller's at this number.
 *
 * command: is changed. Descriptors add up.
 * fd: stays the caller's, who may close it; the command keeps a duplicate.
 * number: where the program finds it, for instance 1 for its standard output.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -EINVAL command is NULL or number is negative, -EBADF fd is closed, -EMFILE too many
 * descriptors are open. MT-Safe race:command. See dup3(2), close_range(2); the latter is from Linux
 * 5.9, and without it /proc/PID/fd is read.
 */
int nsiso_command_fd(struct nsiso_command *command,
                     int fd,
                     int number,
                     struct nsiso_error **reterr);

/**
 * Puts /dev/null at this number, open for reading and writing.
 *
 * command: is changed. Descriptors add up.
 * number: where the program finds it, for instance 0 for its standard input.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: command is NULL or number is negative. MT-Safe race:command. See null(4).
 */
int nsiso_command_null(struct nsiso_command *command, int number, struct nsiso_error **reterr);

/**
 * Lets the program have a descriptor of the caller's under its own number.
 *
 * command: is changed. Descriptors add up.
 * fd: stays the caller's, who may close it; the command keeps a duplicate.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -EINVAL command is NULL, -EBADF fd is closed, -EMFILE too many descriptors are open.
 * MT-Safe race:command. See dup3(2).
 */
int nsiso_command_keep(struct nsiso_command *command,
                       int fd,
                       struct nsiso_error **reterr);

/**
 * Executes this file; the first of nsiso_command_new's argv is then only what the program
 * sees as its name, and PATH is not looked at.
 *
 * command: is changed.
 * path: as seen inside; copied.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL. MT-Safe race:command. See execve(2).
 */
int nsiso_command_executable(struct nsiso_command *command,
                             const char *path,
                             struct nsiso_error **reterr);

/**
 * Frees a command. Processes that were started of it, and plans, need it no more. NULL is allowed.
 * Returns NULL.
 */
struct nsiso_command *nsiso_command_free(struct nsiso_command *command);

/**
 * Describes a process or thread.
 *
 * pid: its number, as the mounted /proc counts.
 * flags: 0.
 * ret_description: what it is, to be freed with nsiso_description_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -ESRCH there is none; -ENOENT /proc is not mounted; -EMFILE; -EINVAL a NULL or an unknown flag.
 * MT-Safe. Needs no privilege. See proc(5).
 */
int nsiso_describe(pid_t pid,
                   uint32_t flags,
                   struct nsiso_description **ret_description,
                   struct nsiso_error **reterr);

/**
 * Tells it.
 *
 * description: of whom.
 * ret_info: written on success.
 * size: sizeof(nsiso_description_info), as of nsiso_snapshot_get_namespace.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: too small a size, or a NULL. MT-Safe. Allocates nothing.
 */
int nsiso_description_get(const struct nsiso_description *description,
                          struct nsiso_description_info *ret_info,
                          size_t size,
                          struct nsiso_error **reterr);

/**
 * Frees it; NULL is allowed. Returns NULL.
 */
struct nsiso_description *nsiso_description_free(struct nsiso_description *description);

/**
 * What was being done, for instance "clone". Borrowed from the error; NULL for NULL.
 */
const char *nsiso_error_step(const struct nsiso_error *error);

/**
 * What it was done to, for instance "fd 7"; may be empty. Borrowed from the error; NULL for NULL.
 */
const char *nsiso_error_object(const struct nsiso_error *error);

/**
 * The kernel's errno, or the one that says the same; positive. 0 for NULL.
 */
int nsiso_error_errno(const struct nsiso_error *error);

/**
 * Why it failed: a short phrase that stays the same from release to release. Borrowed from the
 * error; NULL for NULL.
 */
const char *nsiso_error_cause(const struct nsiso_error *error);

/**
 * What to do about it; empty when the cause is unknown. Borrowed from the error; NULL for NULL.
 */
const char *nsiso_error_remedy(const struct nsiso_error *error);

/**
 * All of it in one line. Borrowed from the error; NULL for NULL.
 */
const char *nsiso_error_message(const struct nsiso_error *error);

/**
 * Frees an error. NULL is allowed. Returns NULL.
 */
struct nsiso_error *nsiso_error_free(struct nsiso_error *error);

/**
 * Sets all up as nsiso_spawn does and stops before the command is executed. The caller can then look
 * at the child and attach things: move a network device in, place it in a cgroup, open its namespaces.
 *
 * spec: NULL for nothing new.
 * command: what to execute after nsiso_held_release.
 * flags: 0.
 * ret_held: the child; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0 or what nsiso_spawn does, but for what execution brings. MT-Safe env as there. First
 * kernel: 5.3 (pidfd_open(2), by which the child sees the caller end). See nsiso_spawn.
 */
int nsiso_spawn_held(const struct nsiso_spec *spec,
                     const struct nsiso_command *command,
                     uint32_t flags,
                     struct nsiso_held **ret_held,
                     struct nsiso_error **reterr);

/**
 * The child's number in the caller's pid namespace. 0 for NULL.
 */
pid_t nsiso_held_pid(const struct nsiso_held *held);

/**
 * Its pidfd. Borrowed: the held child's until that is released or freed, not to be closed. -1 for NULL.
 */
int nsiso_held_pidfd(const struct nsiso_held *held);

/**
 * Opens a namespace that the child is in, or will be in once it executes.
 *
 * held: the child.
 * kind: one NSISO_NEW* bit.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor, close-on-exec, which the caller closes, or -errno as nsiso_process_namespace.
 */
int nsiso_held_namespace(const struct nsiso_held *held,
                         nsiso_kinds kind,
                         uint32_t flags,
                         struct nsiso_error **reterr);

/**
 * Lets the child execute its command, and comes back when it does, or when it is known why not.
 *
 * held: is used up and freed in any case, also on failure. Then the child is ended and reaped.
 * flags: 0.
 * ret_process: the running child, to be freed with nsiso_process_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or: what execution brings, as nsiso_spawn; -ESRCH somebody has killed it meanwhile;
 * -ETIMEDOUT nsiso_spec_timeout, which has counted since nsiso_spawn_held; -EINVAL a NULL or an
 * unknown flag. Not to be called by two threads. A signal handler that runs meanwhile does not end it.
 * See execve(2).
 */
int nsiso_held_release(struct nsiso_held *held,
                       uint32_t flags,
                       struct nsiso_process **ret_process,
                       struct nsiso_error **reterr);

/**
 * Ends a child that was not released, with SIGKILL, and reaps it: nothing is left of it. NULL is allowed.
 * Returns NULL.
 */
struct nsiso_held *nsiso_held_free(struct nsiso_held *held);

/**
 * Makes the namespaces of a spec, with id maps, names, clocks, /proc and lo, and holds them without a process;
 * those that the spec joins are among them. What it says of a process has no meaning here.
 *
 * spec: what to make. Is not changed.
 * flags: 0.
 * ret_set: the namespaces; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0 or what nsiso_spawn does, but for what execution brings; -EINVAL also: the spec has no
 * namespaces. The caller stays where it is. MT-Safe env. Privilege and first kernel: as the spec's options;
 * with NSISO_NEWPID 5.3.
 */
int nsiso_hold(const struct nsiso_spec *spec,
               uint32_t flags,
               struct nsiso_namespaces **ret_set,
               struct nsiso_error **reterr);

/**
 * The descriptor of one of them, for nsiso_ns_* and setns(2). Borrowed: the set's until that is freed, not
 * to be closed.
 *
 * set: the namespaces.
 * kind: one NSISO_NEW* bit.
 *
 * Returns -1 for a kind that is not among them, for no kind and for NULL. MT-Safe.
 */
int nsiso_namespaces_fd(const struct nsiso_namespaces *set,
                        nsiso_kinds kind);

/**
 * The number of pid 1 as the caller's pid namespace counts. 0 without a pid namespace, and for NULL. MT-Safe.
 */
pid_t nsiso_namespaces_init(const struct nsiso_namespaces *set);

/**
 * Lets go of them; NULL is allowed. Returns NULL. MT-Safe race:set.
 */
struct nsiso_namespaces *nsiso_namespaces_free(struct nsiso_namespaces *set);

/**
 * Adds a set, to be joined, all of it. The spec holds it as well, so that it may be freed before.
 *
 * spec: is changed. Joins add up: see nsiso_spec_join_pid.
 * set: the namespaces.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. Privilege: as nsiso_spec_join_fd.
 */
int nsiso_spec_join_namespaces(struct nsiso_spec *spec,
                               const struct nsiso_namespaces *set_to_join,
                               struct nsiso_error **reterr);

/**
 * Moves the calling thread into what a spec joins; of a pid namespace, its children from now on. What it is in
 * already is left out. With a mnt namespace the root and the working directory become that namespace's root.
 *
 * spec: joins, and nothing else. Is not changed.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or with nothing changed: -EINVAL a NULL, an option that is no join, a process with threads and
 * NSISO_NEWUSER or NSISO_NEWNS among the kinds, or a pid namespace that is not below the caller's; -EUSERS
 * a process with threads, and NSISO_NEWTIME; -EPERM no power over a namespace, whose owner the error names;
 * -EACCES a process that may not be traced; -ESRCH it has ended. Where something was entered and could not
 * be left again, the error's object says which kinds.
 * MT-Safe: changes the calling thread only. Privilege: as nsiso_setns; an order is found that it allows.
 * See setns(2).
 */
int nsiso_enter(const struct nsiso_spec *spec,
                uint32_t flags,
                struct nsiso_error **reterr);

/**
 * The kinds one by one, in the order in which Linux got them: the flag of the one with this index,
 * counted from 0, or 0 when there are no more. Cannot fail.
 */
nsiso_kinds nsiso_kind_at(size_t index);

/**
 * A kind's name under /proc/PID/ns, for instance "mnt". NULL unless `kind` is exactly one kind. The
 * string is the library's and lives for ever.
 */
const char *nsiso_kind_name(nsiso_kinds kind);

/**
 * The flag's name in clone(2), for instance "CLONE_NEWNS"; otherwise as nsiso_kind_name.
 */
const char *nsiso_kind_flag_name(nsiso_kinds kind);

/**
 * The first Linux that could make one, for instance "2.4.19"; otherwise as nsiso_kind_name.
 */
const char *nsiso_kind_first_kernel(nsiso_kinds kind);

/**
 * What a namespace of this kind isolates, in a few words; otherwise as nsiso_kind_name.
 */
const char *nsiso_kind_isolates(nsiso_kinds kind);

/**
 * Reads the links under /proc/PID/ns, sorted by name, at most ten. Links that lead nowhere are left
 * out (a kind this kernel does not have, most of a zombie's).
 *
 * pid: a process or thread as the mounted /proc counts, 0 for the calling thread.
 * ret_links: room for `capacity` records, written on success.
 * size: sizeof(nsiso_ns_link) as the caller knows it; a record that grows in a later version keeps
 * its old fields, and fields that this version does not know are set to 0.
 * capacity: how many records fit; more links are not written, but counted.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns how many links there are, or: -ESRCH no such process, -EACCES the caller may not
 * trace it, -ENOENT no /proc, -EINVAL a NULL, too small a size or an unknown flag. MT-Safe. Needs no privilege
 * for one's own processes, CAP_SYS_PTRACE for others'. See namespaces(7).
 */
int nsiso_ns_links(pid_t pid,
                   struct nsiso_ns_link *ret_links,
                   size_t size,
                   size_t capacity,
                   uint32_t flags,
                   struct nsiso_error **reterr);

/**
 * Whether two processes share their namespace of one kind: the same device and inode.
 *
 * a, b: processes or threads as the mounted /proc counts, 0 for the calling thread.
 * kind: one of NSISO_NEW*.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 1 or 0, or -errno as nsiso_ns_links; -EINVAL also when kind is not exactly one kind. MT-Safe.
 */
int nsiso_ns_same(pid_t a,
                  pid_t b,
                  nsiso_kinds kind,
                  uint32_t flags,
                  struct nsiso_error **reterr);

/**
 * Reads what a process sees mounted, as one table, also where mounts come and go meanwhile.
 *
 * pid: a process or thread as the mounted /proc counts, 0 for the calling thread.
 * flags: NSISO_MOUNTS_* bits; without one of NSISO_MOUNTS_BY_* it is read by whatever costs least. All ways tell the
 * same, but for the option "mand" of file systems, without a meaning since Linux 5.15.
 * ret_mounts: the table, to be freed with nsiso_mounts_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -ESRCH no such process, or it has ended; -EACCES the caller may not trace it, where /proc is mounted
 * so, and with NSISO_MOUNTS_BY_STATMOUNT always; -ENOENT no /proc; -EPROTO a line that is not of the documented form;
 * -EFBIG the text is 4 GiB or longer; -EMFILE; -EINVAL a NULL, a negative pid, unknown flags, or both ways; with
 * NSISO_MOUNTS_BY_STATMOUNT also -ENOSYS, -EOPNOTSUPP, -EPERM, -ENOENT and -EXDEV: the kernel does not tell what that
 * process sees. MT-Safe. Needs no privilege. See proc(5), mount_namespaces(7).
 */
int nsiso_mounts_read(pid_t pid,
                      uint32_t flags,
                      struct nsiso_mounts **ret_mounts,
                      struct nsiso_error **reterr);

/**
 * How many mounts there are. 0 for NULL.
 */
size_t nsiso_mounts_count(const struct nsiso_mounts *mounts);

/**
 * Whether mounts came and went each time that the table was read, so that some may be missing or stale. 0 for NULL.
 */
int nsiso_mounts_changed(const struct nsiso_mounts *mounts);

/**
 * Tells one mount.
 *
 * mounts: the table.
 * index: counted from 0, in the kernel's order.
 * ret_mount: written on success. Its strings are borrowed from the table.
 * size: sizeof(nsiso_mount) as the caller knows it; a record that grows in a later version keeps its old fields,
 * and fields that this version does not know are set to 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: there are no more, too small a size, or a NULL. MT-Safe.
 */
int nsiso_mounts_get(const struct nsiso_mounts *mounts,
                     size_t index,
                     struct nsiso_mount *ret_mount,
                     size_t size,
                     struct nsiso_error **reterr);

/**
 * Frees a table; NULL is allowed. Returns NULL.
 */
struct nsiso_mounts *nsiso_mounts_free(struct nsiso_mounts *mounts);

/**
 * Opens the namespace that a path leads to: a link under /proc/PID/ns, a bind mount of one,
 * /run/netns/NAME.
 *
 * path: what it leads to is not opened unless it is a namespace.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor, close-on-exec, which the caller closes, or: -EINVAL it is no namespace, a NULL or an
 * unknown flag; -ENOENT, -EACCES and others of open(2). MT-Safe. See namespaces(7).
 */
int nsiso_ns_open(const char *path,
                  uint32_t flags,
                  struct nsiso_error **reterr);

/**
 * Opens a namespace of a process or thread.
 *
 * pid: its number as the mounted /proc counts, 0 for the calling thread.
 * kind: one NSISO_NEW* bit.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor as nsiso_ns_open does, or: -ESRCH there is none, or it has ended; -EACCES the caller
 * may not trace it; -ENOENT the kernel has no such kind, or no /proc; -EMFILE; -EINVAL a negative pid, not
 * one kind or an unknown flag. MT-Safe. Needs no privilege for one's own processes, CAP_SYS_PTRACE for others'.
 */
int nsiso_ns_of_pid(pid_t pid,
                    nsiso_kinds kind,
                    uint32_t flags,
                    struct nsiso_error **reterr);

/**
 * Opens a namespace of the process behind a pidfd, whoever has its number by now.
 *
 * pidfd: stays the caller's.
 * kind: one NSISO_NEW* bit.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor or -errno as nsiso_ns_of_pid does; -EBADF also for what is no pidfd. MT-Safe. First
 * kernel: 5.3; asked without /proc since 6.11.
 */
int nsiso_ns_of_pidfd(int pidfd,
                      nsiso_kinds kind,
                      uint32_t flags,
                      struct nsiso_error **reterr);

/**
 * Opens the net namespace that a socket was made in, of any family.
 *
 * socket: stays the caller's.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor as nsiso_ns_open does, or: -EPERM no CAP_NET_ADMIN in the user namespace that owns
 * it; -EINVAL no socket, or an unknown flag; -EBADF socket is closed; -EMFILE. MT-Safe. First kernel: 4.9.
 */
int nsiso_ns_of_socket(int socket,
                       uint32_t flags,
                       struct nsiso_error **reterr);

/**
 * Tells what a namespace is.
 *
 * fd: a namespace's descriptor, which stays the caller's, here and in all that follows.
 * ret_info: written on success.
 * size: sizeof(nsiso_ns_info) as the caller knows it; a record that grows in a later version keeps its old
 * fields, and fields that this version does not know are set to 0.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -EINVAL fd is no namespace's, a NULL, too small a size or an unknown flag; -EBADF fd is
 * closed, or was opened with O_PATH; -EMFILE. MT-Safe. First kernel: 4.11. See ioctl_nsfs(2).
 */
int nsiso_ns_get_info(int fd,
                      struct nsiso_ns_info *ret_info,
                      size_t size,
                      uint32_t flags,
                      struct nsiso_error **reterr);

/**
 * Opens the user namespace that owns a namespace; of a user namespace, the one that it lies in.
 *
 * fd: a namespace's descriptor.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor as nsiso_ns_open does, or: -EPERM that is neither the caller's own nor below it;
 * -EINVAL and -EBADF as nsiso_ns_get_info; -EMFILE. MT-Safe. First kernel: 4.9.
 */
int nsiso_ns_owner(int fd,
                   uint32_t flags,
                   struct nsiso_error **reterr);

/**
 * Opens the namespace that a pid or user namespace lies in.
 *
 * fd: its descriptor.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor as nsiso_ns_open does, or: -EINVAL another kind, for these do not lie in each other,
 * or as nsiso_ns_get_info; -EPERM, -EBADF, -EMFILE as nsiso_ns_owner. MT-Safe. First kernel: 4.9.
 */
int nsiso_ns_parent(int fd,
                    uint32_t flags,
                    struct nsiso_error **reterr);

/**
 * How many levels below the calling thread's own a pid or user namespace lies; 0 for its own.
 *
 * fd: its descriptor.
 * ret_level: written on success.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -EPERM it is not below the caller's own; -EINVAL, -EBADF, -EMFILE as nsiso_ns_parent, and
 * -EINVAL for a NULL. MT-Safe. First kernel: 4.9.
 */
int nsiso_ns_level(int fd,
                   uint32_t *ret_level,
                   uint32_t flags,
                   struct nsiso_error **reterr);

/**
 * Which number a process has in a pid namespace.
 *
 * fd: the pid namespace's descriptor.
 * pid: its number in the caller's own.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns the number, or: -ESRCH there is no such process, or it has no number there; -EINVAL fd is no pid
 * namespace's, or an unknown flag; -EBADF fd is closed; -EMFILE. MT-Safe. Asked by one system call since
 * Linux 6.11; before, read from /proc, of processes that the caller may trace.
 */
int nsiso_ns_pid_inside(int fd,
                        pid_t pid,
                        uint32_t flags,
                        struct nsiso_error **reterr);

/**
 * Which number a process of a pid namespace has in the caller's own.
 *
 * fd: the pid namespace's descriptor.
 * pid: its number in there.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns the number or -errno as nsiso_ns_pid_inside. MT-Safe. Before Linux 6.11 all of /proc is read.
 */
int nsiso_ns_pid_outside(int fd,
                         pid_t pid,
                         uint32_t flags,
                         struct nsiso_error **reterr);

/**
 * Whether two descriptors are of the same namespace.
 *
 * a, b: descriptors of namespaces.
 * reterr: see the top of this file.
 *
 * Returns 1 or 0, or -EINVAL, -EBADF, -EMFILE as nsiso_ns_get_info. MT-Safe. First kernel: 4.11.
 */
int nsiso_ns_equal(int a, int b, struct nsiso_error **reterr);

/**
 * Keeps a namespace at a path, with neither process nor descriptor, until nsiso_ns_release: makes an empty
 * file there, and bind-mounts the namespace on it. Any program opens it by that path, which is there for as
 * long as the mount namespace it is in.
 *
 * fd: a namespace's descriptor, which stays the caller's.
 * path: of the file, whose directory must exist.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or, with nothing left behind: -EEXIST there is a file already; -ENOENT its directory does not
 * exist; -EACCES the caller may not write to that; -EPERM no CAP_SYS_ADMIN in the user namespace that owns
 * the caller's mount namespace; -EINVAL of a mnt namespace, it is the caller's own, or the kernel takes it
 * for older than that, or the directory's mount is shared; -EINVAL also fd is no namespace's, a path that
 * ends in no name, a NULL or an unknown flag; -EBADF fd is closed; -EMFILE. MT-Safe. See namespaces(7).
 */
int nsiso_ns_persist(int fd,
                     const char *path,
                     uint32_t flags,
                     struct nsiso_error **reterr);

/**
 * Ends what nsiso_ns_persist began, or another program did with a bind mount: unmounts what is kept at this
 * path, and removes the file below if that is an empty one. The namespace goes with whoever holds it last.
 *
 * path: where it is kept. A link is not followed.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -ENOENT there is nothing; -EINVAL no namespace is mounted there, or the mount is one that
 * this mount namespace was given from outside, a NULL or an unknown flag; -EPERM as nsiso_ns_persist; -EACCES
 * a directory on the way; -EMFILE. MT-Safe.
 */
int nsiso_ns_release(const char *path,
                     uint32_t flags,
                     struct nsiso_error **reterr);

/**
 * Writes a namespace down in a few bytes, by which nsiso_ns_restore opens it again, in this process or
 * another. They keep nothing alive.
 *
 * fd: a namespace's descriptor.
 * ret_saved: room for `size` bytes; NULL with a size of 0 only asks how many there are.
 * size: NSISO_NS_SAVED is enough.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns how many bytes there are, or: -ERANGE there are more than `size`; -EOPNOTSUPP before Linux 6.18,
 * or a filter refuses it; -EINVAL fd is no namespace's, a NULL or an unknown flag; -EBADF fd is closed;
 * -EMFILE. MT-Safe. Needs no privilege.
 */
int nsiso_ns_save(int fd,
                  void *ret_saved,
                  size_t size,
                  uint32_t flags,
                  struct nsiso_error **reterr);

/**
 * Opens a namespace that was saved: that one or none, also after its inode has gone to another and after
 * the machine has started anew.
 *
 * saved: the bytes of nsiso_ns_save, `size` of them.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor as nsiso_ns_open does, or: -ESTALE it is gone, or the caller has no CAP_SYS_ADMIN in
 * the user namespace that owns it (the kernel does not tell which; one's own needs no privilege); -EINVAL
 * other bytes than those of nsiso_ns_save, a NULL or an unknown flag; -EOPNOTSUPP before Linux 6.18, or a
 * filter refuses it; -EMFILE. MT-Safe.
 */
int nsiso_ns_restore(const void *saved,
                     size_t size,
                     uint32_t flags,
                     struct nsiso_error **reterr);

/**
 * Opens where the calling thread comes back to from nsiso_ns_visit: its own namespace of this kind, after
 * the way back was tried.
 *
 * kind: NSISO_NEWUTS, NSISO_NEWIPC, NSISO_NEWNET or NSISO_NEWCGROUP.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor, close-on-exec, which the caller closes, for any number of visits by this thread;
 * or: -EPERM no CAP_SYS_ADMIN in the caller's own user namespace and in that which owns the namespace: who
 * leaves it could not come back; -EINVAL another kind or an unknown flag; -ENOENT no /proc; -EMFILE. MT-Safe.
 */
int nsiso_ns_home(nsiso_kinds kind,
                  uint32_t flags,
                  struct nsiso_error **reterr);

/**
 * Calls a function in a namespace: uts, ipc, net and cgroup on the calling thread, which is there
 * meanwhile and back afterwards; mnt on a thread of its own, which has a root and working directory of its
 * own there, gets no signals, and ends before this returns.
 *
 * fd: the namespace's descriptor.
 * kind: its kind, one NSISO_NEW* bit.
 * home: what nsiso_ns_home has given to this thread: then a visit allocates nothing and opens nothing. Or
 * -1: the way back is opened and tried each time. For mnt -1, for nobody has to come back.
 * func: called as func(arg). It must return: neither longjmp nor pthread_exit nor an exception may lead out
 * of it. It may visit others.
 * arg: passed to func as it is.
 * ret_result: what func returned; NULL if not wanted. Written on success, as func was called then and only
 * then.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or, with the thread where it was: -EPERM no CAP_SYS_ADMIN in the caller's own user namespace
 * and in those which own this namespace and that which the thread comes from; for mnt also no CAP_SYS_CHROOT in
 * the caller's own; -EINVAL a kind other than these five (see nsiso_spawn_function), kind or home does not
 * fit fd, a NULL or an unknown flag; -EBADF a descriptor is closed; -EMFILE; -EAGAIN for mnt, there can be
 * no more threads; -ENOMEM.
 *
 * If the way back is refused (func gave up its capabilities, or installed a filter), this does not return:
 * what else would run on this thread would be in the wrong namespace without knowing. MT-Safe; other threads
 * stay where they are. See setns(2).
 */
int nsiso_ns_visit(int fd,
                   nsiso_kinds kind,
                   int home,
                   int (*func)(void *arg),
                   void *arg,
                   int *ret_result,
                   uint32_t flags,
                   struct nsiso_error **reterr);

/**
 * Makes a socket in a net namespace, for use where the caller is.
 *
 * fd: the net namespace's descriptor.
 * domain, type, protocol: as socket(2) takes them; the socket is close-on-exec in any case.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns the socket's descriptor, which the caller closes, or -errno as nsiso_ns_visit with home -1, or
 * what socket(2) brings; -EINVAL also when fd is no net namespace's. MT-Safe.
 */
int nsiso_ns_socket(int fd,
                    int domain,
                    int type,
                    int protocol,
                    uint32_t flags,
                    struct nsiso_error **reterr);

/**
 * Reads what a namespace of a snapshot is like inside: now, which may be later than the snapshot.
 *
 * snapshot: where.
 * index: of the namespace.
 * flags: 0.
 * ret_particulars: what there is, to be freed with nsiso_particulars_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or -errno as nsiso_snapshot_open; -EINVAL also for an unknown flag. MT-Safe; for uts and net the calling
 * thread may visit the namespace, as nsiso_ns_visit does. What needs which right, nsiso_particulars_info's known says
 * afterwards.
 */
int nsiso_snapshot_particulars(const struct nsiso_snapshot *snapshot,
                               uint32_t index,
                               uint32_t flags,
                               struct nsiso_particulars **ret_particulars,
                               struct nsiso_error **reterr);

/**
 * Tells what is known.
 *
 * particulars: of what.
 * ret_info: written on success.
 * size: sizeof(nsiso_particulars_info), as of nsiso_snapshot_get_namespace.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: too small a size, or a NULL. MT-Safe. Allocates nothing.
 */
int nsiso_particulars_get(const struct nsiso_particulars *particulars,
                          struct nsiso_particulars_info *ret_info,
                          size_t size,
                          struct nsiso_error **reterr);

/**
 * Frees them; NULL is allowed. Returns NULL.
 */
struct nsiso_particulars *nsiso_particulars_free(struct nsiso_particulars *particulars);

/**
 * Makes the plan of a start, and does nothing of it. The same is done first by nsiso_spawn and
 * nsiso_spawn_held, which refuse with the same words.
 *
 * spec: NULL for nothing new.
 * command: what would be executed.
 * flags: 0.
 * ret_plan: the plan, to be freed with nsiso_plan_free; written on success.
 * reterr: see the top of this file; nsiso_error_object says which options.
 *
 * Returns 0, or: -EINVAL a NULL, an unknown flag, or options that cannot be meant: two joins, or a
 * join and NSISO_NEW*, of one kind; an option without the new namespace that it needs; more than one
 * id map; a host or domain name of more than 64 bytes; a second or more in nanoseconds; process_group
 * and a session of its own; a umask beyond 0777; a score beyond 1000; two limits of one resource, or a
 * soft one above its hard one. -EPERM ids that /etc/subuid and /etc/subgid do not grant. A descriptor
 * or path to join that is no namespace: -ENOTTY, or the errno of open(2).
 *
 * MT-Safe env: it reads the environment where nsiso_spawn does. Needs no privilege.
 */
int nsiso_plan_new(const struct nsiso_spec *spec,
                   const struct nsiso_command *command,
                   uint32_t flags,
                   struct nsiso_plan **ret_plan,
                   struct nsiso_error **reterr);

/**
 * How many steps there are. 0 for NULL.
 */
size_t nsiso_plan_count(const struct nsiso_plan *plan);

/**
 * One step, who takes it and what it is: "parent: clone user,uts". Borrowed from the plan.
 *
 * index: counted from 0, in the order in which they are taken.
 *
 * NULL for NULL and beyond the last step.
 */
const char *nsiso_plan_step(const struct nsiso_plan *plan, size_t index);

/**
 * What one step needs: privileges, other programs, a kernel that has it. "" where anybody can do it.
 * Borrowed from the plan.
 *
 * index: as of nsiso_plan_step.
 *
 * NULL for NULL and beyond the last step.
 */
const char *nsiso_plan_needs(const struct nsiso_plan *plan,
                             size_t index);

/**
 * All steps, a line each, and behind each what it needs. Borrowed from the plan; NULL for NULL.
 */
const char *nsiso_plan_text(const struct nsiso_plan *plan);

/**
 * Frees a plan. NULL is allowed. Returns NULL.
 */
struct nsiso_plan *nsiso_plan_free(struct nsiso_plan *plan);

/**
 * Makes an empty pool.
 *
 * spec: what nsiso_hold is to make; copied.
 * size: how many sets at most, from 1 to 4096. Each has a descriptor for each of its kinds.
 * flags: 0.
 * ret_pool: the pool; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL, an unknown flag, a size out of range, a spec without namespaces. MT-Safe. Needs no
 * privilege.
 */
int nsiso_pool_new(const struct nsiso_spec *spec,
                   size_t size,
                   uint32_t flags,
                   struct nsiso_pool **ret_pool,
                   struct nsiso_error **reterr);

/**
 * Makes what is missing, one set after the other, and throws away those whose pid 1 has ended: called where the
 * host has time. Others may take meanwhile.
 *
 * pool: the pool.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns how many it has made, or what nsiso_hold returns; what was made before that stays. MT-Safe env.
 */
int nsiso_pool_refill(const struct nsiso_pool *pool,
                      uint32_t flags,
                      struct nsiso_error **reterr);

/**
 * Takes a set that is ready; where there is none, one that is made now, at the price of making.
 *
 * pool: the pool.
 * flags: 0.
 * ret_set: the set, to be freed or given back; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0 or what nsiso_hold returns. MT-Safe env.
 */
int nsiso_pool_take(const struct nsiso_pool *pool,
                    uint32_t flags,
                    struct nsiso_namespaces **ret_set,
                    struct nsiso_error **reterr);

/**
 * Puts a set back, to be taken again as it is: with the host name, mounts, interfaces, queues and processes that
 * were left in it. Who does not want that frees it instead.
 *
 * pool: the pool.
 * set: is freed by this, on success and on failure, unless it or pool is NULL.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -EINVAL a NULL, an unknown flag, or a set of other kinds; -EBUSY a spec that joins the set holds
 * it as well; -ESRCH its pid 1 has ended; -ENOSPC the pool is full. MT-Safe race:set.
 */
int nsiso_pool_give_back(const struct nsiso_pool *pool,
                         struct nsiso_namespaces *set,
                         uint32_t flags,
                         struct nsiso_error **reterr);

/**
 * How many sets are ready now. 0 for NULL. MT-Safe.
 */
size_t nsiso_pool_ready(const struct nsiso_pool *pool);

/**
 * Frees a pool and lets go of the sets in it; NULL is allowed. Returns NULL. MT-Safe race:pool.
 */
struct nsiso_pool *nsiso_pool_free(struct nsiso_pool *pool);

/**
 * Tries each kind of namespace and each feature in a throw-away child, by the road that
 * nsiso_spawn takes.
 *
 * flags: 0.
 * ret_probe: the answers, to be freed with nsiso_probe_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -EAGAIN, -ENOMEM, -EMFILE or -ENFILE something is short, and nothing can be
 * said; -EINVAL a NULL or an unknown flag. MT-Safe; the caller's own namespaces, signals and
 * descriptors stay as they are. Takes some milliseconds, and more where the caller's memory is
 * large: "own_memory" costs a copy of it, as in nsiso_spawn. Needs no privilege. First kernel: any. The answers are the present ones: limits, profiles and the caller's
 * capabilities may change.
 */
int nsiso_probe_new(uint32_t flags,
                    struct nsiso_probe **ret_probe,
                    struct nsiso_error **reterr);

/**
 * Whether a command can be started in a new namespace of this kind, as nsiso_spec_unshare
 * makes it: NSISO_PROBE_NO, _YES or _WITH_USER; NO for NULL or for anything but exactly one
 * kind. Cannot fail.
 */
int nsiso_probe_kind(const struct nsiso_probe *probe, nsiso_kinds kind);

/**
 * The error that nsiso_spawn gives for this kind, for nsiso_error_cause and its like. Borrowed
 * from the probe, not to be freed; NULL when the kind can be had. Cannot fail.
 */
const struct nsiso_error *nsiso_probe_kind_error(const struct nsiso_probe *probe, nsiso_kinds kind);

/**
 * Why not: nsiso_error_cause of nsiso_probe_kind_error. Borrowed from the probe; NULL when the
 * kind can be had. Cannot fail.
 */
const char *nsiso_probe_cause(const struct nsiso_probe *probe, nsiso_kinds kind);

/**
 * What to do about it: nsiso_error_remedy of nsiso_probe_kind_error. Borrowed from the probe;
 * NULL when the kind can be had. Cannot fail.
 */
const char *nsiso_probe_remedy(const struct nsiso_probe *probe, nsiso_kinds kind);

/**
 * Whether a command can be started with this feature, and with the new namespaces that it
 * needs: NSISO_PROBE_NO, _YES or _WITH_USER.
 *
 * probe: NULL gives NSISO_PROBE_NO.
 * feature: a name that nsiso_feature_at gives, most of them those of a nsiso_spec option; NULL
 * and any other word give NSISO_PROBE_NO, without an error: programs can so ask libraries that
 * are older than they are.
 *
 * Cannot fail. MT-Safe.
 */
int nsiso_probe_feature(const struct nsiso_probe *probe, const char *feature);

/**
 * The error that nsiso_spawn gives with this feature, for nsiso_error_cause and its like.
 * Borrowed from the probe, not to be freed; NULL when the feature can be had, and for a word
 * that names none. Cannot fail.
 */
const struct nsiso_error *nsiso_probe_feature_error(const struct nsiso_probe *probe,
                                                    const char *feature);

/**
 * Frees a probe. NULL is allowed. Returns NULL.
 */
struct nsiso_probe *nsiso_probe_free(struct nsiso_probe *probe);

/**
 * The features one by one: the name of the one with this index, counted from 0, for instance
 * "map_root"; NULL when there are no more. The string is the library's and lives for ever.
 * Cannot fail. MT-Safe.
 */
const char *nsiso_feature_at(size_t index);

/**
 * What one gets by a feature, in a few words. NULL for NULL and for a word that names none;
 * otherwise as nsiso_feature_at.
 */
const char *nsiso_feature_about(const char *feature);

/**
 * The new namespaces without which a feature has no meaning, for nsiso_spec_unshare:
 * NSISO_NEW* bits, or 0, also for NULL and for a word that names none. Cannot fail. MT-Safe.
 */
nsiso_kinds nsiso_feature_needs(const char *feature);

/**
 * Starts a command in the namespaces of a spec. Comes back when the command executes, or when it is
 * known why it does not; then nothing is left of it, neither process nor mount nor descriptor.
 *
 * spec: NULL for nothing new.
 * command: what to execute.
 * flags: 0.
 * ret_process: the child, to be freed with nsiso_process_free; written on success.
 * reterr: see the top of this file; nsiso_error_step names the step of the plan that failed.
 *
 * Returns 0, or what the plan says (nsiso_plan_new), or the errno of the step that failed. Set-up:
 * -EPERM no CAP_SYS_ADMIN and no NSISO_NEWUSER, or a step's own privilege is missing; -ENOSPC a limit
 * on namespaces; -EAGAIN too many processes; -ENOMEM; -EMFILE or -ENFILE too many descriptors; -EBADF
 * or -EINVAL a descriptor number beyond RLIMIT_NOFILE; -ESRCH a process to join has ended, or somebody
 * has killed the child; -ENOENT or -EACCES a path or directory; -EINVAL a kind that the kernel does
 * not have, or an id that is not mapped; -ERANGE a clock before 0; -ETIMEDOUT nsiso_spec_timeout.
 * Execution, whose step is "exec": -ENOENT no such program, -EACCES not executable, -ENOEXEC not in a
 * format that this kernel runs, and the others of execve(2). What the program itself does, an exit
 * status or a death by signal, is told by nsiso_process_wait.
 *
 * MT-Safe env: without nsiso_command_env, and for a program without a slash, it reads the environment
 * as getenv(3) does. Does not copy the caller's page tables (but see nsiso_spec_own_memory), and
 * changes nothing of the caller's: no signal handler, no namespace, no directory. A signal handler
 * that runs meanwhile does not end it. First kernel: 4.18, as far as the spec's own options go;
 * clone3(2) from Linux 5.5, else clone(2); a pidfd from Linux 5.2. See clone(2), namespaces(7),
 * execve(2).
 */
int nsiso_spawn(const struct nsiso_spec *spec,
                const struct nsiso_command *command,
                uint32_t flags,
                struct nsiso_process **ret_process,
                struct nsiso_error **reterr);

/**
 * Calls a function in the namespaces of a spec, in a process of its own; its result is the exit status.
 *
 * spec: NULL for nothing new.
 * func: runs in a copy of the caller as fork(2) makes it, in which no other thread exists; it may return, _exit
 * or exec. It may use libc, its allocator above all, also when the caller has threads: libc's fork handlers
 * have run. Other locks that another thread held stay locked.
 * arg: passed to func; what it leads to is the copy's own.
 * flags: 0.
 * ret_process: the child, to be freed with nsiso_process_free; written on success.
 * reterr: see the top of this file.
 *
 * Comes back when func is about to run; nsiso_spec_timeout limits the time until then. How long func itself may
 * take is the caller's to say: nsiso_process_wait with a timeout, and when that is over (or the caller, in any
 * thread, thinks better of it) nsiso_process_kill and nsiso_process_wait, or nsiso_process_kill_on_free. What func
 * has started in turn ends with it in a new pid namespace only.
 *
 * Returns 0, or -errno as nsiso_spawn, but for its step "exec"; -EINVAL also func is NULL. The caller's descriptors
 * stay open in the child, which finds none of the library's own. MT-Safe. The cost grows with the caller's
 * memory, as fork(2)'s does; a function in a new or joined pid namespace, or in a new time namespace, costs one more
 * SIGCHLD. See fork(2), namespaces(7).
 */
int nsiso_spawn_function(const struct nsiso_spec *spec,
                         int (*func)(void *arg),
                         void *arg,
                         uint32_t flags,
                         struct nsiso_process **ret_process,
                         struct nsiso_error **reterr);

/**
 * Its number in the caller's pid namespace, its own as long as nobody has reaped it. 0 for NULL.
 */
pid_t nsiso_process_pid(const struct nsiso_process *process);

/**
 * Its pidfd, readable for poll(2) once it has ended. Borrowed: the process's until that is freed,
 * not to be closed. -1 for NULL, and before Linux 5.2. See pidfd_open(2).
 */
int nsiso_process_pidfd(const struct nsiso_process *process);

/**
 * Opens a namespace that it is in: one that nsiso_spec_keep_namespaces has taken also after it has ended,
 * any other while it runs.
 *
 * process: the child.
 * kind: one NSISO_NEW* bit.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor, close-on-exec, which the caller closes, or: -ESRCH it has ended; -EACCES it runs as
 * somebody whom the caller may not trace; -EMFILE or -ENFILE; -EINVAL process is NULL, kind is not one
 * bit, or an unknown flag. MT-Safe. See namespaces(7).
 */
int nsiso_process_namespace(const struct nsiso_process *process,
                            nsiso_kinds kind,
                            uint32_t flags,
                            struct nsiso_error **reterr);

/**
 * Waits until it has ended. The answer can be had as often as wanted, and by many threads.
 *
 * process: the child.
 * timeout_ms: how long at most, in milliseconds; 0 to look only, -1 for ever.
 * ret_wait: how it ended, written when it has; NULL if not wanted.
 * size: sizeof(nsiso_wait) as the caller knows it; a record that grows in a later version keeps its
 * old fields, and fields that this version does not know are set to 0.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 1 if it has ended, 0 if it ran still when the time was over, or: -ECHILD somebody else in
 * this process has reaped it (waitpid(2) of -1, an ignored SIGCHLD) on a kernel that keeps no status
 * for that case (before Linux 6.15), or this is a forked copy of the process that started it; -EINVAL
 * process is NULL, too small a size, a timeout below -1 or an unknown flag. MT-Safe. A signal handler
 * that runs meanwhile does not end it. Needs no privilege. First kernel: any; before Linux 5.3 it
 * looks every 10 ms. See waitid(2), poll(2).
 */
int nsiso_process_wait(const struct nsiso_process *process,
                       int64_t timeout_ms,
                       struct nsiso_wait *ret_wait,
                       size_t size,
                       uint32_t flags,
                       struct nsiso_error **reterr);

/**
 * Sends a signal. By pidfd, it never reaches another process.
 *
 * process: the child.
 * signal: SIG* of signal.h; 0 only asks whether one could be sent.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -ESRCH it has ended and was waited for, or this is a forked copy of the process that
 * started it; -EPERM it runs as another user now; -EINVAL process is NULL, no such signal, or an
 * unknown flag. MT-Safe. First kernel: 5.1, and before that kill(2) of a child that is not reaped yet.
 * See pidfd_send_signal(2), signal(7).
 */
int nsiso_process_kill(const struct nsiso_process *process,
                       int signal,
                       uint32_t flags,
                       struct nsiso_error **reterr);

/**
 * The caller's side of the terminal that it has of its own (NSISO_TERMINAL_OWN): what the command writes
 * is read here, and what is written here is typed there. Borrowed: the process's until that is freed,
 * which hangs up what is left of the command's session (SIGHUP); not to be closed. -1 for NULL, and
 * for a process without one. Somebody has to read it, or the command waits once the terminal is full:
 * see nsiso_process_relay. Once nobody has the terminal open any more, reading is EIO when all is read.
 */
int nsiso_process_terminal(const struct nsiso_process *process);

/**
 * Connects two descriptors of the caller's with the terminal that a process has of its own
 * (NSISO_TERMINAL_OWN), until the process has ended.
 *
 * If input is a terminal, it is in raw mode meanwhile, so that every key goes to the process, Ctrl-C and
 * Ctrl-Z too; its settings are as before when this returns, whatever comes. They stay raw if a
 * signal kills the caller. The window size of the caller's terminal is the process's, and follows it
 * within a tenth of a second, without a handler for SIGWINCH. At the end of input the end-of-file
 * character is typed. All output that the process has written is passed on; of what it left behind in the
 * background, as much as there is by then.
 *
 * process: started with NSISO_TERMINAL_OWN.
 * input, output: mostly 0 and 1, the caller's terminal; may be pipes or files, blocking or not.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 0 when the process has ended: nsiso_process_wait tells how. Or: -ENOTTY the process has no
 * terminal of its own; -EBADF a descriptor is closed; -EPIPE nobody reads the output any more; -EBUSY
 * another thread relays it; -EIO and others of read(2) and write(2), after all of which the process runs
 * on; -ECHILD as nsiso_process_wait; -EINVAL process is NULL or an unknown flag. MT-Safe, one relay of a
 * process at a time. A signal handler that runs meanwhile does not end it. Needs no privilege. See
 * termios(3), pty(7).
 */
int nsiso_process_relay(const struct nsiso_process *process,
                        int input,
                        int output,
                        uint32_t flags,
                        struct nsiso_error **reterr);

/**
 * From now on, nsiso_process_free kills the child and waits for its end. MT-Safe. NULL is allowed.
 * Cannot fail.
 */
void nsiso_process_kill_on_free(struct nsiso_process *process);

/**
 * Lets go of a child and closes its pidfd. The child runs on; when it has ended, a later nsiso_spawn,
 * nsiso_spawn_function or nsiso_spawn_held of this process reaps it; its own terminal, if it has one, is hung
 * up. After nsiso_process_kill_on_free it is sent SIGKILL
 * and reaped instead. NULL is allowed. Returns NULL.
 *
 * In a forked copy of the process that started the child, neither is done: the child is left alone.
 */
struct nsiso_process *nsiso_process_free(struct nsiso_process *process);

/**
 * Opens a registry. Its directory is made with mode 0700 if it is not there.
 *
 * directory: NULL for the default: /run/nsiso for whoever may mount and write there, with the net namespaces
 * of ip-netns(8) in /run/netns; else $XDG_RUNTIME_DIR/nsiso.
 * flags: 0.
 * ret_registry: the registry, to be freed with nsiso_registry_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -ENOENT the directory that it would be in does not exist, or by default XDG_RUNTIME_DIR is
 * not set to an absolute path; -EACCES the caller may not write to that; -EPERM the directory belongs to
 * another user, or others may write to it; -ENOTDIR it is none; -EINVAL a NULL or an unknown flag. MT-Safe env.
 */
int nsiso_registry_new(const char *directory,
                       uint32_t flags,
                       struct nsiso_registry **ret_registry,
                       struct nsiso_error **reterr);

/**
 * Its directory, without links on the way. Borrowed from the registry; NULL for NULL. MT-Safe.
 */
const char *nsiso_registry_directory(const struct nsiso_registry *registry);

/**
 * Keeps a namespace under a name. When this returns, it is kept whatever becomes of the caller.
 *
 * registry: where.
 * name: 1 to 200 bytes, without '/', not beginning with '.'.
 * fd: a namespace's descriptor, which stays the caller's.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -EEXIST there is a namespace of this kind with the name; -EINVAL the name is none, fd is no
 * namespace's, a NULL or an unknown flag; -EPERM the names are those of ip-netns(8), and the caller may not
 * mount; -EACCES, -EROFS and others of open(2), of the registry's own directories; without the right to mount
 * also what starts a process: -EAGAIN, -ENOMEM; -EBADF fd is closed; -EMFILE. MT-Safe; waits while another
 * program changes the registry. First kernel: 5.3 where a process holds it.
 */
int nsiso_registry_add(const struct nsiso_registry *registry,
                       const char *name,
                       int fd,
                       uint32_t flags,
                       struct nsiso_error **reterr);

/**
 * Opens the namespace of this kind with this name.
 *
 * registry: where.
 * name: as it was added.
 * kind: one NSISO_NEW* bit.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor, close-on-exec, which the caller closes, or: -ENOENT there is none; -EINVAL the name is
 * none or stands for something else, not one kind, a NULL or an unknown flag; -EXDEV it is kept in another
 * mount or pid namespace; -EACCES another user's process holds it; -EMFILE. MT-Safe, as nsiso_registry_add. Needs no
 * privilege; what can be done with it, joining it says.
 */
int nsiso_registry_open(const struct nsiso_registry *registry,
                        const char *name,
                        nsiso_kinds kind,
                        uint32_t flags,
                        struct nsiso_error **reterr);

/**
 * Ends what nsiso_registry_add began. The namespace goes with whoever holds it last.
 *
 * registry: where.
 * name: as it was added.
 * kind: one NSISO_NEW* bit.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -ENOENT there is none; -EINVAL as nsiso_registry_open; -EPERM it is kept by a bind mount,
 * and the caller may not unmount; -EXDEV a process of another pid namespace holds it. MT-Safe, as
 * nsiso_registry_add.
 */
int nsiso_registry_remove(const struct nsiso_registry *registry,
                          const char *name,
                          nsiso_kinds kind,
                          uint32_t flags,
                          struct nsiso_error **reterr);

/**
 * Finds all that are kept in a registry, by kind and name. What is stale is removed.
 *
 * registry: where.
 * flags: 0.
 * ret_entries: what there is, to be freed with nsiso_registry_entries_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -EACCES, -EROFS and others of open(2), of the registry's own directories; -EINVAL a NULL
 * or an unknown flag; -EMFILE. MT-Safe, as nsiso_registry_add.
 */
int nsiso_registry_list(const struct nsiso_registry *registry,
                        uint32_t flags,
                        struct nsiso_registry_entries **ret_entries,
                        struct nsiso_error **reterr);

/**
 * How many there are. 0 for NULL.
 */
size_t nsiso_registry_entries_count(const struct nsiso_registry_entries *entries);

/**
 * Tells one of them.
 *
 * index: counted from 0, sorted by kind, as nsiso_kind_at has them, and name.
 * ret_entry: written on success.
 * size: sizeof(nsiso_registry_entry) as the caller knows it; a record that grows in a later version keeps
 * its old fields, and fields that this version does not know are set to 0.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: there are no more, too small a size, or a NULL. MT-Safe.
 */
int nsiso_registry_entries_get(const struct nsiso_registry_entries *entries,
                               size_t index,
                               struct nsiso_registry_entry *ret_entry,
                               size_t size,
                               struct nsiso_error **reterr);

/**
 * Frees them; NULL is allowed. Returns NULL.
 */
struct nsiso_registry_entries *nsiso_registry_entries_free(struct nsiso_registry_entries *entries);

/**
 * Frees a registry; what is kept in it stays. NULL is allowed. Returns NULL.
 */
struct nsiso_registry *nsiso_registry_free(struct nsiso_registry *registry);

/**
 * Takes one, by one walk over /proc. What may not be read, or came or went meanwhile, is no error: see
 * nsiso_snapshot_get_incomplete.
 *
 * depth: how far to look, NSISO_DEPTH_*: each looks where the one before looks, and costs more.
 * kinds: those to look for, for instance NSISO_KINDS_ALL. The namespaces that own or contain them are told as well.
 * flags: NSISO_SNAPSHOT_* bits.
 * ret_snapshot: the snapshot, to be freed with nsiso_snapshot_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -ENOENT /proc is not mounted; -EMFILE, -ENFILE, -ENOMEM no room for one descriptor more; -EINVAL an
 * unknown depth or flag, no kind or an unknown one, or a NULL. MT-Safe. Needs no privilege for one's own processes,
 * CAP_SYS_PTRACE for others'. First kernel: 4.11; what older ones do not tell, the record says.
 */
int nsiso_snapshot_take(uint32_t depth,
                        nsiso_kinds kinds,
                        uint32_t flags,
                        struct nsiso_snapshot **ret_snapshot,
                        struct nsiso_error **reterr);

/**
 * How many namespaces were found, those that own or contain one asked for included. 0 for NULL.
 */
size_t nsiso_snapshot_namespaces_count(const struct nsiso_snapshot *snapshot);

/**
 * Tells of a namespace.
 *
 * snapshot: where.
 * index: of the namespace, counted from 0.
 * ret_namespace: written on success.
 * size: sizeof(nsiso_snapshot_namespace) as the caller knows it; a record that grows in a later version keeps its
 * old fields, and fields that this version does not know are set to 0. So with all records of a snapshot.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: there is none with this index, too small a size, or a NULL. MT-Safe. Allocates nothing.
 */
int nsiso_snapshot_get_namespace(const struct nsiso_snapshot *snapshot,
                                 uint32_t index,
                                 struct nsiso_snapshot_namespace *ret_namespace,
                                 size_t size,
                                 struct nsiso_error **reterr);

/**
 * The index of the namespace of this kind with this inode; NSISO_NONE if none was found, and for NULL. MT-Safe.
 */
uint32_t nsiso_snapshot_find_namespace(const struct nsiso_snapshot *snapshot,
                                       nsiso_kinds kind,
                                       uint64_t inode);

/**
 * Opens a namespace, by what held it when the snapshot was taken, whoever still does; and never another one that has
 * got its inode since.
 *
 * snapshot: where.
 * index: of the namespace.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns a descriptor, close-on-exec, which the caller closes, or: -ESTALE nobody holds it any more whom the caller
 * may ask; -EMFILE; -EINVAL there is none with this index, an unknown flag, or a NULL. MT-Safe.
 */
int nsiso_snapshot_open(const struct nsiso_snapshot *snapshot,
                        uint32_t index,
                        uint32_t flags,
                        struct nsiso_error **reterr);

/**
 * The processes in a namespace one by one, by number: the index of the one at this place, counted from 0;
 * NSISO_NONE when there are no more, and for NULL. MT-Safe.
 */
uint32_t nsiso_snapshot_member(const struct nsiso_snapshot *snapshot,
                               uint32_t index,
                               uint32_t place);

/**
 * How many processes were read. 0 for NULL.
 */
size_t nsiso_snapshot_processes_count(const struct nsiso_snapshot *snapshot);

/**
 * Tells of a process.
 *
 * snapshot: where.
 * index: of the process, counted from 0.
 * ret_process: written on success.
 * size: sizeof(nsiso_snapshot_process), as of nsiso_snapshot_get_namespace.
 * reterr: see the top of this file.
 *
 * Returns 0 or -EINVAL as nsiso_snapshot_get_namespace. MT-Safe. Allocates nothing.
 */
int nsiso_snapshot_get_process(const struct nsiso_snapshot *snapshot,
                               uint32_t index,
                               struct nsiso_snapshot_process *ret_process,
                               size_t size,
                               struct nsiso_error **reterr);

/**
 * The index of the process with this number; NSISO_NONE if none was read, and for NULL. MT-Safe.
 */
uint32_t nsiso_snapshot_find_process(const struct nsiso_snapshot *snapshot, pid_t pid);

/**
 * The index of the namespace of one kind that a process was in; NSISO_NONE where that is not known: of a zombie,
 * which is in few, of kinds that were not asked for, and for NULL. MT-Safe.
 */
uint32_t nsiso_snapshot_namespace_of(const struct nsiso_snapshot *snapshot,
                                     uint32_t process,
                                     nsiso_kinds kind);

/**
 * Frees a snapshot; NULL is allowed. Returns NULL.
 */
struct nsiso_snapshot *nsiso_snapshot_free(struct nsiso_snapshot *snapshot);

/**
 * Tells above whom each namespace stands in a tree.
 *
 * snapshot: of what.
 * relation: NSISO_TREE_*.
 * ret_above: room for `capacity` indices, written on success: of each namespace, in its place, the index of the one
 * directly above it, or NSISO_NONE for a root. Following them always comes to an end.
 * capacity: how many fit; nsiso_snapshot_namespaces_count is enough.
 * flags: 0.
 * reterr: see the top of this file.
 *
 * Returns how many namespaces there are, or -EINVAL: an unknown relation or flag, or a NULL. MT-Safe.
 */
int nsiso_snapshot_tree(const struct nsiso_snapshot *snapshot,
                        uint32_t relation,
                        uint32_t *ret_above,
                        size_t capacity,
                        uint32_t flags,
                        struct nsiso_error **reterr);

/**
 * Finds what changed since an earlier snapshot of the same machine. A process counts as the same if its number is;
 * with NSISO_SNAPSHOT_LINEAGE in both, only if it was born at the same time as well.
 *
 * snapshot: the later one.
 * earlier: the other.
 * flags: 0.
 * ret_difference: the changes, to be freed with nsiso_difference_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: an unknown flag, or a NULL. MT-Safe.
 */
int nsiso_snapshot_since(const struct nsiso_snapshot *snapshot,
                         const struct nsiso_snapshot *earlier,
                         uint32_t flags,
                         struct nsiso_difference **ret_difference,
                         struct nsiso_error **reterr);

/**
 * How many changes there are. 0 for NULL.
 */
size_t nsiso_difference_count(const struct nsiso_difference *difference);

/**
 * Tells one change: namespaces that appeared come first, then those that are gone, then processes that moved.
 *
 * difference: where.
 * index: counted from 0.
 * ret_change: written on success.
 * size: sizeof(nsiso_change), as of nsiso_snapshot_get_namespace.
 * reterr: see the top of this file.
 *
 * Returns 0 or -EINVAL as nsiso_snapshot_get_namespace. MT-Safe. Allocates nothing.
 */
int nsiso_difference_get(const struct nsiso_difference *difference,
                         size_t index,
                         struct nsiso_change *ret_change,
                         size_t size,
                         struct nsiso_error **reterr);

/**
 * Frees a difference; NULL is allowed. Returns NULL.
 */
struct nsiso_difference *nsiso_difference_free(struct nsiso_difference *difference);

/**
 * How many holders of a namespace there are, as far as the depth went. 0 for NULL, and where there is none with this
 * index. MT-Safe.
 */
size_t nsiso_snapshot_holders_count(const struct nsiso_snapshot *snapshot,
                                    uint32_t index);

/**
 * Tells of one: processes come first, and last the namespaces that it owns or contains.
 *
 * snapshot: where.
 * index: of the namespace.
 * place: counted from 0.
 * ret_holder: written on success.
 * size: sizeof(nsiso_snapshot_holder), as of nsiso_snapshot_get_namespace.
 * reterr: see the top of this file.
 *
 * Returns 0 or -EINVAL as nsiso_snapshot_get_namespace. MT-Safe.
 */
int nsiso_snapshot_get_holder(const struct nsiso_snapshot *snapshot,
                              uint32_t index,
                              size_t place,
                              struct nsiso_snapshot_holder *ret_holder,
                              size_t size,
                              struct nsiso_error **reterr);

/**
 * How many lines of what could not be seen there are; 0 if everything was, as far as the depth goes, and for NULL.
 */
size_t nsiso_snapshot_incomplete_count(const struct nsiso_snapshot *snapshot);

/**
 * Tells one of them.
 *
 * snapshot: where.
 * index: counted from 0.
 * ret_incomplete: written on success.
 * size: sizeof(nsiso_snapshot_incomplete), as of nsiso_snapshot_get_namespace.
 * reterr: see the top of this file.
 *
 * Returns 0 or -EINVAL as nsiso_snapshot_get_namespace. MT-Safe. Allocates nothing.
 */
int nsiso_snapshot_get_incomplete(const struct nsiso_snapshot *snapshot,
                                  size_t index,
                                  struct nsiso_snapshot_incomplete *ret_incomplete,
                                  size_t size,
                                  struct nsiso_error **reterr);

/**
 * Makes a spec in which nothing is new: the caller's namespaces, the process as it comes.
 *
 * flags: 0.
 * ret_spec: the spec, to be freed with nsiso_spec_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL or an unknown flag. MT-Safe. Needs no privilege and no kernel feature.
 */
int nsiso_spec_new(uint32_t flags,
                   struct nsiso_spec **ret_spec,
                   struct nsiso_error **reterr);

/**
 * Makes a spec with the same options, which goes its own way from then on.
 *
 * spec: stays as it is. The two share the descriptors to join, which are closed with the last one.
 * ret_copy: the new spec, to be freed with nsiso_spec_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. Needs no privilege and no kernel feature.
 */
int nsiso_spec_copy(const struct nsiso_spec *spec,
                    struct nsiso_spec **ret_copy,
                    struct nsiso_error **reterr);

/**
 * Frees a spec. Processes that were started of it, and plans, need it no more. NULL is allowed.
 * Returns NULL.
 */
struct nsiso_spec *nsiso_spec_free(struct nsiso_spec *spec);

/**
 * Puts a reaper in as pid 1 of the new pid namespace: a tiny program of the library's own, for which
 * no file is installed. The command stays the caller's child with its own true status; what it leaves
 * behind is reaped, what signals are sent to pid 1 are the command's, and when it ends, everything in
 * the namespace does. SIGKILL ends pid 1 itself.
 *
 * spec: is changed.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. A plan refuses it without NSISO_NEWPID, and with joins.
 * MT-Safe race:spec. Needs no privilege of its own. First kernel: 5.3 (pidfds). See pid_namespaces(7).
 */
int nsiso_spec_init(struct nsiso_spec *spec,
                    struct nsiso_error **reterr);

/**
 * Kills the command when the process that started it ends, in whatever way; the thread that
 * started it may end before. As pid 1, or with nsiso_spec_init, it takes its pid namespace along.
 *
 * spec: is changed.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege; a small process of the
 * library's stays beside the command. First kernel: 5.3 (pidfds).
 */
int nsiso_spec_kill_with_parent(struct nsiso_spec *spec,
                                struct nsiso_error **reterr);

/**
 * Says which terminal a command has.
 *
 * spec: is changed.
 * which: NSISO_TERMINAL_APART, _SHARE or _OWN.
 * reterr: see the top of this file.
 *
 * Apart, a command in namespaces of its own is kept from typing into the caller's terminal what runs
 * outside (see nsiso_spec); in the caller's namespaces nothing is changed. Sharing, it stays in the
 * caller's session, and can. A terminal of its own is a new pseudo-terminal at each start, on its
 * descriptors 0 to 2 but those that the command sets itself, which controls a session of its own. It
 * begins with the window size and the settings of the first terminal on the caller's descriptors 0 to 2.
 * Its other side stays with the caller: see nsiso_process_terminal and nsiso_process_relay.
 *
 * Returns 0, or -EINVAL: spec is NULL, or which is none of these. A plan refuses NSISO_TERMINAL_OWN
 * with nsiso_spec_controlling_terminal, with nsiso_spec_process_group, for a function, and for a command
 * that sets all of its descriptors 0 to 2. At the start -ENOENT there is no /dev/ptmx, -ENOSPC
 * kernel.pty.max is reached. MT-Safe race:spec. Needs no privilege. First kernel: 4.13
 * (TIOCGPTPEER). See pty(7), setsid(2), ioctl_tty(2).
 */
int nsiso_spec_terminal(struct nsiso_spec *spec,
                        int which,
                        struct nsiso_error **reterr);

/**
 * Keeps these capabilities at most, of those that the process has, and over exec: in the permitted,
 * effective, inheritable and ambient set; no program can get others (bounding set).
 *
 * spec: is changed.
 * keep: names with commas between them ("net_bind_service,CAP_SYS_ADMIN"), "all", or "" for none.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL, or no capability has one of the names. MT-Safe race:spec. Dropping
 * from the bounding set needs CAP_SETPCAP, which NSISO_NEWUSER gives (-EPERM at the start). First
 * kernel: 4.3 (ambient capabilities). See capabilities(7).
 */
int nsiso_spec_capabilities(struct nsiso_spec *spec, const char *keep, struct nsiso_error **reterr);

/**
 * Places the process in an existing control group before a new cgroup namespace is made, so that its
 * root is this group.
 *
 * spec: is changed. Groups add up: one of each hierarchy of version 1, or one of version 2.
 * directory: the group's, for instance "/sys/fs/cgroup/pids/mine".
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. Needs the right to write to the group's
 * cgroup.procs (-EACCES at the start; -ENOENT there is no such group). See cgroups(7).
 */
int nsiso_spec_cgroup(struct nsiso_spec *spec,
                      const char *directory,
                      struct nsiso_error **reterr);

/**
 * Limits the memory of the group that nsiso_spec_cgroup names. This and the other limits are set in the
 * first of the groups that has them, and stay when the process has ended.
 *
 * spec: is changed.
 * bytes: how much.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. A plan refuses a limit without a group; a start is -ENOENT when no
 * group has the controller. MT-Safe race:spec. Needs the right to write to the group's files.
 */
int nsiso_spec_memory_limit(struct nsiso_spec *spec,
                            uint64_t bytes,
                            struct nsiso_error **reterr);

/**
 * Limits the processes and threads of the group; otherwise as nsiso_spec_memory_limit.
 *
 * count: how many.
 */
int nsiso_spec_pids_limit(struct nsiso_spec *spec, uint64_t count, struct nsiso_error **reterr);

/**
 * Limits the time on a CPU of the group; otherwise as nsiso_spec_memory_limit.
 *
 * quota: microseconds in each period.
 * period: microseconds, from 1,000 to 1,000,000.
 */
int nsiso_spec_cpu_limit(struct nsiso_spec *spec,
                         uint64_t quota,
                         uint64_t period,
                         struct nsiso_error **reterr);

/**
 * Adds new namespaces.
 *
 * spec: is changed.
 * kinds: NSISO_NEW* bits; those of earlier calls stay. A new mnt namespace gets private
 * propagation, so that its mounts do not show outside; a new net namespace has lo up.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL, or a bit is unknown. MT-Safe race:spec. A process of it needs
 * CAP_SYS_ADMIN for all kinds but user; with NSISO_NEWUSER among them, nothing. First kernel: of
 * each kind its own (nsiso_kind_first_kernel). See namespaces(7), clone(2).
 */
int nsiso_spec_unshare(struct nsiso_spec *spec,
                       nsiso_kinds kinds,
                       struct nsiso_error **reterr);

/**
 * Adds namespaces of a process, to be joined.
 *
 * spec: is changed. Joins add up, of each kind one. They are made in an order that the caller's rights allow; what
 * a child of the caller is in anyway is left out, and what is new is made in what is joined.
 * pid: a process as the caller's pid namespace counts, looked up at each start. Where it
 * may end and its number be used again meanwhile, nsiso_spec_join_pidfd is the safe way.
 * kinds: which of its namespaces, NSISO_NEW* bits, at least one.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL, pid is not positive, or kinds is 0 or has an unknown bit.
 * MT-Safe race:spec. A process of it needs CAP_SYS_ADMIN over each namespace that it joins and in its
 * own user namespace, and the right to trace the target (ptrace(2)); a user namespace that is joined
 * in the same call gives it the first where that owns the others. Before Linux 5.8 its
 * links in /proc are joined one by one. See setns(2), pidfd_open(2).
 */
int nsiso_spec_join_pid(struct nsiso_spec *spec,
                        pid_t pid,
                        nsiso_kinds kinds,
                        struct nsiso_error **reterr);

/**
 * As nsiso_spec_join_pid, of the process behind a pidfd: never another one that got its number.
 *
 * fd: a pidfd (pidfd_open(2), nsiso_process_pidfd), of which the spec keeps a duplicate.
 *
 * Returns 0, or: -EINVAL as nsiso_spec_join_pid, -EBADF fd is closed, -EMFILE too many descriptors
 * are open. The rest as nsiso_spec_join_pid; a start after the process was reaped is -ESRCH.
 */
int nsiso_spec_join_pidfd(struct nsiso_spec *spec,
                          int fd,
                          nsiso_kinds kinds,
                          struct nsiso_error **reterr);

/**
 * Adds a namespace, to be joined.
 *
 * spec: is changed. Joins add up: see nsiso_spec_join_pid.
 * fd: a namespace's descriptor, opened for reading from /proc/PID/ns or a bind mount of such. It
 * knows its kind. The spec keeps a duplicate, which keeps the namespace alive.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -EINVAL spec is NULL, -EBADF fd is closed, -EMFILE too many descriptors are open. A
 * descriptor of something else is refused when a plan is made. MT-Safe race:spec. A process of it needs
 * CAP_SYS_ADMIN over the namespace and in its own user namespace, for mnt CAP_SYS_CHROOT as well; for
 * a user namespace that in the target alone. First kernel: 4.11 (the kind is asked for by ioctl_ns(2)).
 * See setns(2), namespaces(7).
 */
int nsiso_spec_join_fd(struct nsiso_spec *spec,
                       int fd,
                       struct nsiso_error **reterr);

/**
 * As nsiso_spec_join_fd, by path.
 *
 * path: of a link under /proc/PID/ns, or of a bind mount of such; copied, and opened at each start.
 *
 * Returns 0, or -EINVAL: a NULL. A path that leads nowhere is refused when a plan is made, with the
 * errno of open(2). The rest as nsiso_spec_join_fd.
 */
int nsiso_spec_join_path(struct nsiso_spec *spec, const char *path, struct nsiso_error **reterr);

/**
 * Makes the caller's user and group root inside. Needs NSISO_NEWUSER, and is one of four that
 * exclude each other: nsiso_spec_map_root, _map_current, _map_auto, _map_ids.
 *
 * spec: is changed.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege: the new process writes the
 * map itself, after it has given up setgroups(2) in /proc/PID/setgroups. First kernel: 3.8 (setgroups
 * file: 3.19). See user_namespaces(7).
 */
int nsiso_spec_map_root(struct nsiso_spec *spec,
                        struct nsiso_error **reterr);

/**
 * Keeps the caller's user and group their numbers inside; otherwise as nsiso_spec_map_root.
 */
int nsiso_spec_map_current(struct nsiso_spec *spec, struct nsiso_error **reterr);

/**
 * Makes the caller root inside, followed by all ids that /etc/subuid and /etc/subgid grant it. Excludes
 * the other maps: see nsiso_spec_map_root.
 *
 * spec: is changed. The files are read when a plan is made, which is -EPERM when they grant nothing.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. An ordinary user needs newuidmap(1) and
 * newgidmap(1), a caller with CAP_SETUID and CAP_SETGID writes the maps by itself. First kernel: 3.8.
 * See user_namespaces(7), subuid(5), subgid(5).
 */
int nsiso_spec_map_auto(struct nsiso_spec *spec,
                        struct nsiso_error **reterr);

/**
 * Maps these ids. Excludes the other maps: see nsiso_spec_map_root.
 *
 * spec: is changed.
 * users, user_count: ranges of user ids in any order, at least one; copied.
 * groups, group_count: ranges of group ids, likewise.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL, naming the ranges: a NULL, no range, an empty one, ids beyond 4294967294,
 * ranges that share an id inside or outside, more than 340 lines or a page of text after joining
 * neighbours. MT-Safe race:spec. Who maps just its own user and group needs nothing. More is written
 * by a caller with CAP_SETUID and CAP_SETGID, or else by newuidmap(1) and newgidmap(1), if /etc/subuid
 * and /etc/subgid grant it (-EPERM when a plan is made, if not). First kernel: 3.8. See
 * user_namespaces(7).
 */
int nsiso_spec_map_ids(struct nsiso_spec *spec,
                       const struct nsiso_id_range *users,
                       size_t user_count,
                       const struct nsiso_id_range *groups,
                       size_t group_count,
                       struct nsiso_error **reterr);

/**
 * Sets the host name inside. Needs NSISO_NEWUTS.
 *
 * spec: is changed.
 * name: copied; more than 64 bytes are refused when a plan is made.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. Needs no more than the uts namespace itself. First
 * kernel: 2.6.19. See sethostname(2), uts_namespaces(7).
 */
int nsiso_spec_hostname(struct nsiso_spec *spec,
                        const char *name,
                        struct nsiso_error **reterr);

/**
 * Sets the NIS domain name inside; otherwise as nsiso_spec_hostname. See setdomainname(2).
 */
int nsiso_spec_domainname(struct nsiso_spec *spec, const char *name, struct nsiso_error **reterr);

/**
 * Sets a clock forward inside, or back. Needs NSISO_NEWTIME.
 *
 * spec: is changed. Each clock has an offset of its own.
 * clock: NSISO_CLOCK_MONOTONIC or NSISO_CLOCK_BOOTTIME.
 * seconds: negative to go back, but not to before 0; the kernel refuses that at the start (-ERANGE).
 * nanoseconds: on top of the seconds; 1000000000 and more are refused when a plan is made.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL, or another clock. MT-Safe race:spec. Needs no more than the
 * time namespace itself. First kernel: 5.6. See time_namespaces(7).
 */
int nsiso_spec_time_offset(struct nsiso_spec *spec,
                           int clock,
                           int64_t seconds,
                           uint32_t nanoseconds,
                           struct nsiso_error **reterr);

/**
 * Mounts a /proc that shows the new pid namespace. Needs NSISO_NEWPID and NSISO_NEWNS.
 *
 * spec: is changed.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no more than the namespaces
 * themselves; an ordinary user's start is -EPERM where parts of the caller's own /proc are covered. First
 * kernel: 2.6.24. See proc(5), pid_namespaces(7).
 */
int nsiso_spec_proc(struct nsiso_spec *spec,
                    struct nsiso_error **reterr);

/**
 * Leaves lo down in a new net namespace, as the kernel makes it.
 *
 * spec: is changed.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege and no kernel feature. See
 * network_namespaces(7).
 */
int nsiso_spec_loopback_down(struct nsiso_spec *spec,
                             struct nsiso_error **reterr);

/**
 * Takes descriptors of the child's namespaces before it executes, for nsiso_process_namespace: they are
 * to be had whatever becomes of the child.
 *
 * spec: is changed.
 * kinds: which, NSISO_NEW* bits; those of earlier calls stay.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL, or a bit is unknown. MT-Safe race:spec. The start is -EACCES where the
 * caller may not trace the child. See namespaces(7).
 */
int nsiso_spec_keep_namespaces(struct nsiso_spec *spec,
                               nsiso_kinds kinds,
                               struct nsiso_error **reterr);

/**
 * Has a command be like a process in what is named, mostly beside a join of its namespaces. What the command
 * itself says (its directory, its environment) wins.
 *
 * spec: is changed.
 * pid: a process as the caller's pid namespace counts, read when a plan is made.
 * what: NSISO_LIKE_* bits, at least one.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL, pid is not positive, or what is 0 or has an unknown bit. A plan refuses
 * what is set as well (nsiso_spec_cwd, _uid, _gid, _groups, _cgroup), a process that has ended (-ESRCH) or may
 * not be traced (-EACCES). MT-Safe race:spec. A process of it needs CAP_SYS_CHROOT for the root, and what
 * nsiso_spec_uid and nsiso_spec_cgroup say for ids and control groups. See proc(5).
 */
int nsiso_spec_like(struct nsiso_spec *spec,
                    pid_t pid,
                    uint32_t what,
                    struct nsiso_error **reterr);

/**
 * Starts in this directory, as seen inside. A command's own (nsiso_command_cwd) wins.
 *
 * spec: is changed.
 * path: copied.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. Needs the right to enter it, with the ids that the
 * process will have. See chdir(2).
 */
int nsiso_spec_cwd(struct nsiso_spec *spec,
                   const char *path,
                   struct nsiso_error **reterr);

/**
 * Sets which permission bits the process does not give to new files, in place of the caller's.
 *
 * spec: is changed.
 * mask: bits beyond 0777 are refused when a plan is made.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege. See umask(2).
 */
int nsiso_spec_umask(struct nsiso_spec *spec, mode_t mask, struct nsiso_error **reterr);

/**
 * Becomes this user: real, effective, saved and file system id.
 *
 * spec: is changed.
 * uid: as numbered inside.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. A process of it needs CAP_SETUID in its user
 * namespace, which it has in a new one that maps the id; an id that is not mapped is -EINVAL at the
 * start. It gets ready in a memory of its own, so that the caller's stays one that may be dumped. See
 * setresuid(2).
 */
int nsiso_spec_uid(struct nsiso_spec *spec,
                   uid_t uid,
                   struct nsiso_error **reterr);

/**
 * Becomes this group; otherwise as nsiso_spec_uid, with CAP_SETGID. See setresgid(2).
 */
int nsiso_spec_gid(struct nsiso_spec *spec, gid_t gid, struct nsiso_error **reterr);

/**
 * Has these supplementary groups, in place of the caller's.
 *
 * spec: is changed.
 * groups: as numbered inside; copied. NULL if there are none.
 * count: how many; 0 for no supplementary groups at all.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL, or groups while count is not 0. MT-Safe race:spec. Otherwise as
 * nsiso_spec_gid; a user namespace in which the process maps its own single group has given this up
 * (-EPERM at the start). See setgroups(2), user_namespaces(7).
 */
int nsiso_spec_groups(struct nsiso_spec *spec,
                      const gid_t *groups,
                      size_t count,
                      struct nsiso_error **reterr);

/**
 * Leads a session of its own, without a terminal.
 *
 * spec: is changed.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege. See setsid(2).
 */
int nsiso_spec_new_session(struct nsiso_spec *spec, struct nsiso_error **reterr);

/**
 * Joins a process group of the caller's session. Excludes nsiso_spec_new_session and
 * nsiso_spec_controlling_terminal.
 *
 * spec: is changed.
 * pgid: the group as the process sees it, or 0 for one of its own. Another one than that is refused when
 * a plan is made for a command that is kept from its terminal (see nsiso_spec).
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL, or pgid is negative. A group that is not there is -EPERM at the
 * start. MT-Safe race:spec. Needs no privilege. See setpgid(2).
 */
int nsiso_spec_process_group(struct nsiso_spec *spec,
                             pid_t pgid,
                             struct nsiso_error **reterr);

/**
 * Leads a session of its own that has this terminal.
 *
 * spec: is changed.
 * number: of a terminal's descriptor as the command sees it: 0, or what nsiso_command_fd or
 * nsiso_command_keep put there.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL, or number is negative. At the start -ENOTTY is no terminal, and
 * -EPERM one that is another session's already. MT-Safe race:spec. Needs no privilege. See ioctl_tty(2),
 * TIOCSCTTY.
 */
int nsiso_spec_controlling_terminal(struct nsiso_spec *spec,
                                    int number,
                                    struct nsiso_error **reterr);

/**
 * Sets a resource limit. Limits of different resources add up; two of one resource, and a soft limit
 * above its hard one, are refused when a plan is made.
 *
 * spec: is changed.
 * resource: RLIMIT_* of sys/resource.h; one that the kernel does not know is -EINVAL at the start.
 * soft, hard: in the resource's own unit; all bits set (RLIM_INFINITY) for no limit.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Raising a hard limit needs CAP_SYS_RESOURCE
 * in the initial user namespace, so with NSISO_NEWUSER nobody can (-EPERM at the start). See
 * prlimit(2).
 */
int nsiso_spec_rlimit(struct nsiso_spec *spec,
                      uint32_t resource,
                      uint64_t soft,
                      uint64_t hard,
                      struct nsiso_error **reterr);

/**
 * Sets how willingly the kernel ends the process when memory runs out.
 *
 * spec: is changed.
 * score: from -1000 (never) to 1000 (first); others are refused when a plan is made.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Going below the caller's own lowest needs
 * CAP_SYS_RESOURCE in the initial user namespace, as with nsiso_spec_rlimit (-EACCES at the start).
 * See proc_pid_oom_score_adj(5).
 */
int nsiso_spec_oom_score_adj(struct nsiso_spec *spec, int score, struct nsiso_error **reterr);

/**
 * Lets the process and its descendants gain no privilege by executing: setuid bits and file
 * capabilities have no effect for them.
 *
 * spec: is changed.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege. First kernel: 3.5. See
 * prctl(2), PR_SET_NO_NEW_PRIVS.
 */
int nsiso_spec_no_new_privs(struct nsiso_spec *spec,
                            struct nsiso_error **reterr);

/**
 * Gives up when the set-up takes longer: from nsiso_spawn's begin until the command executes, or from
 * nsiso_spawn_function's until the function is called.
 * Without it there is no limit.
 *
 * spec: is changed.
 * milliseconds: how long; 0 leaves it no time. For nsiso_spawn_held, the time until nsiso_held_release
 * has returned, the caller's own in between included.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. The start is then -ETIMEDOUT, and nothing is left of it.
 * MT-Safe race:spec.
 */
int nsiso_spec_timeout(struct nsiso_spec *spec,
                       uint64_t milliseconds,
                       struct nsiso_error **reterr);

/**
 * Starts from a copy of the caller's memory, as fork(2) does: the way where a child cannot share
 * it (valgrind, qemu-user). The results are the same; the cost grows with the caller.
 *
 * spec: is changed.
 * reterr: see the top of this file.
 *
 * Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege. See clone(2), CLONE_VM.
 */
int nsiso_spec_own_memory(struct nsiso_spec *spec,
                          struct nsiso_error **reterr);

/**
 * The library's version at run time, for instance "0.1.0". The string lives for ever. Cannot fail.
 */
const char *nsiso_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NSISO_H */
