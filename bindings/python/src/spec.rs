//! A spec for Python: the options that `nsiso.Spec` has checked become the core's own.

use crate::error::to_python;
use crate::hold::{self, Held};
use crate::pool::Pool;
use crate::spawn::{self, Cancel, Order, Process};
use nsiso::{Command, Doer, IdMap, IdRange, Kinds, Likeness, Offset, Terminal};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// First id inside, first id outside, how many.
type Range = (u32, u32, u32);
/// Who, what, on what, and what it needs.
type StepRow = (&'static str, &'static str, String, String);

/// What is joined: a process, a descriptor of the caller's, a path or a set, the first of them that is there.
#[derive(FromPyObject)]
struct Join(Option<i32>, Option<i32>, Option<PyBackedBytes>, u32, Option<Py<Held>>);

/// The options by name; those that are left out have the core's default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
#[allow(clippy::struct_excessive_bools)] // As the core's own.
pub struct Options {
    unshare: u32,
    #[pyo3(default)]
    join: Vec<Join>,
    #[pyo3(default)]
    map_root: bool,
    #[pyo3(default)]
    map_current: bool,
    #[pyo3(default)]
    map_auto: bool,
    #[pyo3(default)]
    id_maps: Option<(Vec<Range>, Vec<Range>)>,
    #[pyo3(default)]
    hostname: Option<PyBackedBytes>,
    #[pyo3(default)]
    domainname: Option<PyBackedBytes>,
    #[pyo3(default)]
    proc: bool,
    #[pyo3(default = true)]
    loopback: bool,
    #[pyo3(default)]
    monotonic: Option<(i64, u32)>,
    #[pyo3(default)]
    boottime: Option<(i64, u32)>,
    #[pyo3(default)]
    cwd: Option<PyBackedBytes>,
    #[pyo3(default)]
    umask: Option<u32>,
    #[pyo3(default)]
    uid: Option<u32>,
    #[pyo3(default)]
    gid: Option<u32>,
    #[pyo3(default)]
    groups: Option<Vec<u32>>,
    #[pyo3(default)]
    new_session: bool,
    #[pyo3(default)]
    process_group: Option<i32>,
    #[pyo3(default)]
    controlling_terminal: Option<i32>,
    #[pyo3(default)]
    rlimits: Vec<(u32, u64, u64)>,
    #[pyo3(default)]
    oom_score_adj: Option<i32>,
    #[pyo3(default)]
    no_new_privs: bool,
    #[pyo3(default)]
    init: bool,
    #[pyo3(default)]
    kill_with_parent: bool,
    #[pyo3(default)]
    terminal: Option<String>,
    #[pyo3(default)]
    capabilities: Option<String>,
    #[pyo3(default)]
    cgroup: Vec<PyBackedBytes>,
    #[pyo3(default)]
    memory_limit: Option<u64>,
    #[pyo3(default)]
    pids_limit: Option<u64>,
    #[pyo3(default)]
    cpu_limit: Option<(u64, u64)>,
    #[pyo3(default)]
    keep_namespaces: u32,
    #[pyo3(default)]
    setup_timeout: Option<f64>,
    #[pyo3(default)]
    own_memory: bool,
    #[pyo3(default)]
    like: Option<(i32, String)>,
}

/// The core's spec. Never changed, so threads may share it.
#[pyclass(frozen, module = "nsiso._nsiso")]
pub struct Spec(nsiso::Spec);

#[pymethods]
impl Spec {
    #[new]
    fn new(py: Python<'_>, options: Options) -> PyResult<Spec> {
        let spec = containment(py, namespaces(py, &options)?, &options)?;
        Ok(Spec(process(liked(spec, &options)?, options)))
    }

