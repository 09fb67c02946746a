//! Strings that every environ has, made once per process.

use std::collections::HashMap;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

/// Field names that browsers, proxies and API clients send.
const FIELDS: [&str; 44] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "connection",
    "cookie",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "te",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-requested-with",
];

const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE",
];

struct Names {
    fields: HashMap<&'static str, Py<PyString>>,
    methods: [Py<PyString>; METHODS.len()],
}

static NAMES: PyOnceLock<Names> = PyOnceLock::new();

fn names(py: Python<'_>) -> &Names {
    NAMES.get_or_init(py, || Names {
        fields: FIELDS
            .iter()
            .map(|name| {
                (
                    *name,
                    PyString::intern(py, &variable(name.as_bytes())).unbind(),
                )
            })
            .collect(),
        methods: METHODS.map(|method| PyString::intern(py, method).unbind()),
    })
}

/// Return the name of a field's environ variable: `HTTP_` and the name in capitals.
fn variable(name: &[u8]) -> String {
    let letters = name.iter().map(|&byte| match byte {
        b'-' => '_',
        byte => char::from(byte.to_ascii_uppercase()),
    });
    "HTTP_".chars().chain(letters).collect()
}

/// Return the key that a field has in the environ.
pub fn field_key<'py>(py: Python<'py>, name: &[u8]) -> Bound<'py, PyString> {
    let mut lowered = [0; 32];
    let known = lowered.get_mut(..name.len()).and_then(|lowered| {
        lowered.copy_from_slice(name);
        lowered.make_ascii_lowercase();
        names(py).fields.get(str::from_utf8(lowered).ok()?)
    });
    match known {
        Some(key) => key.bind(py).clone(),
        None => PyString::new(py, &variable(name)),
    }
}

/// Return the method as an interned string when it is a common one.
pub fn method<'py>(py: Python<'py>, method: &[u8]) -> Bound<'py, PyString> {
    METHODS
        .iter()
        .position(|name| name.as_bytes() == method)
        .map_or_else(
            || latin1(py, method),
            |at| names(py).methods[at].bind(py).clone(),
        )
}

/// Return a string of the same code points as the bytes (PEP 3333).
pub fn latin1<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    let length = ffi::Py_ssize_t::try_from(bytes.len()).expect("a slice is at most isize::MAX");
    // SAFETY: the pointer and the length are those of one slice, no handler of errors is
    // named, and none can occur: the result is a new string, or NULL without memory, for
    // which PyO3 panics as it does for every string.
    unsafe {
        let text = ffi::PyUnicode_DecodeLatin1(bytes.as_ptr().cast(), length, ptr::null());
        Bound::from_owned_ptr(py, text).cast_into_unchecked()
    }
}
