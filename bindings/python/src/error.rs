//! How an error of the core becomes a `nsiso.Error`: the class is Python's, its words are the core's.

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

/// The arguments of `nsiso.Error`: errno, all of it in one line, step, object, cause, remedy.
pub type ErrorRow = (i32, String, String, String, &'static str, &'static str);

/// What makes the exception.
pub fn row(error: &nsiso::Error) -> ErrorRow {
    (
        error.errno(),
        error.to_string(),
        error.step().to_owned(),
        error.object().to_owned(),
        error.cause().as_str(),
        error.remedy(),
    )
}

/// Makes the exception; if that fails, the failure itself.
pub fn to_python(py: Python<'_>, error: &nsiso::Error) -> PyErr {
    let made = py
        .import("nsiso._errors")
        .and_then(|module| module.getattr("Error"))
        .and_then(|class| class.call1(row(error)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(failure) => failure,
    }
}

/// Flags are C's `int` or `unsigned int`; anything wider cannot be meant.
pub fn flags(number: i64) -> PyResult<i32> {
    i32::try_from(number)
        .or_else(|_| u32::try_from(number).map(|bits| bits as i32))
        .map_err(|_| PyOverflowError::new_err(format!("{number:#x} does not fit into 32 bits")))
}
