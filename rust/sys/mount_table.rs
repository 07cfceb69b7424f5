//! Which mounts a mount namespace has, and what is known of one: listmount, statmount, statx.
//!
//! # Safety
//!
//! Calls with numbers, C strings, structures that are locals, and buffers of the length that is said.
#![allow(unsafe_code)]

use super::{Errno, Result};
use libc::{c_int, c_long};
use std::ffi::CStr;

/// Both came after the calls got the same numbers everywhere; libc has them for few machines.
const SYS_STATMOUNT: c_long = 457;
/// See [`SYS_STATMOUNT`].
const SYS_LISTMOUNT: c_long = 458;
/// All mounts of the namespace, in place of those below a mount.
const LSMT_ROOT: u64 = u64::MAX;
/// The number of a mount that is never given again (Linux 6.8).
const STATX_MNT_ID_UNIQUE: u32 = 0x4000;
/// How many mounts one call lists.
const LISTED: usize = 4096;
/// The strings of a mount are never so long: each of them is at most some pages.
const LARGEST: usize = 16 << 20;

/// What is asked for: the `STATMOUNT_*` bits.
pub mod mask {
    /// Device and flags.
    pub const SB_BASIC: u64 = 1;
    /// Numbers, options, peer groups.
    pub const MNT_BASIC: u64 = 2;
    /// The nearest peer group that the caller sees.
    pub const PROPAGATE_FROM: u64 = 4;
    /// What is mounted.
    pub const MNT_ROOT: u64 = 8;
    /// Where.
    pub const MNT_POINT: u64 = 0x10;
    /// The file system's type.
    pub const FS_TYPE: u64 = 0x20;
    /// Its options (Linux 6.11).
    pub const MNT_OPTS: u64 = 0x80;
    /// What comes behind the type and a dot (Linux 6.13).
    pub const FS_SUBTYPE: u64 = 0x100;
    /// Its source (Linux 6.13).
    pub const SB_SOURCE: u64 = 0x200;
    /// A security module's options (Linux 6.13).
    pub const OPT_SEC_ARRAY: u64 = 0x800;
    /// What the kernel can be asked for (Linux 6.15).
    pub const SUPPORTED: u64 = 0x1000;
}

/// `struct mnt_id_req` as of Linux 6.11.
#[repr(C)]
struct Request {
    size: u32,
    spare: u32,
    mount: u64,
    param: u64,
    namespace: u64,
}

impl Request {
    fn new(namespace: u64, mount: u64, param: u64) -> Request {
        Request { size: size_of::<Request>() as u32, spare: 0, mount, param, namespace }
    }
}

/// listmount(2) (Linux 6.8): the numbers of all mounts that are reachable in a mount namespace, oldest first; 0 is the
/// caller's own.
///
/// ENOSYS; EPERM: a filter, or the namespace's root is out of the caller's reach; ENOENT: no CAP_SYS_ADMIN in the
/// user namespace that owns it.
pub fn list(namespace: u64) -> Result<Vec<u64>> {
    let mut ids: Vec<u64> = Vec::new();
    loop {
        let known = ids.len();
        let request = Request::new(namespace, LSMT_ROOT, ids.last().copied().unwrap_or(0));
        ids.resize(known + LISTED, 0);
        let room = ids.get_mut(known..).unwrap_or_default();
        // SAFETY: a structure of the size that it says, and room for as many numbers as is said.
        let listed = unsafe {
            libc::syscall(SYS_LISTMOUNT, &raw const request, room.as_mut_ptr(), room.len(), 0 as c_long)
        };
        let listed = Errno::check(listed)? as usize;
        ids.truncate(known + listed);
        if listed < LISTED {
            return Ok(ids);
        }
    }
}

/// What the kernel tells of one mount: `struct statmount`, and the strings behind it.
pub struct Stat {
    bytes: Vec<u8>,
}

impl Stat {
    /// Where the strings begin.
    const STRINGS: usize = 512;

    /// Room for an answer.
    pub fn new() -> Stat {
        Stat { bytes: vec![0; 16 << 10] }
    }

    /// statmount(2) (Linux 6.8): asks of one mount what the mask says.
    ///
    /// ENOSYS; EPERM: a filter, or it is out of the caller's reach; ENOENT: it is gone, or as [`list`].
    pub fn ask(&mut self, namespace: u64, mount: u64, mask: u64) -> Result<()> {
        let request = Request::new(namespace, mount, mask);
        loop {
            let (room, length) = (self.bytes.as_mut_ptr(), self.bytes.len());
            // SAFETY: a structure of the size that it says, and room for as many bytes as is said.
            let told = unsafe { libc::syscall(SYS_STATMOUNT, &raw const request, room, length, 0 as c_long) };
            match Errno::check(told) {
                Err(Errno(libc::EOVERFLOW)) if length < LARGEST => self.bytes.resize(length * 2, 0),
                answer => return answer.map(drop),
            }
        }
    }

    fn u32_at(&self, at: usize) -> u32 {
        self.bytes
            .get(at..)
            .and_then(|bytes| bytes.first_chunk())
            .map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }

