//! How clone starts a function on another stack: the few instructions that no compiler may touch.
//!
//! In the parent both stubs return the kernel's answer. In the child they call the function and
//! end the thread with what it returns, as libc's clone does. Nothing is pushed on the child's
//! stack but the return address of that call, so a function may leave by longjmp. The call goes
//! forward, never back over the frame of the stub: a shadow stack stays true.
//!
//! # Safety
//!
//! The declarations below are what the assembly implements; callers vouch for the arguments.
#![allow(unsafe_code)]

use crate::linux;
use core::ffi::{c_int, c_void};

/// What the child runs; its result is the child's exit status.
pub type CloneFn = unsafe extern "C" fn(*mut c_void) -> c_int;

extern "C" {
    /// clone(2) by the architecture's own order of arguments, then `func(arg)` in the child.
    #[link_name = "nsiso_stub_clone_0_1"]
    pub fn clone(
        flags: usize,
        stack: *mut c_void,
        parent_tid: *mut c_int,
        child_tid: *mut c_int,
        tls: *mut c_void,
        func: CloneFn,
        arg: *mut c_void,
    ) -> isize;

    /// clone3(2), then `func(arg)` in the child.
    #[link_name = "nsiso_stub_clone3_0_1"]
    pub fn clone3(args: *const c_void, size: usize, func: CloneFn, arg: *mut c_void) -> isize;
}

/// Keeps the two system call numbers of the assembly honest.
const _: () = {
    #[cfg(target_arch = "x86_64")]
    assert!(linux::SYS_clone == 56 && linux::SYS_clone3 == 435 && linux::SYS_exit == 60);
    #[cfg(target_arch = "aarch64")]
    assert!(linux::SYS_clone == 220 && linux::SYS_clone3 == 435 && linux::SYS_exit == 93);
    assert!(size_of::<c_int>() == 4);
};

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".pushsection .text.nsiso_stub_clone_0_1,\"ax\",@progbits",
    ".globl nsiso_stub_clone_0_1",
    ".hidden nsiso_stub_clone_0_1",
    ".type nsiso_stub_clone_0_1,@function",
    "nsiso_stub_clone_0_1:",
    ".cfi_startproc",
    "endbr64",
    "push rbx",
    ".cfi_adjust_cfa_offset 8",
    ".cfi_rel_offset rbx, 0",
    "mov rbx, [rsp + 16]",
    "mov r10, rcx",
    "mov eax, 56",
    "syscall",
    "test rax, rax",
    "jz 2f",
    "pop rbx",
    ".cfi_adjust_cfa_offset -8",
    ".cfi_restore rbx",
    "ret",
    // The child: nobody's frame lies above it.
    "2:",
    ".cfi_undefined rip",
    "xor ebp, ebp",
    "and rsp, -16",
    "mov rdi, rbx",
    "call r9",
    "mov edi, eax",
    "mov eax, 60",
    "syscall",
    "ud2",
    ".cfi_endproc",
    ".size nsiso_stub_clone_0_1, . - nsiso_stub_clone_0_1",
    ".popsection",
    ".pushsection .text.nsiso_stub_clone3_0_1,\"ax\",@progbits",
    ".globl nsiso_stub_clone3_0_1",
    ".hidden nsiso_stub_clone3_0_1",
    ".type nsiso_stub_clone3_0_1,@function",
    "nsiso_stub_clone3_0_1:",
    ".cfi_startproc",
    "endbr64",
    "mov r8, rcx",
    "mov eax, 435",
    "syscall",
    "test rax, rax",
    "jz 2f",
    "ret",
    "2:",
    ".cfi_undefined rip",
    "xor ebp, ebp",
    "and rsp, -16",
    "mov rdi, r8",
    "call rdx",
    "mov edi, eax",
    "mov eax, 60",
    "syscall",
    "ud2",
    ".cfi_endproc",
    ".size nsiso_stub_clone3_0_1, . - nsiso_stub_clone3_0_1",
    ".popsection",
);

#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(
    ".pushsection .text.nsiso_stub_clone_0_1,\"ax\",@progbits",
    ".globl nsiso_stub_clone_0_1",
    ".hidden nsiso_stub_clone_0_1",
    ".type nsiso_stub_clone_0_1,@function",
    "nsiso_stub_clone_0_1:",
    ".cfi_startproc",
    "hint 34",
    // This architecture's clone takes tls before child_tid.
    "mov x9, x3",
    "mov x3, x4",
    "mov x4, x9",
    "mov x8, #220",
    "svc 0",
    "cbz x0, 2f",
    "ret",
    // The child: nobody's frame lies above it.
    "2:",
    ".cfi_undefined x30",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x0, x6",
    "blr x5",
    "mov x8, #93",
    "svc 0",
    "brk #1",
    ".cfi_endproc",
    ".size nsiso_stub_clone_0_1, . - nsiso_stub_clone_0_1",
    ".popsection",
    ".pushsection .text.nsiso_stub_clone3_0_1,\"ax\",@progbits",
    ".globl nsiso_stub_clone3_0_1",
    ".hidden nsiso_stub_clone3_0_1",
    ".type nsiso_stub_clone3_0_1,@function",
    "nsiso_stub_clone3_0_1:",
    ".cfi_startproc",
    "hint 34",
    "mov x8, #435",
    "svc 0",
    "cbz x0, 2f",
    "ret",
    "2:",
    ".cfi_undefined x30",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x0, x3",
    "blr x2",
    "mov x8, #93",
    "svc 0",
    "brk #1",
    ".cfi_endproc",
    ".size nsiso_stub_clone3_0_1, . - nsiso_stub_clone3_0_1",
    ".popsection",
);
