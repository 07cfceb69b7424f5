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
 * the object named until that is freed. All functions may be called from any thread at any time.
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
 * nsiso_probe_kind: it cannot be created.
 */
#define NSISO_PROBE_NO 0

/**
 * nsiso_probe_kind: it can be created as the caller is.
 */
#define NSISO_PROBE_YES 1

/**
 * nsiso_probe_kind: it can be created together with a new user namespace.
 */
#define NSISO_PROBE_WITH_USER 2

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
 * Why a call failed. Owned by the caller, who frees it; may be used by one thread at a time.
 */
typedef struct nsiso_error nsiso_error;

/**
 * What was allowed when it was made. May be read by many threads at once.
 */
typedef struct nsiso_probe nsiso_probe;

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
 * thread before, or join in a child.
 *
 * MT-Safe; changes the calling thread only. First kernel: 3.0. See setns(2).
 */
int nsiso_setns(int fd, int nstype);

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
 * Tries each kind of namespace in a throw-away child. Takes some milliseconds.
 *
 * flags: 0.
 * ret_probe: the answers, to be freed with nsiso_probe_free; written on success.
 * reterr: see the top of this file.
 *
 * Returns 0, or: -EAGAIN or -ENOMEM no child could be started, -EINVAL a NULL or an unknown flag.
 * MT-Safe; the caller's own namespaces, signals and descriptors stay as they are.
 */
int nsiso_probe_new(uint32_t flags, struct nsiso_probe **ret_probe, struct nsiso_error **reterr);

/**
 * Whether namespaces of this kind can be created: NSISO_PROBE_NO, _YES or _WITH_USER; NO for NULL
 * or for anything but exactly one kind. Cannot fail.
 */
int nsiso_probe_kind(const struct nsiso_probe *probe, nsiso_kinds kind);

/**
 * Why not. Borrowed from the probe; NULL when the kind can be created. Cannot fail.
 */
const char *nsiso_probe_cause(const struct nsiso_probe *probe, nsiso_kinds kind);

/**
 * What to do about it. Borrowed from the probe; NULL when the kind can be created. Cannot fail.
 */
const char *nsiso_probe_remedy(const struct nsiso_probe *probe, nsiso_kinds kind);

/**
 * Frees a probe. NULL is allowed. Returns NULL.
 */
struct nsiso_probe *nsiso_probe_free(struct nsiso_probe *probe);

/**
 * The library's version at run time, for instance "0.1.0". The string lives for ever. Cannot fail.
 */
const char *nsiso_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NSISO_H */
