//! What the child is told to do: a borrowed list of steps with everything they need made ready.
//!
//! # Safety
//!
//! The one unsafe promise is [`Argv::new`]'s: an array of C strings that ends in NULL.
#![allow(unsafe_code)]

use crate::stub::CloneFn;
use core::ffi::{c_char, c_int, c_ulong, c_void, CStr};
use core::marker::PhantomData;

/// The steps of one child, in order. `Copy` and without `Drop`: nothing is left to do when it ends.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Program<'a> {
    /// What to do; the last one is [`Op::Exec`] or [`Op::Exit`].
    pub ops: &'a [Op<'a>],
    /// Whether to put the signal handlers back to their defaults one by one, for want of
    /// `CLONE_CLEAR_SIGHAND`.
    pub reset_handlers: bool,
    /// The signal mask that the program starts with.
    pub signal_mask: u64,
    /// Without `CLONE_VM`: the close-on-exec end of a pipe whose other end the parent reads, a byte at each
    /// [`Op::Await`] and [`Op::Call`], and its end when all processes have executed or ended. Else -1:
    /// [`Report::state`] tells.
    ///
    /// [`Report::state`]: crate::Report::state
    pub notice: c_int,
    /// Descriptors of the set-up that no function shall find, -1 for none; an exec closes them by itself.
    pub own: [c_int; 4],
    /// For a successor in a copy that libc's fork has made; nothing else has a libc.
    pub thread: ThreadState,
}

/// What libc's fork sets up for a child's thread and clone(2) does not: addresses, 0 for none.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadState {
    /// Where libc keeps the thread's id, and the kernel clears it.
    pub tid_address: usize,
    /// The head of the list of robust mutexes.
    pub robust_list: usize,
    /// The head's length in bytes.
    pub robust_length: usize,
}

