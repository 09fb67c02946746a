//! JSON of values of exactly the builtin types, to the byte what Python's library writes.
//!
//! Everything else is declined: subclasses, other types, keys that are no strings, nesting
//! so deep that it may be a circle, and whatever is an error. No Python code runs here, so
//! no container changes while it is written.

use std::cmp::Ordering;

use bustapi_core::json::{push_float, push_latin1_string, push_string};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::string::PyStringData;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyStringMethods, PyTuple};

/// How deep containers are followed. The library finds circles and the limit of recursion,
/// and tells them apart.
const DEPTH: u32 = 100;

/// Return the text that ``JSONEncoder`` gives for a value, None where it is to be asked.
///
/// ``options`` are further options of ``json.dumps``: none, the separators without spaces,
/// or an indentation of two.
#[pyfunction]
#[pyo3(signature = (value, ensure_ascii, sort_keys, options, end = None, /))]
pub fn write_json<'py>(
    value: &Bound<'py, PyAny>,
    ensure_ascii: &Bound<'py, PyAny>,
    sort_keys: &Bound<'py, PyAny>,
    options: &Bound<'py, PyDict>,
    end: Option<&Bound<'py, PyString>>,
) -> PyResult<Option<Bound<'py, PyString>>> {
    let py = value.py();
    let (Ok(ensure_ascii), Ok(sort_keys), Some(layout)) = (
        ensure_ascii.cast_exact::<PyBool>(),
        sort_keys.cast_exact::<PyBool>(),
        Layout::of(options)?,
    ) else {
        return Ok(None);
    };
    let mut writer = Writer {
        out: Vec::with_capacity(128),
        ensure_ascii: ensure_ascii.is_true(),
        sort_keys: sort_keys.is_true(),
        layout,
    };
    if writer.push(value, 0).is_err() {
        return Ok(None);
    }
    if let Some(end) = end {
        writer.out.extend_from_slice(end.to_str()?.as_bytes());
    }
    PyString::from_bytes(py, &writer.out).map(Some)
}

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Spaced,
    Compact,
    Indented,
}

impl Layout {
    fn of(options: &Bound<'_, PyDict>) -> PyResult<Option<Self>> {
        let py = options.py();
        match options.len() {
            0 => Ok(Some(Self::Spaced)),
            1 => {
                if let Some(separators) = options.get_item(intern!(py, "separators"))? {
                    return Ok(are_compact(&separators)?.then_some(Self::Compact));
                }
                let Some(indent) = options.get_item(intern!(py, "indent"))? else {
                    return Ok(None);
                };
                let is_two = indent.is_exact_instance_of::<PyInt>() && indent.eq(2)?;
                Ok(is_two.then_some(Self::Indented))
            }
            _ => Ok(None),
        }
    }
}