    /// The steps for a command.
    fn plan(&self, py: Python<'_>, args: Vec<PyBackedBytes>) -> PyResult<Vec<StepRow>> {
        let command = command(&args);
        let plan = py.detach(|| self.0.plan(&command)).map_err(|error| to_python(py, &error))?;
        let row = |step: nsiso::Step<'_>| {
            let doer = match step.doer() {
                Doer::Parent => "parent",
                _ => "child",
            };
            (doer, step.name(), step.object(), step.needs())
        };
        Ok(plan.steps().map(row).collect())
    }

    /// Starts a command.
    fn spawn(&self, py: Python<'_>, order: Order) -> PyResult<Process> {
        spawn::spawn(py, self.0.clone(), order)
    }

    /// Makes its namespaces without a process in them.
    #[pyo3(signature = (cancel=None))]
    fn hold(&self, py: Python<'_>, cancel: Option<Py<Cancel>>) -> PyResult<Held> {
        hold::hold(py, self.0.clone(), cancel)
    }

    /// Of so many such sets.
    fn pool(&self, py: Python<'_>, size: usize) -> PyResult<Pool> {
        Pool::of(py, &self.0, size)
    }

    /// Moves the calling thread into what it joins.
    fn enter(&self, py: Python<'_>) -> PyResult<()> {
        hold::enter(py, &self.0)
    }

    /// Starts a function that ends its process by itself; a timeout of the set-up takes the place of the spec's.
    #[pyo3(signature = (run, timeout=None, cancel=None))]
    fn spawn_function(
        &self,
        py: Python<'_>,
        run: Py<PyAny>,
        timeout: Option<f64>,
        cancel: Option<Py<Cancel>>,
    ) -> PyResult<Process> {
        spawn::spawn_function(py, self.0.clone(), run, timeout, cancel)
    }
}

/// A command of these arguments, its program's name first.
pub fn command(args: &[PyBackedBytes]) -> Command {
    let mut args = args.iter().map(|arg| text(arg));
    Command::new(args.next().unwrap_or_default()).args(args)
}

