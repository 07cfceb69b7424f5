//! How a caller's terminal is connected with the one that a process has of its own, until that has ended.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::process::{try_lock, Process};
use crate::status::ExitStatus;
use crate::sys::terminal::{peer, set_window_size, window_size, Settings, WindowSize};
use crate::sys::{fd, Errno};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How late a new window size may be seen: nothing but a signal tells of it, and signals are the host's.
const TICK: Duration = Duration::from_millis(100);
/// How much is carried at a time: what goes into a pipe in one piece.
const PIECE: usize = 4096;
/// How much is still carried once the process has ended: more than the kernel holds of a terminal's output, and not
/// all that a process which it left behind may write for ever.
const LAST: usize = 1 << 16;

impl Process {
    /// Connects two descriptors of the caller's, mostly its terminal (0 and 1), with the terminal that the process
    /// has of its own ([`crate::Terminal::Own`]), until the process has ended, and tells how it ended.
    ///
    /// If `input` is a terminal, it is in raw mode meanwhile, so that every key goes to the process, Ctrl-C and Ctrl-Z
    /// too; its settings are as before when this returns, whatever comes. They stay raw if a signal kills the
    /// caller. The window size of the caller's terminal is the process's, and follows it within a tenth of a second.
    /// At the end of `input` (a pipe, a file) the end-of-file character is typed. All output that the process has
    /// written is passed on; of what it left behind in the background, as much as there is by then.
    ///
    /// The descriptors may be blocking or not, and stay as they are. No signal handler and no signal mask is
    /// touched. One relay at a time; other calls may be made meanwhile.
    ///
    /// # Errors
    ///
    /// ENOTTY: the process has no terminal of its own. EBADF: a descriptor is closed. EPIPE: nobody reads the output
    /// any more. EBUSY: another thread relays it. EIO and others of read(2), write(2). The process runs on
    /// after these. And as [`Process::wait`].
    pub fn relay(&self, input: impl AsRawFd, output: impl AsRawFd) -> Result<ExitStatus> {
        // `None` is only for those who do not go on.
        self.relay_while(input, output, &mut || true)?.map_or_else(|| self.wait(), Ok)
    }

    /// As [`Process::relay`]; after each signal that this thread handles meanwhile, and at least every tenth of a
    /// second, `go_on` is asked, and `None` is given when it says no.
    ///
    /// # Errors
    ///
    /// As [`Process::relay`].
    pub fn relay_while(
        &self,
        input: impl AsRawFd,
        output: impl AsRawFd,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<ExitStatus>> {
        // A forked copy, which cannot wait, is refused before anything is touched.
        self.poll()?;
        let object = || format!("the terminal of process {}", self.id());
        let refused = |errno| Error::new("relay", object(), errno, Cause::Unknown);
        let Some(master) = self.terminal() else {
            let complaint = format!("process {} has no terminal of its own", self.id());
            return Err(Error::new("relay", complaint, Errno(libc::ENOTTY), Cause::BadArgument));
        };
        let Some(_alone) = try_lock(&self.relayed) else { return Err(refused(Errno(libc::EBUSY))) };
        let (input, output) = (End::of(input)?, End::of(output)?);
        let _nonblocking = NonBlocking::on(master).map_err(refused)?;
        let peer = peer(master).map_err(refused)?;
        let _raw = match Raw::on(&input, go_on) {
            Err(error) if error.errno() == libc::EINTR => return Ok(None),
            raw => raw?,
        };
        let inside = End { fd: master, object: object() };
        let mut relay = Relay {
            inside,
            peer,
            input,
            output,
            to_inside: Buffer::new(),
            to_outside: Buffer::new(),
            size: None,
            input_ended: false,
            told_in: None,
        };
        relay.run(self, &mut Host { go_on, asked: Instant::now() })
    }
}

/// One end of a relay, and what an error calls it.
struct End<Fd> {
    fd: Fd,
    object: String,
}

/// A relay that runs.
struct Relay<'a> {
    /// The master's side, non-blocking.
    inside: End<BorrowedFd<'a>>,
    /// The other side: while somebody has it open, the process may close it and open it again.
    peer: OwnedFd,
    input: End<OwnedFd>,
    output: End<OwnedFd>,
    to_inside: Buffer,
    to_outside: Buffer,
    /// The window size that was handed on last.
    size: Option<WindowSize>,
    input_ended: bool,
    /// In which mode, of lines or of keys, the inside was told that its input has ended.
    told_in: Option<bool>,
}

