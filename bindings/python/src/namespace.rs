//! A namespace for Python: opened, asked and closed; one that is closed says so.

use crate::error::to_python;
use crate::lent::lent;
use crate::visit::{self, Visit};
use nsiso::{Kind, Result};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::ffi::OsStr;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, PoisonError};

/// An open namespace. May be used by many threads at once; what is under way when it is closed ends as it would.
#[pyclass(frozen, module = "nsiso._nsiso")]
pub struct Namespace {
    held: Mutex<Option<Arc<nsiso::Namespace>>>,
    kind: Kind,
    identity: (u64, u64),
}

impl Namespace {
    pub fn made(py: Python<'_>, opened: Result<nsiso::Namespace>) -> PyResult<Namespace> {
        let namespace = opened.map_err(|error| to_python(py, &error))?;
        visit::opened();
        Ok(Namespace {
            kind: namespace.kind(),
            identity: (namespace.device(), namespace.inode()),
            held: Mutex::new(Some(Arc::new(namespace))),
        })
    }

    /// Held by whoever is about to use it.
    pub fn held(&self) -> PyResult<Arc<nsiso::Namespace>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(|| PyValueError::new_err("I/O operation on closed namespace"))
    }

    fn ask<T>(&self, py: Python<'_>, question: impl FnOnce(&nsiso::Namespace) -> Result<T>) -> PyResult<T> {
        question(&*self.held()?).map_err(|error| to_python(py, &error))
    }

    fn let_go(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        if held.is_some() {
            visit::closed();
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.let_go();
    }
}

#[pymethods]
impl Namespace {
    /// The calling thread's own.
    #[staticmethod]
    fn current(py: Python<'_>, kind: u32) -> PyResult<Namespace> {
        Namespace::made(py, nsiso::Namespace::current(one(kind)?))
    }

    /// A process's or thread's, by number.
    #[staticmethod]
    fn of(py: Python<'_>, pid: i32, kind: u32) -> PyResult<Namespace> {
        Namespace::made(py, nsiso::Namespace::of(pid, one(kind)?))
    }

    /// That of the process behind a pidfd.
    #[staticmethod]
    fn of_pidfd(py: Python<'_>, pidfd: i32, kind: u32) -> PyResult<Namespace> {
        let kind = one(kind)?;
        let opened = lent("pidfd", pidfd).and_then(|pidfd| nsiso::Namespace::of_pidfd(pidfd, kind));
        Namespace::made(py, opened)
    }

    /// The net namespace of a socket.
    #[staticmethod]
    fn of_socket(py: Python<'_>, socket: i32) -> PyResult<Namespace> {
        Namespace::made(py, lent("socket", socket).and_then(nsiso::Namespace::of_socket))
    }

    /// What a path leads to.
    #[staticmethod]
    fn open(py: Python<'_>, path: PyBackedBytes) -> PyResult<Namespace> {
        let opened = py.detach(|| nsiso::Namespace::open(OsStr::from_bytes(&path)));
        Namespace::made(py, opened)
    }

    /// A copy of a descriptor.
    #[staticmethod]
    fn from_fd(py: Python<'_>, fd: i32) -> PyResult<Namespace> {
        Namespace::made(py, nsiso::Namespace::from_borrowed_fd(fd))
    }

    /// What `save` has written.
    #[staticmethod]
    fn restore(py: Python<'_>, saved: &[u8]) -> PyResult<Namespace> {
        Namespace::made(py, nsiso::Namespace::restore(saved))
    }

    #[getter]
    fn closed(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Device and inode; known also of a closed one.
    #[getter]
    fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// As readlink(1) shows it; known also of a closed one.
    #[getter]
    fn name(&self) -> String {
        format!("{}:[{}]", self.kind, self.identity.1)
    }

    #[getter]
    fn kind(&self) -> PyResult<u32> {
        self.held().map(|namespace| namespace.kind().flag())
    }

    #[getter]
    fn id(&self) -> PyResult<Option<u64>> {
        self.held().map(|namespace| namespace.id())
    }

    #[getter]
    fn owner_uid(&self, py: Python<'_>) -> PyResult<u32> {
        self.ask(py, nsiso::Namespace::owner_uid)
    }

    fn user_ns(&self, py: Python<'_>) -> PyResult<Namespace> {
        Namespace::made(py, self.held()?.user_ns())
    }

    fn parent(&self, py: Python<'_>) -> PyResult<Namespace> {
        Namespace::made(py, self.held()?.parent())
    }

    fn level(&self, py: Python<'_>) -> PyResult<u32> {
        self.ask(py, nsiso::Namespace::level)
    }

    fn pid_inside(&self, py: Python<'_>, pid: i32) -> PyResult<i32> {
        self.ask(py, |namespace| namespace.pid_inside(pid))
    }

    fn pid_outside(&self, py: Python<'_>, pid: i32) -> PyResult<i32> {
        self.ask(py, |namespace| namespace.pid_outside(pid))
    }

    fn save(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        self.ask(py, nsiso::Namespace::save)
    }

    /// Keeps it at a path.
    fn persist(&self, py: Python<'_>, path: PyBackedBytes) -> PyResult<()> {
        let namespace = self.held()?;
        py.detach(|| namespace.persist(OsStr::from_bytes(&path))).map_err(|error| to_python(py, &error))
    }

    /// Ends what `persist` began.
    #[staticmethod]
    fn release(py: Python<'_>, path: PyBackedBytes) -> PyResult<()> {
        let released = py.detach(|| nsiso::Namespace::release(OsStr::from_bytes(&path)));
        released.map_err(|error| to_python(py, &error))
    }

    fn fileno(&self) -> PyResult<i32> {
        self.held().map(|namespace| namespace.as_raw_fd())
    }

    fn close(&self) {
        self.let_go();
    }

    /// For `with`, on the thread that enters it.
    fn visit(own: Bound<'_, Namespace>) -> PyResult<Visit> {
        match own.get().held()?.kind() {
            Kind::Uts | Kind::Ipc | Kind::Net | Kind::Cgroup => Ok(Visit::of(own.unbind())),
            kind => Err(PyValueError::new_err(format!(
                "a thread cannot visit a {kind} namespace: use Namespace.call"
            ))),
        }
    }

    /// Calls a function without arguments in this mnt namespace, on a thread of its own.
    fn call_apart(&self, py: Python<'_>, run: Py<PyAny>) -> PyResult<Py<PyAny>> {
        let namespace = self.held()?;
        let called = py.detach(|| namespace.visit_with(|| Python::attach(|py| run.call0(py))));
        called.map_err(|error| to_python(py, &error))?
    }

    /// A new descriptor of a socket.
    fn socket(&self, py: Python<'_>, family: i32, kind: i32, protocol: i32) -> PyResult<i32> {
        self.ask(py, |namespace| namespace.socket(family, kind, protocol).map(IntoRawFd::into_raw_fd))
    }
}

/// The kind with this bit.
pub fn one(kind: u32) -> PyResult<Kind> {
    Kind::from_flag(kind)
        .ok_or_else(|| PyValueError::new_err(format!("{kind:#x} is not exactly one kind of namespace")))
}
