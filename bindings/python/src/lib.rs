//! `nsiso._nsiso`: what the Python package needs of the core. Conversions only; users see `nsiso`.
#![deny(unsafe_code)]

mod calls;
mod error;
mod fork;
mod hold;
mod inspect;
mod lent;
mod mounts;
mod namespace;
mod pool;
mod registry;
mod snapshot;
mod spawn;
mod spec;
mod visit;

use pyo3::prelude::*;

/// The Rust half of nsiso.
#[pymodule]
mod _nsiso {
    #[pymodule_export]
    use crate::calls::{setns, unshare};
    #[pymodule_export]
    use crate::fork::clone;
    #[pymodule_export]
    use crate::inspect::{features, kinds, links, probe, same};
    #[pymodule_export]
    use crate::mounts::{mount_tree, mounts};
    #[pymodule_export]
    use crate::namespace::Namespace;
    #[pymodule_export]
    use crate::registry::Registry;
    #[pymodule_export]
    use crate::snapshot::{describe, snapshot, Snapshot};
    #[pymodule_export]
    use crate::spawn::{Cancel, Process};
    #[pymodule_export]
    use crate::spec::Spec;
    #[pymodule_export]
    use crate::visit::{forget_homes, Visit};
    #[pymodule_export]
    const VERSION: &str = nsiso::VERSION;
}
