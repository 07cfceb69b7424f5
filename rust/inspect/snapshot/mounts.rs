//! Which namespaces are mounted, in the caller's mount namespace and in others.
#![forbid(unsafe_code)]

use super::path::Path;
use super::scan::Scan;
use super::way::{Point, Way};
use super::{Depth, Survey};
use crate::caller::Machine;
use crate::error::Cause;
use crate::inspect::links::Pid;
use crate::inspect::mounts::mounts;
use crate::kind::Kind;
use crate::sys::directory::Directory;
use crate::sys::mount_table::{self, mask, Stat};
use crate::sys::{fd, nsfs, Errno};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// The type of the file system of namespaces.
const NSFS: &[u8] = b"nsfs";

impl Scan {
    /// The mount tables of every mount namespace, or of the caller's alone.
    pub fn mounts(&mut self, survey: &Survey) -> Result<(), Errno> {
        let own = self.own[Kind::Mnt.index()];
        let mut seen = vec![false; self.table.rows.len()];
        for index in 0..self.processes.len() {
            let process = self.processes[index];
            let mnt = process.places[Kind::Mnt.index()];
            let is_meant = survey.depth >= Depth::All || mnt == own;
            let Some(seen) = seen.get_mut(mnt as usize).filter(|seen| is_meant && !**seen) else { continue };
            let read = mounts(Pid::Number(process.pid)).map_err(|error| match Errno(error.errno()) {
                // What the kernel says of a process that is in no mount namespace any more.
                Errno(libc::EINVAL) => Errno(libc::ESRCH),
                errno => errno,
            });
            let Some(table) = self.unless_gone(read, "mounts", process.pid)? else { continue };
            let mut path = Path::default();
            let root = self.proc.handle_below(path.set(format_args!("{}/root", process.pid)));
            // Until now it was there, and so was its table.
            if self.inode_now(process.pid) != self.table.rows.get(mnt as usize).map(|row| row.inode) {
                continue;
            }
            *seen = true;
            for mount in table.iter().filter(|mount| *mount.fstype() == *NSFS) {
                self.mounted(survey, mnt, root.as_ref().ok(), &mount.root(), &mount.point())?;
            }
        }
        if survey.depth >= Depth::All {
            let nobodys = |mnt: &u32| !seen.get(*mnt as usize).is_some_and(|seen| *seen);
            let rows = (0..self.table.rows.len() as u32).filter(nobodys);
            let rows: Vec<u32> =
                rows.filter(|row| self.table.rows[*row as usize].kind == Kind::Mnt).collect();
            rows.into_iter().try_for_each(|mnt| self.mounts_of_nobody(survey, mnt))?;
        }
        Ok(())
    }

    /// What the kernel tells of a mount namespace without a process (Linux 6.11).
    fn mounts_of_nobody(&mut self, survey: &Survey, mnt: u32) -> Result<(), Errno> {
        let Some((id, inode)) = self.table.rows.get(mnt as usize).map(|row| (row.id, row.inode)) else {
            return Ok(());
        };
        let listed = if id == 0 { Err(Errno(libc::ENOSYS)) } else { mount_table::list(id) };
        let mounts = match listed {
            Ok(mounts) => mounts,
            // The kernel says the same of one that is gone, as of one that is not the caller's to ask.
            Err(Errno(libc::ENOENT))
                if Machine::here().is_privileged()
                    && nsfs::from_handle(&nsfs::handle(id, Kind::Mnt, inode)).is_err() =>
            {
                return Ok(())
            }
            Err(errno) => {
                let cause = match errno.0 {
                    libc::ENOENT => Cause::GoneOrForeign,
                    libc::EPERM => Cause::NotMachineRoot,
                    _ => Cause::Unknown,
                };
                self.gaps.of_machine("mounts of mount namespaces without processes", 1, errno, cause);
                return Ok(());
            }
        };
        let mut stat = Stat::new();
        for mount in mounts {
            let asked = stat.ask(id, mount, mask::FS_TYPE | mask::MNT_ROOT | mask::MNT_POINT);
            if asked.is_ok() && stat.fstype() == NSFS {
                let (root, point) = (stat.root().to_vec(), stat.point().to_vec());
                self.mounted(survey, mnt, None, &root, &point)?;
            }
        }
        Ok(())
    }

    fn inode_now(&self, pid: i32) -> Option<u64> {
        let mut path = Path::default();
        nsfs::inode_in(self.proc.link(path.set(format_args!("{pid}/ns/mnt")), &mut [0; 48]).ok()?)
    }

    fn mounted(
        &mut self,
        survey: &Survey,
        mnt: u32,
        root: Option<&Directory>,
        what: &[u8],
        point: &[u8],
    ) -> Result<(), Errno> {
        let named = nsfs::named_by(what).filter(|(kind, _)| survey.kinds.contains(*kind));
        let Some((kind, inode)) = named else { return Ok(()) };
        let way = Way::Mount(self.points.len() as u32);
        let opened = root.and_then(|root| opened_in(root, point, &self.proc));
        self.points.push(Point { mnt, path: point.into() });
        let row = match opened {
            Some(namespace) if nsfs::identity(namespace.as_fd())?.1 == inode => {
                self.table.enter_opened(kind, inode, way, namespace)
            }
            // Another mount may lie on top.
            _ => self.table.enter_named(kind, inode, way),
        };
        self.holds.push((row, way));
        Ok(())
    }
}

/// What is at a place, if that is a namespace; anything else is not opened.
fn opened_in(root: &Directory, point: &[u8], proc: &Directory) -> Option<OwnedFd> {
    let place = root.handle_in_root(&CString::new(point).ok()?).ok()?;
    if !fd::is_on_nsfs(place.as_fd()) {
        return None;
    }
    proc.file(Path::default().set(format_args!("self/fd/{}", place.as_raw_fd()))).ok()
}
