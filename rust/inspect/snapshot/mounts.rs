//! Which namespaces are mounted, in the caller's mount namespace and in others.
#![forbid(unsafe_code)]

use super::path::Path;
use super::scan::Scan;
use super::way::{Point, Way};
use super::{Depth, Survey};
use crate::caller::unescaped;
use crate::kind::Kind;
use crate::sys::directory::Directory;
use crate::sys::{fd, nsfs, Errno};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

impl Scan {
    /// The mount tables of every mount namespace that a process is in, or of the caller's alone.
    pub fn mounts(&mut self, survey: &Survey) -> Result<(), Errno> {
        let own = self.own[Kind::Mnt.index()];
        let mut seen = vec![false; self.table.rows.len()];
        let mut path = Path::default();
        for index in 0..self.processes.len() {
            let process = self.processes[index];
            let mnt = process.places[Kind::Mnt.index()];
            let is_meant = survey.depth >= Depth::All || mnt == own;
            let Some(seen) = seen.get_mut(mnt as usize).filter(|seen| is_meant && !**seen) else { continue };
            let table = self.proc.file(path.set(format_args!("{}/mountinfo", process.pid)));
            let read = table.and_then(|table| fd::read_all(table.as_fd()));
            let Some(text) = self.unless_gone(read, "mounts", process.pid)? else { continue };
            *seen = true;
            let root = self.proc.handle_below(path.set(format_args!("{}/root", process.pid)));
            for (kind, inode, point) in text.split(|byte| *byte == b'\n').filter_map(namespace_in) {
                if survey.kinds.contains(kind) {
                    self.mounted(mnt, root.as_ref().ok(), (kind, inode, point))?;
                }
            }
        }
        Ok(())
    }

    fn mounted(
        &mut self,
        mnt: u32,
        root: Option<&Directory>,
        (kind, inode, point): (Kind, u64, &[u8]),
    ) -> Result<(), Errno> {
        let way = Way::Mount(self.points.len() as u32);
        let point = unescaped(point);
        let opened = root.and_then(|root| opened_in(root, &point, &self.proc));
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

/// Kind, inode and mount point in a line of mountinfo that is a namespace's.
fn namespace_in(line: &[u8]) -> Option<(Kind, u64, &[u8])> {
    const ROOT: usize = 3;
    let mut fields = line.split(|byte| *byte == b' ');
    let (root, point) = (fields.nth(ROOT)?, fields.next()?);
    let kind = super::descriptors::kind_in(root)?;
    let is_namespace = fields.skip_while(|field| *field != b"-").nth(1)? == b"nsfs";
    is_namespace.then_some((kind, nsfs::inode_in(root)?, point))
}
