//! Tagged JSON that is signed: the content of a session's cookie.

use bustapi_core::signed::{Content, Signer, is_incompressible};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyList, PyString, PyTuple, PyType};

use crate::values::json_reader::parse;
use crate::values::json_writer::{Tags, write_tagged_json};

/// Writes and reads what itsdangerous' ``URLSafeTimedSerializer`` does with SHA-1 and tagged
/// JSON, where it can.
#[pyclass(frozen, module = "bustapi._bustapi")]
pub struct SignedJSON {
    signer: Signer,
    tags: Tags,
    /// The tags in the order of their checks.
    order: Py<PyList>,
}

#[pymethods]
impl SignedJSON {
    #[new]
    fn new(
        keys: Vec<Bound<'_, PyBytes>>,
        order: &Bound<'_, PyList>,
        tags: &Bound<'_, PyDict>,
        types: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        if keys.is_empty() {
            return Err(PyValueError::new_err(
                "A signer was given no key. Pass the key that signs first.",
            ));
        }
        let by_type = types
            .iter()
            .map(|(class, tag)| Ok((class.cast_into::<PyType>()?.unbind(), tag.unbind())))
            .collect::<PyResult<_>>()?;
        Ok(Self {
            signer: Signer::new(keys.iter().map(|key| key.as_bytes())),
            tags: Tags {
                by_key: tags.copy()?.unbind(),
                by_type,
            },
            order: PyList::new(order.py(), order)?.unbind(),
        })
    }

    /// Return whether a serializer has the very tags that this was made for.
    #[pyo3(signature = (order, tags, /))]
    fn has_tags(&self, order: &Bound<'_, PyAny>, tags: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = order.py();
        let (Ok(order), Ok(tags)) = (order.cast_exact::<PyList>(), tags.cast_exact::<PyDict>())
        else {
            return Ok(false);
        };
        let (own_order, own_tags) = (self.order.bind(py), self.tags.by_key.bind(py));
        if order.len() != own_order.len() || tags.len() != own_tags.len() {
            return Ok(false);
        }
        let has_order = order.iter().zip(own_order).all(|(tag, own)| tag.is(&own));
        let mut both = tags.iter().zip(own_tags);
        Ok(has_order && both.all(|((key, tag), own)| key.is(&own.0) && tag.is(&own.1)))
    }

    /// Return a value signed at a time, None where Python is to do it.
    #[pyo3(signature = (value, ensure_ascii, sort_keys, time, compress, /))]
    fn dumps(
        &self,
        value: &Bound<'_, PyAny>,
        ensure_ascii: &Bound<'_, PyAny>,
        sort_keys: &Bound<'_, PyAny>,
        time: &Bound<'_, PyAny>,
        compress: &Bound<'_, PyAny>,
    ) -> PyResult<Option<String>> {
        let (Ok(ensure_ascii), Ok(sort_keys), Some(time)) = (
            ensure_ascii.cast_exact::<PyBool>(),
            sort_keys.cast_exact::<PyBool>(),
            seconds(time),
        ) else {
            return Ok(None);
        };
        let written = write_tagged_json(
            value,
            ensure_ascii.is_true(),
            sort_keys.is_true(),
            &self.tags,
        )?;
        let Some(json) = written else {
            return Ok(None);
        };
        let content = pack(json, compress)?;
        Ok(content.map(|content| self.signer.sign(&content, time)))
    }

    /// Return the value that was signed, ``NotImplemented`` where Python is to judge it.
    #[pyo3(signature = (text, max_age, now, decompress, /))]
    fn loads<'py>(
        &self,
        text: &Bound<'py, PyAny>,
        max_age: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
        decompress: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = text.py();
        match self.read(text, max_age, now, decompress) {
            Ok(Some(value)) => Ok(value),
            // Python raises an error of the content itself, when it comes to it.
            Err(error) if !error.is_instance_of::<PyException>(py) => Err(error),
            _ => Ok(py.NotImplemented().into_bound(py)),
        }
    }
}

impl SignedJSON {
    fn read<'py>(
        &self,
        text: &Bound<'py, PyAny>,
        max_age: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
        decompress: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = text.py();
        let text = text.cast_exact::<PyString>()?.to_str()?;
        let (Some(now), Some(max_age)) = (seconds(now), seconds(max_age)) else {
            return Ok(None);
        };
        let value = match self.signer.open(text, now, max_age) {
            None => None,
            Some(content) if content.is_compressed => {
                let json = decompress.call1((PyBytes::new(py, &content.bytes),))?;
                parse(py, json.cast_exact::<PyBytes>()?.as_bytes())
            }
            Some(content) => parse(py, &content.bytes),
        };
        let Some(value) = value else {
            return Ok(None);
        };
        let untagged = self.untag(&value)?;
        Ok(Some(untagged.unwrap_or(value)))
    }

    /// Return what a value that was read stands for, None: itself. What is in it is replaced
    /// in place, the innermost first.
    fn untag<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Ok(object) = value.cast_exact::<PyDict>() {
            let mut replaced = Vec::new();
            for (key, item) in object {
                if let Some(untagged) = self.untag(&item)? {
                    replaced.push((key, untagged));
                }
            }
            for (key, item) in replaced {
                object.set_item(key, item)?;
            }
            self.untag_object(object)
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            for (index, item) in list.iter().enumerate() {
                if let Some(untagged) = self.untag(&item)? {
                    list.set_item(index, untagged)?;
                }
            }
            Ok(None)
        } else {
            Ok(None)
        }
    }

    fn untag_object<'py>(
        &self,
        object: &Bound<'py, PyDict>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = object.py();
        if object.len() != 1 {
            return Ok(None);
        }
        let Some((key, item)) = object.iter().next() else {
            return Ok(None);
        };
        let Some(tag) = self.tags.by_key.bind(py).get_item(&key)? else {
            return Ok(None);
        };
        if let Ok(list) = item.cast_exact::<PyList>()
            && key.cast_exact::<PyString>()? == " t"
        {
            let tuple = PyTuple::new(py, list.iter())?;
            return Ok(Some(tuple.into_any()));
        }
        tag.call_method1(intern!(py, "to_python"), (item,))
            .map(Some)
    }
}

/// Return content as itsdangerous packs it: compressed if that is shorter with its mark.
/// None: what compresses is something else than zlib.
fn pack(json: Vec<u8>, compress: &Bound<'_, PyAny>) -> PyResult<Option<Content>> {
    if !is_incompressible(&json) {
        let packed = compress.call1((PyBytes::new(compress.py(), &json),))?;
        let Ok(packed) = packed.cast_exact::<PyBytes>() else {
            return Ok(None);
        };
        if packed.as_bytes().len() + 1 < json.len() {
            return Ok(Some(Content {
                bytes: packed.as_bytes().to_vec(),
                is_compressed: true,
            }));
        }
    }
    Ok(Some(Content {
        bytes: json,
        is_compressed: false,
    }))
}

/// Return a number of seconds, None for one below zero and for what is no number.
fn seconds(value: &Bound<'_, PyAny>) -> Option<u64> {
    value.cast_exact::<PyInt>().ok()?.extract().ok()
}
