//! Whether classes still have the very attributes that they were defined with.
//!
//! PERF: a look-up in a class costs 40 ns and a request depends on dozens. CPython numbers
//! the states of a class: it gives a class that it, or one of its bases, was changed
//! another version, and no two classes the same one. So an answer is kept together with
//! the version that it holds for, and asking again costs a comparison.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};

use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

/// Names, and the objects that a class must have under them.
struct Attributes {
    expected: Vec<(Py<PyString>, Py<PyAny>)>,
    /// The class that was last found to have them, and its version then. A pair whose
    /// halves were stored by two threads fits no class.
    class: AtomicPtr<ffi::PyTypeObject>,
    version: AtomicU64,
}

impl Attributes {
    fn new(expected: &Bound<'_, PyDict>) -> PyResult<Self> {
        let expected = expected
            .iter()
            .map(|(name, value)| Ok((interned(name.cast()?)?, value.unbind())))
            .collect::<PyResult<_>>()?;
        Ok(Self {
            expected,
            class: AtomicPtr::new(ptr::null_mut()),
            version: AtomicU64::new(0),
        })
    }

    fn are_in(&self, class: &Bound<'_, PyType>) -> PyResult<bool> {
        let pointer = class.as_type_ptr();
        let version = version_of(class);
        if version != 0
            && self.version.load(Relaxed) == version
            && self.class.load(Relaxed) == pointer
        {
            return Ok(true);
        }
        for (name, value) in &self.expected {
            match class.getattr_opt(name)? {
                Some(found) if found.is(value) => {}
                _ => return Ok(false),
            }
        }
        // A class without a version has been given one by the look-ups, for the next time;
        // one that a metaclass changed meanwhile has another.
        if version != 0 && version_of(class) == version {
            self.class.store(pointer, Relaxed);
            self.version.store(version, Relaxed);
        }
        Ok(true)
    }
}

/// Return the version of a class, 0 when it has none at the moment.
fn version_of(class: &Bound<'_, PyType>) -> u64 {
    match tag_of(class) {
        0 => 0,
        tag => restarts(class.py()) << 32 | u64::from(tag),
    }
}

fn tag_of(class: &Bound<'_, PyType>) -> u32 {
    // SAFETY: the class is alive, and the interpreter, which alone writes the field, is held.
    unsafe { (*class.as_type_ptr()).tp_version_tag }
}

/// Return how often the numbers have begun anew, and classes may have former ones again.
#[cfg(Py_3_11)]
fn restarts(_: Python<'_>) -> u64 {
    0
}

/// CPython 3.10 does so when its cache is cleared, and takes all classes their numbers. One
/// that nobody else looks into has none from then on, until this gives it another.
#[cfg(not(Py_3_11))]
fn restarts(py: Python<'_>) -> u64 {
    use pyo3::sync::PyOnceLock;

    static MARK: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static RESTARTS: AtomicU64 = AtomicU64::new(0);

    let make = || {
        let made = py
            .get_type::<PyType>()
            .call1(("Mark", (), PyDict::new(py)))?;
        PyResult::Ok(made.cast_into()?.unbind())
    };
    if let Ok(mark) = MARK.get_or_try_init(py, make)
        && tag_of(mark.bind(py)) == 0
    {
        RESTARTS.fetch_add(1, Relaxed);
        // Looking something up gives it a number.
        let _ = mark.bind(py).hasattr("number");
    }
    RESTARTS.load(Relaxed)
}

fn interned(name: &Bound<'_, PyString>) -> PyResult<Py<PyString>> {
    Ok(PyString::intern(name.py(), name.to_str()?).unbind())
}

/// The objects whose class has a set of attributes unchanged, told by ``in``.
#[pyclass(frozen, module = "bustapi._bustapi")]
pub struct Unpatched {
    attributes: Attributes,
    /// Names that an object itself must not have.
    own: Vec<Py<PyString>>,
    /// How many objects one refers to that has the usual attributes and no others.
    usual: Option<usize>,
}

#[pymethods]
impl Unpatched {
    #[new]
    #[pyo3(signature = (attributes, own = Vec::new(), usual = None))]
    fn new(
        attributes: &Bound<'_, PyDict>,
        own: Vec<Bound<'_, PyString>>,
        usual: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self {
            attributes: Attributes::new(attributes)?,
            own: own.iter().map(interned).collect::<PyResult<_>>()?,
            usual: usual.map(referents_of_usual).transpose()?.flatten(),
        })
    }

    fn __contains__(&self, instance: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.attributes.are_in(&instance.get_type())? && self.has_no_own(instance)?)
    }
}

