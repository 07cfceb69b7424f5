//! The core's only door to the kernel, and its only unsafe code: one file per family of calls.

pub mod clone;
mod clone_time;
pub mod copy;
pub mod exec;
pub mod fd;
pub mod function;
pub mod ns;
pub mod process;
pub mod program_file;
pub mod signals;
pub mod stack;
pub mod start;
pub mod terminal;

pub use crate::errno::Errno;

/// What a system call gives back.
pub type Result<T> = std::result::Result<T, Errno>;
