//! Every namespace that a survey comes upon: one row each, whoever led there.
#![forbid(unsafe_code)]

use super::way::Way;
use crate::kind::Kind;
use crate::sys::{nsfs, Errno};
use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// In place of a row: none, or not told.
pub const NONE: u32 = u32::MAX;
/// How many levels of namespaces the kernel allows, and one more.
const LEVELS: usize = 34;

/// What is known of a namespace.
#[derive(Clone, Debug)]
pub struct Row {
    pub inode: u64,
    /// Never given again; 0 where the kernel has none.
    pub id: u64,
    pub kind: Kind,
    /// The row of the user namespace that owns it.
    pub owner: u32,
    /// The row of the one that it lies in.
    pub parent: u32,
    /// Who made a user namespace.
    pub uid: Option<u32>,
    /// Who led there first and last: between the two the inode may have gone to another.
    pub first: Way,
    pub last: Way,
    /// Whether the kernel was asked for what only a descriptor tells.
    pub is_asked: bool,
}

/// Rows, found by kind and inode.
#[derive(Debug, Default)]
pub struct Table {
    pub rows: Vec<Row>,
    found: HashMap<(Kind, u64), u32>,
    /// Rows of net namespaces, by the number that sockets tell.
    nets: HashMap<u64, u32>,
}

impl Table {
    pub fn find(&self, kind: Kind, inode: u64) -> Option<u32> {
        self.found.get(&(kind, inode)).copied()
    }

    /// The net namespace that sockets give this number.
    pub fn find_net(&self, cookie: u64) -> Option<u32> {
        self.nets.get(&cookie).copied()
    }

    /// Notes the number that its sockets give a net namespace: before Linux 6.18 nothing else tells it.
    pub fn name_net(&mut self, cookie: u64, row: u32) {
        self.nets.insert(cookie, row);
    }

    /// The row of this namespace; a new one is asked for its relatives by a descriptor of it, where one can be had.
    pub fn enter(
        &mut self,
        kind: Kind,
        inode: u64,
        way: Way,
        open: impl FnOnce() -> Result<OwnedFd, Errno>,
    ) -> Result<u32, Errno> {
        if let Some(row) = self.find(kind, inode) {
            if let Some(known) = self.rows.get_mut(row as usize) {
                known.last = way;
            }
            return Ok(row);
        }
        let namespace = open()?;
        // It may have gone elsewhere since its link was read.
        let (_, inode) = nsfs::identity(namespace.as_fd())?;
        Ok(self.enter_opened(kind, inode, way, namespace))
    }

    /// The row of a namespace that cannot be opened.
    pub fn enter_named(&mut self, kind: Kind, inode: u64, way: Way) -> u32 {
        self.find(kind, inode).unwrap_or_else(|| self.add(kind, inode, way))
    }

    /// As [`Table::enter`], of one that is open, and so of all that it lies in.
    pub fn enter_opened(&mut self, kind: Kind, inode: u64, way: Way, namespace: OwnedFd) -> u32 {
        let known =
            self.find(kind, inode).and_then(|row| self.rows.get(row as usize).map(|known| (row, known)));
        if let Some((row, known)) = known {
            match nsfs::id(namespace.as_fd()) {
                // The one that had this inode before is gone.
                Some(id) if known.is_asked && id != known.id => drop(self.forget(row)),
                _ if known.is_asked => return row,
                _ => (),
            }
        }
        let start = self.enter_named(kind, inode, way);
        self.ask_again(start, namespace);
        start
    }

    /// Leaves a row to those who are there, and finds it no more.
    pub fn forget(&mut self, row: u32) -> Option<Kind> {
        let known = self.rows.get(row as usize)?;
        let key = (known.kind, known.inode);
        if self.found.get(&key) == Some(&row) {
            self.found.remove(&key);
        }
        self.nets.retain(|_, net| *net != row);
        Some(key.0)
    }

    /// A row whose owner or parent is not known after all.
    pub fn orphan(&mut self, row: u32, relative: u32) {
        if let Some(known) = self.rows.get_mut(row as usize) {
            for place in [&mut known.owner, &mut known.parent] {
                if *place == relative {
                    *place = NONE;
                }
            }
        }
    }

    /// Asks anew what a descriptor of it tells, and those that it tells of.
    pub fn ask_again(&mut self, row: u32, namespace: OwnedFd) {
        let mut to_ask = vec![(row, namespace)];
        // Each leads to at most two more, most of which are known.
        for _ in 0..2 * LEVELS {
            let Some((row, namespace)) = to_ask.pop() else { break };
            self.ask(row, &namespace, &mut to_ask);
        }
    }

    /// The rows alone: what finds them is as large.
    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }

    fn ask(&mut self, row: u32, namespace: &OwnedFd, to_ask: &mut Vec<(u32, OwnedFd)>) {
        let Some(kind) = self.rows.get(row as usize).map(|known| known.kind) else { return };
        let id = nsfs::id(namespace.as_fd()).unwrap_or(0);
        let owner = nsfs::owner(namespace.as_raw_fd()).ok();
        let parent = match kind {
            Kind::Pid => nsfs::parent(namespace.as_fd()).ok(),
            _ => None,
        };
        let owner = owner.map_or(NONE, |fd| self.enter_relative(Kind::User, Way::OwnerOf(row), fd, to_ask));
        let parent = match kind {
            // Who owns a user namespace is in whom it lies.
            Kind::User => owner,
            _ => parent.map_or(NONE, |fd| self.enter_relative(kind, Way::ParentOf(row), fd, to_ask)),
        };
        let uid = if kind == Kind::User { nsfs::owner_uid(namespace.as_fd()).ok() } else { None };
        if kind == Kind::Net && id != 0 {
            self.name_net(id, row);
        }
        if let Some(known) = self.rows.get_mut(row as usize) {
            (known.id, known.owner, known.parent, known.uid, known.is_asked) = (id, owner, parent, uid, true);
        }
    }

    fn enter_relative(&mut self, kind: Kind, way: Way, fd: OwnedFd, to_ask: &mut Vec<(u32, OwnedFd)>) -> u32 {
        let Ok((_, inode)) = nsfs::identity(fd.as_fd()) else { return NONE };
        if let Some(known) = self.find(kind, inode) {
            return known;
        }
        let row = self.add(kind, inode, way);
        to_ask.push((row, fd));
        row
    }

    fn add(&mut self, kind: Kind, inode: u64, way: Way) -> u32 {
        let row = self.rows.len() as u32;
        let (first, last) = (way, way);
        let (owner, parent, uid) = (NONE, NONE, None);
        self.rows.push(Row { inode, id: 0, kind, owner, parent, uid, first, last, is_asked: false });
        self.found.insert((kind, inode), row);
        row
    }
}
