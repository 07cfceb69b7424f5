//! A program in a piece of memory that another process maps at the same address.
#![forbid(unsafe_code)]

use crate::program::{Argv, Op, Program};
use crate::report::Report;
use core::ffi::{c_int, CStr};

/// What stands at the beginning of that memory; all that it borrows follows.
#[repr(C)]
#[derive(Debug)]
pub struct Image<'a> {
    /// [`LAYOUT`], by which the helper knows that it was compiled with the same types.
    pub layout: usize,
    /// The steps.
    pub program: Program<'a>,
    /// How far they are.
    pub report: Report,
}

/// Another number where the types have other sizes.
pub const LAYOUT: usize = size_of::<Image<'_>>() << 16 | size_of::<Op<'_>>() << 4 | align_of::<Op<'_>>();

/// Where what a program borrows is copied to.
pub trait Store<'a> {
    /// A copy of these.
    fn slice<T: Copy>(&mut self, slice: &'a [T]) -> &'a [T];
    /// A copy of the array and of its strings.
    fn argv(&mut self, argv: Argv<'a>) -> Argv<'a>;
    /// A copy of this text.
    fn text(&mut self, text: &'a CStr) -> &'a CStr {
        CStr::from_bytes_with_nul(self.slice(text.to_bytes_with_nul())).unwrap_or(c"")
    }
}

impl<'a> Op<'a> {
    /// The same step, which borrows from the store alone.
    pub fn stored(self, store: &mut impl Store<'a>) -> Op<'a> {
        match self {
            Op::Write { directory, path, text } => {
                Op::Write { directory, path: store.text(path), text: store.slice(text) }
            }
            Op::Mount { source, target, fstype, flags } => Op::Mount {
                source: source.map(|source| store.text(source)),
                target: store.text(target),
                fstype: fstype.map(|fstype| store.text(fstype)),
                flags,
            },
            Op::Sethostname { name } => Op::Sethostname { name: store.slice(name) },
            Op::Setdomainname { name } => Op::Setdomainname { name: store.slice(name) },
            Op::Chdir { path } => Op::Chdir { path: store.text(path) },
            Op::Setgroups { groups } => Op::Setgroups { groups: store.slice(groups) },
            Op::Descriptors { moves } => Op::Descriptors { moves: store.slice(moves) },
            Op::CloseOnExec { ranges } => Op::CloseOnExec { ranges: store.slice(ranges) },
            Op::Exec { paths, argv, envp } => {
                Op::Exec { paths: store.argv(paths), argv: store.argv(argv), envp: store.argv(envp) }
            }
            Op::ExecFd { fd, argv } => Op::ExecFd { fd, argv: store.argv(argv) },
            Op::Call { close, function, argument } => {
                Op::Call { close: store.slice(close), function, argument }
            }
            Op::Setns { namespaces } => Op::Setns { namespaces: store.slice(namespaces) },
            Op::Unshare { .. }
            | Op::Fork { .. }
            | Op::Await { .. }
            | Op::LoopbackUp
            | Op::Umask { .. }
            | Op::ChangeDirectory { .. }
            | Op::ChangeRoot { .. }
            | Op::Setsid
            | Op::Setpgid { .. }
            | Op::ControllingTerminal { .. }
            | Op::Rlimit { .. }
            | Op::Setgid { .. }
            | Op::Setuid { .. }
            | Op::KeepCapabilities { .. }
            | Op::ForbidTyping
            | Op::Prctl { .. }
            | Op::Exit { .. } => self,
        }
    }

    /// The descriptors that it uses, as they are numbered before the first [`Op::Descriptors`].
    pub fn descriptors(&self) -> impl Iterator<Item = c_int> + '_ {
        let (mut own, mut moved, mut joined) = ([-1; 2], [].as_slice(), [].as_slice());
        match *self {
            Op::ExecFd { fd, .. }
            | Op::Write { directory: fd, .. }
            | Op::ChangeDirectory { fd }
            | Op::ChangeRoot { fd } => own = [fd, -1],
            // The writing end is closed here anyway.
            Op::Await { gate, parent, .. } => own = [gate, parent],
            Op::Descriptors { moves } => moved = moves,
            Op::Setns { namespaces } => joined = namespaces,
            _ => {}
        }
        let (moved, joined) = (moved.iter().map(|(from, _)| *from), joined.iter().map(|(fd, _)| *fd));
        own.into_iter().chain(moved).chain(joined).filter(|fd| *fd >= 0)
    }
}
