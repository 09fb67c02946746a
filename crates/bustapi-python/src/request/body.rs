//! `Body`: the request body as a file, whole in memory, spooled to a file or still coming.
//!
//! It has the whole protocol of `io.RawIOBase` and is registered as one, so whatever is made
//! for binary files takes it: `io.TextIOWrapper`, `io.BufferedReader`, `with`. What a closed
//! body still does follows Werkzeug's `LimitedStream`, which is what Flask hands out: it can
//! be read on. A `TextIOWrapper` closes what it wraps when it is garbage collected, and the
//! request, which has not asked for that, would find no body.

use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bustapi_core::sync::body_pipe::{BodyPipe, End, Pulled};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyConnectionError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict as _, PyBytes, PyType};

use crate::request::spool::{Held, SpooledFile};

/// Return `BodyError`: who catches errors of a connection catches it, and where nobody does
/// it is Werkzeug's 400.
pub fn body_error(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static KIND: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let kind = KIND.get_or_try_init(py, || {
        let disconnected = py
            .import("werkzeug.exceptions")?
            .getattr("ClientDisconnected")?;
        let bases = (disconnected, py.get_type::<PyConnectionError>());
        let namespace = [
            ("__module__", "bustapi._bustapi"),
            (
                "__doc__",
                "The request body ended early or broke the protocol.",
            ),
        ];
        let kind =
            py.get_type::<PyType>()
                .call1(("BodyError", bases, namespace.into_py_dict(py)?))?;
        Ok::<_, PyErr>(kind.cast_into::<PyType>()?.unbind())
    })?;
    Ok(kind.bind(py))
}

/// Have `isinstance` say of a body what it is.
pub fn register(py: Python<'_>) -> PyResult<()> {
    let base = py.import("io")?.getattr("RawIOBase")?;
    base.call_method1("register", (py.get_type::<Body>(),))?;
    Ok(())
}

/// The request body, readable as ``wsgi.input``.
#[pyclass(frozen, dict, weakref, module = "bustapi._bustapi")]
pub struct Body {
    source: Source,
    reader: Mutex<Reader>,
    is_closed: AtomicBool,
    /// The process that it came to; in a child that was forked it is not to be read.
    home: u32,
    _held: Option<Held>,
}

enum Source {
    Memory(Py<PyBytes>),
    /// A spooled file, a pipe, or one after the other; the length once it is known.
    Parts(Option<u64>),
}

/// Where reading has come to; what it waits for is waited for without the interpreter.
#[derive(Default)]
struct Reader {
    /// Offset in a body of memory; otherwise in `ahead`.
    position: usize,
    ahead: Vec<u8>,
    file: Option<SpooledFile>,
    pipe: Option<Arc<BodyPipe>>,
    total: u64,
    is_broken: bool,
}

/// What came of a read.
enum Taken {
    Bytes(Vec<u8>),
    /// Nothing yet.
    Nothing,
    Broken,
}

/// What came of reading ahead.
enum Filled {
    More,
    /// Nothing yet.
    Nothing,
    End,
    Broken,
}

/// Up to which byte a read goes.
#[derive(Clone, Copy)]
enum Until {
    Size(usize),
    /// What is there, as soon as something is.
    Available(usize),
    Line(usize),
}

