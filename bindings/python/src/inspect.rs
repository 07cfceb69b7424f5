//! The tables and links for Python, as plain tuples: `nsiso` makes records of them.

use crate::error::{row, to_python, ErrorRow};
use nsiso::inspect::Pid;
use nsiso::{Answer, Feature, Kind};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

type KindRow = (u32, &'static str, &'static str, &'static str, &'static str);
type LinkRow = (&'static str, u32, u64, u64);
type FeatureRow = (&'static str, &'static str, u32);
/// Whether, whether only with a user namespace, and the error.
type AnswerRow = (bool, bool, Option<ErrorRow>);

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

/// The features: name, what one gets by it, the kinds that it needs.
#[pyfunction]
pub fn features() -> Vec<FeatureRow> {
    let row = |feature: &Feature| (feature.name(), feature.about(), feature.needs().bits());
    Feature::ALL.iter().map(row).collect()
}

/// What can be had: an answer for each kind, and one for each feature.
#[pyfunction]
#[allow(clippy::type_complexity)] // Two tables.
pub fn probe(py: Python<'_>) -> PyResult<(Vec<(u32, AnswerRow)>, Vec<(&'static str, AnswerRow)>)> {
    let probe = py.detach(nsiso::probe).map_err(|error| to_python(py, &error))?;
    let answer =
        |answer: &Answer| (answer.is_allowed(), *answer == Answer::WithUser, answer.refusal().map(row));
    Ok((
        probe.kinds().map(|(kind, of)| (kind.flag(), answer(of))).collect(),
        probe.features().map(|(feature, of)| (feature.name(), answer(of))).collect(),
    ))
}

/// Who is meant by a number.
pub fn of(pid: i32) -> Pid {
    match pid {
        0 => Pid::Caller,
        number => Pid::Number(number),
    }
}
