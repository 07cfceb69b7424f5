//! A running child: wait for it, poll it, signal it, and what becomes of it when nobody does.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::kind::Kind;
use crate::namespace::of_process;
use crate::status::{ExitStatus, Usage};
use crate::sys::shelf::Shelf;
use crate::sys::start::Child;
use crate::sys::{fd, process, Errno};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// How long one sleep lasts where there is no pidfd to wait on (before Linux 5.3), or more to look for.
const A_WHILE: Duration = Duration::from_millis(10);

/// Children that nobody holds any more, to be reaped when they have ended.
static DETACHED: Shelf<Handle> = Shelf::new();

/// A child and its pidfd. May be used by many threads at once.
///
/// Dropping it detaches: the child runs on, and once it has ended, a later start reaps it. With
/// [`Process::kill_on_drop`] the child is killed and reaped instead.
///
/// It belongs to the process that started the child: a forked copy of that refuses to wait (ECHILD).
#[derive(Debug)]
pub struct Process {
    handle: Option<Handle>,
    ended: Mutex<Option<Ended>>,
    kill_on_drop: bool,
    /// Taken before it ran.
    namespaces: Vec<(Kind, OwnedFd)>,
    /// The caller's side of its own terminal.
    terminal: Option<OwnedFd>,
    /// Held by who relays it.
    pub(crate) relayed: Mutex<()>,
}

#[derive(Debug)]
struct Handle {
    pid: libc::pid_t,
    pidfd: Option<OwnedFd>,
    /// Whose child it is.
    owner: libc::pid_t,
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    status: ExitStatus,
    usage: Option<Usage>,
}

impl Process {
    pub(crate) fn new(child: Child, namespaces: Vec<(Kind, OwnedFd)>) -> Process {
        let Child { pid, pidfd, owner } = child;
        let handle = Handle { pid, pidfd, owner };
        let (ended, relayed) = (Mutex::new(None), Mutex::new(()));
        Process { handle: Some(handle), ended, kill_on_drop: false, namespaces, terminal: None, relayed }
    }

    pub(crate) fn with_terminal(mut self, master: Option<OwnedFd>) -> Process {
        self.terminal = master;
        self
    }

    /// Kills and reaps the child when this is dropped.
    pub fn kill_on_drop(mut self, kill: bool) -> Process {
        self.kill_on_drop = kill;
        self
    }

    /// Its number in the caller's pid namespace.
    pub fn id(&self) -> i32 {
        self.handle.as_ref().map_or(0, |handle| handle.pid)
    }

