//! The companion: a tiny program of its own that stays beside a command, and ends with it or with the host.
//!
//! As pid 1 of a new pid namespace it is the command's reaper: what it adopts is reaped by the kernel, because it
//! ignores SIGCHLD, and when it ends, everything in the namespace does. Elsewhere it kills the command
//! when the host ends. Run from memory with a socket over which the command's pidfd comes; with an argument
//! also with the host's pidfd, and only then does the command not outlive the host.
//!
//! Compiled by build.rs with nothing but `core`, linked with nothing at all.
//!
//! # Safety
//!
//! System calls with numbers and pointers to locals.
#![no_std]
#![no_main]
#![no_builtins]
#![allow(unsafe_code)]

mod raw;

use core::ptr::{addr_of, addr_of_mut};

/// Where its two descriptors are.
const CONTROL: i32 = 3;
const HOST: i32 = 4;

const POLLIN: i16 = 1;
const SIGCHLD: usize = 17;
const SIG_IGN: usize = 1;
const SIGKILL: usize = 9;
const SIGNAL_SET: usize = 8;
const PR_SET_NAME: usize = 15;
/// Bytes of a control message with one descriptor: header, the number, padding.
const CONTROL_SPACE: usize = 24;

#[cfg(target_arch = "x86_64")]
mod number {
    pub const PPOLL: i64 = 271;
    pub const RECVMSG: i64 = 47;
    pub const RT_SIGACTION: i64 = 13;
    pub const PRCTL: i64 = 157;
    pub const EXIT_GROUP: i64 = 231;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub const PPOLL: i64 = 73;
    pub const RECVMSG: i64 = 212;
    pub const RT_SIGACTION: i64 = 134;
    pub const PRCTL: i64 = 167;
    pub const EXIT_GROUP: i64 = 94;
}
/// The same number on every architecture.
const PIDFD_SEND_SIGNAL: i64 = 424;

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(".globl _start", "_start:", "xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {main}", "ud2", main = sym main);
#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(".globl _start", "_start:", "mov x29, xzr", "mov x30, xzr", "mov x0, sp", "bl {main}", "brk #1", main = sym main);

#[repr(C)]
struct PollFd {
    fd: i32,
    events: i16,
    revents: i16,
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

/// # Safety
///
/// To be called by the start-up code alone, with what the kernel put on the stack: the number of arguments first.
unsafe extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: the start-up code's promise.
    let watches_host = unsafe { *stack } > 1;
    // Else it is called by its descriptor.
    call(number::PRCTL, [PR_SET_NAME, c"nsiso-companion".as_ptr() as usize, 0, 0]);
    let ignore: [usize; 4] = [SIG_IGN, 0, 0, 0];
    call(number::RT_SIGACTION, [SIGCHLD, addr_of!(ignore) as usize, 0, SIGNAL_SET]);
    let mut watched = [
        PollFd { fd: CONTROL, events: POLLIN, revents: 0 },
        PollFd { fd: if watches_host { HOST } else { -1 }, events: POLLIN, revents: 0 },
        PollFd { fd: -1, events: POLLIN, revents: 0 },
    ];
    loop {
        let address = addr_of_mut!(watched) as usize;
        // A signal ends the sleep at most; the kernel tells again.
        if call(number::PPOLL, [address, 3, 0, 0]) < 0 {
            continue;
        }
        let [control, host, command] = &mut watched;
        // First, so that a command which the host let go before its end is known by then.
        if control.revents != 0 {
            match receive() {
                Some(pidfd) => command.fd = pidfd,
                // The host will say nothing more: without a command there is nothing to stay for.
                None if command.fd < 0 => exit(),
                None => control.fd = -1,
            }
            continue;
        }
        if command.fd >= 0 && command.revents != 0 {
            exit();
        }
        if host.revents != 0 {
            if command.fd >= 0 {
                call(PIDFD_SEND_SIGNAL, [command.fd as usize, SIGKILL, 0, 0]);
            }
            exit();
        }
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
    let received = call(number::RECVMSG, [CONTROL as usize, addr_of_mut!(header) as usize, 0, 0]);
    // SAFETY: a local that the kernel may have written to.
    let fd = unsafe { addr_of!(message.fd).read_volatile() };
    (received > 0 && fd >= 0).then_some(fd)
}

fn exit() -> ! {
    loop {
        call(number::EXIT_GROUP, [0; 4]);
    }
}

fn call(number: i64, arguments: [usize; 4]) -> isize {
    let [a, b, c, d] = arguments;
    // SAFETY: every caller passes numbers, or pointers to its own locals.
    unsafe { raw::syscall(number, [a, b, c, d, 0, 0]) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit()
}