impl Relay<'_> {
    /// `None` when the caller does not go on.
    fn run(&mut self, process: &Process, host: &mut Host<'_>) -> Result<Option<ExitStatus>> {
        loop {
            let ended = process.poll();
            if !matches!(ended, Ok(None)) {
                return if self.finish(host)? { ended } else { Ok(None) };
            }
            if !host.goes_on(self.step(process.pidfd()))? {
                return Ok(None);
            }
        }
    }

    /// Sleeps until something can be carried, and carries it.
    fn step(&mut self, process: Option<BorrowedFd<'_>>) -> Result<()> {
        self.resize();
        self.tell_the_end()?;
        let (from_input, to_inside) = (self.to_inside.is_empty(), !self.to_inside.is_empty());
        let (from_inside, to_output) = (self.to_outside.is_empty(), !self.to_outside.is_empty());
        let mut polls = [
            watched(self.input.fd.as_fd(), from_input && !self.input_ended, false),
            watched(self.output.fd.as_fd(), false, to_output),
            watched(self.inside.fd, from_inside, to_inside),
            process.map_or_else(unwatched, |pidfd| watched(pidfd, true, false)),
        ];
        fd::poll(&mut polls, TICK).map_err(|errno| self.inside.refused(errno))?;
        let [input, output, inside, _] = polls.map(|poll| poll.revents);
        if input != 0 {
            self.read_input()?;
        }
        if output != 0 {
            self.write_output(output)?;
        }
        if inside != 0 && to_inside {
            self.to_inside.write(self.inside.fd).map_err(|errno| self.inside.refused(errno))?;
        }
        if inside != 0 && from_inside {
            self.to_outside.read(self.inside.fd).map_err(|errno| self.inside.refused(errno))?;
        }
        Ok(())
    }

    /// Passes on what an ended process has written last; false when the caller does not go on.
    fn finish(&mut self, host: &mut Host<'_>) -> Result<bool> {
        let mut left = LAST;
        loop {
            while !self.to_outside.is_empty() {
                let mut polls = [watched(self.output.fd.as_fd(), false, true)];
                let polled = fd::poll(&mut polls, TICK).map_err(|errno| self.output.refused(errno));
                if !host.goes_on(polled.and_then(|()| self.write_output(polls[0].revents)))? {
                    return Ok(false);
                }
            }
            if left == 0 {
                return Ok(true);
            }
            // The kernel passes on all that was written before it says that there is nothing to read.
            match self.to_outside.read(self.inside.fd).map_err(|errno| self.inside.refused(errno))? {
                None | Some(0) => return Ok(true),
                Some(read) => left = left.saturating_sub(read),
            }
        }
    }

    fn read_input(&mut self) -> Result<()> {
        match self.to_inside.read(self.input.fd.as_fd()) {
            // A terminal that is gone, or whose foreground this is not and cannot be.
            Ok(Some(0)) | Err(Errno(libc::EIO)) => self.input_ended = true,
            Ok(_) => {}
            Err(errno) => return Err(self.input.refused(errno)),
        }
        Ok(())
    }

    fn write_output(&mut self, revents: i16) -> Result<()> {
        if revents & libc::POLLERR != 0 {
            // Writing would say the same, and kill a caller that leaves SIGPIPE as it is.
            return Err(self.output.refused(Errno(libc::EPIPE)));
        }
        if revents == 0 {
            return Ok(());
        }
        self.to_outside.write(self.output.fd.as_fd()).map_err(|errno| self.output.refused(errno))
    }

    /// Hands on the window size if it has changed, and if there is a window.
    fn resize(&mut self) {
        let size = window_size(self.input.fd.as_fd()).or_else(|_| window_size(self.output.fd.as_fd()));
        let Ok(size) = size else { return };
        if self.size != Some(size) && set_window_size(self.inside.fd, size).is_ok() {
            self.size = Some(size);
        }
    }

    /// Types the end-of-file character at the end of input, once all before it is read: whoever changes the mode in
    /// between would read another byte in its place, as would, later, whoever reads keys after lines.
    fn tell_the_end(&mut self) -> Result<()> {
        if !self.input_ended || !self.to_inside.is_empty() {
            return Ok(());
        }
        let settings = Settings::of(self.inside.fd).map_err(|errno| self.inside.refused(errno))?;
        let reads_lines = settings.is_canonical();
        let unread = fd::poll_read(self.peer.as_fd(), Some(Instant::now()));
        if self.told_in == Some(reads_lines) || unread.map_err(|errno| self.inside.refused(errno))? {
            return Ok(());
        }
        if let Some(byte) = settings.end_of_file() {
            // In the middle of a line the first one ends that.
            let count = if reads_lines && self.to_inside.is_within_a_line() { 2 } else { 1 };
            self.to_inside.end_line(&[byte, byte][..count]);
        }
        self.told_in = Some(reads_lines);
        Ok(())
    }
}

