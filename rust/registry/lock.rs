//! Who may use a registry's directory now: many who look, or one who changes it.
#![forbid(unsafe_code)]

use crate::sys::{file, Errno};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A lock on a directory, until this is dropped.
pub struct Lock(File);

impl Lock {
    /// By a file of its own, which only the directory's owner may open: so nobody else keeps it locked.
    pub fn of_registry(directory: &Path, alone: bool) -> Result<Lock, Errno> {
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        let opened = options.mode(0o600).custom_flags(libc::O_NOFOLLOW).open(directory.join(".lock"))?;
        Lock::take(opened, alone)
    }

    /// By the directory itself, as ip(8) does.
    pub fn of_directory(directory: &Path) -> Result<Lock, Errno> {
        Lock::take(File::options().read(true).custom_flags(libc::O_DIRECTORY).open(directory)?, true)
    }

    fn take(opened: File, alone: bool) -> Result<Lock, Errno> {
        file::lock(opened.as_fd(), alone)?;
        Ok(Lock(opened))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough where another thread has forked meanwhile.
        file::unlock(self.0.as_fd());
    }
}
