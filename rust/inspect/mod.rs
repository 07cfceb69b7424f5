//! What is there: namespaces, who is in them, what holds them; and mounts. Read-only.
#![forbid(unsafe_code)]

mod links;
mod mounts;
mod particulars;
mod process;
mod snapshot;
#[doc(hidden)] // For tests alone.
pub mod texts;

pub use links::{links, same, Link, Pid};
pub use mounts::{mounts, mounts_by, Mount, MountTable, MountTree, Route, SuperOption, Tag, Tags};
pub use particulars::Particulars;
pub use process::{describe, Description};
pub use snapshot::{
    Depth, Difference, Holder, Incomplete, Moved, NamespaceInfo, ProcessInfo, Relation, Snapshot, Survey,
    Tree,
};
