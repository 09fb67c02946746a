//! The value that JSON text stands for, as ``json.loads`` gives it.
//!
//! What ``jiter`` takes for an error may be one, or something that the library alone reads:
//! integers beyond 64 bits, ``NaN`` and ``Infinity``, lone surrogates, other encodings, deep
//! nesting.

use jiter::{FloatMode, PartialMode, PythonParse, StringCacheMode};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

const PARSER: PythonParse = PythonParse {
    // The library asks a table of its own, which a program may have changed.
    allow_inf_nan: false,
    // A cache would hold what clients send, for as long as the process lives.
    cache_mode: StringCacheMode::None,
    partial_mode: PartialMode::Off,
    catch_duplicate_keys: false,
    float_mode: FloatMode::Float,
};

/// Return what JSON text stands for, or what a function returns for what is not read here.
#[pyfunction]
#[pyo3(signature = (text, otherwise, /))]
pub fn read_json<'py>(
    text: &Bound<'py, PyAny>,
    otherwise: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    match read(text) {
        Some(value) => Ok(value),
        None => otherwise.call1((text,)),
    }
}

fn read<'py>(text: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    if let Ok(bytes) = text.cast_exact::<PyBytes>() {
        parse(text.py(), bytes.as_bytes())
    } else if let Ok(text) = text.cast_exact::<PyString>() {
        // Text beyond ASCII would keep its bytes beside it.
        parse(text.py(), text.encode_utf8().ok()?.as_bytes())
    } else {
        None
    }
}

/// Return what JSON in UTF-8 stands for, None where the library is to read it.
pub fn parse<'py>(py: Python<'py>, json: &[u8]) -> Option<Bound<'py, PyAny>> {
    PARSER.python_parse(py, json).ok()
}
