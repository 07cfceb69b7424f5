//! How ids inside a user namespace stand for ids outside: the text of uid_map and gid_map.
#![forbid(unsafe_code)]

use std::fmt;

/// `count` ids in a row: `inside` and following stand for `outside` and following.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdRange {
    /// First id in the new user namespace.
    pub inside: u32,
    /// First id in the parent user namespace.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// Ranges of one map, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct IdMap(Vec<IdRange>);

impl IdMap {
    /// A single id, the only map that needs no privilege.
    pub fn single(inside: u32, outside: u32) -> IdMap {
        IdMap(vec![IdRange { inside, outside, count: 1 }])
    }

    /// The ranges.
    pub fn ranges(&self) -> &[IdRange] {
        &self.0
    }
}

/// As the kernel reads it: a line a range.
impl fmt::Display for IdMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for IdRange { inside, outside, count } in &self.0 {
            writeln!(f, "{inside} {outside} {count}")?;
        }
        Ok(())
    }
}
