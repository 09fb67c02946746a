//! JSON of values of exactly the builtin types, to the byte what Python's library writes.
//!
//! Everything else is declined: subclasses, other types, keys that are no strings, nesting
//! so deep that it may be a circle, and whatever is an error. No Python code runs here, but
//! for a type that a tag writes, so no container changes while it is written.

use std::cmp::Ordering;

use bustapi_core::json::{push_float, push_latin1_string, push_string};
use pyo3::exceptions::PyException;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::string::PyStringData;
use pyo3::types::{
    PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyStringMethods, PyTuple, PyType,
};

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
        tags: None,
    };
    if writer.push(value, 0).is_err() {
        return Ok(None);
    }
    if let Some(end) = end {
        writer.out.extend_from_slice(end.to_str()?.as_bytes());
    }
    PyString::from_bytes(py, &writer.out).map(Some)
}

/// The tags of a ``TaggedJSONSerializer``, none but those that it begins with.
pub struct Tags {
    /// The tags by their keys.
    pub by_key: Py<PyDict>,
    /// Types whose values a tag turns into a string, with the tag.
    pub by_type: Vec<(Py<PyType>, Py<PyAny>)>,
}

/// Return the bytes of a value in compact JSON with tags, None where Python is to write it.
pub fn write_tagged_json(
    value: &Bound<'_, PyAny>,
    ensure_ascii: bool,
    sort_keys: bool,
    tags: &Tags,
) -> PyResult<Option<Vec<u8>>> {
    let mut writer = Writer {
        out: Vec::with_capacity(128),
        ensure_ascii,
        sort_keys,
        layout: Layout::Compact,
        tags: Some(tags),
    };
    match writer.push(value, 0) {
        Ok(()) => Ok(Some(writer.out)),
        Err(Stop::Declined) => Ok(None),
        Err(Stop::Interrupted(error)) => Err(error),
    }
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

/// Why a value is not written to its end.
enum Stop {
    /// The value, or something in it, is for the library.
    Declined,
    /// By something that is no error of the value, such as ``KeyboardInterrupt``.
    Interrupted(PyErr),
}

impl Stop {
    /// Python raises an error of the value itself, when it comes to it.
    fn by(error: PyErr, py: Python<'_>) -> Self {
        if error.is_instance_of::<PyException>(py) {
            Self::Declined
        } else {
            Self::Interrupted(error)
        }
    }
}

type Written = Result<(), Stop>;

struct Writer<'a> {
    out: Vec<u8>,
    ensure_ascii: bool,
    sort_keys: bool,
    layout: Layout,
    /// Tags for what JSON has no types for.
    tags: Option<&'a Tags>,
}

