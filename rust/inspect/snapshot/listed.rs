//! Which namespaces the kernel itself lists, whoever holds them.
#![forbid(unsafe_code)]

use super::scan::Scan;
use super::way::Way;
use super::Survey;
use crate::error::Cause;
use crate::kind::Kind;
use crate::sys::{nsfs, Errno};
use std::collections::HashSet;
use std::os::fd::AsFd;

impl Scan {
    /// All kinds where the kernel lists them (Linux 6.19), else mount namespaces (Linux 6.12).
    pub fn listed(&mut self, survey: &Survey) -> Result<(), Errno> {
        let known: HashSet<u64> = self.table.rows.iter().map(|row| row.id).collect();
        for kind in survey.kinds.iter() {
            if !self.listed_of(kind, &known)? && kind == Kind::Mnt {
                self.mount_namespaces()?;
            }
        }
        Ok(())
    }

    /// False: the kernel does not list any, or a filter does not let it.
    fn listed_of(&mut self, kind: Kind, known: &HashSet<u64>) -> Result<bool, Errno> {
        let mut ids = [0; 512];
        let mut after = 0;
        loop {
            let count = match nsfs::list(kind, after, &mut ids) {
                Ok(count) => count,
                Err(Errno(libc::ENOSYS | libc::EPERM)) => return Ok(false),
                Err(errno) => return Err(errno),
            };
            let listed = ids.get(..count).unwrap_or_default();
            let Some(last) = listed.last() else { return Ok(true) };
            after = *last;
            for id in listed.iter().filter(|id| !known.contains(id)) {
                // Whoever knows the number need not know the inode.
                match nsfs::from_handle(&nsfs::handle(*id, kind, 0)) {
                    Ok(namespace) => {
                        let (_, inode) = nsfs::identity(namespace.as_fd())?;
                        self.table.enter_opened(kind, inode, Way::Listed, namespace);
                    }
                    Err(errno @ Errno(libc::EMFILE | libc::ENFILE)) => return Err(errno),
                    Err(errno) => self.gaps.of_machine("listed namespaces", 1, errno, Cause::GoneOrForeign),
                }
            }
        }
    }

    /// For root of the whole machine: from the caller's own to both sides.
    fn mount_namespaces(&mut self) -> Result<(), Errno> {
        for before in [false, true] {
            let mut at = self.proc.file(c"thread-self/ns/mnt")?;
            loop {
                at = match nsfs::mnt_beside(at.as_fd(), before) {
                    Ok(other) => other,
                    // The last one, or a kernel that does not tell.
                    Err(Errno(libc::ENOENT | libc::ENOTTY)) => break,
                    Err(errno) => {
                        let is_root = errno.0 != libc::EPERM;
                        let cause = if is_root { Cause::Unknown } else { Cause::NotMachineRoot };
                        self.gaps.of_machine("mount namespaces without processes", 0, errno, cause);
                        return Ok(());
                    }
                };
                let (_, inode) = nsfs::identity(at.as_fd())?;
                let copy = at.try_clone().map_err(Errno::from)?;
                self.table.enter_opened(Kind::Mnt, inode, Way::Listed, copy);
            }
        }
        Ok(())
    }
}
