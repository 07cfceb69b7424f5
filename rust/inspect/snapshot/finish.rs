//! How what was read becomes a snapshot: in order, without what nobody holds any more.
#![forbid(unsafe_code)]

use super::gaps::Incomplete;
use super::lineage::Lineage;
use super::scan::{self, Places, Scan};
use super::table::{self, NONE};
use super::view::{NamespaceInfo, ProcessInfo};
use super::way::{Point, Way};
use super::Survey;
use crate::error::Cause;
use crate::kind::{Kind, Kinds};
use crate::sys::Errno;

/// One reading of the machine's namespaces. It holds no descriptor and changes no more; any thread may read it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) kinds: Kinds,
    /// By kind and inode.
    pub(super) rows: Vec<table::Row>,
    /// By number.
    pub(super) processes: Vec<scan::Row>,
    /// Of each process, or of none.
    pub(super) lineages: Vec<Lineage>,
    /// The processes in each namespace, those of a namespace side by side.
    pub(super) members: Vec<u32>,
    /// Where in there those of each namespace begin, and where the last ones end.
    pub(super) starts: Vec<u32>,
    /// By namespace.
    pub(super) holds: Vec<(u32, Way)>,
    pub(super) points: Vec<Point>,
    /// Where the caller itself is.
    pub(super) own: Places,
    incomplete: Vec<Incomplete>,
}

/// The inode of the user namespace that the machine started with, which nobody owns.
const INITIAL_USER: u64 = 4_026_531_837;

impl Snapshot {
    /// Every namespace of the kinds asked for, by kind and inode.
    pub fn namespaces(&self) -> impl ExactSizeIterator<Item = NamespaceInfo<'_>> {
        let asked =
            |index: &u32| self.rows.get(*index as usize).is_some_and(|row| self.kinds.contains(row.kind));
        let indices: Vec<u32> = (0..self.rows.len() as u32).filter(asked).collect();
        indices.into_iter().map(|index| NamespaceInfo { snapshot: self, index })
    }

    /// Every process that was read, by number.
    pub fn processes(&self) -> impl ExactSizeIterator<Item = ProcessInfo<'_>> {
        (0..self.processes.len()).map(|index| ProcessInfo { snapshot: self, index: index as u32 })
    }

    /// A namespace that was seen.
    pub fn find(&self, kind: Kind, inode: u64) -> Option<NamespaceInfo<'_>> {
        let found = self.rows.binary_search_by_key(&(kind.index(), inode), key);
        found.ok().map(|index| NamespaceInfo { snapshot: self, index: index as u32 })
    }

    /// A process that was read.
    pub fn of(&self, pid: i32) -> Option<ProcessInfo<'_>> {
        let found = self.processes.binary_search_by_key(&pid, |process| process.pid);
        found.ok().map(|index| ProcessInfo { snapshot: self, index: index as u32 })
    }

    /// What could not be read; empty if everything was, as far as the depth goes.
    pub fn incomplete(&self) -> &[Incomplete] {
        &self.incomplete
    }

    /// Where the calling thread was.
    pub(super) fn is_own(&self, row: u32) -> bool {
        row != NONE && self.own.contains(&row)
    }

    pub(super) fn made_of(scan: Scan, survey: &Survey) -> Snapshot {
        let Scan { table, mut processes, lineages, mut holds, mut points, mut gaps, own, .. } = scan;
        let found = table.into_rows();
        let order = order(&found, &processes, &holds, &own);
        let mut places = vec![NONE; found.len()];
        for (place, row) in order.iter().enumerate() {
            places[*row as usize] = place as u32;
        }
        let place = |row: u32| places.get(row as usize).copied().unwrap_or(NONE);
        let moved = |row: &u32| {
            let row = &found[*row as usize];
            let (first, last) = (row.first.with_rows(place), row.last.with_rows(place));
            table::Row { owner: place(row.owner), parent: place(row.parent), first, last, ..row.clone() }
        };
        let rows: Vec<table::Row> = order.iter().map(moved).collect();
        drop(found);
        for process in &mut processes {
            process.places = process.places.map(place);
        }
        for (row, _) in &mut holds {
            *row = place(*row);
        }
        holds.sort_unstable();
        for point in &mut points {
            point.mnt = place(point.mnt);
        }
        let hidden = rows.iter().filter(|row| row.owner == NONE && row.inode != INITIAL_USER).count();
        if hidden > 0 {
            gaps.of_machine("owners", hidden, Errno(libc::EPERM), Cause::OutsideOwn);
        }
        let (members, starts) = members(&processes, rows.len());
        let (own, incomplete) = (own.map(place), gaps.into_list());
        let kinds = survey.kinds;
        Snapshot { kinds, rows, processes, lineages, members, starts, holds, points, own, incomplete }
    }
}

fn key(row: &table::Row) -> (usize, u64) {
    (row.kind.index(), row.inode)
}

/// The rows that somebody holds, by kind and inode.
fn order(rows: &[table::Row], processes: &[scan::Row], holds: &[(u32, Way)], own: &Places) -> Vec<u32> {
    let mut is_held = vec![false; rows.len()];
    let mut to_hold: Vec<u32> = processes.iter().flat_map(|process| process.places).collect();
    to_hold.extend(holds.iter().map(|(row, _)| *row));
    to_hold.extend(own);
    let listed = rows.iter().enumerate().filter(|(_, row)| row.last == Way::Listed);
    to_hold.extend(listed.map(|(row, _)| row as u32));
    while let Some(row) = to_hold.pop() {
        // Not the row that stands for none.
        let Some(held) = is_held.get_mut(row as usize).filter(|held| !**held) else { continue };
        *held = true;
        to_hold.extend([rows[row as usize].owner, rows[row as usize].parent]);
    }
    let mut order: Vec<u32> = (0..rows.len() as u32).filter(|row| is_held[*row as usize]).collect();
    order.sort_unstable_by_key(|row| key(&rows[*row as usize]));
    order
}

/// The processes in each of so many namespaces, and where those of each begin.
fn members(processes: &[scan::Row], namespaces: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0; namespaces + 1];
    let places = || {
        let of = |(index, process): (usize, &scan::Row)| process.places.map(|place| (index as u32, place));
        processes.iter().enumerate().flat_map(of).filter(|(_, place)| *place != NONE)
    };
    for (_, place) in places() {
        starts[place as usize + 1] += 1;
    }
    for index in 1..starts.len() {
        starts[index] += starts[index - 1];
    }
    let mut members = vec![0; starts.last().copied().unwrap_or(0) as usize];
    let mut next = starts.clone();
    for (process, place) in places() {
        let next = &mut next[place as usize];
        members[*next as usize] = process;
        *next += 1;
    }
    (members, starts)
}
