//! What is there: a process's view of its namespaces, and of its mounts. Read-only.
#![forbid(unsafe_code)]

mod links;
mod mounts;

pub use links::{links, same, Link, Pid};
pub use mounts::{mounts, mounts_by, Mount, MountTable, MountTree, Route, SuperOption, Tag, Tags};