/// One step: one system call, or a few that only make sense together.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[repr(C)]
pub enum Op<'a> {
    /// unshare(2).
    Unshare {
        /// `CLONE_NEW*` bits.
        flags: u32,
    },
    /// setns(2) of each, one after the other.
    Setns {
        /// A namespace's descriptor or a pidfd, and `CLONE_NEW*` bits.
        namespaces: &'a [(c_int, u32)],
    },
    /// clone(2) with `CLONE_PARENT`: the steps that follow are performed by a new process, which alone
    /// is in the pid namespace that was joined or is made here; this one ends.
    Fork {
        /// `CLONE_NEW*` bits.
        flags: u32,
        /// One past the highest byte of the new process's stack, under `CLONE_VM`; [`crate::OWN_FRAME`]; or 0 for a
        /// process with a memory of its own.
        stack: usize,
    },
    /// Says that all before is done, and waits for the parent's word; ends if the parent ends.
    Await {
        /// An eventfd, or the reading end of a pipe, that the parent writes to.
        gate: c_int,
        /// The parent's own pidfd; -1 for none.
        parent: c_int,
        /// Without that: the pipe's writing end, which is to be the parent's alone. Else -1.
        writing: c_int,
    },
    /// openat(2), write(2) in one piece, close(2): how id maps and offsets are written.
    Write {
        /// Where a path that does not begin with a slash leads from.
        directory: c_int,
        /// An existing file.
        path: &'a CStr,
        /// All of it, in one write.
        text: &'a [u8],
    },
    /// mount(2).
    Mount {
        /// What to mount; `None` where the kernel ignores it.
        source: Option<&'a CStr>,
        /// Where.
        target: &'a CStr,
        /// Type of file system; `None` where the kernel ignores it.
        fstype: Option<&'a CStr>,
        /// `MS_*` bits.
        flags: c_ulong,
    },
    /// sethostname(2).
    Sethostname {
        /// At most 64 bytes.
        name: &'a [u8],
    },
    /// setdomainname(2).
    Setdomainname {
        /// At most 64 bytes.
        name: &'a [u8],
    },
    /// socket(2) and ioctl(2) `SIOCSIFFLAGS`: brings `lo` up.
    LoopbackUp,
    /// chdir(2).
    Chdir {
        /// Where.
        path: &'a CStr,
    },
    /// fchdir(2).
    ChangeDirectory {
        /// An open directory, also of `O_PATH`.
        fd: c_int,
    },
    /// fchdir(2) and chroot(2) to where that leads.
    ChangeRoot {
        /// An open directory, also of `O_PATH`.
        fd: c_int,
    },
    /// umask(2).
    Umask {
        /// Permission bits to leave out.
        mask: u32,
    },
    /// setsid(2).
    Setsid,
    /// setpgid(2) of this process.
    Setpgid {
        /// A process group, 0 for an own one.
        group: i32,
    },
    /// ioctl(2) `TIOCSCTTY`: a terminal becomes the session's.
    ControllingTerminal {
        /// The terminal.
        fd: c_int,
    },
    /// prlimit(2) of this process.
    Rlimit {
        /// `RLIMIT_*`.
        resource: u32,
        /// Soft and hard limit.
        limits: [u64; 2],
    },
    /// setgroups(2).
    Setgroups {
        /// All supplementary groups.
        groups: &'a [u32],
    },
    /// setresgid(2), all three.
    Setgid {
        /// Group id, as in the child's user namespace.
        gid: u32,
    },
    /// setresuid(2), all three. Only in a process with a memory of its own: it changes whether that may be dumped.
    Setuid {
        /// User id, as in the child's user namespace.
        uid: u32,
    },
    /// Keeps these capabilities of those there are, in all five sets and over exec.
    KeepCapabilities {
        /// The kernel's bits.
        keep: u64,
    },
    /// seccomp(2): EPERM to the ioctl(2) requests that type into a terminal.
    ForbidTyping,
    /// prctl(2).
    Prctl {
        /// `PR_*`.
        option: c_int,
        /// Its first argument; the others are 0.
        argument: c_ulong,
    },
    /// dup3(2) of each pair, and fcntl(2) where both are the same: what the program finds where.
    Descriptors {
        /// From and to; no number that one pair writes is read by a later one.
        moves: &'a [(c_int, c_int)],
    },
    /// close_range(2): marks all other descriptors close-on-exec.
    CloseOnExec {
        /// First and last number of each range.
        ranges: &'a [(u32, u32)],
    },
    /// execve(2) of the first of these that is there, as execvp(3) seeks; does not come back.
    Exec {
        /// Where the program file may be.
        paths: Argv<'a>,
        /// Its arguments, its own name first.
        argv: Argv<'a>,
        /// Its environment.
        envp: Argv<'a>,
    },
    /// Calls a function and ends with its result; for a copy of the caller, in which libc works.
    Call {
        /// More descriptors of the set-up that it shall not find.
        close: &'a [c_int],
        /// The function.
        function: CloneFn,
        /// Passed to it.
        argument: *mut c_void,
    },
    /// execveat(2) of an open program file of the library's own, which starts with all signals blocked and SIGCHLD
    /// ignored; does not come back.
    ExecFd {
        /// The file.
        fd: c_int,
        /// Its arguments.
        argv: Argv<'a>,
    },
    /// exit_group(2); does not come back.
    Exit {
        /// Exit status.
        status: c_int,
    },
}

/// An array of C strings as execve(2) wants it.
#[derive(Clone, Copy, Debug)]
pub struct Argv<'a> {
    pointer: *const *const c_char,
    strings: PhantomData<&'a [&'a CStr]>,
}

impl<'a> Argv<'a> {
    /// Borrows an array of pointers whose last one is NULL.
    ///
    /// # Safety
    ///
    /// For as long as `'a`, every pointer before the NULL must lead to a C string.
    pub const unsafe fn new(pointer: *const *const c_char) -> Argv<'a> {
        Argv { pointer, strings: PhantomData }
    }

    /// Where the array is.
    pub fn address(self) -> usize {
        self.pointer as usize
    }

    /// The addresses of the strings, without the NULL.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut next = self.pointer;
        core::iter::from_fn(move || {
            // SAFETY: `next` leads to a pointer of the array, as it never passes the NULL.
            let string = unsafe { *next };
            if string.is_null() {
                return None;
            }
            next = next.wrapping_add(1);
            Some(string as usize)
        })
    }
}
