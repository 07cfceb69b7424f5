//! How a system call is made without libc: the raw result, `-errno` on failure.
//!
//! # Safety
//!
//! One function, unsafe as the kernel is: the arguments must be what the named call wants.
#![allow(unsafe_code)]

use core::arch::asm;

/// syscall(2) with up to six arguments, as the kernel answers: negative means `-errno`.
///
/// # Safety
///
/// The arguments must be valid for the call `number`, pointers above all.
#[cfg(target_arch = "x86_64")]
#[inline]
pub unsafe fn syscall(number: i64, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let result: isize;
    // SAFETY: the caller guarantees the arguments; the kernel clobbers rcx and r11 and nothing else.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// syscall(2) with up to six arguments, as the kernel answers: negative means `-errno`.
///
/// # Safety
///
/// The arguments must be valid for the call `number`, pointers above all.
#[cfg(target_arch = "aarch64")]
#[inline]
pub unsafe fn syscall(number: i64, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let result: isize;
    // SAFETY: the caller guarantees the arguments; the kernel clobbers x0 and nothing else.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    result
}