/// A byte string as the system takes it.
pub fn text(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

fn namespaces(py: Python<'_>, options: &Options) -> PyResult<nsiso::Spec> {
    let mut spec = nsiso::Spec::new().unshare(kinds(options.unshare)?);
    spec = spec.keep_namespaces(kinds(options.keep_namespaces)?);
    for Join(pid, fd, path, bits, held) in &options.join {
        let kinds = kinds(*bits)?;
        spec = match (pid, fd, path, held) {
            (Some(pid), ..) => spec.join_process(*pid, kinds),
            (_, Some(fd), ..) => spec.join_borrowed_fd(*fd, kinds),
            (.., Some(path), _) => spec.join_path(text(path)),
            (.., Some(held)) => spec.join_namespaces(&held.get().set()?),
            _ => return Err(PyValueError::new_err("join: nothing to join")),
        };
    }
    spec = given(spec, options.map_root, nsiso::Spec::map_root);
    spec = given(spec, options.map_current, nsiso::Spec::map_current);
    spec = given(spec, options.map_auto, nsiso::Spec::map_auto);
    if let Some((users, groups)) = &options.id_maps {
        spec = spec.map_ids(id_map(py, users)?, id_map(py, groups)?);
    }
    if let Some(name) = &options.hostname {
        spec = spec.hostname(text(name));
    }
    if let Some(name) = &options.domainname {
        spec = spec.domainname(text(name));
    }
    if let Some((seconds, nanoseconds)) = options.monotonic {
        spec = spec.monotonic_offset(Offset { seconds, nanoseconds });
    }
    if let Some((seconds, nanoseconds)) = options.boottime {
        spec = spec.boottime_offset(Offset { seconds, nanoseconds });
    }
    spec = given(spec, options.proc, nsiso::Spec::proc);
    Ok(given(spec, !options.loopback, nsiso::Spec::loopback_down))
}

fn containment(py: Python<'_>, mut spec: nsiso::Spec, options: &Options) -> PyResult<nsiso::Spec> {
    spec = given(spec, options.init, nsiso::Spec::init);
    spec = given(spec, options.kill_with_parent, nsiso::Spec::kill_with_parent);
    spec = match options.terminal.as_deref() {
        None | Some("apart") => spec.terminal(Terminal::Apart),
        Some("share") => spec.terminal(Terminal::Share),
        Some("own") => spec.terminal(Terminal::Own),
        Some(word) => return Err(PyValueError::new_err(format!("{word:?}: no terminal is called so"))),
    };
    if let Some(keep) = &options.capabilities {
        spec = spec.capabilities(keep.parse().map_err(|error| to_python(py, &error))?);
    }
    for directory in &options.cgroup {
        spec = spec.cgroup(text(directory));
    }
    if let Some(bytes) = options.memory_limit {
        spec = spec.memory_limit(bytes);
    }
    if let Some(count) = options.pids_limit {
        spec = spec.pids_limit(count);
    }
    if let Some((quota, period)) = options.cpu_limit {
        spec = spec.cpu_limit(quota, period);
    }
    Ok(spec)
}

fn liked(spec: nsiso::Spec, options: &Options) -> PyResult<nsiso::Spec> {
    let Some((pid, words)) = &options.like else { return Ok(spec) };
    let what = Likeness::from_words(words);
    let unknown = || PyValueError::new_err(format!("like: {words:?}: there are {}", Likeness::ALL));
    Ok(spec.like(*pid, what.ok_or_else(unknown)?))
}

fn process(mut spec: nsiso::Spec, options: Options) -> nsiso::Spec {
    if let Some(path) = options.cwd {
        spec = spec.cwd(text(&path));
    }
    let become_ = Become {
        umask: options.umask,
        uid: options.uid,
        gid: options.gid,
        groups: options.groups,
        new_session: options.new_session,
        process_group: options.process_group,
    };
    spec = become_.apply(spec);
    if let Some(number) = options.controlling_terminal {
        spec = spec.controlling_terminal(number);
    }
    for (resource, soft, hard) in options.rlimits {
        spec = spec.rlimit(resource, soft, hard);
    }
    if let Some(score) = options.oom_score_adj {
        spec = spec.oom_score_adj(score);
    }
    spec = given(spec, options.no_new_privs, nsiso::Spec::no_new_privs);
    let timeout = options.setup_timeout.map(Duration::try_from_secs_f64);
    if let Some(Ok(timeout)) = timeout {
        spec = spec.timeout(timeout);
    }
    given(spec, options.own_memory, nsiso::Spec::own_memory)
}

/// What subprocess and a spec can both ask for.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Become {
    umask: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Option<Vec<u32>>,
    new_session: bool,
    process_group: Option<i32>,
}

impl Become {
    /// Sets what is given and leaves the rest as it is.
    pub fn apply(self, mut spec: nsiso::Spec) -> nsiso::Spec {
        if let Some(mask) = self.umask {
            spec = spec.umask(mask);
        }
        if let Some(uid) = self.uid {
            spec = spec.uid(uid);
        }
        if let Some(gid) = self.gid {
            spec = spec.gid(gid);
        }
        if let Some(groups) = self.groups {
            spec = spec.groups(groups);
        }
        if let Some(group) = self.process_group {
            spec = spec.process_group(group);
        }
        given(spec, self.new_session, nsiso::Spec::new_session)
    }
}

fn given(spec: nsiso::Spec, asked: bool, option: fn(nsiso::Spec) -> nsiso::Spec) -> nsiso::Spec {
    if asked {
        option(spec)
    } else {
        spec
    }
}

fn kinds(bits: u32) -> PyResult<Kinds> {
    Kinds::from_bits(bits).ok_or_else(|| PyValueError::new_err(format!("{bits:#x}: not kinds of namespace")))
}

fn id_map(py: Python<'_>, ranges: &[Range]) -> PyResult<IdMap> {
    let ranges = ranges.iter().map(|(inside, outside, count)| IdRange {
        inside: *inside,
        outside: *outside,
        count: *count,
    });
    IdMap::new(ranges).map_err(|error| to_python(py, &error))
}
