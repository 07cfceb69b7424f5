//! What runs in the child between clone and exec: system calls and nothing else.
//!
//! The child of a threaded process may find every lock of libc held for ever, and with `CLONE_VM`
//! it lives in its parent's memory. So this crate has no allocator, takes no lock, calls no libc
//! function (not even `errno` is touched: it is the parent's), never unwinds and never returns.
//! All that it needs is made ready beforehand and borrowed: see [`Program`].
#![no_std]

mod call;
mod descriptors;
pub mod image;
mod linux;
mod privilege;
mod process;
mod program;
pub mod raw;
pub mod report;
mod run;
mod signals;
pub mod stub;

pub use process::OWN_FRAME;
pub use program::{Argv, Op, Program, ThreadState};
pub use report::{Outcome, Report};
pub use run::run;

/// The helper's program file: static, position-dependent, a few pages. See src/helper.rs.
pub static HELPER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/helper"));
