//! Paths below /proc, written anew into the same few bytes for each of many processes.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::fmt;
use std::io::Write;

/// Room for the longest: two numbers and the names between them.
const ROOM: usize = 64;

/// A path of numbers and short names.
#[derive(Debug)]
pub struct Path([u8; ROOM]);

impl Path {
    /// The path; empty, which the kernel refuses, if it had no room.
    pub fn set(&mut self, text: fmt::Arguments<'_>) -> &CStr {
        let mut rest = &mut self.0[..];
        let is_written = rest.write_fmt(text).and_then(|()| rest.write_all(&[0])).is_ok();
        CStr::from_bytes_until_nul(&self.0).ok().filter(|_| is_written).unwrap_or_default()
    }
}

impl Default for Path {
    fn default() -> Path {
        Path([0; ROOM])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_path_after_another() {
        let mut path = Path::default();
        assert_eq!(
            path.set(format_args!("{}/task/{}/ns", 4_194_304, i32::MAX)),
            c"4194304/task/2147483647/ns"
        );
        assert_eq!(path.set(format_args!("1/ns")), c"1/ns");
        assert_eq!(path.set(format_args!("{:100}", 1)), c"");
    }
}
