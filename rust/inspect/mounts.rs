//! What does a process see mounted? Its mount table, read whole and taken apart without copies.
#![forbid(unsafe_code)]

mod c_text;
mod line;
mod read;
mod stat;
mod tree;

use crate::error::{Cause, Error, Result};
use crate::sys::Errno;
use line::Row;
pub use line::{Mount, SuperOption, Tag, Tags};
pub use read::{mounts, mounts_by, Route};
use std::fmt;
pub use tree::MountTree;

/// Lines longer than this are not told in full when they are not understood.
const TOLD: usize = 200;

/// The mounts that a process sees, in the kernel's order: what is mounted is behind what it is mounted on, or was when
/// that was last moved. Owns the text that its [`Mount`]s are views of.
#[derive(Clone)]
pub struct MountTable {
    text: Vec<u8>,
    rows: Vec<Row>,
    route: Route,
    changed: bool,
}

impl MountTable {
    fn empty(route: Route) -> MountTable {
        MountTable { text: Vec::new(), rows: Vec::new(), route, changed: false }
    }

    /// Takes a text apart that was read before, or elsewhere: the lines of mountinfo.
    ///
    /// # Errors
    ///
    /// EPROTO: a line is not of the form that proc(5) documents; the error tells its number and text. EFBIG: the text
    /// is 4 GiB or longer.
    pub fn parse(text: impl Into<Vec<u8>>) -> Result<MountTable> {
        let mut table = MountTable { text: text.into(), ..MountTable::empty(Route::Mountinfo) };
        table.read_rows(0, table.text.len(), "").map(|_| table)
    }

    /// Takes apart the lines between here and there; where they end.
    fn read_rows(&mut self, mut from: usize, to: usize, name: &str) -> Result<usize> {
        if u32::try_from(self.text.len()).is_err() {
            let object = format!("{name}: {} bytes", self.text.len());
            return Err(Error::new("read mounts", object, Errno(libc::EFBIG), Cause::Unknown));
        }
        let lines = self.text.get(..to).unwrap_or_default();
        while from < to {
            let Some((row, next)) = Row::read(lines, from) else {
                return Err(self.not_understood(from, name));
            };
            if self.rows.len() == self.rows.capacity() {
                self.rows.reserve((self.rows.len() * 3).max(64));
            }
            self.rows.push(row);
            from = next;
        }
        Ok(from)
    }

    fn not_understood(&self, from: usize, name: &str) -> Error {
        let line = self.text.get(from..).unwrap_or_default();
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let told = line.get(..TOLD).unwrap_or(line).escape_ascii();
        let more = if line.len() > TOLD { "…" } else { "" };
        let comma = if name.is_empty() { "" } else { ", " };
        let object = format!("{name}{comma}line {}: \"{told}{more}\"", self.rows.len() + 1);
        Error::new("read mounts", object, Errno(libc::EPROTO), Cause::UnknownMountLine)
    }

    /// The mounts, in the kernel's order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { text: &self.text, rows: self.rows.iter() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none: the process's root directory is not on a mount that it sees, and nothing is below it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// One of them, counted from 0.
    pub fn get(&self, index: usize) -> Option<Mount<'_>> {
        self.rows.get(index).map(|row| Mount { text: &self.text, row })
    }

    /// All lines, as they are in `/proc/PID/mountinfo`.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// By which route it was read: [`Route::Mountinfo`] or [`Route::Statmount`].
    pub fn route(&self) -> Route {
        self.route
    }

    /// Whether mounts came and went each time that it was read, so that some may be missing or stale.
    pub fn changed_while_read(&self) -> bool {
        self.changed
    }

    /// What is mounted on what, what is over-mounted, and who shares with whom.
    pub fn tree(&self) -> MountTree {
        MountTree::new(self)
    }
}

/// Equal are tables of equal mounts, however they were read.
impl PartialEq for MountTable {
    fn eq(&self, other: &MountTable) -> bool {
        self.text == other.text || self.iter().eq(other.iter())
    }
}

impl Eq for MountTable {}

impl fmt::Display for MountTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|mount| writeln!(f, "{mount}"))
    }
}

impl fmt::Debug for MountTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a MountTable {
    type Item = Mount<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The mounts of a table. See [`MountTable::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    text: &'a [u8],
    rows: std::slice::Iter<'a, Row>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Mount<'a>;

    fn next(&mut self) -> Option<Mount<'a>> {
        self.rows.next().map(|row| Mount { text: self.text, row })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}