impl Body {
    /// `held`: what the bytes count for while the body lives.
    pub fn in_memory(bytes: Py<PyBytes>, held: Option<Held>) -> Self {
        Self {
            home: std::process::id(),
            _held: held,
            source: Source::Memory(bytes),
            reader: Mutex::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    pub fn spooled(file: SpooledFile) -> Self {
        Self::of_parts(Some(file.length), Some(file), None)
    }

    /// What was spooled, if anything, followed by what still comes.
    pub fn streamed(file: Option<SpooledFile>, pipe: Arc<BodyPipe>) -> Self {
        Self::of_parts(None, file, Some(pipe))
    }

    fn of_parts(
        length: Option<u64>,
        file: Option<SpooledFile>,
        pipe: Option<Arc<BodyPipe>>,
    ) -> Self {
        let reader = Reader {
            file,
            pipe,
            ..Reader::default()
        };
        Self {
            home: std::process::id(),
            _held: None,
            source: Source::Parts(length),
            reader: Mutex::new(reader),
            is_closed: AtomicBool::new(false),
        }
    }

    fn with_reader<R: Send>(
        &self,
        py: Python<'_>,
        function: impl FnOnce(&mut Reader) -> PyResult<R> + Send,
    ) -> PyResult<R> {
        py.detach(|| {
            let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
            function(&mut reader)
        })
    }

    fn take<'py>(&self, py: Python<'py>, until: Until) -> PyResult<Bound<'py, PyBytes>> {
        match &self.source {
            Source::Memory(bytes) => Ok(self.take_from_memory(bytes.bind(py), until)),
            // What comes goes to the parent, and so does the place in a file.
            Source::Parts(_) if self.home != std::process::id() => Err(broken(py)?),
            Source::Parts(_) => loop {
                match self.with_reader(py, |reader| reader.take(until))? {
                    Taken::Bytes(bytes) => return Ok(PyBytes::new(py, &bytes)),
                    Taken::Nothing => py.check_signals()?,
                    Taken::Broken => return Err(broken(py)?),
                }
            },
        }
    }

    fn take_from_memory<'py>(
        &self,
        bytes: &Bound<'py, PyBytes>,
        until: Until,
    ) -> Bound<'py, PyBytes> {
        let whole = bytes.as_bytes();
        let range = {
            let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
            let start = reader.position;
            reader.position += until.length(&whole[start..]);
            start..reader.position
        };
        if range == (0..whole.len()) {
            return bytes.clone();
        }
        PyBytes::new(bytes.py(), &whole[range])
    }
}

impl Until {
    fn size(size: Option<isize>) -> usize {
        size.and_then(|size| usize::try_from(size).ok())
            .unwrap_or(usize::MAX)
    }

    /// Return how many of the bytes are taken when no more come.
    fn length(self, bytes: &[u8]) -> usize {
        match self {
            Self::Size(size) | Self::Available(size) => size.min(bytes.len()),
            Self::Line(limit) => {
                let bytes = &bytes[..limit.min(bytes.len())];
                let end = bytes.iter().position(|&byte| byte == b'\n');
                end.map_or(bytes.len(), |end| end + 1)
            }
        }
    }

    /// Whether the bytes hold everything that is asked for.
    fn is_met_by(self, bytes: &[u8]) -> bool {
        match self {
            Self::Size(size) => bytes.len() >= size,
            Self::Available(size) => !bytes.is_empty() || size == 0,
            Self::Line(limit) => bytes.len() >= limit || bytes.contains(&b'\n'),
        }
    }
}

impl Reader {
    /// Read as far as asked.
    fn take(&mut self, until: Until) -> PyResult<Taken> {
        let mut searched = self.position;
        loop {
            let unmet = match until {
                Until::Size(_) | Until::Available(_) => {
                    !until.is_met_by(&self.ahead[self.position..])
                }
                Until::Line(limit) => {
                    let found = self.ahead[searched..].contains(&b'\n');
                    !found && self.ahead.len() - self.position < limit
                }
            };
            searched = self.ahead.len();
            if !unmet {
                break;
            }
            match self.fill()? {
                Filled::More => {}
                Filled::Nothing => return Ok(Taken::Nothing),
                Filled::End => break,
                Filled::Broken => return Ok(Taken::Broken),
            }
        }
        let rest = &self.ahead[self.position..];
        let length = until.length(rest);
        if self.position == 0 && length == rest.len() {
            return Ok(Taken::Bytes(std::mem::take(&mut self.ahead)));
        }
        let taken = rest[..length].to_vec();
        self.position += taken.len();
        if self.position == self.ahead.len() {
            self.ahead.clear();
            self.position = 0;
        } else if self.position > 64 * 1024 {
            self.ahead.drain(..self.position);
            self.position = 0;
        }
        Ok(Taken::Bytes(taken))
    }

