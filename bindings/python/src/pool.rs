//! A pool for Python: refilled with the interpreter detached and Ctrl-C at work.

use crate::error::to_python;
use crate::hold::Held;
use crate::spawn::interruptible;
use pyo3::prelude::*;

/// Sets that are ready. May be used by many threads at once.
#[pyclass(frozen, module = "nsiso._nsiso")]
pub struct Pool(nsiso::Pool);

impl Pool {
    /// An empty one.
    pub fn of(py: Python<'_>, spec: &nsiso::Spec, size: usize) -> PyResult<Pool> {
        nsiso::Pool::new(spec, size).map(Pool).map_err(|error| to_python(py, &error))
    }
}

#[pymethods]
impl Pool {
    /// How many it has made.
    fn refill(&self, py: Python<'_>) -> PyResult<usize> {
        interruptible(py, |go_on| self.0.refill_while(go_on))
    }

    /// One that is ready, or one that is made now.
    fn take(&self, py: Python<'_>) -> PyResult<Held> {
        let ready = py.detach(|| self.0.try_take());
        let taken = ready.map_or_else(|| py.detach(|| self.0.take()), Ok);
        taken.map(Held::of).map_err(|error| to_python(py, &error))
    }

    /// Puts one back.
    fn give_back(&self, py: Python<'_>, held: &Held) -> PyResult<()> {
        let set = held.taken()?;
        py.detach(|| self.0.give_back(set)).map_err(|error| to_python(py, &error))
    }

    #[getter]
    fn ready(&self) -> usize {
        self.0.ready()
    }

    #[getter]
    fn size(&self) -> usize {
        self.0.size()
    }
}
