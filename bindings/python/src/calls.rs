//! setns and unshare for Python: integers in, None or `nsiso.Error` out.

use crate::error::{flags, to_python};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

/// setns(2) of a descriptor; nothing is checked here that the core checks.
#[pyfunction]
pub fn setns(py: Python<'_>, fd: i64, nstype: i64) -> PyResult<()> {
    let fd =
        i32::try_from(fd).map_err(|_| PyOverflowError::new_err(format!("no descriptor is called {fd}")))?;
    let nstype = flags(nstype)? as u32;
    py.detach(|| nsiso::setns(fd, nstype)).map_err(|error| to_python(py, &error))
}

/// unshare(2) with the manual's flags.
#[pyfunction]
pub fn unshare(py: Python<'_>, flags: i64) -> PyResult<()> {
    let flags = crate::error::flags(flags)?;
    crate::fork::unshare(py, flags)
        .map_err(|errno| to_python(py, &nsiso::creation_error("unshare", flags as u32, errno)))
}
