//! Mount tables for Python, as plain tuples: `nsiso` makes records of them.

use crate::error::to_python;
use crate::inspect::of;
use nsiso::inspect::{mounts_by, Mount, MountTable, Route, Tag};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

/// Each mount's parent, by its index, and whether it is over-mounted.
type Tree = (Vec<Option<usize>>, Vec<bool>);

/// A process's mounts (0: the calling thread's), and whether they changed meanwhile. The route by its number.
#[pyfunction]
pub fn mounts(py: Python<'_>, pid: i32, route: usize) -> PyResult<(Vec<Bound<'_, PyTuple>>, bool)> {
    let routes = [Route::Fastest, Route::Mountinfo, Route::Statmount];
    let route = *routes.get(route).ok_or_else(|| PyValueError::new_err("no such route"))?;
    let table = py.detach(|| mounts_by(of(pid), route)).map_err(|error| to_python(py, &error))?;
    let names = Names::new(py)?;
    let rows = table.iter().map(|mount| names.row(mount)).collect::<PyResult<_>>()?;
    Ok((rows, table.changed_while_read()))
}

/// The shape of a table, from its lines.
#[pyfunction]
pub fn mount_tree(py: Python<'_>, text: Vec<u8>) -> PyResult<Tree> {
    let shape = || {
        let table = MountTable::parse(text)?;
        let tree = table.tree();
        let all = 0..table.len();
        let parents = all.clone().map(|index| tree.parent(index)).collect();
        Ok((parents, all.map(|index| tree.is_over_mounted(index)).collect()))
    };
    py.detach(shape).map_err(|error| to_python(py, &error))
}

/// What makes text of names.
struct Names<'py> {
    py: Python<'py>,
    fsdecode: Bound<'py, PyAny>,
}

impl<'py> Names<'py> {
    fn new(py: Python<'py>) -> PyResult<Names<'py>> {
        Ok(Names { py, fsdecode: py.import("os")?.getattr("fsdecode")? })
    }

    fn text(&self, name: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        match std::str::from_utf8(name) {
            // What all locales read alike.
            Ok(text) if text.is_ascii() => Ok(PyString::new(self.py, text).into_any()),
            _ => self.fsdecode.call1((PyBytes::new(self.py, name),)),
        }
    }

    fn tag(&self, tag: Tag<'_>) -> PyResult<Bound<'py, PyAny>> {
        let of = |name: &str, group: u64| (name, group).into_pyobject(self.py).map(Bound::into_any);
        match tag {
            Tag::Shared(group) => of("shared", group),
            Tag::Master(group) => of("master", group),
            Tag::PropagateFrom(group) => of("propagate_from", group),
            Tag::Unbindable => Ok(("unbindable", self.py.None()).into_pyobject(self.py)?.into_any()),
            Tag::Other { name, value } => {
                let value = value.map(|value| self.text(value)).transpose()?;
                Ok((self.text(name)?, value).into_pyobject(self.py)?.into_any())
            }
        }
    }

    fn row(&self, mount: Mount<'_>) -> PyResult<Bound<'py, PyTuple>> {
        let tags = mount.tags().map(|tag| self.tag(tag)).collect::<PyResult<Vec<_>>>()?;
        let row = (
            mount.id(),
            mount.parent_id(),
            mount.major(),
            mount.minor(),
            self.text(&mount.root())?,
            self.text(&mount.point())?,
            self.text(&mount.options())?,
            PyTuple::new(self.py, tags)?,
            self.text(&mount.fstype())?,
            self.text(&mount.source())?,
            self.text(&mount.super_options())?,
            PyBytes::new(self.py, mount.line()),
        );
        row.into_pyobject(self.py)
    }
}
