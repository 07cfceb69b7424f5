//! How a namespace is written down and found again: never another one.
#![forbid(unsafe_code)]

use super::Namespace;
use crate::error::{Cause, Error, Result};
use crate::sys::{nsfs, Errno};
use std::fs;
use std::os::fd::AsFd;

/// What a saved namespace begins with; the last byte counts the forms.
const MAGIC: [u8; 4] = *b"nsi\x01";
/// Bytes of the number that the machine gets each time it starts.
const BOOT: usize = 16;
/// Bytes of a saved namespace.
const SAVED: usize = MAGIC.len() + BOOT + nsfs::HANDLE;

impl Namespace {
    /// A short string of bytes by which [`Namespace::restore`] opens it again, in this process or another. It keeps
    /// nothing alive.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP: before Linux 6.18, or a filter refuses it.
    pub fn save(&self) -> Result<Vec<u8>> {
        let handle =
            nsfs::to_handle(self.as_fd()).map_err(|errno| self.error("save", errno, cause(errno)))?;
        let boot = boot().map_err(|errno| self.error("save", errno, Cause::Unknown))?;
        Ok([&MAGIC[..], &boot, &handle].concat())
    }

    /// Opens a namespace that was saved: that one or none, also after its inode has gone to another and after the
    /// machine has started anew.
    ///
    /// # Errors
    ///
    /// ESTALE: it is gone, or the caller has no CAP_SYS_ADMIN in the user namespace that owns it: the kernel does
    /// not tell which. One's own needs no privilege. EINVAL: the bytes are none of [`Namespace::save`]'s.
    /// EOPNOTSUPP: before Linux 6.18, or a filter refuses it.
    pub fn restore(saved: &[u8]) -> Result<Namespace> {
        let error = |errno: Errno| Error::new("restore", "a saved namespace", errno, cause(errno));
        let parts = saved.split_at_checked(MAGIC.len()).filter(|_| saved.len() == SAVED);
        let Some((of_boot, handle)) =
            parts.filter(|(magic, _)| *magic == MAGIC).map(|(_, rest)| rest.split_at(BOOT))
        else {
            let complaint = format!("{} bytes that were never saved", saved.len());
            return Err(Error::invalid("restore", complaint, Cause::BadArgument));
        };
        if boot().map_err(error)? != *of_boot {
            return Err(error(Errno(libc::ESTALE)));
        }
        let handle = <&[u8; nsfs::HANDLE]>::try_from(handle).map_err(|_| error(Errno(libc::ESTALE)))?;
        match nsfs::from_handle(handle) {
            Ok(fd) => Namespace::asked(fd, || "a saved namespace".to_owned()),
            // Before the kernel knew that root.
            Err(Errno(libc::EBADF | libc::ENOSYS | libc::EPERM)) => Err(error(Errno(libc::EOPNOTSUPP))),
            Err(errno) => Err(error(errno)),
        }
    }
}

fn cause(errno: Errno) -> Cause {
    match errno.0 {
        libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM => Cause::NoSaving,
        libc::ESTALE => Cause::GoneOrForeign,
        _ => Cause::Unknown,
    }
}

/// The number of this run of the machine: the kernel counts namespaces anew with each.
fn boot() -> std::result::Result<[u8; BOOT], Errno> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(Errno::from)?;
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let mut boot = [0; BOOT];
    for (byte, pair) in boot.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).map_err(|_| Errno(libc::EINVAL))?;
    }
    Ok(boot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    #[test]
    fn what_was_never_saved_is_refused() {
        let Ok(saved) = Namespace::current(Kind::Uts).and_then(|own| own.save()) else {
            return; // Before Linux 6.18; the tests of whole programs insist on it.
        };
        assert!(Namespace::restore(&saved).is_ok_and(|own| own == Namespace::current(Kind::Uts).unwrap()));
        for bytes in [&saved[1..], &saved[..saved.len() - 1], &[], &[0; SAVED]] {
            assert_eq!(Namespace::restore(bytes).unwrap_err().errno(), libc::EINVAL);
        }
        // Of another run of the machine, and another inode of this one.
        for place in [MAGIC.len(), SAVED - 1] {
            let mut other = saved.clone();
            other[place] ^= 1;
            assert_eq!(Namespace::restore(&other).unwrap_err().cause(), Cause::GoneOrForeign);
        }
    }
}
