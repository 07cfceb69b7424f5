//! The tables and links for Python, as plain tuples: `nsiso` makes records of them.

use crate::error::to_python;
use nsiso::inspect::Pid;
use nsiso::{Answer, Kind};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

type KindRow = (u32, &'static str, &'static str, &'static str, &'static str);
type LinkRow = (&'static str, u32, u64, u64);
type ProbeRow = (u32, bool, bool, Option<&'static str>, Option<&'static str>);

/// The kinds: flag, name, name of the flag, first kernel, what it isolates.
#[pyfunction]
pub fn kinds() -> Vec<KindRow> {
    let row = |kind: Kind| (kind.flag(), kind.name(), kind.flag_name(), kind.first_kernel(), kind.isolates());
    Kind::ALL.into_iter().map(row).collect()
}

/// The links of a process (0: the calling thread): name, kind, device, inode.
#[pyfunction]
pub fn links(py: Python<'_>, pid: i32) -> PyResult<Vec<LinkRow>> {
    let links = py.detach(|| nsiso::inspect::links(of(pid))).map_err(|error| to_python(py, &error))?;
    Ok(links.iter().map(|link| (link.name, link.kind.flag(), link.device, link.inode)).collect())
}

/// Whether two processes share their namespace of one kind.
#[pyfunction]
pub fn same(py: Python<'_>, a: i32, b: i32, kind: u32) -> PyResult<bool> {
    let kind = Kind::from_flag(kind)
        .ok_or_else(|| PyValueError::new_err(format!("{kind:#x} is not exactly one kind of namespace")))?;
    py.detach(|| nsiso::inspect::same(of(a), of(b), kind)).map_err(|error| to_python(py, &error))
}

/// What may be created: kind, whether, whether only with a user namespace, cause, remedy.
#[pyfunction]
pub fn probe(py: Python<'_>) -> PyResult<Vec<ProbeRow>> {
    let probe = py.detach(nsiso::probe).map_err(|error| to_python(py, &error))?;
    let row = |(kind, answer): (Kind, Answer)| match answer {
        Answer::Yes => (kind.flag(), true, false, None, None),
        Answer::WithUser => (kind.flag(), true, true, None, None),
        Answer::No(cause) => (kind.flag(), false, false, Some(cause.as_str()), Some(cause.remedy())),
        _ => (kind.flag(), false, false, None, None),
    };
    Ok(probe.kinds().map(row).collect())
}

fn of(pid: i32) -> Pid {
    match pid {
        0 => Pid::Caller,
        number => Pid::Number(number),
    }
}