impl Unpatched {
    fn has_no_own(&self, instance: &Bound<'_, PyAny>) -> PyResult<bool> {
        if self.own.is_empty() || self.usual.is_some_and(|usual| referents(instance) == usual) {
            return Ok(true);
        }
        let Some(attributes) = attributes_of(instance)? else {
            return Ok(true);
        };
        for name in &self.own {
            if attributes.contains(name)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Return how many objects one refers to, when that tells how many attributes it has.
fn referents_of_usual(instance: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    let count = referents(instance);
    let attributes = attributes_of(instance)?.map_or(0, |attributes| attributes.len());
    // Before CPython 3.11 it refers to its `__dict__` and not to what is in there. One is
    // its class.
    Ok((attributes > 1 && count == attributes + 1).then_some(count))
}

/// Return how many objects one refers to.
///
/// PERF: an object keeps its attributes without a `__dict__` until somebody asks for that.
/// Building it costs 2,000 instructions, counting the attributes 100; so one with as many
/// as usual is taken for one with the usual ones.
fn referents(instance: &Bound<'_, PyAny>) -> usize {
    extern "C" fn count(_: *mut ffi::PyObject, counted: *mut c_void) -> c_int {
        // SAFETY: `traverse` hands over the pointer to the number below.
        unsafe { *counted.cast::<usize>() += 1 };
        0
    }
    let mut counted = 0_usize;
    // SAFETY: the object is alive, the interpreter is held, and the visitor neither keeps
    // what it is shown nor runs Python code.
    unsafe {
        if let Some(traverse) = (*ffi::Py_TYPE(instance.as_ptr())).tp_traverse {
            traverse(instance.as_ptr(), count, (&raw mut counted).cast());
        }
    }
    counted
}

/// Return the `__dict__` of an object, None when it has none.
pub fn attributes_of<'py>(instance: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let py = instance.py();
    // SAFETY: the interpreter is held; the function returns a new reference or NULL with an
    // exception set.
    let found = unsafe {
        let found = ffi::PyObject_GenericGetDict(instance.as_ptr(), ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, found)
    };
    match found {
        Ok(attributes) => Ok(Some(attributes.cast_into()?)),
        Err(error) if error.is_instance_of::<PyAttributeError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Attributes of several classes; true while all are unchanged.
#[pyclass(frozen, module = "bustapi._bustapi")]
pub struct Originals {
    classes: Vec<(Py<PyType>, Attributes)>,
}

#[pymethods]
impl Originals {
    /// Take the attributes as they are now.
    #[new]
    fn new(names: &Bound<'_, PyDict>) -> PyResult<Self> {
        let classes = names
            .iter()
            .map(|(class, names)| {
                let expected = PyDict::new(names.py());
                for name in names.try_iter()? {
                    let name = name?;
                    expected.set_item(&name, class.getattr(name.cast::<PyString>()?)?)?;
                }
                Ok((class.cast_into()?.unbind(), Attributes::new(&expected)?))
            })
            .collect::<PyResult<_>>()?;
        Ok(Self { classes })
    }

    fn __bool__(&self, py: Python<'_>) -> PyResult<bool> {
        for (class, attributes) in &self.classes {
            if !attributes.are_in(class.bind(py))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Global names of several modules; true while all are the objects that they were.
///
/// A name that a module lacked must go on to lack it: it would hide a builtin.
#[pyclass(frozen, module = "bustapi._bustapi")]
pub struct Globals {
    names: Vec<Global>,
}

struct Global {
    globals: Py<PyDict>,
    name: Py<PyString>,
    expected: Option<Py<PyAny>>,
}

impl Global {
    fn is_same(&self, py: Python<'_>) -> PyResult<bool> {
        let found = self.globals.bind(py).get_item(&self.name)?;
        Ok(match (&found, &self.expected) {
            (Some(found), Some(expected)) => found.is(expected),
            (None, None) => true,
            _ => false,
        })
    }
}

#[pymethods]
impl Globals {
    /// Take the objects as they are now.
    #[new]
    fn new(names: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut taken = Vec::new();
        for (module, names) in names {
            let globals = module.cast::<PyModule>()?.dict();
            for name in names.try_iter()? {
                let name = name?;
                taken.push(Global {
                    expected: globals.get_item(&name)?.map(Bound::unbind),
                    globals: globals.clone().unbind(),
                    name: interned(name.cast()?)?,
                });
            }
        }
        Ok(Self { names: taken })
    }

    fn __bool__(&self, py: Python<'_>) -> PyResult<bool> {
        for name in &self.names {
            if !name.is_same(py)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
