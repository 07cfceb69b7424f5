//! Linux namespaces as a library: create, join and inspect them from any program.
//!
//! ```
//! use nsiso::{Command, Kind, Spec};
//!
//! # fn main() -> nsiso::Result<()> {
//! let spec = Spec::new().unshare(Kind::User | Kind::Uts).map_root().hostname("inside");
//! for step in spec.plan(&Command::new("hostname"))?.steps() {
//!     println!("{step}");
//! }
//! let status = spec.spawn(&Command::new("hostname"))?.wait()?;
//! assert!(status.success());
//! # Ok(())
//! # }
//! ```
//!
//! One idea: a [`Spec`] describes, a [`Plan`] lists the steps in order, the child performs them with
//! system calls only, and a [`Process`] or an [`Error`] comes back. The documented calls are here as
//! well: [`unshare`], [`setns`], and [`raw::clone`].
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod caller;
mod calls;
mod cancel;
mod caps;
mod cgroup;
mod command;
mod companion;
mod enter;
mod errno;
mod error;
mod explain;
mod feature;
mod hold;
mod idmap;
mod idmap_writer;
pub mod inspect;
mod join;
mod kind;
mod like;
mod namespace;
mod plan;
mod pool;
mod power;
mod prepare;
mod probe;
mod process;
mod registry;
mod relay;
mod spawn;
mod spec;
mod status;
mod subid;
mod sys;
mod terminal;
mod visit;

pub use calls::{creation_error, setns, unshare};
pub use cancel::Cancel;
pub use caps::Capabilities;
pub use command::Command;
pub use errno::errno_name;
pub use error::{Cause, Error, Result};
pub use feature::{Feature, UnknownFeature};
pub use hold::Namespaces;
pub use idmap::{IdMap, IdRange};
pub use inspect::{mounts, mounts_by, MountTable};
pub use kind::{Kind, Kinds, UnknownKind};
pub use like::Likeness;
pub use namespace::Namespace;
pub use plan::{Doer, Plan, Step};
pub use pool::Pool;
pub use probe::{probe, Answer, Probe};
pub use process::Process;
pub use registry::{Entry, Registry};
pub use spawn::Held;
pub use spec::{Offset, Spec};
pub use status::{ExitStatus, Usage};
pub use terminal::Terminal;
#[doc(hidden)] // For bindings whose callers name no home.
pub use visit::Homes;
pub use visit::{Home, Visit};

/// The documented calls as they are: unsafe, with the kernel's errno and nothing more.
pub mod raw {
    pub use crate::calls::setns_unexplained as setns;
    pub use crate::sys::clone::{clone, clone_with, fork, CloneFn, ClonePointers};
    pub use crate::sys::copy::fork as fork_from_copy;
    pub use crate::sys::function::{ForkHook, Function};
    pub use crate::sys::ns::{is_single_threaded, unshare};
    pub use crate::sys::{Errno, Result};
}

/// This library's version, for instance `"0.1.0"`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
