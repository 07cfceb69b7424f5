//! Whether an inode stood for one namespace all the time, or went to another while the survey went on.
#![forbid(unsafe_code)]

use super::scan::Scan;
use super::table::NONE;
use super::way::Way;
use crate::kind::Kind;
use crate::sys::{nsfs, Errno};
use std::os::fd::{AsFd, OwnedFd};

impl Scan {
    /// Looks at each namespace that more than one led to once more, and sorts out those that were two.
    pub fn settle(&mut self) -> Result<(), Errno> {
        for row in 0..self.table.rows.len() as u32 {
            if !self.is_one(row) {
                self.sort_out(row)?;
            }
        }
        Ok(())
    }

    /// A number that is never given again was told at the beginning and is told at the end; without such numbers,
    /// who led there first is still there.
    fn is_one(&self, row: u32) -> bool {
        let Some(row) = self.table.rows.get(row as usize) else { return true };
        if row.first == row.last || !row.is_asked {
            return true;
        }
        let way = if row.id == 0 { row.first } else { row.last };
        way.open(&self.proc, row.kind).is_ok_and(|namespace| match nsfs::id(namespace.as_fd()) {
            Some(id) if row.id != 0 => id == row.id,
            _ => nsfs::identity(namespace.as_fd()).is_ok_and(|(_, inode)| inode == row.inode),
        })
    }

    /// Everybody who led to this row goes to where they lead now; who does not any more came or went.
    fn sort_out(&mut self, row: u32) -> Result<(), Errno> {
        let Some(kind) = self.table.forget(row) else { return Ok(()) };
        // Open until all are read: none of these inodes goes to another meanwhile.
        let mut held = Vec::new();
        for index in 0..self.processes.len() {
            let process = self.processes[index];
            if process.places[kind.index()] == row {
                let now = self.now(Way::Process(process.pid), kind, &mut held)?;
                self.processes[index].places[kind.index()] = now;
            }
        }
        for index in 0..self.holds.len() {
            let (held_row, way) = self.holds[index];
            if held_row == row {
                self.holds[index].0 = self.now(way, kind, &mut held)?;
            }
        }
        self.holds.retain(|(row, _)| *row != NONE);
        for index in 0..self.table.rows.len() {
            let relative = &self.table.rows[index];
            if relative.owner == row || relative.parent == row {
                let (kind, last) = (relative.kind, relative.last);
                match last.open(&self.proc, kind) {
                    Ok(namespace) => self.table.ask_again(index as u32, namespace),
                    Err(_) => self.table.orphan(index as u32, row),
                }
            }
        }
        Ok(())
    }

    fn now(&mut self, way: Way, kind: Kind, held: &mut Vec<OwnedFd>) -> Result<u32, Errno> {
        let opened = match way.open(&self.proc, kind) {
            Ok(opened) => opened,
            Err(errno @ Errno(libc::EMFILE | libc::ENFILE)) => return Err(errno),
            Err(_) => return Ok(NONE),
        };
        let Ok((_, inode)) = nsfs::identity(opened.as_fd()) else { return Ok(NONE) };
        held.extend(opened.try_clone());
        Ok(self.table.enter_opened(kind, inode, way, opened))
    }
}