    /// Read more, from the file first.
    fn fill(&mut self) -> PyResult<Filled> {
        if self.is_broken {
            return Ok(Filled::Broken);
        }
        if let Some(file) = &self.file {
            let length = self.ahead.len();
            let count = (&file.file).take(64 * 1024).read_to_end(&mut self.ahead)?;
            debug_assert_eq!(self.ahead.len(), length + count);
            if count > 0 {
                self.total += count as u64;
                return Ok(Filled::More);
            }
            self.file = None;
        }
        let Some(pipe) = &self.pipe else {
            return Ok(Filled::End);
        };
        let length = self.ahead.len();
        match pipe.pull(&mut self.ahead) {
            Pulled::Bytes => {
                self.total += (self.ahead.len() - length) as u64;
                Ok(Filled::More)
            }
            Pulled::Nothing => Ok(Filled::Nothing),
            Pulled::End(End::Whole) => {
                self.pipe = None;
                Ok(Filled::End)
            }
            Pulled::End(End::Broken) => {
                self.is_broken = true;
                Ok(Filled::Broken)
            }
        }
    }
}

trait FillStart {
    fn fill_start(&self, bytes: &[u8]);
}

impl FillStart for PyBuffer<u8> {
    /// Copy bytes to the start of a writable, contiguous buffer that has room for them.
    fn fill_start(&self, bytes: &[u8]) {
        assert!(bytes.len() <= self.len_bytes() && !self.readonly());
        // SAFETY: the exporter keeps the memory in place while the view exists, it is
        // writable and long enough, and a new `bytes` object does not overlap it.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.buf_ptr().cast(), bytes.len());
        }
    }
}

fn broken(py: Python<'_>) -> PyResult<PyErr> {
    let text = "The client ended the request body early or sent it malformed.";
    Ok(PyErr::from_value(body_error(py)?.call1((text,))?))
}

#[pymethods]
impl Body {
    /// Bytes that came, None while a streamed body is still being read.
    #[getter]
    fn length(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        match &self.source {
            Source::Memory(bytes) => Ok(Some(bytes.bind(py).as_bytes().len() as u64)),
            Source::Parts(Some(length)) => Ok(Some(*length)),
            Source::Parts(None) => self.with_reader(py, |reader| {
                let is_read = reader.file.is_none() && reader.pipe.is_none();
                Ok(is_read.then_some(reader.total))
            }),
        }
    }

