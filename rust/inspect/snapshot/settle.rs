//! Whether an inode stood for one namespace all the time, or went to another while the survey went on.
#![forbid(unsafe_code)]

use super::scan::Scan;
use super::table::NONE;
use super::way::Way;
use crate::kind::Kind;
use crate::sys::{nsfs, Errno};
use std::os::fd::{AsFd, OwnedFd};

/// What stands in one's row and place, looked at again.
enum Now {
    /// The namespace that was asked for its number when it was first seen. So it was there all the time between, and
    /// whoever was led to it meanwhile was right.
    Same,
    /// It came or went.
    Gone,
    /// A namespace of its own row.
    Elsewhere(u32),
}

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

    /// From the last that led to this row back to one that still does.
    fn sort_out(&mut self, row: u32) -> Result<(), Errno> {
        let Some(known) = self.table.rows.get(row as usize) else { return Ok(()) };
        let (kind, id, inode) = (known.kind, known.id, known.inode);
        if id == 0 {
            // Nothing but being looked at together tells who is together.
            self.table.forget(row);
        }
        // One of each is open until all are read: none of these inodes goes to another meanwhile.
        let mut held = Vec::new();
        for index in (0..self.processes.len()).rev() {
            let process = self.processes[index];
            if process.places[kind.index()] != row {
                continue;
            }
            match self.now(Way::Process(process.pid), (kind, id), &mut held)? {
                Now::Same => break,
                Now::Gone => self.processes[index].places[kind.index()] = NONE,
                Now::Elsewhere(now) => self.processes[index].places[kind.index()] = now,
            }
        }
        for index in (0..self.holds.len()).rev() {
            let (held_row, way) = self.holds[index];
            if held_row != row {
                continue;
            }
            if !way.is_link() {
                // Such were open when they were entered, and told their number; if there are none, the inode decides.
                let now = if id == 0 { self.table.find(kind, inode) } else { None };
                self.holds[index].0 = now.unwrap_or(row);
                continue;
            }
            match self.now(way, (kind, id), &mut held)? {
                Now::Same => break,
                Now::Gone => self.holds[index].0 = NONE,
                Now::Elsewhere(now) => self.holds[index].0 = now,
            }
        }
        self.holds.retain(|(row, _)| *row != NONE);
        self.ask_relatives_of(row)
    }

    /// Those that it seemed to own or contain are asked again, or are nobody's as far as one knows.
    fn ask_relatives_of(&mut self, row: u32) -> Result<(), Errno> {
        for index in 0..self.table.rows.len() {
            let relative = &self.table.rows[index];
            if relative.owner == row || relative.parent == row {
                let (kind, last) = (relative.kind, relative.last);
                match last.open(&self.proc, kind) {
                    Ok(namespace) => self.table.ask_again(index as u32, namespace),
                    Err(errno @ Errno(libc::EMFILE | libc::ENFILE)) => return Err(errno),
                    Err(_) => self.table.orphan(index as u32, row),
                }
            }
        }
        Ok(())
    }

    fn now(&mut self, way: Way, of: (Kind, u64), held: &mut Vec<(u32, OwnedFd)>) -> Result<Now, Errno> {
        let (kind, id) = of;
        let opened = match way.open(&self.proc, kind) {
            Ok(opened) => opened,
            Err(errno @ Errno(libc::EMFILE | libc::ENFILE)) => return Err(errno),
            Err(_) => return Ok(Now::Gone),
        };
        if id != 0 && nsfs::id(opened.as_fd()) == Some(id) {
            return Ok(Now::Same);
        }
        let Ok((_, inode)) = nsfs::identity(opened.as_fd()) else { return Ok(Now::Gone) };
        let copy = opened.try_clone().map_err(Errno::from)?;
        let row = self.table.enter_opened(kind, inode, way, opened);
        if held.iter().all(|(known, _)| *known != row) {
            held.push((row, copy));
        }
        Ok(Now::Elsewhere(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::snapshot::Survey;
    use std::fs::File;

    /// A survey that has come upon the caller's own uts namespace, and last by a process that has ended.
    fn surveyed(id: impl Fn(u64) -> u64) -> (Scan, u32) {
        let mut scan = Scan::new(&Survey::new()).unwrap();
        let own = OwnedFd::from(File::open("/proc/self/ns/uts").unwrap());
        let (_, inode) = nsfs::identity(own.as_fd()).unwrap();
        let row = scan.table.enter_opened(Kind::Uts, inode, Way::Own, own);
        let known = &mut scan.table.rows[row as usize];
        known.id = id(known.id);
        (known.first, known.last) = (Way::Process(i32::MAX - 1), Way::Process(i32::MAX));
        (scan, row)
    }

    fn in_uts(pid: i32, row: u32) -> crate::inspect::snapshot::scan::Row {
        let mut places = [NONE; Kind::ALL.len()];
        places[Kind::Uts.index()] = row;
        crate::inspect::snapshot::scan::Row { pid, places }
    }

    #[test]
    fn who_ended_is_left_out_and_nobody_else() {
        let (mut scan, row) = surveyed(|id| id);
        let own = std::process::id() as i32;
        scan.processes = vec![in_uts(own, row), in_uts(i32::MAX, row)];
        scan.holds =
            vec![(row, Way::Mount(0)), (row, Way::Thread(own, i32::MAX)), (row, Way::InFlight(own, 3))];
        scan.settle().unwrap();
        let places: Vec<u32> =
            scan.processes.iter().map(|process| process.places[Kind::Uts.index()]).collect();
        assert_eq!(places, [row, NONE]);
        assert_eq!(scan.holds, [(row, Way::Mount(0)), (row, Way::InFlight(own, 3))]);
    }

    #[test]
    fn who_is_elsewhere_gets_a_row_of_its_own() {
        // As if another namespace had had this inode when it was first seen; and a kernel without such numbers.
        for number in [u64::MAX, 0] {
            let (mut scan, row) = surveyed(|_| number);
            scan.processes = vec![in_uts(std::process::id() as i32, row)];
            scan.holds = vec![(row, Way::Mount(0))];
            scan.settle().unwrap();
            let now = scan.processes[0].places[Kind::Uts.index()];
            assert!(now != row && now != NONE, "{number}");
            assert_ne!(scan.table.rows[now as usize].id, number);
            assert_eq!(scan.holds, [(if number == 0 { now } else { row }, Way::Mount(0))]);
        }
    }
}
