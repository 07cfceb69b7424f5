//! By what a namespace was found, which is also how it is opened.
#![forbid(unsafe_code)]

use crate::kind::Kind;
use crate::sys::directory::Directory;
use crate::sys::Errno;
use std::ffi::CString;
use std::os::fd::OwnedFd;

/// The roads to a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// The caller is in it.
    Own,
    /// A process is in it.
    Process(i32),
    /// A thread is in it: its process's number and its own.
    Thread(i32, i32),
    /// A thread's children will be in it.
    ForChildren(i32, i32),
    /// A descriptor of a process.
    Descriptor(i32, i32),
    /// A socket that is a descriptor of a process.
    Socket(i32, i32),
    /// A descriptor on its way through a socket that is a descriptor of a process.
    InFlight(i32, i32),
    /// A mount: the number of its [`Point`].
    Mount(u32),
    /// It is the owner of a row.
    OwnerOf(u32),
    /// It is what a row lies in.
    ParentOf(u32),
    /// The kernel listed it.
    Listed,
}

/// Where a namespace is mounted.
#[derive(Clone, Debug)]
pub struct Point {
    /// The row of the mount namespace.
    pub mnt: u32,
    /// The mount point, as the processes in it see it.
    pub path: Box<[u8]>,
}

impl Way {
    /// Opens what is there now, where a link of /proc leads there.
    pub fn open(&self, proc: &Directory, kind: Kind) -> Result<OwnedFd, Errno> {
        let path = match self {
            Way::Own => format!("thread-self/ns/{kind}"),
            Way::Process(pid) => format!("{pid}/ns/{kind}"),
            Way::Thread(pid, tid) => format!("{pid}/task/{tid}/ns/{kind}"),
            Way::ForChildren(pid, tid) => format!("{pid}/task/{tid}/ns/{kind}_for_children"),
            Way::Descriptor(pid, fd) => format!("{pid}/fd/{fd}"),
            _ => return Err(Errno(libc::ENOENT)),
        };
        proc.file(&CString::new(path).map_err(|_| Errno(libc::EINVAL))?)
    }

    /// Whether a link of /proc leads there.
    pub fn is_link(self) -> bool {
        matches!(
            self,
            Way::Own | Way::Process(_) | Way::Thread(..) | Way::ForChildren(..) | Way::Descriptor(..)
        )
    }

    /// The same with other numbers of rows.
    pub fn with_rows(self, place: impl Fn(u32) -> u32) -> Way {
        match self {
            Way::OwnerOf(row) => Way::OwnerOf(place(row)),
            Way::ParentOf(row) => Way::ParentOf(place(row)),
            way => way,
        }
    }
}
