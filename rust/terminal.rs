//! A command's terminal: the caller's, none, or one of its own, and how that one is opened.
#![forbid(unsafe_code)]

use crate::command::Source;
use crate::error::{Cause, Error, Result};
use crate::sys::terminal::{open_pair, set_window_size, window_size, Settings};
use crate::sys::{fd, Errno};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

/// Input, output, errors.
pub(crate) const STANDARD: [RawFd; 3] = [0, 1, 2];

/// Which terminal a command has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Terminal {
    /// In namespaces of its own, none: it leads a session of its own where it would have the caller's terminal on a
    /// descriptor from 0 to 2, and where it keeps CAP_SYS_ADMIN a filter, so that it cannot type into that terminal
    /// (`TIOCSTI`) what runs outside. In the caller's namespaces nothing is changed.
    #[default]
    Apart,
    /// The caller's, in the caller's session.
    Share,
    /// A new one, on its descriptors 0 to 2 but those that the command sets itself, which controls a session of
    /// its own. It begins with the window size and the settings of the first terminal on the caller's descriptors
    /// 0 to 2. Its other side stays with the caller: [`crate::Process::terminal`], [`crate::Process::relay`].
    Own,
}

/// A terminal that was opened for one start.
#[derive(Debug)]
pub(crate) struct Pair {
    /// The caller's side.
    pub master: OwnedFd,
    /// The number of the command's side, which the descriptors keep open.
    pub peer: RawFd,
}

/// Opens a terminal and puts it where the descriptors of a command name nothing.
pub(crate) fn open(descriptors: &mut Vec<(Source, RawFd)>) -> Result<Pair> {
    let (master, peer) = open_pair().map_err(refused)?;
    take_over(peer.as_fd()).map_err(refused)?;
    let number = peer.as_raw_fd();
    let peer = Arc::new(peer);
    let named: Vec<RawFd> = descriptors.iter().map(|(_, to)| *to).collect();
    let free = STANDARD.into_iter().filter(|to| !named.contains(to));
    descriptors.extend(free.map(|to| (Source::Owned(Arc::clone(&peer)), to)));
    Ok(Pair { master, peer: number })
}

/// Makes it look as the first terminal of the caller's descriptors 0 to 2, if one is there.
fn take_over(peer: BorrowedFd<'_>) -> std::result::Result<(), Errno> {
    let Some(number) = STANDARD.into_iter().find(|number| fd::is_terminal(*number)) else { return Ok(()) };
    let callers = fd::duplicate_number(number, 3)?;
    Settings::of(callers.as_fd())?.apply(peer)?;
    set_window_size(peer, window_size(callers.as_fd())?)
}

fn refused(errno: Errno) -> Error {
    Error::new("open", "/dev/ptmx", errno, Cause::Unknown)
}
