//! `wsgi.file_wrapper` of PEP 3333, and what the server finds in it.

use std::fs::Metadata;
use std::os::fd::{BorrowedFd, OwnedFd};

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyType};

/// `wsgi.file_wrapper` of PEP 3333: a file that the server sends without copying it.
#[pyclass(frozen, module = "bustapi._bustapi")]
pub struct FileWrapper {
    filelike: Py<PyAny>,
    block_size: usize,
}

#[pymethods]
impl FileWrapper {
    #[new]
    #[pyo3(signature = (filelike, blksize = 8192, /))]
    fn new(filelike: Py<PyAny>, blksize: usize) -> Self {
        Self {
            filelike,
            block_size: blksize,
        }
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let read = self.filelike.bind(py).getattr(pyo3::intern!(py, "read"))?;
        let block = read.call1((self.block_size,))?;
        if block.is_truthy()? {
            Ok(block)
        } else {
            Err(PyStopIteration::new_err(()))
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(close) = self
            .filelike
            .bind(py)
            .getattr_opt(pyo3::intern!(py, "close"))?
        {
            close.call0()?;
        }
        Ok(())
    }

    fn seekable(&self, py: Python<'_>) -> PyResult<bool> {
        let file = self.filelike.bind(py);
        match file.getattr_opt(pyo3::intern!(py, "seekable"))? {
            Some(seekable) => seekable.call0()?.is_truthy(),
            None => file.hasattr(pyo3::intern!(py, "seek")),
        }
    }

    #[pyo3(signature = (*args))]
    fn seek(&self, py: Python<'_>, args: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.filelike
            .bind(py)
            .call_method1(pyo3::intern!(py, "seek"), args)?;
        Ok(())
    }

    fn tell(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self
            .filelike
            .bind(py)
            .getattr_opt(pyo3::intern!(py, "tell"))?
        {
            Some(tell) => Ok(Some(tell.call0()?.unbind())),
            None => Ok(None),
        }
    }
}

/// A regular file from a position to its end.
pub struct RegularFile {
    pub descriptor: OwnedFd,
    pub position: u64,
    pub length: u64,
}

impl FileWrapper {
    /// Return the regular file whose bytes the object's ``read`` would give, or None when
    /// it has to be read.
    ///
    /// The descriptor is a duplicate: the application may close its file at once.
    pub fn regular_file(&self, py: Python<'_>) -> PyResult<Option<RegularFile>> {
        let Some(file) = reader_of_descriptor(self.filelike.bind(py))? else {
            return Ok(None);
        };
        // What was written through the object is read through it as well.
        if file.is_instance(Kinds::get(py)?.random.bind(py))? {
            file.call_method0(pyo3::intern!(py, "flush"))?;
        }
        let number = file.call_method0(pyo3::intern!(py, "fileno"))?.extract()?;
        // A pipe has no position.
        let Ok(position) = file.call_method0(pyo3::intern!(py, "tell")) else {
            return Ok(None);
        };
        let position = position.extract()?;
        Ok(duplicate(number).and_then(|descriptor| {
            let file = std::fs::File::from(descriptor);
            let length = file.metadata().ok().filter(Metadata::is_file)?.len();
            // The system says 0 of files that it makes while they are read.
            (length > 0).then(|| RegularFile {
                descriptor: file.into(),
                position,
                length: length.saturating_sub(position),
            })
        }))
    }
}

/// The classes of Python's own files, and of those that ``tempfile`` puts around them.
struct Kinds {
    raw: Py<PyType>,
    reader: Py<PyType>,
    random: Py<PyType>,
    /// Each with the attribute that holds the file.
    wrappers: Vec<(Py<PyType>, &'static str)>,
}

impl Kinds {
    fn get(py: Python<'_>) -> PyResult<&Self> {
        static KINDS: PyOnceLock<Kinds> = PyOnceLock::new();
        KINDS.get_or_try_init(py, || {
            let class = |module: &Bound<'_, PyModule>, name| {
                Ok::<_, PyErr>(module.getattr(name)?.cast_into::<PyType>()?.unbind())
            };
            let (io, tempfile) = (py.import("io")?, py.import("tempfile")?);
            let named = [
                ("_TemporaryFileWrapper", "file"),
                ("SpooledTemporaryFile", "_file"),
            ];
            // These are no names for others to use: without one its files are read.
            let wrappers = named
                .into_iter()
                .filter_map(|(name, inner)| Some((class(&tempfile, name).ok()?, inner)));
            Ok(Self {
                raw: class(&io, "FileIO")?,
                reader: class(&io, "BufferedReader")?,
                random: class(&io, "BufferedRandom")?,
                wrappers: wrappers.collect(),
            })
        })
    }
}

/// Return the object that reads a descriptor and nothing but the descriptor.
///
/// Only Python's own classes are known to: a ``fileno`` says nothing of what ``read`` does
/// with the bytes. ``gzip.open`` has the descriptor of the compressed file.
fn reader_of_descriptor<'py>(file: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = file.py();
    let kinds = Kinds::get(py)?;
    let class = file.get_type();
    let wrapper = kinds.wrappers.iter().find(|(kind, _)| class.is(kind));
    let is_buffer = class.is(&kinds.reader) || class.is(&kinds.random);
    let is_known = is_buffer || wrapper.is_some() || class.is(&kinds.raw);
    if !is_known || has_own_way_to_read(file)? {
        return Ok(None);
    }
    if let Some((_, inner)) = wrapper {
        return reader_of_descriptor(&file.getattr(*inner)?);
    }
    if is_buffer {
        // A buffer that was detached has none, and its ``read`` tells so.
        let Ok(raw) = file.getattr(pyo3::intern!(py, "raw")) else {
            return Ok(None);
        };
        if !raw.get_type().is(&kinds.raw) || has_own_way_to_read(&raw)? {
            return Ok(None);
        }
    }
    if_readable(file)
}

/// Return the file itself unless reading it would raise.
fn if_readable<'py>(file: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = file.py();
    let is_closed = file.getattr(pyo3::intern!(py, "closed"))?.is_truthy()?;
    let is_readable = !is_closed
        && file
            .call_method0(pyo3::intern!(py, "readable"))?
            .is_truthy()?;
    Ok(is_readable.then(|| file.clone()))
}

/// Whether somebody has given this one object a method of its own in place of its class's.
fn has_own_way_to_read(file: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = file.py();
    let own = file.getattr(pyo3::intern!(py, "__dict__"))?;
    for name in ["read", "readinto", "readall", "fileno", "tell"] {
        if own.contains(name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn duplicate(number: i32) -> Option<OwnedFd> {
    if number < 0 {
        return None;
    }
    // SAFETY: the descriptor belongs to the file object, which the caller keeps alive and
    // which cannot be closed meanwhile, since the interpreter is held.
    unsafe { BorrowedFd::borrow_raw(number) }
        .try_clone_to_owned()
        .ok()
}

/// Read a block of a file into memory, for files that go out together with the head.
///
/// It is shorter when the file is.
pub fn read_block(file: &RegularFile, length: usize) -> std::io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt as _;

    let descriptor = std::fs::File::from(file.descriptor.try_clone()?);
    let mut block = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match descriptor.read_at(&mut block[filled..], file.position + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    block.truncate(filled);
    Ok(block)
}

/// Whether an object is exactly `bytes` or of a subclass of it.
pub fn as_bytes<'a, 'py>(object: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, PyBytes>> {
    object.cast::<PyBytes>().ok()
}
