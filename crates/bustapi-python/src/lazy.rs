//! Attributes that build themselves on first look.

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::unpatched::attributes_of;

/// An attribute of an instance that is built when it is first read.
///
/// It can be set and deleted as one that had been there from the beginning. The value is
/// in the `__dict__` of the instance, under its own name; names that were deleted are
/// noted there too, or they would be built again.
///
/// PERF: a descriptor that is asked for each read, so that it hears of a deletion. It
/// takes no lock, since the objects that use it belong to one request.
#[pyclass(frozen, module = "bustapi._bustapi", name = "lazy_attribute")]
pub struct LazyAttribute {
    build: Py<PyAny>,
    name: Py<PyString>,
}

#[pymethods]
impl LazyAttribute {
    #[new]
    fn new(build: &Bound<'_, PyAny>) -> PyResult<Self> {
        let name = build.getattr(intern!(build.py(), "__name__"))?;
        Ok(Self {
            build: build.clone().unbind(),
            name: name.cast_into()?.unbind(),
        })
    }

    /// The text that stands in the function.
    #[getter]
    fn __doc__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.build.bind(py).getattr(intern!(py, "__doc__"))
    }

    /// The function that builds the value.
    #[getter]
    fn build(&self, py: Python<'_>) -> Py<PyAny> {
        self.build.clone_ref(py)
    }

    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: Option<&Bound<'py, PyAny>>,
        _owner: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Some(instance) = instance else {
            return Ok(slf.clone().into_any());
        };
        let this = slf.get();
        let name = this.name.bind(slf.py());
        let attributes = dict_of(instance)?;
        if let Some(value) = attributes.get_item(name)? {
            return Ok(value);
        }
        if is_deleted(&attributes, name)? {
            return Err(missing(instance, name));
        }
        let value = this.build.bind(slf.py()).call1((instance,))?;
        attributes.set_item(name, &value)?;
        Ok(value)
    }

    fn __set__(&self, instance: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        dict_of(instance)?.set_item(&self.name, value)
    }

    fn __delete__(&self, instance: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = instance.py();
        let name = self.name.bind(py);
        let attributes = dict_of(instance)?;
        let was_deleted = is_deleted(&attributes, name)?;
        if attributes.contains(name)? {
            attributes.del_item(name)?;
        } else if was_deleted {
            return Err(missing(instance, name));
        }
        if was_deleted {
            return Ok(());
        }
        let mut names: Vec<_> = deleted(&attributes)?.iter().flatten().collect();
        names.push(name.clone().into_any());
        // A tuple, since a copy of the instance takes it over.
        attributes.set_item(intern!(py, "_deleted"), PyTuple::new(py, names)?)
    }
}

fn dict_of<'py>(instance: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    attributes_of(instance)?
        .ok_or_else(|| PyAttributeError::new_err(format!("{instance:?} has no '__dict__'.")))
}

fn deleted<'py>(attributes: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyTuple>>> {
    match attributes.get_item(intern!(attributes.py(), "_deleted"))? {
        Some(names) => Ok(Some(names.cast_into()?)),
        None => Ok(None),
    }
}

fn is_deleted(attributes: &Bound<'_, PyDict>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    deleted(attributes)?.map_or(Ok(false), |names| names.contains(name))
}

/// Return the error of an attribute that does not exist.
fn missing(instance: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> PyErr {
    let text = format!(
        "{:?} object has no attribute {name:?}",
        instance
            .get_type()
            .name()
            .map_or_else(|_| String::new(), |name| name.to_string()),
    );
    PyAttributeError::new_err(text)
}
