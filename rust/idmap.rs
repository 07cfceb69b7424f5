//! How ids inside a user namespace stand for ids outside: ranges, their checks, the text of uid_map.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use std::fmt;

/// The kernel takes this many lines at most (user_namespaces(7), Linux 4.15).
const LINES_MAX: usize = 340;
/// The text must be shorter than a page, and pages have at least this many bytes.
const TEXT_MAX: usize = 4095;

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

impl IdRange {
    /// One past the last id, inside and outside.
    fn ends(self) -> (u64, u64) {
        let end = |first: u32| u64::from(first) + u64::from(self.count);
        (end(self.inside), end(self.outside))
    }
}

/// As a line of the file.
impl fmt::Display for IdRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.inside, self.outside, self.count)
    }
}

/// Ranges of one map, checked: none empty, none overlapping, as few lines as they take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct IdMap(Vec<IdRange>);

impl IdMap {
    /// A single id, the only map that needs no privilege.
    pub fn single(inside: u32, outside: u32) -> IdMap {
        IdMap(vec![IdRange { inside, outside, count: 1 }])
    }

    /// Ranges in any order. Those that continue each other become one line.
    ///
    /// # Errors
    ///
    /// EINVAL, naming the lines: an empty range, ids beyond 4294967294, two ranges that share an id
    /// inside or outside; more lines or text than the kernel takes.
    pub fn new(ranges: impl IntoIterator<Item = IdRange>) -> Result<IdMap> {
        let mut ranges: Vec<IdRange> = ranges.into_iter().collect();
        if ranges.is_empty() {
            return Err(refused("there is no line in it".to_owned()));
        }
        ranges.sort_by_key(|range| range.inside);
        for range in &ranges {
            let (inside, outside) = range.ends();
            // The highest number of 32 bits means "no id".
            if range.count == 0 || inside.max(outside) > u64::from(u32::MAX) {
                return Err(refused(format!("line \"{range}\" is empty or goes beyond 4294967294")));
            }
        }
        disjoint(&ranges, |range| (range.inside, range.ends().0), "inside")?;
        let mut by_outside = ranges.clone();
        by_outside.sort_by_key(|range| range.outside);
        disjoint(&by_outside, |range| (range.outside, range.ends().1), "outside")?;
        let map = IdMap(joined(&ranges));
        if map.0.len() > LINES_MAX || map.to_string().len() > TEXT_MAX {
            let (lines, bytes) = (map.0.len(), map.to_string().len());
            let complaint =
                format!("{lines} lines, {bytes} bytes: the kernel takes {LINES_MAX} and {TEXT_MAX}");
            return Err(Error::invalid("id map", complaint, Cause::MapTooLong));
        }
        Ok(map)
    }

    /// The ranges, by their first id inside.
    pub fn ranges(&self) -> &[IdRange] {
        &self.0
    }

    /// Whether it is one id, and that one outside: then the process may write it itself.
    pub fn is_single(&self, outside: u32) -> bool {
        matches!(self.0[..], [range] if range.count == 1 && range.outside == outside)
    }
}

/// As the kernel reads it: a line a range.
impl fmt::Display for IdMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|range| writeln!(f, "{range}"))
    }
}

/// Refuses two neighbours that share an id.
fn disjoint(sorted: &[IdRange], ends: impl Fn(IdRange) -> (u32, u64), side: &str) -> Result<()> {
    for pair in sorted.windows(2) {
        if let [a, b] = *pair {
            if ends(a).1 > u64::from(ends(b).0) {
                return Err(refused(format!("lines \"{a}\" and \"{b}\" share ids {side}")));
            }
        }
    }
    Ok(())
}

/// Makes one line of those that continue each other on both sides.
fn joined(sorted: &[IdRange]) -> Vec<IdRange> {
    let mut lines: Vec<IdRange> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match lines.last_mut() {
            Some(last) if last.ends() == (u64::from(range.inside), u64::from(range.outside)) => {
                last.count += range.count;
            }
            _ => lines.push(*range),
        }
    }
    lines
}

fn refused(complaint: String) -> Error {
    Error::invalid("id map", complaint, Cause::BadArgument)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(ranges: &[(u32, u32, u32)]) -> std::result::Result<String, String> {
        let range = |(inside, outside, count): &(u32, u32, u32)| IdRange {
            inside: *inside,
            outside: *outside,
            count: *count,
        };
        IdMap::new(ranges.iter().map(range)).map(|map| map.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_are_sorted_and_joined() {
        assert_eq!(map(&[(1, 101, 9), (0, 100, 1)]), Ok("0 100 10\n".to_owned()));
        assert_eq!(map(&[(0, 100, 1), (1, 200, 1)]), Ok("0 100 1\n1 200 1\n".to_owned()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_lines() {
        for (ranges, words) in [
            (&[][..], "no line"),
            (&[(0, 100, 0)], "\"0 100 0\" is empty"),
            (&[(0, u32::MAX, 1)], "beyond 4294967294"),
            (&[(0, 100, 10), (5, 200, 1)], "\"0 100 10\" and \"5 200 1\" share ids inside"),
            (&[(0, 100, 10), (50, 105, 1)], "share ids outside"),
        ] {
            let refused = map(ranges);
            assert!(refused.as_ref().is_err_and(|text| text.contains(words)), "{refused:?}");
        }
        assert_eq!(map(&[(0, u32::MAX - 1, 1)]), Ok("0 4294967294 1\n".to_owned()));
    }

    #[test]
    fn the_kernels_limits_are_known_before() {
        let lines = |count: u32| (0..count).map(|n| (2 * n, 3 * n, 1)).collect::<Vec<_>>();
        assert!(map(&lines(340)).is_ok());
        assert!(map(&lines(341)).is_err_and(|text| text.contains("341 lines")));
        let long: Vec<_> = (0..200).map(|n| (1_000_000_000 + 2 * n, 2_000_000_000 + 3 * n, 1)).collect();
        assert!(map(&long).is_err_and(|text| text.contains("4095")));
    }
}