impl Writer<'_> {
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
            self.push_tuple(tuple, depth)
        } else {
            self.push_other(value)
        }
    }

    fn push_tuple(&mut self, tuple: &Bound<'_, PyTuple>, depth: u32) -> Written {
        if self.tags.is_none() {
            return self.push_array(tuple.iter(), depth);
        }
        self.open(b'{', depth)?;
        self.push_bytes(br#"" t":"#)?;
        self.push_array(tuple.iter(), depth + 1)?;
        self.close(b'}', depth);
        Ok(())
    }

    /// Append a value of a type that JSON lacks, as its tag has it.
    fn push_other(&mut self, value: &Bound<'_, PyAny>) -> Written {
        let py = value.py();
        let kind = value.get_type();
        let mut types = self.tags.ok_or(Stop::Declined)?.by_type.iter();
        let (_, tag) = types
            .find(|(known, _)| kind.is(known))
            .ok_or(Stop::Declined)?;
        // What fails here fails in Python as well, which raises the error.
        let written = tag
            .bind(py)
            .call_method1(intern!(py, "tag"), (value,))
            .map_err(|error| Stop::by(error, py))?;
        match written
            .cast_exact::<PyDict>()
            .map(|object| object.iter().next())
        {
            Ok(Some((key, text))) if text.is_exact_instance_of::<PyString>() => {
                self.push_bytes(b"{")?;
                self.push_characters(characters_of_key(&key)?)?;
                self.push_bytes(b":")?;
                self.push_characters(characters_of_key(&text)?)?;
                self.push_bytes(b"}")
            }
            _ => Err(Stop::Declined),
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
        if is_written {
            Ok(())
        } else {
            Err(Stop::Declined)
        }
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
        let text = number.repr().map_err(|_| Stop::Declined)?;
        self.push_bytes(text.to_str().map_err(|_| Stop::Declined)?.as_bytes())
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
        // The items as they are now: a tag may run code.
        let members: Vec<_> = object.iter().collect();
        if self.is_like_tag(&members)? {
            self.push_like_tag(&members[0], depth + 1)?;
        } else if self.sort_keys && members.len() > 1 {
            self.push_members(sorted(&members)?, depth + 1)?;
        } else {
            self.push_members(in_order(&members)?, depth + 1)?;
        }
        self.close(b'}', depth);
        Ok(())
    }

    fn push_members<'a, 'py: 'a>(
        &mut self,
        members: impl IntoIterator<Item = Member<'a, 'py>>,
        depth: u32,
    ) -> Written {
        let mut is_first = true;
        for (key, value) in members {
            self.push_member(is_first, key, value, depth)?;
            is_first = false;
        }
        Ok(())
    }

    /// Return whether an object could be taken for a tagged value.
    fn is_like_tag(&self, members: &[(Bound<'_, PyAny>, Bound<'_, PyAny>)]) -> Result<bool, Stop> {
        match (self.tags, members) {
            (Some(tags), [(key, _)]) if key.is_exact_instance_of::<PyString>() => {
                let tags = tags.by_key.bind(key.py());
                tags.contains(key).map_err(|_| Stop::Declined)
            }
            _ => Ok(false),
        }
    }

    /// Append what stands for such an object.
    fn push_like_tag(
        &mut self,
        (key, value): &(Bound<'_, PyAny>, Bound<'_, PyAny>),
        depth: u32,
    ) -> Written {
        self.push_bytes(br#"" di":"#)?;
        self.open(b'{', depth)?;
        self.push_characters(characters_of_key(key)?)?;
        // Before the quote that ends it.
        self.out.pop();
        self.push_bytes(br#"__":"#)?;
        self.push(value, depth + 1)?;
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
            return Err(Stop::Declined);
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

/// Key and value of an object.
type Member<'a, 'py> = (PyStringData<'a>, &'a Bound<'py, PyAny>);

fn in_order<'a, 'py>(
    members: &'a [(Bound<'py, PyAny>, Bound<'py, PyAny>)],
) -> Result<Vec<Member<'a, 'py>>, Stop> {
    members
        .iter()
        .map(|(key, value)| Ok((characters_of_key(key)?, value)))
        .collect()
}

/// Return the members of an object, sorted by their keys as Python compares them.
fn sorted<'a, 'py>(
    members: &'a [(Bound<'py, PyAny>, Bound<'py, PyAny>)],
) -> Result<Vec<Member<'a, 'py>>, Stop> {
    let mut sorted = in_order(members)?;
    sorted.sort_unstable_by(|(one, _), (other, _)| compare(*one, *other));
    Ok(sorted)
}

fn characters_of_key<'a>(key: &'a Bound<'_, PyAny>) -> Result<PyStringData<'a>, Stop> {
    // A subclass of str compares as it likes.
    characters(key.cast_exact::<PyString>().map_err(|_| Stop::Declined)?)
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
fn characters<'a>(text: &'a Bound<'_, PyString>) -> Result<PyStringData<'a>, Stop> {
    // SAFETY: the string is alive as long as what is returned, and never changes: its
    // characters are in one piece and of its kind from when it is complete.
    unsafe { text.data() }.map_err(|_| Stop::Declined)
}
