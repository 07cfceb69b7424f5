//! What is there: namespaces, who is in them, what holds them. Read-only.
#![forbid(unsafe_code)]

mod links;
mod particulars;
mod process;
mod snapshot;
#[doc(hidden)] // For tests alone.
pub mod texts;

pub use links::{links, same, Link, Pid};
pub use particulars::Particulars;
pub use process::{describe, Description};
pub use snapshot::{
    Depth, Difference, Holder, Incomplete, Moved, NamespaceInfo, ProcessInfo, Relation, Snapshot, Survey,
    Tree,
};