/// Who relays, and when it was asked last whether it goes on.
struct Host<'a> {
    go_on: &'a mut dyn FnMut() -> bool,
    asked: Instant,
}

impl Host<'_> {
    /// Asks after a signal; and at times anyway, for one that came between two system calls has ended neither.
    fn goes_on(&mut self, done: Result<()>) -> Result<bool> {
        match done {
            Err(error) if error.errno() == libc::EINTR => {}
            done => {
                done?;
                if self.asked.elapsed() < TICK {
                    return Ok(true);
                }
            }
        }
        self.asked = Instant::now();
        Ok((self.go_on)())
    }
}

/// What is read and not written yet.
struct Buffer {
    bytes: Box<[u8; PIECE]>,
    waiting: Range<usize>,
    last: u8,
}

impl Buffer {
    fn new() -> Buffer {
        Buffer { bytes: Box::new([0; PIECE]), waiting: 0..0, last: b'\n' }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn is_within_a_line(&self) -> bool {
        !matches!(self.last, b'\n' | b'\r')
    }

    /// Reads anew; `None` if there is nothing now.
    fn read(&mut self, from: BorrowedFd<'_>) -> std::result::Result<Option<usize>, Errno> {
        match fd::read_bytes(from, &mut self.bytes[..]) {
            Err(Errno(libc::EAGAIN)) => Ok(None),
            read => {
                let read = read?;
                self.waiting = 0..read;
                self.last = self.bytes[..read].last().copied().unwrap_or(self.last);
                Ok(Some(read))
            }
        }
    }

    /// Writes as much as there is room for.
    fn write(&mut self, to: BorrowedFd<'_>) -> std::result::Result<(), Errno> {
        match fd::write_bytes(to, &self.bytes[self.waiting.clone()]) {
            Err(Errno(libc::EAGAIN)) => {}
            written => self.waiting.start += written?,
        }
        Ok(())
    }

    /// Puts these few bytes in, after which a line begins.
    fn end_line(&mut self, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        self.waiting = 0..bytes.len();
        self.last = b'\n';
    }
}

impl End<OwnedFd> {
    /// A copy of a caller's descriptor, so that it stays what it is meanwhile.
    fn of(fd: impl AsRawFd) -> Result<End<OwnedFd>> {
        let object = format!("fd {}", fd.as_raw_fd());
        match fd::duplicate_number(fd.as_raw_fd(), 3) {
            Ok(fd) => Ok(End { fd, object }),
            Err(errno) => Err(Error::new("relay", object, errno, Cause::BadDescriptor)),
        }
    }
}

impl<Fd> End<Fd> {
    fn refused(&self, errno: Errno) -> Error {
        Error::new("relay", self.object.clone(), errno, Cause::Unknown)
    }
}

/// A terminal in raw mode until this is dropped.
struct Raw {
    terminal: OwnedFd,
    before: Settings,
}

impl Raw {
    /// `None` for what is no terminal; EINTR when the caller does not go on.
    fn on(input: &End<OwnedFd>, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Raw>> {
        let Ok(before) = Settings::of(input.fd.as_fd()) else { return Ok(None) };
        let terminal = input.fd.try_clone().map_err(|error| input.refused(error.into()))?;
        loop {
            match before.raw().apply(terminal.as_fd()) {
                Ok(()) => return Ok(Some(Raw { terminal, before })),
                Err(Errno(libc::EINTR)) if go_on() => {}
                Err(errno) => return Err(input.refused(errno)),
            }
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        while self.before.apply(self.terminal.as_fd()) == Err(Errno(libc::EINTR)) {}
    }
}

/// A descriptor that does not block until this is dropped.
struct NonBlocking<'a> {
    fd: BorrowedFd<'a>,
    before: bool,
}

impl NonBlocking<'_> {
    fn on(fd: BorrowedFd<'_>) -> std::result::Result<NonBlocking<'_>, Errno> {
        Ok(NonBlocking { fd, before: fd::set_nonblocking(fd, true)? })
    }
}

impl Drop for NonBlocking<'_> {
    fn drop(&mut self) {
        // It went the other way.
        let _ = fd::set_nonblocking(self.fd, self.before);
    }
}

/// What poll(2) is asked of a descriptor; nothing if neither is of interest, not even whether it is hung up.
fn watched(fd: BorrowedFd<'_>, read: bool, write: bool) -> libc::pollfd {
    let events = if read { libc::POLLIN } else { 0 } | if write { libc::POLLOUT } else { 0 };
    if events == 0 {
        return unwatched();
    }
    libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 }
}

fn unwatched() -> libc::pollfd {
    libc::pollfd { fd: -1, events: 0, revents: 0 }
}
