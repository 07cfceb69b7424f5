//! The helper: the child's steps as a program of its own, static and tiny, which the library runs from memory.
//!
//! With one or two arguments it is a companion, and with the second it watches the host as well. With three it holds
//! a namespace, and two of them tell others which. With four it performs a program in a memory of its own: they say
//! which descriptor to map, how much of it, and where.
//!
//! Compiled by build.rs with nothing but `core`, linked with nothing at all.
//!
//! # Safety
//!
//! What the kernel puts on the stack of a new process; a mapping that the library has filled.
#![no_std]
#![no_main]
#![no_builtins]
#![allow(unsafe_code)]

mod call;
mod companion;
mod descriptors;
mod holder;
mod image;
mod linux;
mod memory;
mod privilege;
mod process;
mod program;
mod raw;
mod report;
mod run;
mod signals;
mod stub;

use crate::call::{call, exit};
use crate::image::{Image, LAYOUT};
use core::ffi::{c_char, c_int};
use core::slice;

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(".globl _start", "_start:", "xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {main}", "ud2", main = sym main);
#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(".globl _start", "_start:", "mov x29, xzr", "mov x30, xzr", "mov x0, sp", "bl {main}", "brk #1", main = sym main);

/// # Safety
///
/// To be called by the start-up code alone, with what the kernel put on the stack: the number of arguments first,
/// then where each of them is.
unsafe extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: the start-up code's promise.
    let count = unsafe { *stack };
    // SAFETY: as above.
    let arguments = unsafe { slice::from_raw_parts(stack.wrapping_add(1).cast::<*const c_char>(), count) };
    match *arguments {
        [_, fd, length, address] => perform([fd, length, address].map(number)),
        [_, _, _] => holder::hold(),
        _ => companion::watch(count > 1),
    }
}

/// A decimal number, to its end.
fn number(text: *const c_char) -> usize {
    let mut number = 0_usize;
    let mut next = text.cast::<u8>();
    loop {
        // SAFETY: an argument, which ends in a NUL byte; `next` does not pass it.
        let byte = unsafe { *next };
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return number;
        }
        number = number.wrapping_mul(10).wrapping_add(usize::from(digit));
        next = next.wrapping_add(1);
    }
}

/// Until it is mapped nothing can be reported: the exit status says which errno it was.
fn perform([fd, length, address]: [usize; 3]) -> ! {
    let access = (linux::PROT_READ | linux::PROT_WRITE) as usize;
    let how = (linux::MAP_SHARED | linux::MAP_FIXED_NOREPLACE) as usize;
    // SAFETY: of new memory, which nothing else uses.
    let mapped = unsafe { raw::syscall(linux::SYS_mmap, [address, length, access, how, fd, 0]) };
    if mapped != address as isize {
        exit((-mapped) as c_int);
    }
    // SAFETY: the library has put an image there.
    let image = unsafe { &*(address as *const Image<'_>) };
    if image.layout != LAYOUT {
        exit(linux::ENOEXEC);
    }
    let _ = call(linux::SYS_close, [fd, 0, 0, 0, 0]);
    run::run(&image.program, &image.report)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(linux::EIO)
}
