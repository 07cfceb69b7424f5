//! A running child for Python: started and waited for with the interpreter detached and Ctrl-C at work.

use crate::error::to_python;
use crate::spec::{command, text, Become};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::time::{Duration, Instant};

/// What to run, and what subprocess asks of it beside the spec.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Order {
    args: Vec<PyBackedBytes>,
    /// Where the program file may be, in order.
    paths: Vec<PyBackedBytes>,
    env: Option<Vec<(PyBackedBytes, PyBackedBytes)>>,
    cwd: Option<PyBackedBytes>,
    /// From and to; the same number twice is kept.
    fds: Vec<(i32, i32)>,
    #[pyo3(item("become"))]
    settings: Become,
    kill_on_drop: bool,
    cancel: Option<Py<Cancel>>,
}

/// Calls off starts from another thread.
#[pyclass(frozen, module = "nsiso._nsiso")]
pub struct Cancel(nsiso::Cancel);

#[pymethods]
impl Cancel {
    #[new]
    fn new() -> Cancel {
        Cancel(nsiso::Cancel::new())
    }

    /// Calls off.
    fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether it has.
    #[getter]
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// The spec, with what calls it off.
pub fn cancelled_by(spec: nsiso::Spec, cancel: Option<Py<Cancel>>) -> nsiso::Spec {
    match cancel {
        Some(cancel) => spec.cancel_by(&cancel.get().0),
        None => spec,
    }
}

/// Starts a command as the spec says.
pub fn spawn(py: Python<'_>, spec: nsiso::Spec, order: Order) -> PyResult<Process> {
    let mut command = command(&order.args).executable(order.paths.iter().map(|path| text(path)));
    command = match &order.env {
        Some(pairs) => command.env(pairs.iter().map(|(key, value)| (text(key), text(value)))),
        // Now, while no other thread of the interpreter can change it.
        None => command.env_of_now(),
    };
    if let Some(path) = &order.cwd {
        command = command.cwd(text(path));
    }
    for (from, to) in order.fds {
        command = command.borrow_fd(from, to);
    }
    let spec = cancelled_by(order.settings.apply(spec), order.cancel);
    let process = interruptible(py, |go_on| spec.spawn_while(&command, go_on))?;
    Ok(Process(process.kill_on_drop(order.kill_on_drop)))
}

/// Starts a function as the spec says, with so many seconds for the set-up. Nobody but its caller waits for it, so
/// it ends when this object goes.
pub fn spawn_function(
    py: Python<'_>,
    mut spec: nsiso::Spec,
    run: Py<PyAny>,
    timeout: Option<f64>,
    cancel: Option<Py<Cancel>>,
) -> PyResult<Process> {
    if let Some(Ok(timeout)) = timeout.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0))) {
        spec = spec.timeout(timeout);
    }
    let spec = cancelled_by(spec, cancel);
    Ok(Process(crate::fork::spawn_function(py, &spec, run)?.kill_on_drop(true)))
}

/// A child. May be used by many threads at once.
#[pyclass(frozen, module = "nsiso._nsiso")]
pub struct Process(nsiso::Process);

#[pymethods]
impl Process {
    /// Its number.
    #[getter]
    fn pid(&self) -> i32 {
        self.0.id()
    }

    /// Its descriptor, which this object closes when it goes.
    #[getter]
    fn pidfd(&self) -> Option<i32> {
        self.0.pidfd().map(|fd| fd.as_raw_fd())
    }

    /// A new descriptor of a namespace that it is in.
    fn namespace(&self, py: Python<'_>, kind: u32) -> PyResult<i32> {
        let kind = nsiso::Kind::from_flag(kind).ok_or_else(|| PyValueError::new_err("kind: name one"))?;
        let opened = self.0.namespace(kind);
        opened.map(IntoRawFd::into_raw_fd).map_err(|error| to_python(py, &error))
    }

    /// The caller's side of its own terminal, which this object closes when it goes.
    #[getter]
    fn terminal(&self) -> Option<i32> {
        self.0.terminal().map(|fd| fd.as_raw_fd())
    }

    /// Connects two descriptors with that terminal until it has ended; the exit status, or minus the signal.
    fn relay(&self, py: Python<'_>, input: i32, output: i32) -> PyResult<Option<i32>> {
        let status = interruptible(py, |go_on| self.0.relay_while(input, output, go_on))?;
        Ok(status.map(returncode))
    }

    /// Waits for so many seconds or for ever; the exit status, or minus the signal, or `None` if it runs still.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<i32>> {
        let timeout = timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let status = interruptible(py, |go_on| self.0.wait_until(deadline, go_on))?;
        Ok(status.map(returncode))
    }

    /// As `wait` without waiting.
    fn poll(&self, py: Python<'_>) -> PyResult<Option<i32>> {
        self.0.poll().map(|status| status.map(returncode)).map_err(|error| to_python(py, &error))
    }

    /// Sends a signal by pidfd.
    fn send_signal(&self, py: Python<'_>, signal: i32) -> PyResult<()> {
        self.0.send_signal(signal).map_err(|error| to_python(py, &error))
    }

    /// Seconds in its own code, seconds in the kernel, most KiB in use; once it was waited for.
    #[getter]
    fn usage(&self) -> Option<(f64, f64, u64)> {
        let usage = self.0.usage()?;
        Some((usage.user_time.as_secs_f64(), usage.system_time.as_secs_f64(), usage.max_rss))
    }
}

/// As subprocess tells it.
fn returncode(status: nsiso::ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap_or_default()
}

/// Acts with the interpreter detached. After each signal its handlers run, and what one raises ends the act.
pub fn interruptible<T: Send>(
    py: Python<'_>,
    act: impl FnOnce(&mut dyn FnMut() -> bool) -> nsiso::Result<T> + Send,
) -> PyResult<T> {
    let mut raised = None;
    let mut go_on = || {
        Python::attach(|py| match py.check_signals() {
            Ok(()) => true,
            Err(exception) => {
                raised = Some(exception);
                false
            }
        })
    };
    let done = py.detach(|| act(&mut go_on));
    match raised {
        Some(exception) => Err(exception),
        None => done.map_err(|error| to_python(py, &error)),
    }
}
