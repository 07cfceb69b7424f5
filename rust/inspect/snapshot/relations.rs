//! How namespaces are related, and what changed between two snapshots.
#![forbid(unsafe_code)]

use super::finish::Snapshot;
use super::table::NONE;
use super::view::{NamespaceInfo, ProcessInfo};
use crate::kind::{Kind, Kinds};

/// What makes one namespace stand below another in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Relation {
    /// It lies in it: pid and user namespaces.
    Parent,
    /// The other owns it.
    Owner,
    /// Its process with the lowest number is a child of a process in the other, of the same kind: needs the lineage.
    Process,
}

/// Namespaces in a tree: each is a root or below one other.
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    snapshot: &'a Snapshot,
    roots: Vec<u32>,
    /// Of each namespace of the snapshot.
    below: Vec<Vec<u32>>,
}

/// A process that is in another namespace than before.
#[derive(Clone, Copy, Debug)]
pub struct Moved<'a> {
    /// The process, in the later snapshot.
    pub process: ProcessInfo<'a>,
    /// Where it was, in the earlier one.
    pub from: NamespaceInfo<'a>,
    /// Where it is.
    pub to: NamespaceInfo<'a>,
}

/// What changed between two snapshots.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Difference<'a> {
    /// Namespaces that only the later has.
    pub appeared: Vec<NamespaceInfo<'a>>,
    /// Namespaces that only the earlier has.
    pub gone: Vec<NamespaceInfo<'a>>,
    /// Processes that both have.
    pub moved: Vec<Moved<'a>>,
}

impl Snapshot {
    /// The namespaces of the kinds asked for, with those above them, as a tree.
    pub fn tree(&self, by: Relation) -> Tree<'_> {
        let above = |index| {
            let namespace = NamespaceInfo { snapshot: self, index };
            let above = match by {
                Relation::Parent => namespace.parent(),
                Relation::Owner => namespace.user_ns(),
                Relation::Process => self.above_by_process(namespace),
            };
            above.map_or(NONE, |above| above.index)
        };
        let above: Vec<u32> = (0..self.rows.len() as u32).map(above).collect();
        let mut tree = Tree { snapshot: self, roots: Vec::new(), below: vec![Vec::new(); above.len()] };
        for index in 0..above.len() as u32 {
            let place = if is_circle(&above, index) { NONE } else { above[index as usize] };
            tree.below.get_mut(place as usize).unwrap_or(&mut tree.roots).push(index);
        }
        tree
    }

    /// What changed since an earlier snapshot of the same machine. A process counts as the same if its number is;
    /// with the lineage of both, only if it was born at the same time as well.
    pub fn since<'a>(&'a self, earlier: &'a Snapshot) -> Difference<'a> {
        let only_in = |this: &'a Snapshot, other: &'a Snapshot| {
            let is_there = |one: &NamespaceInfo<'_>| {
                other.find(one.kind(), one.inode()).is_some_and(|there| one.may_be(&there))
            };
            this.namespaces().filter(|one| !is_there(one)).collect()
        };
        let mut moved = Vec::new();
        for process in self.processes() {
            let Some(before) = earlier.of(process.pid()) else { continue };
            if process.start().zip(before.start()).is_some_and(|(now, then)| now != then) {
                continue;
            }
            for kind in Kind::ALL {
                let Some((from, to)) = before.namespace(kind).zip(process.namespace(kind)) else { continue };
                if !to.may_be(&from) {
                    moved.push(Moved { process, from, to });
                }
            }
        }
        Difference { appeared: only_in(self, earlier), gone: only_in(earlier, self), moved }
    }

    fn above_by_process<'a>(&'a self, namespace: NamespaceInfo<'a>) -> Option<NamespaceInfo<'a>> {
        let mut process = namespace.processes().next()?;
        for _ in 0..self.processes.len() {
            process = self.of(process.parent()?)?;
            let above = process.namespace(namespace.kind())?;
            if above != namespace {
                return Some(above);
            }
        }
        None
    }
}

/// Numbers of processes that went to others while they were read may lead back to where one began.
fn is_circle(above: &[u32], start: u32) -> bool {
    let next = |index: &u32| above.get(*index as usize).copied();
    std::iter::successors(next(&start), next).take(above.len()).any(|index| index == start)
}

impl<'a> Tree<'a> {
    /// Those that are below no other.
    pub fn roots(&self) -> impl ExactSizeIterator<Item = NamespaceInfo<'a>> + '_ {
        self.roots.iter().map(|index| NamespaceInfo { snapshot: self.snapshot, index: *index })
    }

    /// Those directly below this one.
    pub fn below(
        &self,
        namespace: NamespaceInfo<'_>,
    ) -> impl ExactSizeIterator<Item = NamespaceInfo<'a>> + '_ {
        let below = self.below.get(namespace.index as usize).map_or(&[][..], Vec::as_slice);
        below.iter().map(|index| NamespaceInfo { snapshot: self.snapshot, index: *index })
    }
}

impl NamespaceInfo<'_> {
    /// Whether it may be the same as one of another snapshot: by the number that is never given again, or, where the
    /// kernel has none, by kind and inode.
    fn may_be(&self, other: &NamespaceInfo<'_>) -> bool {
        let same_id = self.id().zip(other.id()).is_none_or(|(one, other)| one == other);
        (self.kind(), self.inode()) == (other.kind(), other.inode()) && same_id
    }
}

impl ProcessInfo<'_> {
    /// The kinds of namespace that both are in.
    pub fn shares(&self, other: &ProcessInfo<'_>) -> Kinds {
        let same = |kind: &Kind| {
            self.namespace(*kind).zip(other.namespace(*kind)).is_some_and(|(one, other)| one.may_be(&other))
        };
        Kind::ALL.into_iter().filter(same).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_and_a_chain_is_none() {
        assert!(is_circle(&[1, 2, 0], 1) && is_circle(&[0], 0));
        assert!(!is_circle(&[NONE, 0, 1], 2) && !is_circle(&[1, 2, 1], 0) && !is_circle(&[], 0));
    }
}
