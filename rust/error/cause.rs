//! Why something was refused: each cause's phrase, and what to do about it.
#![forbid(unsafe_code)]

use std::fmt;

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident: $text:literal, $remedy:literal;)*) => {
        /// Why something was refused: the causes that nsiso tells apart.
        ///
        /// `Display` gives a short phrase that stays the same from release to release.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[$doc])* $name,)*
        }

        impl Cause {
            /// Every cause.
            pub const ALL: &'static [Cause] = &[$(Cause::$name),*];

            /// The phrase that `Display` gives.
            pub const fn as_str(self) -> &'static str {
                match self { $(Cause::$name => $text),* }
            }

            /// What to do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Cause::$name => $remedy),* }
            }
        }
    };
}

causes! {
    /// Nothing more is known than the errno.
    Unknown: "the kernel gave no more than its errno", "";
    /// A word or number of the caller's cannot be meant.
    BadArgument: "an argument cannot be meant", "see the documentation of the call for what it takes";
    /// `setns(pidfd, CLONE_NEWNS|…)` while threads share one `fs_struct`.
    ThreadsShareRoot:
        "threads share the root and working directory",
        "a pidfd setns with CLONE_NEWNS would move them in every thread: call unshare(CLONE_FS) on this thread first, or join in a child process";
    /// The call wants a process with one thread.
    Threads:
        "the process has more than one thread",
        "do it in a child process, which starts with one thread";
    /// CAP_SYS_ADMIN is missing, and a user namespace of one's own would give it.
    NoPrivilege:
        "the caller has no CAP_SYS_ADMIN in its user namespace",
        "add a new user namespace to the same call, or run it as root";
    /// CAP_SETUID or CAP_SETGID is missing.
    NoIdPrivilege:
        "the caller has no CAP_SETUID and CAP_SETGID in its user namespace",
        "add a new user namespace with a map of these ids, or run it as root";
    /// CAP_SYS_ADMIN over the namespace to join is missing.
    NotOwner:
        "the caller has no CAP_SYS_ADMIN over the namespace it wants to join",
        "join its user namespace in the same call by a pidfd, or run it as root";
    /// A namespace to join belongs to a user namespace that is neither the one joined before nor below it.
    ForeignOwner:
        "the namespace is owned by a user namespace in which there is no power",
        "leave out this kind, or join it before the user namespace, with power over its owner";
    /// A pid namespace to join that is not below the caller's.
    NotDescendant:
        "the pid namespace to join is not the caller's own or below it",
        "join it from a process in it or further out";
    /// A namespace descriptor of another kind than asked for, or no namespace descriptor at all.
    WrongDescriptor:
        "the descriptor is not of the kind that nstype names",
        "pass 0 or its own kind with a namespace's descriptor, or a mask of kinds with a pidfd";
    /// One's own user namespace cannot be joined.
    OwnUserNamespace:
        "the user namespace to join is the caller's own",
        "leave it out: the caller is in it already";
    /// A file or descriptor that is no namespace.
    NotNamespace:
        "it is no namespace",
        "name a link under /proc/PID/ns, a bind mount of one, or a descriptor of either";
    /// A descriptor that is no socket.
    NotSocket: "the descriptor is no socket", "pass a socket's descriptor";
    /// Only pid and user namespaces lie in each other.
    NoHierarchy:
        "namespaces of this kind do not lie in each other",
        "ask a pid or user namespace, or ask for the user namespace that owns it";
    /// A thread of many cannot be alone in it, or could not leave it.
    NotForAThread:
        "a thread cannot visit a namespace of this kind",
        "run a function in a process of its own in it; for mnt on a thread of its own";
    /// Sockets are made in net namespaces.
    NotNetNamespace: "it is no net namespace", "name a net namespace";
    /// A set of namespaces that is to go back into a pool.
    SetInUse:
        "something else holds the set of namespaces as well",
        "drop the specs that join it, and its clones, before it is given back";
    /// A pool has as many sets as it may have.
    PoolFull: "the pool is full", "drop the set, or make the pool larger";
    /// Process numbers are of pid namespaces.
    NotPidNamespace: "it is no pid namespace", "ask a pid namespace";
    /// No process has this number there.
    NoSuchProcess:
        "there is no such process, or it has no number there",
        "name a process of that pid namespace or of one below it";
    /// What it is asked for is neither the caller's own nor below that.
    OutsideOwn:
        "the answer is outside the caller's own namespace, where nobody is told",
        "ask from a process further out";
    /// A saved namespace that cannot be opened.
    GoneOrForeign:
        "the namespace is gone, or the caller has no CAP_SYS_ADMIN over it",
        "keep a descriptor or a bind mount of what is to last, or run it as who made it";
    /// CAP_SYS_ADMIN in the user namespace that owns the caller's mount namespace is missing.
    NoMountPrivilege:
        "the caller has no CAP_SYS_ADMIN in the user namespace that owns its mount namespace",
        "do it in new user and mnt namespaces, keep the namespace in a registry, or run it as root";
    /// The kernel copies no mount of a mnt namespace to where another mount namespace would see it.
    SharedTarget:
        "a mnt namespace cannot be mounted where other mount namespaces see it",
        "make the directory a private mount first: mount --bind DIR DIR; mount --make-private DIR";
    /// A mount namespace that would hold itself, or one that the kernel takes for it: since Linux 6.18 it goes by
    /// numbers that each CPU gives out for itself.
    OlderMountNamespace:
        "the mnt namespace is the caller's own, or the kernel takes it for an older one",
        "keep it in a registry, keep a descriptor of it, or make it on the CPU where the caller's own was made";
    /// A mount that came from a more privileged mount namespace.
    LockedMount:
        "the mount was there when this less privileged mount namespace was made, or it is in another one",
        "unmount it in the mount namespace where it was mounted";
    /// There is no directory to make a file in.
    NoDirectory: "the directory does not exist", "make it first, or name another";
    /// A directory that is closed to the caller.
    DirectoryForbidden:
        "the caller may not make, find or remove files in the directory",
        "name another directory, or run it as the directory's owner";
    /// A file that is not written over.
    PathTaken: "there is a file at the path already", "name another path, or remove the file first";
    /// As [`Cause::PathTaken`].
    PathIsNamespaces:
        "the path is a namespace's already",
        "name another path, or release that namespace first";
    /// A name that no registry takes.
    BadName:
        "it is no name for a registry",
        "choose 1 to 200 bytes without a slash, not beginning with a dot";
    /// A name of a registry that is in use.
    NameTaken:
        "a namespace of this kind has the name already",
        "choose another name, or remove that one first";
    /// An entry of a registry that cannot be judged from here.
    KeptElsewhere:
        "it is kept in another mount namespace, or by a process of another pid namespace",
        "do it from there";
    /// A registry's directory that others could change.
    UnsafeDirectory:
        "the registry's directory belongs to another user, or others may write to it",
        "name a directory of one's own, with mode 0700";
    /// There is no place for a registry of an ordinary user's.
    NoRuntimeDirectory:
        "XDG_RUNTIME_DIR is not set to an absolute path, and the caller may not mount",
        "set XDG_RUNTIME_DIR to a directory of one's own, or name the registry's directory";
    /// Nothing to open or to release.
    NothingKept: "nothing is kept there", "look for the name in the list or directory: it may have been removed";
    /// There are no file handles of namespaces.
    NoSaving:
        "this kernel has no file handles of namespaces, or a filter refuses them",
        "keep a descriptor or a bind mount instead, or use Linux 6.18";
    /// CAP_NET_ADMIN over a socket's namespace is missing.
    NoNetPrivilege:
        "the caller has no CAP_NET_ADMIN in the user namespace that owns the net namespace",
        "ask from within that user namespace, or run it as root";
    /// The descriptor is closed or opened with O_PATH.
    BadDescriptor:
        "the descriptor is closed, or was opened with O_PATH",
        "open /proc/PID/ns/KIND for reading, or take a pidfd";
    /// The process behind a pidfd has ended.
    ProcessEnded: "the process has ended", "keep a namespace's own descriptor: it outlives the process";
    /// `user.max_*_namespaces` of the caller's own user namespace.
    Limit:
        "user.max_*_namespaces is reached",
        "raise /proc/sys/user/max_*_namespaces, or end namespaces that are no longer used";
    /// A limit of another user namespace; its files cannot be read from here, and neither can the depth of nesting.
    LimitFurtherOut:
        "a limit on namespaces is reached in another user namespace, or they are nested 32 levels deep",
        "raise /proc/sys/user/max_*_namespaces further out, or start from there";
    /// As many pid namespaces in each other as the kernel has.
    Nesting:
        "namespaces are nested as deep as the kernel allows, which is 32 levels",
        "start from a namespace further out";
    /// Net namespaces count against their limit until the kernel has cleaned up after them.
    NetTeardown:
        "user.max_net_namespaces is reached, by namespaces in use or still being torn down",
        "try again in a moment, end those in use, or raise /proc/sys/user/max_net_namespaces";
    /// The first process of the pid namespace for children has ended.
    InitGone:
        "the pid namespace for children has lost its first process",
        "start the first process anew with CLONE_NEWPID, and let it outlive the others";
    /// The caller's next child is the first of another pid namespace, or in one already.
    ChildrenElsewhere:
        "the caller's children are in another pid namespace than it is",
        "make the new pid namespace in such a child";
    /// The root directory is not that of the mount namespace.
    Chroot:
        "the caller is in a chroot, where the kernel makes no user namespace",
        "use pivot_root instead of chroot, or start from outside";
    /// A nested user namespace, made by somebody whose own ids are not mapped.
    Unmapped:
        "the caller's ids are not mapped in its user namespace",
        "write uid_map and gid_map of the outer user namespace first";
    /// The sysctl of Debian's kernels.
    SysctlForbids:
        "kernel.unprivileged_userns_clone is 0",
        "set it to 1, or run it as root";
    /// The sysctl of Ubuntu's kernels: what a new user namespace would give is refused.
    AppArmorRestricts:
        "kernel.apparmor_restrict_unprivileged_userns is 1, and the program has no AppArmor profile that allows user namespaces",
        "give the program a profile with the rule userns, set the sysctl to 0, or run it as root";
    /// The child's files in /proc belong to root.
    NotDumpable:
        "the caller's memory may not be dumped, which gives its files in /proc to root",
        "call prctl(PR_SET_DUMPABLE, 1) before, or make the program file readable";
    /// Since Linux 5.12 it takes CAP_SETFCAP to hand on the user id 0.
    NoSetfcap:
        "the caller has no CAP_SETFCAP, without which user 0 cannot be mapped",
        "keep CAP_SETFCAP, or start as another user";
    /// Each map can be written once.
    MapWritten:
        "the id map has been written before, which can be done once",
        "leave it to one of the two: the library, or whoever writes the maps of its children";
    /// Outside ids of a map that the caller's user namespace does not have in one piece.
    OutsideUnmapped:
        "outside ids of the map do not exist in the caller's user namespace",
        "map ids of the first column of /proc/self/uid_map and gid_map, no more of them than each line has";
    /// An id of the process to be that its user namespace does not have.
    IdUnmapped:
        "the id is not mapped in the user namespace",
        "map it, or choose one of those that are mapped inside";
    /// /proc/PID/setgroups says deny.
    SetgroupsDenied:
        "setgroups is denied in the user namespace, as it is with a map of the caller's own id",
        "leave out groups, or map several ids, which newgidmap or root writes";
    /// More lines or text than one write of a map may have.
    MapTooLong:
        "the id map is too long",
        "use fewer ranges: 340 lines, and less text than a page, go into one map";
    /// Outside ids that no line of /etc/subuid or /etc/subgid gives the user.
    NotGranted:
        "no line of /etc/subuid or /etc/subgid grants these ids",
        "add a line with usermod --add-subuids FIRST-LAST or --add-subgids, or let root write the map";
    /// newuidmap or newgidmap is not there.
    HelperMissing:
        "newuidmap or newgidmap is not installed",
        "install them (Debian: uidmap), map a single id, or let root write the map";
    /// newuidmap or newgidmap ran without privilege, by its own fault.
    HelperPowerless:
        "newuidmap or newgidmap is not setuid root, or its file system is nosuid",
        "make them setuid root (chmod u+s) on a file system without nosuid, or let root write the map";
    /// newuidmap or newgidmap ran without privilege, by the caller's.
    NoNewPrivs:
        "the caller has no_new_privs, with which newuidmap and newgidmap gain nothing",
        "start from a process without no_new_privs, map a single id, or let root write the map";
    /// newuidmap and newgidmap want to know the name of the user.
    NamelessUser:
        "the user has no entry in /etc/passwd, which newuidmap and newgidmap ask for",
        "add one, map a single id, or let root write the map";
    /// A control group that is not there, or is being removed.
    NoGroup: "there is no such control group", "make its directory first, below /sys/fs/cgroup";
    /// A control group, or the one further out that it shares with the caller's, whose `cgroup.procs` is closed to the caller.
    GroupForbidden:
        "the caller may not write to the control group",
        "have it delegated (cgroup.procs of it and of the nearest group above both), or run it as root";
    /// Version 2: the inner nodes of the tree have no processes, nor have those beside a threaded group.
    GroupTakesNone:
        "the control group may have no processes: it hands controllers on to groups below it, or is beside threaded ones",
        "name a group below it, or change cgroup.subtree_control or cgroup.type";
    /// None of the groups has the file of a limit.
    NoController:
        "none of the named control groups has the controller of this limit",
        "name a group of the controller's hierarchy (version 1), or enable it in cgroup.subtree_control above (version 2)";
    /// It took longer than its timeout.
    TimedOut: "the set-up took longer than its timeout", "give it more time, or look what the step waits for";
    /// Somebody sent the child SIGKILL before it executed.
    KilledInSetUp:
        "the child was killed during its set-up",
        "look who kills processes: a memory limit, a watchdog, a clean-up by name";
    /// It was cancelled.
    Cancelled: "the set-up was cancelled", "start it again";
    /// Masked or covered /proc.
    MaskedProc:
        "parts of the caller's /proc are covered or read-only, or it is not mounted",
        "start from outside the container or mount it in full there, or leave out proc";
    /// The root directory is no mount point.
    RootNotMount:
        "the root directory is not a mount point",
        "bind it onto itself first, or start from outside the chroot";
    /// The offset would set the clock before 0 or beyond what it can show.
    OffsetOutOfRange:
        "with the offset the clock would be negative or too great",
        "choose an offset that leaves the clock between 0 and 146 years";
    /// A program that the kernel cannot run.
    NotExecutable:
        "the file is no program that this kernel runs",
        "make it executable, or name its interpreter in the first line";
    /// A program that is not there.
    NoProgram: "there is no such program", "give its path, or put its directory on PATH";
    /// Another part of this process waited for the child first.
    ReapedByOthers:
        "somebody else in this process has reaped the child",
        "do not wait for any child (waitpid of -1), or run on Linux 6.15, which keeps the status";
    /// The handle was copied by a fork.
    ForkedCopy:
        "this is a forked copy of the process that started the child",
        "wait in the process that started it";
    /// A line that is not of the documented form.
    UnknownMountLine:
        "the line is not of the form that proc(5) documents for mountinfo",
        "look at the line: the text may be another file's, or from a kernel with fields that this version does not know";
    /// Mounts of which statmount does not tell what mountinfo does.
    NoStatmount:
        "statmount does not tell what the process sees: the kernel is too old, a filter refuses it, or the process has another root directory or owner",
        "leave the choice of the route to the library";
    /// Another user's process.
    NotTraceable:
        "the caller may not trace the process",
        "run it as the process's own user, or with CAP_SYS_PTRACE";
    /// A descriptor that waits in a socket to be received.
    InFlight:
        "nobody has received them yet",
        "ask for an intrusive survey, which reads messages without taking them";
    /// CAP_SYS_ADMIN of the initial user namespace is missing, or the initial pid namespace is not one's own.
    NotMachineRoot:
        "the caller is not root of the whole machine",
        "run it as root in the machine's first user and pid namespaces";
    /// Processes of an outer pid namespace, which this /proc does not show.
    OuterProcesses:
        "this /proc shows a pid namespace that is not the machine's first",
        "ask from a process further out";
    /// A /proc that shows only the caller's own processes.
    HiddenProcesses:
        "/proc is mounted with hidepid",
        "run it with CAP_SYS_PTRACE, or as a member of the group that the mount names";
    /// CAP_SYS_RESOURCE of the initial user namespace is missing.
    NoResourcePrivilege:
        "the caller has no CAP_SYS_RESOURCE in the initial user namespace",
        "ask for no more than the hard limit and no less than the score that the caller has, or run it as root";
    /// Neither the kernel nor a filter must refuse pidfds.
    NoPidfd:
        "this kernel has no pidfds, or a seccomp filter refuses them",
        "allow pidfd_open and pidfd_send_signal in the container's or service's profile, or use Linux 5.3";
    /// The kernel was built or booted without this kind.
    NoSuchKind: "this kernel has no namespaces of this kind", "use a kernel that is configured for it";
    /// clone3 is filtered, and clone cannot do the same.
    Clone3Refused:
        "a seccomp filter refuses clone3, and clone cannot do this",
        "allow clone3 in the container's or service's profile, or leave out CLONE_PARENT, CLONE_THREAD or CLONE_NEWTIME";
    /// A filter or module refused what the kernel itself would allow.
    Filter:
        "a seccomp filter or security module refuses it",
        "allow the call in the container's or service's profile";
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
