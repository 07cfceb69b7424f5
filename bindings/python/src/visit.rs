//! Visits for `with`: each thread has those that it is on in the order in which they began, and its homes.

use crate::error::to_python;
use crate::namespace::Namespace;
use nsiso::Homes;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The code of a coroutine, of a generator made one (`types.coroutine`), and of an asynchronous generator
/// (`inspect.CO_*`).
const AWAITS: u32 = 0x80 | 0x100 | 0x200;
const GENERATOR: u32 = 0x20;

/// Of whom homes are kept: while none is open, no thread that closed one keeps any.
static OPEN: AtomicUsize = AtomicUsize::new(0);
static LAST: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static HERE: RefCell<Here> = const { RefCell::new(Here { visits: Vec::new(), homes: None }) };
}

/// What one thread is on.
struct Here {
    /// By the number of the object that began each.
    visits: Vec<(u64, nsiso::Visit<'static>)>,
    homes: Option<Homes>,
}

impl Drop for Here {
    fn drop(&mut self) {
        // The one begun last ends first.
        while self.visits.pop().is_some() {}
    }
}

/// What `Namespace.visit` gives: may be entered any number of times, by many threads at once.
#[pyclass(frozen, module = "nsiso._nsiso")]
pub struct Visit {
    namespace: Py<Namespace>,
    number: u64,
}

impl Visit {
    /// None begun yet.
    pub fn of(namespace: Py<Namespace>) -> Visit {
        Visit { namespace, number: LAST.fetch_add(1, Ordering::Relaxed) }
    }
}

#[pymethods]
impl Visit {
    fn __enter__(&self, py: Python<'_>) -> PyResult<()> {
        if in_coroutine(py)? {
            return Err(PyRuntimeError::new_err(
                "a visit cannot stay across an await: put the body into a function, or use Namespace.call",
            ));
        }
        let namespace = self.namespace.get().held()?;
        let begun = HERE.with_borrow_mut(|here| {
            let begun = here.homes.get_or_insert_with(Homes::of_thread).visit(&namespace)?;
            here.visits.push((self.number, begun));
            Ok(())
        });
        begun.map_err(|error| to_python(py, &error))
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let place = HERE.with_borrow(|here| {
            let place = here.visits.iter().rposition(|(number, _)| *number == self.number);
            place.map(|place| here.visits.len() - 1 - place)
        });
        match place {
            // Detached: if the way back is refused, this thread stays here, and the others have to go on.
            Some(0) => py.detach(|| drop(HERE.with_borrow_mut(|here| here.visits.pop()))),
            Some(_) => return Err(PyRuntimeError::new_err("another visit began later and has to end first")),
            None => return Err(PyRuntimeError::new_err("the visit did not begin on this thread")),
        }
        Ok(())
    }
}

/// In a forked copy: its only thread has other links than that of which it is the copy.
#[pyfunction]
pub fn forget_homes() {
    forget();
}

/// One more is open.
pub fn opened() {
    OPEN.fetch_add(1, Ordering::Relaxed);
}

/// One is closed: after the last one, the calling thread keeps no descriptors.
pub fn closed() {
    if OPEN.fetch_sub(1, Ordering::Relaxed) == 1 {
        forget();
    }
}

fn forget() {
    // Neither at the end of a thread, where they are gone, nor in the midst of a visit's beginning.
    let _ = HERE.try_with(|here| here.try_borrow_mut().map(|mut here| here.homes = None));
}

/// Whether what is to be entered could still be on while other tasks of an event loop run: in a coroutine, also by way
/// of generators and of context managers, which leave off before what they have entered is left.
fn in_coroutine(py: Python<'_>) -> PyResult<bool> {
    if !loop_runs(py)? {
        return Ok(false);
    }
    let mut frame = py.import(intern!(py, "sys"))?.call_method0(intern!(py, "_getframe"))?;
    while !frame.is_none() {
        let code = frame.getattr(intern!(py, "f_code"))?;
        let flags: u32 = code.getattr(intern!(py, "co_flags"))?.extract()?;
        if flags & AWAITS != 0 {
            return Ok(true);
        }
        if flags & GENERATOR == 0 && !is_managers(&frame, &code)? {
            return Ok(false);
        }
        frame = frame.getattr(intern!(py, "f_back"))?;
    }
    Ok(false)
}

/// Of contextlib, or an `__enter__` of anybody's.
fn is_managers(frame: &Bound<'_, PyAny>, code: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = frame.py();
    if code.getattr(intern!(py, "co_name"))?.eq(intern!(py, "__enter__"))? {
        return Ok(true);
    }
    let globals = frame.getattr(intern!(py, "f_globals"))?;
    let module = globals.call_method1(intern!(py, "get"), (intern!(py, "__name__"),))?;
    module.eq(intern!(py, "contextlib"))
}

/// Whether an event loop runs in this thread; none does before asyncio is imported.
fn loop_runs(py: Python<'_>) -> PyResult<bool> {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let running = if let Some(running) = RUNNING.get(py) {
        running
    } else {
        let modules = MODULES.import(py, "sys", "modules")?;
        let Some(asyncio) = modules.get_item(intern!(py, "asyncio"))? else { return Ok(false) };
        // Not there as long as it is being imported.
        let Some(running) = asyncio.getattr_opt(intern!(py, "_get_running_loop"))? else { return Ok(false) };
        RUNNING.get_or_init(py, || running.unbind())
    };
    Ok(!running.bind(py).call0()?.is_none())
}
