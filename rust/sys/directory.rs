//! How directories of /proc are walked and their links read: by number, without allocating for each.
//!
//! # Safety
//!
//! Calls with C strings and buffers of the caller's, as long as is said; descriptors are owned from the call on,
//! close-on-exec.
#![allow(unsafe_code)]

use super::{Errno, Result};
use libc::c_int;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// An open directory.
#[derive(Debug)]
pub struct Directory(OwnedFd);

impl Directory {
    /// open(2), to be listed and to open what is below.
    pub fn open(path: &CStr) -> Result<Directory> {
        open_at(libc::AT_FDCWD, path, libc::O_RDONLY | libc::O_DIRECTORY).map(Directory)
    }

    /// openat(2), to be listed and to open what is below. ENOENT: a process has ended.
    pub fn below(&self, path: &CStr) -> Result<Directory> {
        open_at(self.0.as_raw_fd(), path, libc::O_RDONLY | libc::O_DIRECTORY).map(Directory)
    }

    /// openat(2) with `O_PATH`: cheaper, and allowed where listing is not.
    pub fn handle_below(&self, path: &CStr) -> Result<Directory> {
        open_at(self.0.as_raw_fd(), path, libc::O_PATH | libc::O_DIRECTORY).map(Directory)
    }

    /// openat(2) of a file, to be read.
    pub fn file(&self, path: &CStr) -> Result<OwnedFd> {
        open_at(self.0.as_raw_fd(), path, libc::O_RDONLY)
    }

    /// What is at a path, this being the root, without opening that itself: by openat2(2), which lets no link lead
    /// out, or, before Linux 5.6, by a walk that follows none.
    pub fn handle_in_root(&self, path: &CStr) -> Result<OwnedFd> {
        // SAFETY: plain numbers, for which zero is a value.
        let mut how: libc::open_how = unsafe { std::mem::zeroed() };
        how.flags = (libc::O_PATH | libc::O_CLOEXEC) as u64;
        how.resolve = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS;
        let (fd, size) = (self.0.as_raw_fd(), size_of::<libc::open_how>());
        // SAFETY: a C string, and a structure as long as is said.
        let opened = unsafe { libc::syscall(libc::SYS_openat2, fd, path.as_ptr(), &raw const how, size) };
        match Errno::check(opened) {
            // SAFETY: the kernel just gave us this descriptor.
            Ok(opened) => Ok(unsafe { OwnedFd::from_raw_fd(opened as c_int) }),
            Err(Errno(libc::ENOSYS | libc::EPERM)) => self.walk(path),
            Err(errno) => Err(errno),
        }
    }

    fn walk(&self, path: &CStr) -> Result<OwnedFd> {
        let names = path.to_bytes().split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        let mut at = None::<OwnedFd>;
        for name in names {
            let name = CString::new(name).map_err(|_| Errno(libc::EINVAL))?;
            let from = at.as_ref().map_or(self.0.as_raw_fd(), AsRawFd::as_raw_fd);
            at = Some(open_at(from, &name, libc::O_PATH | libc::O_NOFOLLOW)?);
        }
        at.ok_or(Errno(libc::ENOENT))
    }

    /// readlinkat(2): what fits of the link's text.
    pub fn link<'a>(&self, path: &CStr, text: &'a mut [u8]) -> Result<&'a [u8]> {
        let (fd, room) = (self.0.as_raw_fd(), text.len());
        // SAFETY: a C string, and as much room as is said.
        let length = unsafe { libc::readlinkat(fd, path.as_ptr(), text.as_mut_ptr().cast(), room) };
        Ok(text.get(..Errno::check(length)? as usize).unwrap_or_default())
    }

    /// statx(2) of what a link leads to, as the kernel has it in memory: device and inode. Asks no server.
    pub fn identity(&self, path: &CStr) -> Result<(u64, u64)> {
        let flags = libc::AT_STATX_DONT_SYNC | libc::AT_NO_AUTOMOUNT;
        // SAFETY: plain numbers, for which zero is a value.
        let mut status: libc::statx = unsafe { std::mem::zeroed() };
        // SAFETY: a C string, and room for what the call writes.
        let asked = unsafe {
            libc::statx(self.0.as_raw_fd(), path.as_ptr(), flags, libc::STATX_INO, &raw mut status)
        };
        Errno::check(asked)?;
        Ok((libc::makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino))
    }

    /// getdents64(2) from the beginning: the names that are numbers, such as those of processes, threads and
    /// descriptors, are added in the order in which the kernel has them.
    pub fn numbers(&self, buffer: &mut [u8], numbers: &mut Vec<i32>) -> Result<()> {
        // SAFETY: plain numbers; a closed descriptor is EBADF.
        Errno::check(unsafe { libc::lseek(self.0.as_raw_fd(), 0, libc::SEEK_SET) })?;
        loop {
            let (fd, room) = (self.0.as_raw_fd(), buffer.len());
            // SAFETY: as much room as is said.
            let read = unsafe { libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), room) };
            let read = Errno::check(read)? as usize;
            if read == 0 {
                return Ok(());
            }
            let mut entries = buffer.get(..read).unwrap_or_default();
            while let Some((name, rest)) = first_entry(entries) {
                numbers.extend(number(name));
                entries = rest;
            }
        }
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The name of the first `struct linux_dirent64`, and what follows that.
fn first_entry(entries: &[u8]) -> Option<(&[u8], &[u8])> {
    const LENGTH: usize = 16;
    const NAME: usize = 19;
    let length = u16::from_ne_bytes(entries.get(LENGTH..LENGTH + 2)?.try_into().ok()?);
    let (entry, rest) = entries.split_at_checked(length.into())?;
    let name = entry.get(NAME..)?;
    Some((name.split(|byte| *byte == 0).next()?, rest))
}

fn number(name: &[u8]) -> Option<i32> {
    name.iter().try_fold(0_i32, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| i32::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

fn open_at(at: c_int, path: &CStr, flags: c_int) -> Result<OwnedFd> {
    // SAFETY: a C string; a closed descriptor is EBADF.
    let opened = Errno::check(unsafe { libc::openat(at, path.as_ptr(), flags | libc::O_CLOEXEC) })?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(opened) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_walk_comes_to_where_openat2_does_and_follows_no_link() {
        let root = Directory::open(c"/").unwrap();
        let inode = |found: OwnedFd| File::from(found).metadata().unwrap().ino();
        let path = c"/proc/sys/kernel/hostname";
        assert_eq!(inode(root.walk(path).unwrap()), inode(root.handle_in_root(path).unwrap()));
        assert_eq!(root.walk(c"/proc/self/stat").unwrap_err(), Errno(libc::ENOTDIR));
        assert_eq!(root.walk(c"/no/such").unwrap_err(), Errno(libc::ENOENT));
    }
}
