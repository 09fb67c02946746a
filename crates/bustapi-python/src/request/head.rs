//! `RequestHead`: start line and header fields as Python sees them, made on demand.

use std::net::SocketAddr;
use std::sync::Arc;

use bustapi_core::http1::head::{Field, Head};
use bustapi_core::http1::target::{TargetForm, decode_path};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyInt, PyString, PyTuple};

use crate::request::names::{field_key, latin1};
use crate::request::rule_index::Lookup;

/// The other end of a connection; its strings are made once for all its requests.
pub struct Peer {
    address: Option<SocketAddr>,
    text: PyOnceLock<Py<PyString>>,
    port: PyOnceLock<Py<PyInt>>,
}

impl Peer {
    pub const fn new(address: Option<SocketAddr>) -> Self {
        Self {
            address,
            text: PyOnceLock::new(),
            port: PyOnceLock::new(),
        }
    }

    pub fn text<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        let ip = self.address?.ip().to_canonical();
        let text = self
            .text
            .get_or_init(py, || PyString::new(py, &ip.to_string()).unbind());
        Some(text.bind(py).clone())
    }

    fn port<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyInt>> {
        let port = self.address?.port();
        let port = self.port.get_or_init(py, || PyInt::new(py, port).unbind());
        Some(port.bind(py).clone())
    }
}

/// Start line and header fields of one request, as received; strings are made on demand.
#[pyclass(frozen, freelist = 256, module = "bustapi._bustapi")]
pub struct RequestHead {
    bytes: Py<PyBytes>,
    parsed: Head,
    peer: Arc<Peer>,
    /// What all environs of a worker have in common.
    environ: Py<PyDict>,
    // PERF: what Python reads in each request are struct members of a frozen class, which
    // costs the interpreter no call.
    #[pyo3(get)]
    method: Py<PyString>,
    /// All ``Cookie`` fields joined by ``"; "``, or None.
    #[pyo3(get)]
    cookie: Py<PyAny>,
    /// Rule and arguments that the index found, or None: declined.
    #[pyo3(get)]
    hit: Py<PyAny>,
    /// Generation of the index that was asked.
    #[pyo3(get)]
    generation: Py<PyInt>,
}

impl RequestHead {
    pub fn new(
        py: Python<'_>,
        bytes: Py<PyBytes>,
        method: Py<PyString>,
        parsed: Head,
        peer: Arc<Peer>,
        environ: Py<PyDict>,
    ) -> Self {
        let has_cookie = parsed.cookie.is_some();
        let mut head = Self {
            bytes,
            parsed,
            peer,
            environ,
            method,
            cookie: py.None(),
            hit: py.None(),
            generation: PyInt::new(py, 0).unbind(),
        };
        if has_cookie && let Some(cookie) = head.joined(py, b"cookie") {
            head.cookie = cookie.into_any().unbind();
        }
        head
    }

    /// Keep what the index answered.
    pub fn set_lookup(&mut self, py: Python<'_>, hit: Option<Py<PyTuple>>, lookup: &Lookup) {
        if let Some(hit) = hit {
            self.hit = hit.into_any();
        }
        self.generation = lookup.generation_object(py);
    }

    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    pub const fn parsed(&self) -> &Head {
        &self.parsed
    }

    pub fn as_bytes<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        self.bytes.bind(py).as_bytes()
    }

    fn has_authority_form(&self) -> bool {
        self.parsed.target.form == TargetForm::Authority
    }

    /// Return the path's bytes after percent-decoding; CONNECT has none.
    fn decoded_path<'a>(&'a self, py: Python<'a>) -> std::borrow::Cow<'a, [u8]> {
        if self.has_authority_form() {
            return std::borrow::Cow::Borrowed(b"");
        }
        decode_path(self.parsed.target.path.of(self.as_bytes(py)))
    }

    fn query<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        self.parsed
            .target
            .query
            .map_or(b"", |query| query.of(self.as_bytes(py)))
    }

    fn value<'a>(&'a self, py: Python<'a>, field: &Field) -> &'a [u8] {
        field.value.of(self.as_bytes(py))
    }

    /// Join the values of all fields of a name, in any case; None when there is none.
    fn joined<'py>(&self, py: Python<'py>, name: &[u8]) -> Option<Bound<'py, PyString>> {
        let bytes = self.as_bytes(py);
        let mut values = self
            .parsed
            .fields
            .iter()
            .filter(|field| field.name.of(bytes).eq_ignore_ascii_case(name))
            .map(|field| field.value.of(bytes));
        let first = values.next()?;
        let Some(second) = values.next() else {
            return Some(latin1(py, first));
        };
        let separator = separator(name);
        let mut joined = [first, separator, second].concat();
        for value in values {
            joined.extend_from_slice(separator);
            joined.extend_from_slice(value);
        }
        Some(latin1(py, &joined))
    }
}

/// RFC 6265 5.4 joins cookies by "; ", RFC 9110 5.3 everything else by commas.
fn separator(name: &[u8]) -> &'static [u8] {
    if name.eq_ignore_ascii_case(b"cookie") {
        b"; "
    } else {
        b","
    }
}