fn are_compact(separators: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Ok(pair) = separators.cast_exact::<PyTuple>() else {
        return Ok(false);
    };
    if pair.len() != 2 {
        return Ok(false);
    }
    for (index, expected) in [",", ":"].into_iter().enumerate() {
        match pair.get_borrowed_item(index)?.cast_exact::<PyString>() {
            Ok(found) if found.to_str().is_ok_and(|found| found == expected) => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The value, or something in it, is for the library.
struct Declined;

type Written = Result<(), Declined>;

struct Writer {
    out: Vec<u8>,
    ensure_ascii: bool,
    sort_keys: bool,
    layout: Layout,
}

impl Writer {
    fn push(&mut self, value: &Bound<'_, PyAny>, depth: u32) -> Written {
        if let Ok(text) = value.cast_exact::<PyString>() {
            self.push_characters(characters(text)?)
        } else if let Ok(number) = value.cast_exact::<PyInt>() {
            self.push_int(number)
        } else if let Ok(object) = value.cast_exact::<PyDict>() {
            self.push_object(object, depth)
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            self.push_array(list.iter(), depth)
        } else if value.is_none() {
            self.push_bytes(b"null")
        } else if let Ok(truth) = value.cast_exact::<PyBool>() {
            self.push_bytes(if truth.is_true() { b"true" } else { b"false" })
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            self.push_float(number.value())
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            self.push_array(tuple.iter(), depth)
        } else {
            Err(Declined)
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> Written {
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn push_characters(&mut self, characters: PyStringData<'_>) -> Written {
        let is_written = match characters {
            PyStringData::Ucs1(units) => {
                push_latin1_string(&mut self.out, units, self.ensure_ascii);
                true
            }
            PyStringData::Ucs2(units) => push_string(&mut self.out, units, self.ensure_ascii),
            PyStringData::Ucs4(units) => push_string(&mut self.out, units, self.ensure_ascii),
        };
        if is_written { Ok(()) } else { Err(Declined) }
    }

    fn push_int(&mut self, number: &Bound<'_, PyInt>) -> Written {
        let mut overflow = 0;
        // SAFETY: an exact int, and the interpreter is held; such a number raises nothing.
        let small =
            unsafe { ffi::PyLong_AsLongLongAndOverflow(number.as_ptr(), &raw mut overflow) };
        if overflow == 0 {
            return self.push_bytes(itoa::Buffer::new().format(small).as_bytes());
        }
        // The limit of digits is an error.
        let text = number.repr().map_err(|_| Declined)?;
        self.push_bytes(text.to_str().map_err(|_| Declined)?.as_bytes())
    }

    fn push_float(&mut self, number: f64) -> Written {
        if number.is_finite() {
            push_float(&mut self.out, number);
            Ok(())
        } else if number.is_nan() {
            self.push_bytes(b"NaN")
        } else {
            let text = if number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            self.push_bytes(text.as_bytes())
        }
    }

    fn push_array<'py>(
        &mut self,
        items: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
        depth: u32,
    ) -> Written {
        if items.len() == 0 {
            return self.push_bytes(b"[]");
        }
        self.open(b'[', depth)?;
        let mut is_first = true;
        for item in items {
            self.separate(is_first, depth + 1);
            is_first = false;
            self.push(&item, depth + 1)?;
        }
        self.close(b']', depth);
        Ok(())
    }

    fn push_object(&mut self, object: &Bound<'_, PyDict>, depth: u32) -> Written {
        if object.is_empty() {
            return self.push_bytes(b"{}");
        }
        self.open(b'{', depth)?;
        let mut is_first = true;
        if self.sort_keys && object.len() > 1 {
            let members: Vec<_> = object.iter().collect();
            for (key, value) in sorted(&members)? {
                self.push_member(is_first, key, value, depth + 1)?;
                is_first = false;
            }
        } else {
            for (key, value) in object.iter() {
                self.push_member(is_first, characters_of_key(&key)?, &value, depth + 1)?;
                is_first = false;
            }
        }
        self.close(b'}', depth);
        Ok(())
    }

    fn push_member(
        &mut self,
        is_first: bool,
        key: PyStringData<'_>,
        value: &Bound<'_, PyAny>,
        depth: u32,
    ) -> Written {
        self.separate(is_first, depth);
        self.push_characters(key)?;
        self.out.push(b':');
        if self.layout != Layout::Compact {
            self.out.push(b' ');
        }
        self.push(value, depth)
    }

    fn open(&mut self, bracket: u8, depth: u32) -> Written {
        if depth == DEPTH {
            return Err(Declined);
        }
        self.out.push(bracket);
        Ok(())
    }

    fn separate(&mut self, is_first: bool, depth: u32) {
        if !is_first {
            self.out.push(b',');
        }
        match self.layout {
            Layout::Spaced if !is_first => self.out.push(b' '),
            Layout::Indented => self.break_line(depth),
            Layout::Spaced | Layout::Compact => {}
        }
    }

    fn close(&mut self, bracket: u8, depth: u32) {
        if self.layout == Layout::Indented {
            self.break_line(depth);
        }
        self.out.push(bracket);
    }

    fn break_line(&mut self, depth: u32) {
        self.out.push(b'\n');
        self.out.resize(self.out.len() + 2 * depth as usize, b' ');
    }
}

/// Return the members of an object, sorted by their keys as Python compares them.
fn sorted<'a, 'py>(
    members: &'a [(Bound<'py, PyAny>, Bound<'py, PyAny>)],
) -> Result<Vec<(PyStringData<'a>, &'a Bound<'py, PyAny>)>, Declined> {
    let mut sorted = members
        .iter()
        .map(|(key, value)| Ok((characters_of_key(key)?, value)))
        .collect::<Result<Vec<_>, Declined>>()?;
    sorted.sort_unstable_by(|(one, _), (other, _)| compare(*one, *other));
    Ok(sorted)
}

fn characters_of_key<'a>(key: &'a Bound<'_, PyAny>) -> Result<PyStringData<'a>, Declined> {
    // A subclass of str compares as it likes.
    characters(key.cast_exact::<PyString>().map_err(|_| Declined)?)
}

/// Compare by code points.
fn compare(one: PyStringData<'_>, other: PyStringData<'_>) -> Ordering {
    use PyStringData::{Ucs1, Ucs2, Ucs4};

    fn each<A: Copy + Into<u32>, B: Copy + Into<u32>>(one: &[A], other: &[B]) -> Ordering {
        let codes = |&unit: &A| -> u32 { unit.into() };
        one.iter()
            .map(codes)
            .cmp(other.iter().map(|&unit| unit.into()))
    }
    match (one, other) {
        (Ucs1(one), Ucs1(other)) => one.cmp(other),
        (Ucs1(one), Ucs2(other)) => each(one, other),
        (Ucs1(one), Ucs4(other)) => each(one, other),
        (Ucs2(one), Ucs1(other)) => each(one, other),
        (Ucs2(one), Ucs2(other)) => one.cmp(other),
        (Ucs2(one), Ucs4(other)) => each(one, other),
        (Ucs4(one), Ucs1(other)) => each(one, other),
        (Ucs4(one), Ucs2(other)) => each(one, other),
        (Ucs4(one), Ucs4(other)) => one.cmp(other),
    }
}

/// Return the characters of a string as it keeps them.
fn characters<'a>(text: &'a Bound<'_, PyString>) -> Result<PyStringData<'a>, Declined> {
    // SAFETY: the string is alive as long as what is returned, and never changes: its
    // characters are in one piece and of its kind from when it is complete.
    unsafe { text.data() }.map_err(|_| Declined)
}
