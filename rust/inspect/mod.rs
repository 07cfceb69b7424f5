//! What is there: a process's view of its namespaces. Read-only.
#![forbid(unsafe_code)]

mod links;

pub use links::{links, same, Link, Pid};
