//! How a program that the library carries becomes a file that can be executed, without a name anywhere.
//!
//! # Safety
//!
//! memfd_create(2) and fcntl(2) with numbers and a C string.
#![allow(unsafe_code)]

use super::{Errno, Result};
use std::env;
use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// memfd_create(2) flag of Linux 6.3: the file may be executed, whatever `vm.memfd_noexec` prefers.
const MFD_EXEC: libc::c_uint = 0x10;
/// Nothing in it may change any more: what is executed is what was written.
const SEALS: libc::c_int = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;

/// The helper, to perform a program in a memory of its own.
pub fn helper() -> Result<OwnedFd> {
    of(c"nsiso-helper", nsiso_child::HELPER)
}

/// A descriptor, close-on-exec and for reading, of a file with this content.
///
/// In memory; where `vm.memfd_noexec` is 2, or where memfds are not to be had, an unnamed file in a directory
/// whose programs may be executed.
pub fn of(name: &CStr, content: &[u8]) -> Result<OwnedFd> {
    in_memory(name, content).or_else(|refusal| unnamed(content).ok_or(refusal))
}

fn in_memory(name: &CStr, content: &[u8]) -> Result<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    let create = |flags| {
        // SAFETY: a C string and a number.
        let fd = Errno::check(unsafe { libc::memfd_create(name.as_ptr(), flags) })?;
        // SAFETY: the kernel just gave us this descriptor.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    };
    let memory = match create(flags | MFD_EXEC) {
        // Before Linux 6.3 every memfd could be executed.
        Err(Errno(libc::EINVAL)) => create(flags),
        answer => answer,
    }?;
    File::from(memory.try_clone()?).write_all(content)?;
    // SAFETY: numbers only.
    Errno::check(unsafe { libc::fcntl(memory.as_raw_fd(), libc::F_ADD_SEALS, SEALS) })?;
    Ok(memory)
}

fn unnamed(content: &[u8]) -> Option<OwnedFd> {
    let of_user = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let mut directories =
        of_user.into_iter().chain(["/dev/shm", "/run", "/var/tmp", "/tmp"].map(PathBuf::from));
    directories.find_map(|directory| unnamed_in(&directory, content))
}

/// `None` where it cannot be made, or its programs may not be executed.
fn unnamed_in(directory: &PathBuf, content: &[u8]) -> Option<OwnedFd> {
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).write(true).custom_flags(libc::O_TMPFILE).mode(0o700).open(directory).ok()?;
    file.write_all(content).ok()?;
    // A file that is open for writing is not executed; this name lasts as long as the descriptor.
    let reading = fs::File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    drop(file);
    let path = format!("/proc/self/fd/{}\0", reading.as_raw_fd());
    // SAFETY: a C string, NUL included.
    let allowed = unsafe { libc::access(path.as_ptr().cast(), libc::X_OK) };
    (allowed == 0).then(|| reading.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn both_ways_give_the_content_for_reading() {
        let ways = [in_memory(c"nsiso-test", b"content").ok(), unnamed(b"content")];
        assert!(ways.iter().all(Option::is_some));
        for file in ways.into_iter().flatten().map(File::from) {
            let mut text = [0; 7];
            assert_eq!(file.read_at(&mut text, 0).ok(), Some(7));
            assert_eq!(&text, b"content");
            assert!(file.write_at(b"x", 0).is_err(), "and nobody writes to it any more");
        }
    }
}
