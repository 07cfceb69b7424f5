//! What is mounted on what, which mounts can no path reach any more, and who shares mounts with whom?
#![forbid(unsafe_code)]

use super::{Mount, MountTable};
use std::collections::{BTreeMap, HashMap};

/// The shape of a [`MountTable`]. Mounts are told by their index in that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountTree {
    roots: Vec<usize>,
    parents: Vec<Option<usize>>,
    /// The children of the first mount, then those of the second, and so on.
    children: Vec<usize>,
    /// Where the children of each begin, and at last where they end.
    starts: Vec<usize>,
    over_mounted: Vec<bool>,
    groups: BTreeMap<u64, Group>,
}

/// Who belongs to a peer group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Group {
    peers: Vec<usize>,
    slaves: Vec<usize>,
}

impl MountTree {
    pub(super) fn new(table: &MountTable) -> MountTree {
        let mounts: Vec<Mount<'_>> = table.iter().collect();
        let by_id: HashMap<u32, usize> = mounts.iter().map(|mount| mount.id()).zip(0..).collect();
        let parent = |mount: &Mount<'_>| by_id.get(&mount.parent_id()).copied();
        let mut parents: Vec<Option<usize>> = mounts.iter().map(parent).collect();
        for (index, parent) in parents.iter_mut().enumerate() {
            // A namespace's very first mount is its own parent.
            parent.take_if(|parent| *parent == index);
        }
        let mut tree = MountTree {
            roots: Vec::new(),
            over_mounted: vec![true; mounts.len()],
            children: Vec::new(),
            starts: Vec::new(),
            parents,
            groups: BTreeMap::new(),
        };
        tree.break_circles();
        tree.roots = (0..mounts.len()).filter(|index| tree.parent(*index).is_none()).collect();
        tree.list_children();
        tree.walk(&mounts);
        tree.list_groups(&mounts);
        tree
    }

    /// Mounts that are their own ancestors are in no kernel's table. Here they must not be walked for ever.
    fn break_circles(&mut self) {
        // By which start each was passed.
        let mut passed = vec![usize::MAX; self.parents.len()];
        for start in 0..passed.len() {
            let mut at = Some(start);
            while let Some((index, mark)) = at.and_then(|index| Some((index, passed.get_mut(index)?))) {
                if *mark == start {
                    if let Some(parent) = self.parents.get_mut(index) {
                        *parent = None;
                    }
                }
                if *mark != usize::MAX {
                    break;
                }
                *mark = start;
                at = self.parent(index);
            }
        }
    }

    fn list_children(&mut self) {
        let mut children: Vec<(usize, usize)> =
            self.parents.iter().zip(0..).filter_map(|(parent, child)| Some(((*parent)?, child))).collect();
        children.sort_unstable();
        let mut next = 0;
        for index in 0..=self.parents.len() {
            next += children
                .get(next..)
                .unwrap_or_default()
                .iter()
                .take_while(|(parent, _)| *parent < index)
                .count();
            self.starts.push(next);
        }
        self.children = children.into_iter().map(|(_, child)| child).collect();
    }

    /// Goes the ways that paths go, from the process's root directory on.
    fn walk(&mut self, mounts: &[Mount<'_>]) {
        // The last one at each place. What is mounted on a mount's own root has the same point.
        let places: HashMap<(u32, &[u8]), usize> =
            mounts.iter().map(|mount| (mount.parent_id(), mount.raw_point())).zip(0..).collect();
        let is_passed_by = |mount: &Mount<'_>, index| {
            let (parent, point) = (mount.parent_id(), mount.raw_point());
            let taken =
                |length| point.get(..length).is_some_and(|above| places.contains_key(&(parent, above)));
            let ends = point.iter().zip(0_usize..).skip(1).filter(|(byte, _)| **byte == b'/');
            let same = places.get(&(parent, point)).is_some_and(|last| *last != index);
            same || ends.map(|(_, end)| end).any(taken)
        };
        // Whoever has been in its root directory since before sees nothing of a mount upon that.
        let begins = |mount: &Mount<'_>| mount.raw_point() == b"/";
        let start = match self.roots.as_slice() {
            [root] if mounts.get(*root).is_some_and(begins) => Some(*root),
            _ => None,
        };
        let mut ahead = self.roots.clone();
        while let Some(index) = ahead.pop() {
            let Some(mount) = mounts.get(index) else { continue };
            if start != Some(index) && (begins(mount) || is_passed_by(mount, index)) {
                continue;
            }
            let is_covered = start != Some(index) && places.contains_key(&(mount.id(), mount.raw_point()));
            if let Some(over_mounted) = self.over_mounted.get_mut(index) {
                *over_mounted = is_covered;
            }
            ahead.extend_from_slice(self.children(index));
        }
    }

    fn list_groups(&mut self, mounts: &[Mount<'_>]) {
        for (mount, index) in mounts.iter().zip(0..) {
            if let Some(group) = mount.shared() {
                self.groups.entry(group).or_default().peers.push(index);
            }
            if let Some(group) = mount.master() {
                self.groups.entry(group).or_default().slaves.push(index);
            }
        }
    }

    /// The mounts that are mounted on none of the table: one, the root directory's, unless that is no mount's own (in a
    /// chroot).
    pub fn roots(&self) -> &[usize] {
        &self.roots
    }

    /// The mount that it is mounted on.
    pub fn parent(&self, index: usize) -> Option<usize> {
        self.parents.get(index).copied().flatten()
    }

    /// The mounts that are mounted on it, in the table's order.
    pub fn children(&self, index: usize) -> &[usize] {
        match (self.starts.get(index), self.starts.get(index + 1)) {
            (Some(start), Some(end)) => self.children.get(*start..*end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Whether no path leads into it any more: another mount is on the same point or on one further up.
    pub fn is_over_mounted(&self, index: usize) -> bool {
        self.over_mounted.get(index).copied().unwrap_or(false)
    }

    /// The numbers of the peer groups that have a member or a slave here.
    pub fn groups(&self) -> impl Iterator<Item = u64> + '_ {
        self.groups.keys().copied()
    }

    /// The members of a peer group that are in the table: what is mounted below one is mounted below all. Other
    /// namespaces may have more.
    pub fn peers(&self, group: u64) -> &[usize] {
        self.groups.get(&group).map_or(&[], |group| &group.peers)
    }

    /// The mounts that get what is mounted below the members of a peer group, but give them nothing.
    pub fn slaves(&self, group: u64) -> &[usize] {
        self.groups.get(&group).map_or(&[], |group| &group.slaves)
    }
}