#[pymethods]
impl RequestHead {
    /// Percent-decoded path (UTF-8, undecodable bytes replaced as Werkzeug does).
    #[getter]
    pub fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        decode_replacing(py, &self.decoded_path(py))
    }

    #[getter]
    fn query_string<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.query(py))
    }

    /// Request target as it came (``RAW_URI``), Latin-1.
    #[getter]
    fn target<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        latin1(py, self.parsed.target.whole.of(self.as_bytes(py)))
    }

    /// ``HTTP/1.1`` or ``HTTP/1.0``.
    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::intern(py, self.parsed.version.as_str())
    }

    #[getter]
    fn scheme<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        pyo3::intern!(py, "http").clone()
    }

    #[getter]
    fn host<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.parsed
            .host
            .map(|host| latin1(py, host.of(self.as_bytes(py))))
    }

    /// Whether an ``Upgrade`` field came.
    #[getter]
    fn is_upgrade(&self) -> bool {
        self.parsed.has_upgrade
    }

    #[getter]
    fn remote_addr<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.peer.text(py)
    }

    #[getter]
    fn remote_port<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyInt>> {
        self.peer.port(py)
    }

    /// Return a field by its name in any case; several are joined by commas as in WSGI.
    fn header<'py>(&self, py: Python<'py>, name: &str) -> Option<Bound<'py, PyString>> {
        self.joined(py, name.as_bytes())
    }

    /// Return all fields in order, values as Latin-1 text.
    fn fields<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyString>, Bound<'py, PyString>)> {
        let bytes = self.as_bytes(py);
        let text = |field: &Field| {
            (
                latin1(py, field.name.of(bytes)),
                latin1(py, field.value.of(bytes)),
            )
        };
        self.parsed.fields.iter().map(text).collect()
    }

    /// Return a new WSGI environ (PEP 3333) without ``wsgi.input``.
    ///
    /// Fields whose name has an underscore and ``Proxy`` are left out. ``CONTENT_LENGTH``
    /// is as the client sent it; ``wsgi.input_terminated`` is True;
    /// ``wsgi.multithread`` and ``wsgi.multiprocess`` are those of the worker.
    fn environ<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let environ = self.environ.bind(py).copy()?;
        macro_rules! set {
            ($key:literal, $value:expr) => {
                environ.set_item(pyo3::intern!(py, $key), $value)?
            };
        }
        let target = self.target(py);
        set!("REQUEST_METHOD", self.method.bind(py));
        set!("PATH_INFO", latin1(py, &self.decoded_path(py)));
        set!("QUERY_STRING", latin1(py, self.query(py)));
        set!("RAW_URI", &target);
        set!("REQUEST_URI", &target);
        set!("SERVER_PROTOCOL", self.protocol(py));
        if let Some(address) = self.peer.text(py) {
            set!("REMOTE_ADDR", address);
        }
        if let Some(port) = self.peer.port(py) {
            set!("REMOTE_PORT", port.str()?);
        }
        self.set_fields(py, &environ)?;
        Ok(environ)
    }
}

impl RequestHead {
    fn set_fields<'py>(&self, py: Python<'py>, environ: &Bound<'py, PyDict>) -> PyResult<()> {
        for field in &self.parsed.fields {
            let name = field.name.of(self.as_bytes(py));
            let key = match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") => continue,
                5 if name.eq_ignore_ascii_case(b"proxy") => continue,
                12 if name.eq_ignore_ascii_case(b"content-type") => {
                    pyo3::intern!(py, "CONTENT_TYPE").clone()
                }
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    pyo3::intern!(py, "CONTENT_LENGTH").clone()
                }
                _ if name.contains(&b'_') => continue,
                _ => field_key(py, name),
            };
            let mut value = latin1(py, self.value(py, field));
            if let Some(earlier) = environ.get_item(&key)? {
                let separator = latin1(py, separator(name));
                value = earlier
                    .add(separator)?
                    .add(value)?
                    .cast_into::<PyString>()?;
            }
            environ.set_item(key, value)?;
        }
        // RFC 9112 3.2.2: the authority of an absolute target replaces Host.
        if let Some(host) = self.host(py) {
            environ.set_item(pyo3::intern!(py, "HTTP_HOST"), host)?;
        }
        Ok(())
    }
}

/// Decode UTF-8 with Python's ``replace`` handler.
fn decode_replacing<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    if let Ok(text) = str::from_utf8(bytes) {
        return Ok(PyString::new(py, text));
    }
    // SAFETY: the pointer and the length are those of one slice, the handler's name ends in
    // NUL; the result is a new reference or NULL with an exception set.
    let text = unsafe {
        let length = ffi::Py_ssize_t::try_from(bytes.len())?;
        let errors = c"replace".as_ptr();
        let text = ffi::PyUnicode_DecodeUTF8(bytes.as_ptr().cast(), length, errors);
        Bound::from_owned_ptr_or_err(py, text)?
    };
    Ok(text.cast_into::<PyString>()?)
}
