//! One cookie of a request, without the others.

use bustapi_core::cookies::{Found, find};
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Return the value of the first cookie of a name, None without one, and ``NotImplemented``
/// where Werkzeug is to parse the field.
#[pyfunction]
#[pyo3(signature = (field, name, /))]
pub fn find_cookie<'py>(
    field: &Bound<'py, PyString>,
    name: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = field.py();
    let found = match (field.to_str(), name.cast_exact::<PyString>()) {
        (Ok(field), Ok(name)) => match name.to_str() {
            Ok(name) => find(field.as_bytes(), name.as_bytes()),
            Err(_) => Found::Unclear,
        },
        _ => Found::Unclear,
    };
    Ok(match found {
        Found::Value(value) => PyString::from_bytes(py, value)?.into_any(),
        Found::Nothing => py.None().into_bound(py),
        Found::Unclear => py.NotImplemented().into_bound(py),
    })
}
