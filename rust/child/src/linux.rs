//! The kernel's numbers that the child uses: of system calls, flags and errnos.
//!
//! Named as in its headers and written down here, because the helper is linked with nothing that could tell
//! them. A build for tests compares each with the libc crate's.
#![forbid(unsafe_code)]

use core::ffi::{c_int, c_long, c_short, c_uint, c_ulong};

/// Constants of one type, some of which the library uses and some the helper; a build for tests fails where libc has another value.
macro_rules! numbers {
    ($kind:ty: $($name:ident = $value:expr,)*) => {$(
        #[allow(non_upper_case_globals, dead_code)]
        pub const $name: $kind = $value;
        #[cfg(test)]
        const _: () = assert!($name as i128 == libc::$name as i128);
    )*};
}

#[cfg(target_arch = "x86_64")]
numbers! { c_long:
    SYS_read = 0,
    SYS_write = 1,
    SYS_close = 3,
    SYS_mmap = 9,
    SYS_rt_sigaction = 13,
    SYS_rt_sigprocmask = 14,
    SYS_ioctl = 16,
    SYS_nanosleep = 35,
    SYS_getpid = 39,
    SYS_socket = 41,
    SYS_recvmsg = 47,
    SYS_clone = 56,
    SYS_execve = 59,
    SYS_exit = 60,
    SYS_fcntl = 72,
    SYS_chdir = 80,
    SYS_fchdir = 81,
    SYS_umask = 95,
    SYS_setpgid = 109,
    SYS_setsid = 112,
    SYS_setgroups = 116,
    SYS_setresuid = 117,
    SYS_setresgid = 119,
    SYS_capget = 125,
    SYS_capset = 126,
    SYS_prctl = 157,
    SYS_chroot = 161,
    SYS_mount = 165,
    SYS_sethostname = 170,
    SYS_setdomainname = 171,
    SYS_futex = 202,
    SYS_getdents64 = 217,
    SYS_exit_group = 231,
    SYS_openat = 257,
    SYS_ppoll = 271,
    SYS_unshare = 272,
    SYS_set_robust_list = 273,
    SYS_signalfd4 = 289,
    SYS_dup3 = 292,
    SYS_prlimit64 = 302,
    SYS_setns = 308,
    SYS_execveat = 322,
}

#[cfg(target_arch = "aarch64")]
numbers! { c_long:
    SYS_dup3 = 24,
    SYS_fcntl = 25,
    SYS_ioctl = 29,
    SYS_mount = 40,
    SYS_chdir = 49,
    SYS_fchdir = 50,
    SYS_chroot = 51,
    SYS_openat = 56,
    SYS_close = 57,
    SYS_getdents64 = 61,
    SYS_read = 63,
    SYS_write = 64,
    SYS_ppoll = 73,
    SYS_signalfd4 = 74,
    SYS_capget = 90,
    SYS_capset = 91,
    SYS_exit = 93,
    SYS_exit_group = 94,
    SYS_unshare = 97,
    SYS_futex = 98,
    SYS_set_robust_list = 99,
    SYS_nanosleep = 101,
    SYS_rt_sigaction = 134,
    SYS_rt_sigprocmask = 135,
    SYS_setresuid = 147,
    SYS_setresgid = 149,
    SYS_setpgid = 154,
    SYS_setsid = 157,
    SYS_setgroups = 159,
    SYS_sethostname = 161,
    SYS_setdomainname = 162,
    SYS_umask = 166,
    SYS_prctl = 167,
    SYS_getpid = 172,
    SYS_socket = 198,
    SYS_recvmsg = 212,
    SYS_clone = 220,
    SYS_execve = 221,
    SYS_mmap = 222,
    SYS_prlimit64 = 261,
    SYS_setns = 268,
    SYS_execveat = 281,
}

numbers! { c_long:
    SYS_pidfd_send_signal = 424,
    SYS_clone3 = 435,
    SYS_close_range = 436,
}

numbers! { c_int:
    EPERM = 1,
    ENOENT = 2,
    EACCES = 13,
    ENOTDIR = 20,
    EINVAL = 22,
    ENOSPC = 28,
    EIO = 5,
    ENOEXEC = 8,
    ENOSYS = 38,

    CLONE_VM = 0x100,
    CLONE_PARENT = 0x8000,
    CLONE_NEWUSER = 0x1000_0000,
    CLONE_NEWNET = 0x4000_0000,
    CLONE_PARENT_SETTID = 0x10_0000,
    CLONE_CHILD_CLEARTID = 0x20_0000,
    CLONE_CHILD_SETTID = 0x100_0000,

    AT_FDCWD = -100,
    AT_EMPTY_PATH = 0x1000,
    O_RDONLY = 0,
    O_WRONLY = 1,
    O_CLOEXEC = 0o2_000_000,
    F_SETFD = 2,
    FD_CLOEXEC = 1,
    FUTEX_WAKE = 1,
    PROT_READ = 1,
    PROT_WRITE = 2,
    MAP_SHARED = 1,
    MAP_FIXED_NOREPLACE = 0x10_0000,

    SIGILL = 4,
    SIGTRAP = 5,
    SIGABRT = 6,
    SIGBUS = 7,
    SIGFPE = 8,
    SIGKILL = 9,
    SIGSEGV = 11,
    SIGPIPE = 13,
    SIGCHLD = 17,
    SIGSTOP = 19,
    SIGTSTP = 20,
    SIGTTIN = 21,
    SIGTTOU = 22,
    SIGXFSZ = 25,
    SIGSYS = 31,
    SFD_CLOEXEC = 0o2_000_000,
    SFD_NONBLOCK = 0o4_000,
    SIG_SETMASK = 2,

    AF_INET = 2,
    SOCK_DGRAM = 2,
    SOCK_CLOEXEC = 0o2_000_000,
    IFF_UP = 1,
    IFF_RUNNING = 0x40,

    PR_SET_NAME = 15,
    PR_SET_SECCOMP = 22,
    PR_CAPBSET_DROP = 24,
    PR_CAP_AMBIENT = 47,
    PR_CAP_AMBIENT_RAISE = 2,
    PR_CAP_AMBIENT_CLEAR_ALL = 4,
}

#[cfg(target_arch = "x86_64")]
numbers! { c_int:
    O_DIRECTORY = 0o200_000,
}

#[cfg(target_arch = "aarch64")]
numbers! { c_int:
    O_DIRECTORY = 0o40_000,
}

numbers! { c_short:
    POLLIN = 1,
}

numbers! { c_uint:
    BPF_LD = 0,
    BPF_JMP = 5,
    BPF_RET = 6,
    BPF_W = 0,
    BPF_ABS = 0x20,
    BPF_JEQ = 0x10,
    BPF_K = 0,
    SECCOMP_MODE_FILTER = 2,
    SECCOMP_RET_ALLOW = 0x7fff_0000,
    SECCOMP_RET_ERRNO = 0x5_0000,
}

numbers! { c_ulong:
    TIOCSCTTY = 0x540e,
    SIOCSIFFLAGS = 0x8914,
}

/// Handlers of signals, by number as the kernel has them.
pub const SIG_DFL: usize = 0;
/// See [`SIG_DFL`].
pub const SIG_IGN: usize = 1;

/// `struct pollfd`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PollFd {
    pub fd: c_int,
    pub events: c_short,
    pub revents: c_short,
}
