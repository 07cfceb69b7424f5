//! libnsiso: the C face of nsiso. One file per object; `boundary` holds what every call passes.
//!
//! The rustdoc of these items is the text of include/nsiso.h.
#![allow(non_camel_case_types)]
#![allow(unsafe_code)] // The C boundary: every pointer here comes from C, whose caller vouches for it.

mod boundary;
mod calls;
mod cancel;
mod command;
mod description;
mod error;
mod held;
mod hold;
mod kind;
mod links;
mod mounts;
mod namespace;
mod particulars;
mod plan;
mod pool;
mod probe;
mod process;
mod registry;
mod snapshot;
mod spec;
pub mod version;
