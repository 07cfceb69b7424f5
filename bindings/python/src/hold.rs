//! A set of namespaces that is held, for Python: asked, joined and closed; one that is closed says so.

use crate::error::to_python;
use crate::namespace::Namespace;
use crate::spawn::{cancelled_by, interruptible, Cancel};
use nsiso::{Kind, Namespaces};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use std::sync::{Mutex, PoisonError};

/// May be used by many threads at once.
#[pyclass(frozen, module = "nsiso._nsiso")]
pub struct Held(Mutex<Option<Namespaces>>);

impl Held {
    /// Open.
    pub fn of(set: Namespaces) -> Held {
        Held(Mutex::new(Some(set)))
    }

    /// What it held: it is closed now.
    pub fn taken(&self) -> PyResult<Namespaces> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        held.ok_or_else(closed)
    }

    /// What it holds.
    pub fn set(&self) -> PyResult<Namespaces> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(closed)
    }
}

fn closed() -> PyErr {
    PyValueError::new_err("I/O operation on closed namespaces")
}

#[pymethods]
impl Held {
    /// Of which kinds they are, as bits.
    #[getter]
    fn kinds(&self) -> PyResult<u32> {
        Ok(self.set()?.kinds().bits())
    }

    /// The number of pid 1.
    #[getter]
    fn init(&self) -> PyResult<Option<i32>> {
        Ok(self.set()?.init())
    }

    /// The one of this kind, another descriptor of it.
    fn get(&self, py: Python<'_>, kind: u32) -> PyResult<Namespace> {
        let set = self.set()?;
        let one = Kind::from_flag(kind).and_then(|kind| set.get(kind));
        Namespace::made(py, one.ok_or_else(|| PyKeyError::new_err(kind))?.try_clone())
    }

    /// Whether it is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.set().is_err()
    }

    /// Lets go of them.
    fn close(&self) {
        drop(self.taken());
    }
}

/// Holds what the spec says.
pub fn hold(py: Python<'_>, spec: nsiso::Spec, cancel: Option<Py<Cancel>>) -> PyResult<Held> {
    let spec = cancelled_by(spec, cancel);
    let set = interruptible(py, |go_on| spec.hold_while(go_on))?;
    Ok(Held::of(set))
}

/// Moves the calling thread into what the spec joins.
pub fn enter(py: Python<'_>, spec: &nsiso::Spec) -> PyResult<()> {
    spec.enter().map_err(|error| to_python(py, &error))
}
