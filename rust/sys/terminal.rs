//! Terminals: how a pair is opened, and what one is asked and told (pty(7), ioctl_tty(2)).
//!
//! # Safety
//!
//! Calls with numbers and pointers to locals; descriptors are owned from the call on, close-on-exec.
#![allow(unsafe_code)]

use super::{fd, Errno, Result};
use libc::{c_int, termios2};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// How a side of a pair is opened: it becomes nobody's controlling terminal by that.
const FLAGS: c_int = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
/// The numbers that a host may have closed, and that are never the master's.
const STANDARD: [c_int; 3] = [0, 1, 2];

/// The modes and special characters of a terminal. Taken and given as the kernel has them: libc's own calls for it
/// change from version to version, and leave out speeds.
#[derive(Clone, Copy)]
pub struct Settings(termios2);

/// Rows, columns, and pixels where somebody has said them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct WindowSize {
    rows: u16,
    columns: u16,
    width: u16,
    height: u16,
}

/// A new pseudo-terminal: its master and its peer, by no path below /dev/pts, which need not be there.
///
/// ENOENT, ENODEV without a devpts file system; ENOSPC at `kernel.pty.max`.
pub fn open_pair() -> Result<(OwnedFd, OwnedFd)> {
    // SAFETY: a C string.
    let master = Errno::check(unsafe { libc::open(c"/dev/ptmx".as_ptr(), FLAGS) })?;
    // SAFETY: the kernel just gave us this descriptor.
    let master = fd::outside(unsafe { OwnedFd::from_raw_fd(master) }, &STANDARD)?;
    let unlocked: c_int = 0;
    // SAFETY: the request reads an int.
    Errno::check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, ptr::from_ref(&unlocked)) })?;
    let peer = peer(master.as_fd())?;
    Ok((master, peer))
}

/// The other side of a master, opened anew (Linux 4.13).
pub fn peer(master: BorrowedFd<'_>) -> Result<OwnedFd> {
    // SAFETY: numbers only.
    let peer = Errno::check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, FLAGS) })?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(peer) })
}

/// ioctl(2) `TIOCGWINSZ`; ENOTTY for what has no window.
pub fn window_size(terminal: BorrowedFd<'_>) -> Result<WindowSize> {
    let mut size = WindowSize::default();
    // SAFETY: the request writes a `struct winsize`, which this is.
    Errno::check(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) })?;
    Ok(size)
}

/// ioctl(2) `TIOCSWINSZ`, by which the terminal's foreground job gets SIGWINCH if it is a change.
pub fn set_window_size(terminal: BorrowedFd<'_>, size: WindowSize) -> Result<()> {
    // SAFETY: the request reads a `struct winsize`, which this is.
    Errno::check(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }).map(drop)
}

impl Settings {
    /// Those of a terminal; a master answers with its peer's. ENOTTY for what is no terminal.
    pub fn of(terminal: BorrowedFd<'_>) -> Result<Settings> {
        // SAFETY: plain numbers, for which zero is a value.
        let mut settings: termios2 = unsafe { std::mem::zeroed() };
        // SAFETY: the request writes this structure.
        Errno::check(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TCGETS2, &raw mut settings) })?;
        Ok(Settings(settings))
    }

    /// Makes them a terminal's, at once.
    ///
    /// EINTR is the caller's to repeat: from the background, the terminal first stops those who try (SIGTTOU).
    pub fn apply(&self, terminal: BorrowedFd<'_>) -> Result<()> {
        let set =
            // SAFETY: the request reads this structure.
            unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TCSETS2, ptr::from_ref(&self.0)) };
        Errno::check(set).map(drop)
    }

    /// The same in raw mode: every byte comes as it is typed, and goes as it is written (cfmakeraw(3)).
    pub fn raw(mut self) -> Settings {
        let Settings(raw) = &mut self;
        raw.c_iflag &= !(libc::IGNBRK | libc::BRKINT | libc::PARMRK | libc::ISTRIP);
        raw.c_iflag &= !(libc::INLCR | libc::IGNCR | libc::ICRNL | libc::IXON);
        raw.c_oflag &= !libc::OPOST;
        raw.c_lflag &= !(libc::ECHO | libc::ECHONL | libc::ICANON | libc::ISIG | libc::IEXTEN);
        raw.c_cflag = raw.c_cflag & !(libc::CSIZE | libc::PARENB) | libc::CS8;
        raw.c_cc[libc::VMIN] = 1;
        raw.c_cc[libc::VTIME] = 0;
        self
    }

    /// Whether input comes in lines that can be edited.
    pub fn is_canonical(&self) -> bool {
        self.0.c_lflag & libc::ICANON != 0
    }

    /// What is typed for the end of input; `None` where no character means it.
    pub fn end_of_file(&self) -> Option<u8> {
        // _POSIX_VDISABLE is 0 on Linux.
        self.0.c_cc.get(libc::VEOF).copied().filter(|byte| *byte != 0)
    }
}
