//! The core's only door to the kernel, and its only unsafe code: one file per family of calls.

pub mod birth;
pub mod clone;
mod clone_time;
pub mod copy;
mod detour;
pub mod directory;
pub mod exec;
pub mod fd;
pub mod file;
pub mod function;
pub mod ids;
mod image;
pub mod mount;
pub mod mount_table;
pub mod netlink;
mod notice;
pub mod ns;
pub mod nsfs;
pub mod process;
pub mod program_file;
pub mod shelf;
pub mod signals;
pub mod socket;
pub mod stack;
pub mod start;
pub mod terminal;
pub mod time;

pub use crate::errno::Errno;

/// What a system call gives back.
pub type Result<T> = std::result::Result<T, Errno>;