    #[pyo3(signature = (size = Some(-1), /), text_signature = "($self, size=-1, /)")]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.take(py, Until::Size(Until::size(size)))
    }

    /// Return what is there without waiting for more, at most ``size`` bytes.
    #[pyo3(signature = (size = Some(-1), /), text_signature = "($self, size=-1, /)")]
    fn read1<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.take(py, Until::Available(Until::size(size)))
    }

    fn readall<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.take(py, Until::Size(usize::MAX))
    }

    #[pyo3(signature = (size = Some(-1), /), text_signature = "($self, size=-1, /)")]
    fn readline<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.take(py, Until::Line(Until::size(size)))
    }

    #[pyo3(signature = (hint = Some(-1), /), text_signature = "($self, hint=-1, /)")]
    fn readlines<'py>(
        &self,
        py: Python<'py>,
        hint: Option<isize>,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        self.check_open()?;
        let hint = match hint {
            Some(hint) if hint > 0 => Until::size(Some(hint)),
            _ => usize::MAX,
        };
        let mut lines = Vec::new();
        let mut total = 0;
        while total < hint {
            let line = self.take(py, Until::Line(usize::MAX))?;
            if line.as_bytes().is_empty() {
                break;
            }
            total += line.as_bytes().len();
            lines.push(line);
        }
        Ok(lines)
    }

    #[pyo3(signature = (buffer, /))]
    fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let buffer = PyBuffer::<u8>::get(buffer)?;
        if buffer.readonly() || !buffer.is_c_contiguous() {
            return Err(PyTypeError::new_err(
                "'buffer' must be a writable, contiguous buffer of bytes.",
            ));
        }
        let taken = self.take(py, Until::Size(buffer.len_bytes()))?;
        buffer.fill_start(taken.as_bytes());
        Ok(taken.as_bytes().len())
    }

    /// Return the whole body without consuming it when it is held in memory, else None.
    fn getvalue(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        match &self.source {
            Source::Memory(bytes) => Some(bytes.clone_ref(py)),
            _ => None,
        }
    }

    fn __iter__(this: Py<Self>) -> PyResult<Py<Self>> {
        this.get().check_open()?;
        Ok(this)
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.take(py, Until::Line(usize::MAX))?;
        Ok((!line.as_bytes().is_empty()).then_some(line))
    }

    /// Bytes that were read.
    fn tell(&self, py: Python<'_>) -> PyResult<u64> {
        match &self.source {
            Source::Memory(_) => {
                let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(reader.position as u64)
            }
            Source::Parts(_) => self.with_reader(py, |reader| {
                let ahead = reader.ahead.len() - reader.position;
                Ok(reader.total - ahead as u64)
            }),
        }
    }

    /// Whether :meth:`close` was called. The bytes can still be read.
    #[getter]
    fn closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    fn __enter__(this: Py<Self>) -> PyResult<Py<Self>> {
        this.get().check_open()?;
        Ok(this)
    }

    fn __exit__(
        &self,
        exc_type: Option<&Bound<'_, PyAny>>,
        exc_val: Option<&Bound<'_, PyAny>>,
        exc_tb: Option<&Bound<'_, PyAny>>,
    ) {
        let _error = (exc_type, exc_val, exc_tb);
        self.close();
    }

    fn flush(&self) -> PyResult<()> {
        self.check_open()
    }

    fn isatty(&self) -> PyResult<bool> {
        self.check_open()?;
        Ok(false)
    }

    #[expect(clippy::unused_self, reason = "Python calls a method")]
    const fn readable(&self) -> bool {
        true
    }

    #[expect(clippy::unused_self, reason = "Python calls a method")]
    const fn writable(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "Python calls a method")]
    const fn seekable(&self) -> bool {
        false
    }

    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        Err(unsupported(py, "fileno")?)
    }

    #[pyo3(signature = (offset, whence = None, /), text_signature = "($self, offset, whence=0, /)")]
    fn seek(
        &self,
        py: Python<'_>,
        offset: &Bound<'_, PyAny>,
        whence: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let _place = (offset, whence);
        Err(unsupported(py, "seek")?)
    }

    #[pyo3(signature = (size = None, /))]
    fn truncate(&self, py: Python<'_>, size: Option<&Bound<'_, PyAny>>) -> PyResult<u64> {
        let _size = size;
        Err(unsupported(py, "truncate")?)
    }

    #[pyo3(signature = (b, /))]
    fn write(&self, py: Python<'_>, b: &Bound<'_, PyAny>) -> PyResult<usize> {
        let _bytes = b;
        Err(unsupported(py, "write")?)
    }

    #[pyo3(signature = (lines, /))]
    fn writelines(&self, py: Python<'_>, lines: &Bound<'_, PyAny>) -> PyResult<()> {
        let _lines = lines;
        Err(unsupported(py, "writelines")?)
    }
}

impl Body {
    fn check_open(&self) -> PyResult<()> {
        if self.closed() {
            return Err(PyValueError::new_err("I/O operation on closed file."));
        }
        Ok(())
    }
}

/// Return the error of what a request body cannot do, as `io` raises it.
fn unsupported(py: Python<'_>, name: &str) -> PyResult<PyErr> {
    let kind = py.import("io")?.getattr("UnsupportedOperation")?;
    Ok(PyErr::from_value(kind.call1((name,))?))
}
