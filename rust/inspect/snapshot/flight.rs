//! Which descriptors are on their way through sockets, held by neither sender nor receiver.
#![forbid(unsafe_code)]

use super::path::Path;
use super::scan::Scan;
use super::way::Way;
use super::Survey;
use crate::error::Cause;
use crate::kind::Kind;
use crate::sys::{fd, nsfs, socket, Errno};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// What fdinfo says of a socket with descriptors in it (Linux 5.15).
const WAITING: &[u8] = b"scm_fds:";

impl Scan {
    /// Counts what waits in a socket of `AF_UNIX`, and opens the next message's where that was allowed.
    pub fn in_flight(&mut self, survey: &Survey, pid: i32, number: i32, copy: &OwnedFd) -> Result<(), Errno> {
        let mut path = Path::default();
        let info = self.proc.file(path.set(format_args!("{pid}/fdinfo/{number}")))?;
        let mut text = [0; 512];
        let length = fd::read_bytes(info.as_fd(), &mut text)?;
        let waiting = waiting(text.get(..length).unwrap_or_default());
        if waiting == 0 {
            return Ok(());
        }
        let mut descriptors = Vec::new();
        if survey.intrusive {
            descriptors = socket::peek_descriptors(copy.as_fd()).unwrap_or_default();
        }
        let unseen = waiting.saturating_sub(descriptors.len());
        if unseen > 0 {
            self.gaps.of_process("descriptors in flight", unseen, pid, Errno(0), Cause::InFlight);
        }
        for descriptor in descriptors {
            let Some(kind) = nsfs::nstype(descriptor.as_raw_fd()).ok().and_then(Kind::from_flag) else {
                continue;
            };
            let (_, inode) = nsfs::identity(descriptor.as_fd())?;
            let way = Way::InFlight(pid, number);
            let row = self.table.enter_opened(kind, inode, way, descriptor);
            self.holds.push((row, way));
        }
        Ok(())
    }
}

pub fn waiting(info: &[u8]) -> usize {
    let line = info.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(WAITING));
    line.and_then(|count| std::str::from_utf8(count).ok()?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::waiting;

    #[test]
    fn fdinfo_tells_what_waits() {
        assert_eq!(waiting(b"pos:\t0\nflags:\t02\nscm_fds: 3\n"), 3);
        assert_eq!(waiting(b"pos:\t0\n"), 0);
        assert_eq!(waiting(b"scm_fds: many\n"), 0);
    }
}