    fn u64_at(&self, at: usize) -> u64 {
        self.bytes
            .get(at..)
            .and_then(|bytes| bytes.first_chunk())
            .map_or(0, |bytes| u64::from_ne_bytes(*bytes))
    }

    /// A string, up to its NUL: empty where the kernel has none, which is when its bit is not in the answer's mask.
    fn string(&self, bit: u64, at: usize) -> &[u8] {
        if !self.has(bit) {
            return &[];
        }
        let from = Self::STRINGS + self.u32_at(at) as usize;
        let strings = self.bytes.get(from..).unwrap_or_default();
        strings.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// Whether this was answered, by its bit.
    pub fn has(&self, bit: u64) -> bool {
        self.u64_at(8) & bit != 0
    }

    /// The device's numbers.
    pub fn device(&self) -> (u32, u32) {
        (self.u32_at(16), self.u32_at(20))
    }

    /// `SB_RDONLY` and its like.
    pub fn super_flags(&self) -> u32 {
        self.u32_at(32)
    }

    /// The number of the parent that is never given again.
    pub fn unique_parent(&self) -> u64 {
        self.u64_at(48)
    }

    /// The numbers of mount and parent as in mountinfo.
    pub fn ids(&self) -> (u32, u32) {
        (self.u32_at(56), self.u32_at(60))
    }

    /// `MOUNT_ATTR_RDONLY` and its like.
    pub fn attributes(&self) -> u64 {
        self.u64_at(64)
    }

    /// `MS_SHARED` and its like.
    pub fn propagation(&self) -> u64 {
        self.u64_at(72)
    }

    /// The peer groups that it is in, that it is a slave of, and the nearest one that is seen; 0 for none.
    pub fn groups(&self) -> [u64; 3] {
        [self.u64_at(80), self.u64_at(88), self.u64_at(96)]
    }

    /// What is mounted.
    pub fn root(&self) -> &[u8] {
        self.string(mask::MNT_ROOT, 104)
    }

    /// Where, as the caller's root directory or the namespace's sees it; empty when that does not see it.
    pub fn point(&self) -> &[u8] {
        self.string(mask::MNT_POINT, 108)
    }

    /// The file system's type.
    pub fn fstype(&self) -> &[u8] {
        self.string(mask::FS_TYPE, 36)
    }

    /// What comes behind that and a dot.
    pub fn subtype(&self) -> &[u8] {
        self.string(mask::FS_SUBTYPE, 120)
    }

    /// The file system's source.
    pub fn source(&self) -> &[u8] {
        self.string(mask::SB_SOURCE, 124)
    }

    /// The file system's options, escaped.
    pub fn options(&self) -> &[u8] {
        self.string(mask::MNT_OPTS, 4)
    }

    /// A security module's options; the kernel has put them into the others where there are such.
    pub fn security_options(&self) -> impl Iterator<Item = &[u8]> {
        let count = if self.has(mask::OPT_SEC_ARRAY) { self.u32_at(136) as usize } else { 0 };
        let from = Self::STRINGS + self.u32_at(140) as usize;
        self.bytes.get(from..).unwrap_or_default().split(|byte| *byte == 0).take(count)
    }

    /// What the kernel can be asked for.
    pub fn supported(&self) -> u64 {
        if self.has(mask::SUPPORTED) {
            self.u64_at(144)
        } else {
            0
        }
    }

    /// An answer that no kernel gave.
    #[cfg(test)]
    pub fn of(bytes: Vec<u8>) -> Stat {
        Stat { bytes }
    }
}

/// The directory or file that a path leads to, as no other is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of its mount that is never given again.
    pub mount: u64,
    /// Whether it is that mount's root.
    pub is_root: bool,
    inode: u64,
}

/// statx(2). EOPNOTSUPP before Linux 6.8.
pub fn place(path: &CStr) -> Result<Place> {
    // SAFETY: plain numbers, for which zero is a value.
    let mut status: libc::statx = unsafe { std::mem::zeroed() };
    let (at, flags, wanted) = (libc::AT_FDCWD, libc::AT_NO_AUTOMOUNT, STATX_MNT_ID_UNIQUE | libc::STATX_INO);
    // SAFETY: a C string, numbers, and room for what the call writes.
    let asked =
        unsafe { libc::syscall(libc::SYS_statx, at, path.as_ptr(), flags as c_int, wanted, &raw mut status) };
    Errno::check(asked)?;
    if status.stx_mask & STATX_MNT_ID_UNIQUE == 0 {
        return Err(Errno(libc::EOPNOTSUPP));
    }
    let is_root = status.stx_attributes & libc::STATX_ATTR_MOUNT_ROOT as u64 != 0;
    Ok(Place { mount: status.stx_mnt_id, is_root, inode: status.stx_ino })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_gets_the_room_that_it_needs() {
        let supported = list(0).is_ok();
        let Some(first) = list(0).ok().and_then(|ids| ids.first().copied()) else {
            assert!(!supported, "a namespace without mounts");
            return;
        };
        let mut small = Stat::of(vec![0; Stat::STRINGS]);
        small.ask(0, first, mask::FS_TYPE | mask::MNT_ROOT).unwrap_or_default();
        assert!(!small.fstype().is_empty() && !small.root().is_empty());
    }
}
