//! `wsgi.file_wrapper` of PEP 3333, and what the server finds in it.

use std::os::fd::{BorrowedFd, OwnedFd};

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

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
    /// Return the regular file behind the object, or None for anything else.
    ///
    /// The descriptor is a duplicate: the application may close its file at once.
    pub fn regular_file(&self, py: Python<'_>) -> PyResult<Option<RegularFile>> {
        let file = self.filelike.bind(py);
        let Some(fileno) = file.getattr_opt(pyo3::intern!(py, "fileno"))? else {
            return Ok(None);
        };
        // ``io.BytesIO`` has the method and raises ``io.UnsupportedOperation``, an OSError.
        let Ok(number) = fileno.call0().and_then(|number| number.extract::<i32>()) else {
            return Ok(None);
        };
        let position = match file.call_method0(pyo3::intern!(py, "tell")) {
            Ok(position) => position.extract::<u64>()?,
            Err(_) => return Ok(None),
        };
        Ok(duplicate(number).and_then(|descriptor| {
            let metadata = std::fs::File::from(descriptor);
            let status = metadata
                .metadata()
                .ok()
                .filter(std::fs::Metadata::is_file)?;
            Some(RegularFile {
                descriptor: metadata.into(),
                position,
                length: status.len().saturating_sub(position),
            })
        }))
    }
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
