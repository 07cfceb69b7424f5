//! A registry of named namespaces for Python. Each call may wait for another program, and lets other threads run.

use crate::error::to_python;
use crate::namespace::{one, Namespace};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Name, kind, inode, holder.
type EntryRow = (Vec<u8>, u32, u64, Option<i32>);

/// May be used by many threads at once.
#[pyclass(frozen, module = "nsiso._nsiso")]
pub struct Registry(nsiso::Registry);

#[pymethods]
impl Registry {
    /// The one in this directory, or the default one.
    #[new]
    #[pyo3(signature = (directory=None))]
    fn new(py: Python<'_>, directory: Option<PyBackedBytes>) -> PyResult<Registry> {
        let open = || match &directory {
            Some(directory) => nsiso::Registry::at(OsStr::from_bytes(directory)),
            None => nsiso::Registry::open_default(),
        };
        py.detach(open).map(Registry).map_err(|error| to_python(py, &error))
    }

    #[getter]
    fn directory(&self) -> Vec<u8> {
        self.0.directory().as_os_str().as_bytes().to_owned()
    }

    /// Keeps a namespace under a name.
    fn add(&self, py: Python<'_>, name: PyBackedBytes, namespace: &Namespace) -> PyResult<()> {
        let namespace = namespace.held()?;
        py.detach(|| self.0.add(OsStr::from_bytes(&name), &namespace)).map_err(|error| to_python(py, &error))
    }

    /// All that are kept.
    fn list(&self, py: Python<'_>) -> PyResult<Vec<EntryRow>> {
        let entries = py.detach(|| self.0.list()).map_err(|error| to_python(py, &error))?;
        let row = |entry: nsiso::Entry| (entry.name.into_vec(), entry.kind.flag(), entry.inode, entry.holder);
        Ok(entries.into_iter().map(row).collect())
    }

    /// The namespace of this kind with this name.
    fn open(&self, py: Python<'_>, name: PyBackedBytes, kind: u32) -> PyResult<Namespace> {
        let kind = one(kind)?;
        Namespace::made(py, py.detach(|| self.0.open(OsStr::from_bytes(&name), kind)))
    }

    /// Ends what `add` began.
    fn remove(&self, py: Python<'_>, name: PyBackedBytes, kind: u32) -> PyResult<()> {
        let kind = one(kind)?;
        py.detach(|| self.0.remove(OsStr::from_bytes(&name), kind)).map_err(|error| to_python(py, &error))
    }
}
