//! What the helper does as a companion: it stays beside a command, and ends with it or with the host.
//!
//! As pid 1 of a new pid namespace it is the command's reaper: what it adopts is reaped by the kernel, because it
//! is executed with SIGCHLD ignored, the signals it gets it hands on to the command, and when it ends, everything in the namespace
//! does. Elsewhere it kills the command when the host ends. It has a socket over which the command's pidfd comes,
//! and may have the host's pidfd: only then does the command not outlive the host.
//!
//! # Safety
//!
//! A local that the kernel writes to.
#![allow(unsafe_code)]

use crate::call::{act, call, exit};
use crate::linux::{self, PollFd};
use core::ffi::c_int;
use core::ptr::{addr_of, addr_of_mut};

/// Where its two descriptors are.
const CONTROL: c_int = 3;
const HOST: c_int = 4;

/// Width in bytes of the kernel's signal set.
const SIGNAL_SET: usize = 8;
/// Bytes of a control message with one descriptor: header, the number, padding.
const CONTROL_SPACE: usize = 24;

/// Signals that are about the process itself which gets them: its end, its faults, its terminal, its children.
const OWN: [c_int; 12] = [
    linux::SIGKILL,
    linux::SIGSTOP,
    linux::SIGTTIN,
    linux::SIGTTOU,
    linux::SIGCHLD,
    linux::SIGILL,
    linux::SIGTRAP,
    linux::SIGABRT,
    linux::SIGBUS,
    linux::SIGFPE,
    linux::SIGSEGV,
    linux::SIGSYS,
];

/// `struct signalfd_siginfo`: the signal's number, and what is not asked for.
#[repr(C)]
struct SignalInfo {
    signal: u32,
    rest: [u32; 31],
}

#[repr(C)]
struct IoVec {
    base: usize,
    length: usize,
}

#[repr(C)]
struct MessageHeader {
    name: usize,
    name_length: u32,
    vectors: usize,
    vector_count: usize,
    control: usize,
    control_length: usize,
    flags: i32,
}

#[repr(C, align(8))]
struct ControlMessage {
    length: usize,
    level: i32,
    kind: i32,
    fd: i32,
    padding: i32,
}

/// Watches until there is nothing left to do.
pub(crate) fn watch(watches_host: bool) -> ! {
    // Else it is called by its descriptor.
    let _ = act(linux::SYS_prctl, [linux::PR_SET_NAME as usize, c"nsiso-companion".as_ptr() as usize, 0, 0, 0]);
    // They wait until there is a command to have them.
    let signals = if call(linux::SYS_getpid, [0; 5]) == Ok(1) { signals() } else { let_signals_in() };
    let mut watched = [
        PollFd { fd: -1, events: linux::POLLIN, revents: 0 },
        PollFd { fd: CONTROL, events: linux::POLLIN, revents: 0 },
        PollFd { fd: if watches_host { HOST } else { -1 }, events: linux::POLLIN, revents: 0 },
        PollFd { fd: -1, events: linux::POLLIN, revents: 0 },
    ];
    loop {
        let address = addr_of_mut!(watched) as usize;
        // A signal ends the sleep at most; the kernel tells again.
        if call(linux::SYS_ppoll, [address, watched.len(), 0, 0, 0]).is_err() {
            continue;
        }
        let [signal, control, host, command] = &mut watched;
        // First, so that a command which the host let go before its end is known by then.
        if control.revents != 0 {
            match receive() {
                Some(pidfd) => (command.fd, signal.fd) = (pidfd, signals),
                // The host will say nothing more: without a command there is nothing to stay for.
                None if command.fd < 0 => exit(0),
                None => control.fd = -1,
            }
            continue;
        }
        if command.fd >= 0 && command.revents != 0 {
            exit(0);
        }
        if signal.revents != 0 {
            hand_on(signal.fd, command.fd);
        }
        if host.revents != 0 {
            if command.fd >= 0 {
                let _ = act(linux::SYS_pidfd_send_signal, [command.fd as usize, linux::SIGKILL as usize, 0, 0, 0]);
            }
            exit(0);
        }
    }
}

/// It was executed with all of them blocked, and has no use for any: -1 for a descriptor of them.
fn let_signals_in() -> c_int {
    let none = 0_u64;
    let address = addr_of!(none) as usize;
    let _ = act(linux::SYS_rt_sigprocmask, [linux::SIG_SETMASK as usize, address, 0, SIGNAL_SET, 0]);
    -1
}

/// A descriptor of the signals that are the command's; -1 where there is none. As they are blocked, they come to pid 1
/// from within its namespace as well.
fn signals() -> c_int {
    let mask = OWN.iter().fold(u64::MAX, |mask, signal| mask & !(1 << (signal - 1)));
    let address = addr_of!(mask) as usize;
    let _ = act(linux::SYS_rt_sigprocmask, [linux::SIG_SETMASK as usize, address, 0, SIGNAL_SET, 0]);
    let flags = (linux::SFD_CLOEXEC | linux::SFD_NONBLOCK) as usize;
    let none = usize::MAX;
    call(linux::SYS_signalfd4, [none, address, SIGNAL_SET, flags, 0]).map_or(-1, |fd| fd as c_int)
}

/// One signal; the next poll tells of others.
fn hand_on(signals: c_int, command: c_int) {
    let mut info = SignalInfo { signal: 0, rest: [0; 31] };
    let room = size_of::<SignalInfo>();
    let read = call(linux::SYS_read, [signals as usize, addr_of_mut!(info) as usize, room, 0, 0]);
    // SAFETY: a local that the kernel may have written to.
    let signal = unsafe { addr_of!(info.signal).read_volatile() };
    if read == Ok(room) {
        let _ = act(linux::SYS_pidfd_send_signal, [command as usize, signal as usize, 0, 0, 0]);
    }
}

/// The pidfd that the host sends; `None` at the end.
fn receive() -> Option<i32> {
    let mut byte = 0_u8;
    let vector = IoVec { base: addr_of_mut!(byte) as usize, length: 1 };
    let mut message = ControlMessage { length: 0, level: 0, kind: 0, fd: -1, padding: 0 };
    let mut header = MessageHeader {
        name: 0,
        name_length: 0,
        vectors: addr_of!(vector) as usize,
        vector_count: 1,
        control: addr_of_mut!(message) as usize,
        control_length: CONTROL_SPACE,
        flags: 0,
    };
    let received = call(linux::SYS_recvmsg, [CONTROL as usize, addr_of_mut!(header) as usize, 0, 0, 0]);
    // SAFETY: a local that the kernel may have written to.
    let fd = unsafe { addr_of!(message.fd).read_volatile() };
    (received.is_ok_and(|length| length > 0) && fd >= 0).then_some(fd)
}
