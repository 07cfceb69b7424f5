//! A process's name, parent and time of birth: `/proc/PID/stat`.
#![forbid(unsafe_code)]

use crate::sys::fd;
use std::os::fd::{AsFd, OwnedFd};

/// `TASK_COMM_LEN`: what the kernel keeps of a name, with the byte that ends it.
const NAME: usize = 16;
/// Counted from the field after the name: state, parent, …, time of birth.
const PARENT: usize = 1;
const START: usize = 19;

/// What is told of a process beside its namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lineage {
    pub parent: i32,
    /// In ticks of the clock since the machine started: with its number it names a process for ever.
    pub start: u64,
    name: [u8; NAME],
}

impl Lineage {
    /// The name that the kernel shows: of the program file, or what the process calls itself.
    pub fn name(&self) -> &[u8] {
        self.name.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

/// Reads an open `stat`; `None` if the process has ended.
pub fn read(stat: &OwnedFd) -> Option<Lineage> {
    let mut text = [0; 1024];
    let length = fd::read_bytes(stat.as_fd(), &mut text).ok()?;
    parse(text.get(..length)?)
}

/// `42 (a name) S 1 …`: the name may hold anything, brackets too.
pub fn parse(text: &[u8]) -> Option<Lineage> {
    let start = text.iter().position(|byte| *byte == b'(')? + 1;
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let mut name = [0; NAME];
    let shown = text.get(start..end)?;
    let kept = shown.len().min(NAME - 1);
    name[..kept].copy_from_slice(&shown[..kept]);
    let mut fields = std::str::from_utf8(text.get(end + 1..)?).ok()?.split_ascii_whitespace();
    let parent = fields.nth(PARENT)?.parse().ok()?;
    let start = fields.nth(START - PARENT - 1)?.parse().ok()?;
    Some(Lineage { parent, start, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets_and_bytes() {
        let rest = b"R 7 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 4711 0";
        let parsed = parse(&[&b"42 (a) b) S 9\n\xff) "[..], rest].concat()).unwrap();
        assert_eq!((parsed.parent, parsed.start, parsed.name()), (7, 4711, &b"a) b) S 9\n\xff"[..]));
        for cut in [&b""[..], b"42", b"42 (x", b"42 (x)", b"42 (x) R 7", b"42 )x( R 7 1", b"42 (x) R y 1"] {
            assert_eq!(parse(cut), None);
        }
    }
}