    /// The pidfd, readable (poll(2)) once the child has ended; `None` before Linux 5.2.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.handle.as_ref().and_then(Handle::pidfd)
    }

    /// A descriptor of a namespace that it is in: of those that [`crate::Spec::keep_namespaces`] has taken also
    /// after it has ended, of others while it runs.
    ///
    /// # Errors
    ///
    /// ESRCH: it has ended. EACCES: it runs as somebody whom the caller may not trace. EMFILE.
    pub fn namespace(&self, kind: Kind) -> Result<OwnedFd> {
        let taken = self.namespaces.iter().find(|(taken, _)| *taken == kind);
        let opened = match taken {
            Some((_, fd)) => fd.try_clone().map_err(Errno::from),
            None => self.open_namespace(kind),
        };
        opened.map_err(|errno| self.error("open", errno))
    }

    fn open_namespace(&self, kind: Kind) -> std::result::Result<OwnedFd, Errno> {
        let handle = self.handle.as_ref().ok_or(Errno(libc::ESRCH))?;
        let opened = of_process::of_process(handle.pid, kind.into()).and_then(of_process::only)?;
        // Nobody has reaped it: so its number was its own.
        process::is_unreaped(handle.pidfd(), handle.pid).map_err(|_| Errno(libc::ESRCH))?;
        Ok(opened)
    }

    /// The caller's side of the terminal that it has of its own ([`crate::Terminal::Own`]): what the command
    /// writes is read here, and what is written here is typed there. Close-on-exec, and open until this is
    /// dropped, which hangs up what is left of the command's session (SIGHUP). See [`Process::relay`].
    ///
    /// Somebody has to read it, or the command waits once the terminal is full. Once no process has the terminal
    /// open any more, reading gives EIO, when all is read.
    pub fn terminal(&self) -> Option<BorrowedFd<'_>> {
        self.terminal.as_ref().map(AsFd::as_fd)
    }

    /// Waits until it has ended. The status can be had as often as wanted.
    ///
    /// # Errors
    ///
    /// ECHILD: this process has reaped it elsewhere, and the kernel keeps no status (before Linux 6.15);
    /// or this is a forked copy of the process that started it.
    pub fn wait(&self) -> Result<ExitStatus> {
        let mut ended = lock(&self.ended);
        // Others that wait here sleep on the lock meanwhile; polling and signals do not need it.
        let known = self.known(&mut ended, &mut || true)?;
        known.ok_or_else(|| self.error("wait", Errno(libc::EINTR)))
    }

    /// Sleeps until it has ended; `None` when `go_on` says no.
    fn known(
        &self,
        ended: &mut Option<Ended>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<ExitStatus>> {
        if ended.is_none() {
            let handle = self.handle.as_ref().ok_or(Errno(libc::ECHILD));
            *ended =
                handle.and_then(|handle| handle.end(go_on)).map_err(|errno| self.error("wait", errno))?;
        }
        Ok(ended.map(|ended| ended.status))
    }

    /// Waits for this long at most; `None` when it runs still.
    ///
    /// # Errors
    ///
    /// As [`Process::wait`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<Option<ExitStatus>> {
        self.wait_until(Instant::now().checked_add(timeout), &mut || true)
    }

    /// Waits until then at most; after each signal that this thread handles meanwhile, `go_on` is asked,
    /// and `None` is given when it says no.
    ///
    /// # Errors
    ///
    /// As [`Process::wait`].
    pub fn wait_until(
        &self,
        deadline: Option<Instant>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<ExitStatus>> {
        if deadline.is_none() {
            if let Some(mut ended) = try_lock(&self.ended) {
                return self.known(&mut ended, go_on);
            }
        }
        loop {
            if let Some(status) = self.poll()? {
                return Ok(Some(status));
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
            let slept = self.handle.as_ref().map_or(Ok(()), |handle| handle.sleep(deadline));
            match slept {
                Err(Errno(libc::EINTR)) if !go_on() => return Ok(None),
                Ok(()) | Err(Errno(libc::EINTR)) => {}
                Err(errno) => return Err(self.error("wait", errno)),
            }
        }
    }

    /// The status if it has ended.
    ///
    /// # Errors
    ///
    /// As [`Process::wait`].
    pub fn poll(&self) -> Result<Option<ExitStatus>> {
        // Somebody who sleeps in `wait` holds the lock: then it runs still, or that one is about to know.
        let Some(mut ended) = try_lock(&self.ended) else { return Ok(None) };
        if ended.is_none() {
            let reaped = self.handle.as_ref().map_or(Err(Errno(libc::ECHILD)), |handle| handle.reap(false));
            *ended = reaped.map_err(|errno| self.error("wait", errno))?;
        }
        Ok(ended.map(|ended| ended.status))
    }

    /// What it has used up, once it was waited for; `None` also if somebody else has reaped it.
    pub fn usage(&self) -> Option<Usage> {
        try_lock(&self.ended)?.and_then(|ended| ended.usage)
    }

    /// Sends a signal, by pidfd: it never reaches another process.
    ///
    /// # Errors
    ///
    /// ESRCH: it has ended and was waited for. EPERM: it runs as another user now. EINVAL: no such signal.
    pub fn send_signal(&self, signal: i32) -> Result<()> {
        let has_ended = try_lock(&self.ended).is_some_and(|ended| ended.is_some());
        match &self.handle {
            Some(handle) if !has_ended && handle.is_ours() => {
                process::kill(handle.pidfd(), handle.pid, signal)
            }
            _ => Err(Errno(libc::ESRCH)),
        }
        .map_err(|errno| self.error("signal", errno))
    }

    /// Sends SIGKILL.
    ///
    /// # Errors
    ///
    /// As [`Process::send_signal`].
    pub fn kill(&self) -> Result<()> {
        self.send_signal(libc::SIGKILL)
    }

    fn error(&self, step: &'static str, errno: Errno) -> Error {
        let forked = self.handle.as_ref().is_some_and(|handle| !handle.is_ours());
        let cause = match errno.0 {
            libc::ECHILD if forked => Cause::ForkedCopy,
            libc::ECHILD => Cause::ReapedByOthers,
            libc::ESRCH => Cause::ProcessEnded,
            libc::EACCES => Cause::NotTraceable,
            _ => Cause::Unknown,
        };
        Error::new(step, format!("process {}", self.id()), errno, cause)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let has_ended = lock(&self.ended).is_some();
        let Some(handle) = self.handle.take() else { return };
        if has_ended || !handle.is_ours() {
            return;
        }
        if self.kill_on_drop {
            let killed = process::kill(handle.pidfd(), handle.pid, libc::SIGKILL);
            if killed.is_ok() {
                // If somebody else has reaped it, it has ended.
                let _ = handle.end(&mut || true);
                return;
            }
            // It has become another user's: then it can only be left to run.
        }
        DETACHED.put(handle);
    }
}

/// Reaps the children that were dropped and have ended. Each start does so first, but for those that another one looks
/// at now.
///
/// Whether some of them run still, or may.
pub(crate) fn reap_detached() -> bool {
    DETACHED.retain(|handle| handle.is_ours() && matches!(handle.reap(false), Ok(None)));
    !DETACHED.is_empty()
}

impl Handle {
    fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    fn is_ours(&self) -> bool {
        self.owner == process::getpid()
    }

    /// Sleeps until it has ended. `go_on` is asked after each signal, and `None` is given when it says no.
    fn end(&self, go_on: &mut dyn FnMut() -> bool) -> std::result::Result<Option<Ended>, Errno> {
        loop {
            // The first process of a pid namespace ends when all in it are reaped, and those that nobody holds
            // any more are ours to reap.
            let has_detached = reap_detached();
            let interrupted = match self.reap(!has_detached) {
                Err(Errno(libc::EINTR)) => true,
                Ok(None) => self.sleep(Instant::now().checked_add(A_WHILE)) == Err(Errno(libc::EINTR)),
                answer => return answer,
            };
            if interrupted && !go_on() {
                return Ok(None);
            }
        }
    }

    /// Until it has ended, or then; where there is no pidfd, for a while.
    fn sleep(&self, deadline: Option<Instant>) -> std::result::Result<(), Errno> {
        if let Some(pidfd) = self.pidfd() {
            return fd::poll_read(pidfd, deadline).map(drop);
        }
        std::thread::sleep(A_WHILE);
        Ok(())
    }

    /// `None` while it runs, if not asked to sleep until it has ended.
    fn reap(&self, sleep: bool) -> std::result::Result<Option<Ended>, Errno> {
        if !self.is_ours() {
            return Err(Errno(libc::ECHILD));
        }
        match process::reap(self.pidfd(), self.pid, sleep) {
            Err(Errno(libc::ECHILD)) => {
                let status = self.pidfd().and_then(process::status_after_reaping);
                let status = ExitStatus::of(status.ok_or(Errno(libc::ECHILD))?);
                Ok(Some(Ended { status, usage: None }))
            }
            Ok(ended) => Ok(ended.map(|ended| Ended {
                status: ExitStatus::of(ended.status),
                usage: Some(Usage::of(&ended.usage)),
            })),
            Err(errno) => Err(errno),
        }
    }
}

/// Nothing that runs under these locks panics; should it, what they guard is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `None` while somebody else holds it.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
