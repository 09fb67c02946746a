//! `RuleIndex`: the native routing index as Python fills it and the server asks it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bustapi_core::rules::{self, Conversion, Hit, Outcome, Piece, RuleSpec, StateSpec, Value};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFloat, PyInt, PyString, PyTuple, PyType};

/// Rules that can be matched natively; everything else is declined.
#[pyclass(frozen, module = "bustapi._bustapi")]
pub struct RuleIndex {
    /// Locked to copy or to replace the pointer, never while Python code may run.
    content: Mutex<Arc<Content>>,
}

/// What one call of `rebuild` left.
#[derive(Default)]
struct Content {
    generation: u64,
    /// The same as an object; None stands for 0.
    generation_object: Option<Py<PyInt>>,
    is_complete: bool,
    /// What a rule may wish whose requests are declined.
    declined: Wishes,
    index: rules::RuleIndex,
    rules: Vec<Rule>,
}

/// A Werkzeug rule and the names of its arguments, in order.
struct Rule {
    object: Py<PyAny>,
    names: Vec<Py<PyString>>,
    wishes: Wishes,
}

/// How a rule wants its requests to be served.
#[derive(Clone, Copy, Default)]
pub struct Wishes {
    /// Its view reads the body while it comes.
    pub streams: bool,
    /// Its view is never run on the thread that leads.
    pub is_threaded: bool,
}

/// What the index says about one request.
pub struct Lookup {
    content: Arc<Content>,
    outcome: Outcome,
}

impl RuleIndex {
    /// Look a request up, without the interpreter.
    ///
    /// A request with an `Upgrade` field must not be asked for: Werkzeug may take it for
    /// a WebSocket.
    ///
    /// `path` is percent-decoded. One that is no UTF-8 is declined: Werkzeug replaces the
    /// bytes.
    pub fn lookup(&self, method: &str, path: Option<&str>) -> Lookup {
        let content = Arc::clone(&self.lock());

        let outcome = match path {
            Some(path) => content.index.find(method, path),
            None => Outcome::Declined,
        };

        Lookup { content, outcome }
    }

    /// What the rule may wish that a request belongs to which is not looked up.
    pub fn any_wishes(&self) -> Wishes {
        self.lock().declined
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Content>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Put content in place and give back what was there, to be dropped unlocked.
    fn replace(&self, py: Python<'_>, mut content: Content) -> Arc<Content> {
        let mut current = self.lock();
        content.generation = current.generation + 1;
        content.generation_object = Some(PyInt::new(py, content.generation).unbind());
        std::mem::replace(&mut current, Arc::new(content))
    }
}

impl Lookup {
    /// The number of the `rebuild` that filled the index.
    pub fn generation(&self) -> u64 {
        self.content.generation
    }

    pub fn generation_object(&self, py: Python<'_>) -> Py<PyInt> {
        match &self.content.generation_object {
            Some(generation) => generation.clone_ref(py),
            None => PyInt::new(py, 0).unbind(),
        }
    }

    /// Number of the rule that was hit; it means the same within one generation.
    pub fn rule(&self) -> Option<u32> {
        match &self.outcome {
            Outcome::Hit(hit) => Some(hit.rule),
            _ => None,
        }
    }

    /// Whether it is certain that no rule takes this path with this method. It never is
    /// while the index lacks a part of the map.
    pub fn is_miss(&self) -> bool {
        self.content.is_complete && matches!(self.outcome, Outcome::Miss)
    }

    /// What the rule of the request wishes, or may wish where it is not known.
    pub fn wishes(&self) -> Wishes {
        match &self.outcome {
            Outcome::Hit(hit) => self.content.rules[hit.rule as usize].wishes,
            Outcome::Miss if self.content.is_complete => Wishes::default(),
            _ => self.content.declined,
        }
    }

    /// Make `(rule, view_args)` of a hit; `path` is the path that was looked up.
    pub fn hit(&self, py: Python<'_>, path: Option<&str>) -> PyResult<Option<Py<PyTuple>>> {
        let (Outcome::Hit(hit), Some(path)) = (&self.outcome, path) else {
            return Ok(None);
        };

        let rule = &self.content.rules[hit.rule as usize];

        match self.arguments(py, rule, hit, path) {
            Ok(arguments) => {
                let pair = (rule.object.bind(py), arguments);
                Ok(Some(pair.into_pyobject(py)?.unbind()))
            }
            // Werkzeug meets the same error, where the application expects it.
            Err(error) if error.is_instance_of::<PyException>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn arguments<'py>(
        &self,
        py: Python<'py>,
        rule: &Rule,
        hit: &Hit,
        path: &str,
    ) -> PyResult<Bound<'py, PyDict>> {
        let arguments = PyDict::new(py);
        let values = self.content.index.values(hit, path);

        for (name, value) in rule.names.iter().zip(values) {
            let value = match value {
                Value::Text(text) => PyString::new(py, text).into_any(),
                Value::Int(number) => PyInt::new(py, number).into_any(),
                Value::Float(number) => PyFloat::new(py, number).into_any(),
                Value::Digits(text) => py.get_type::<PyInt>().call1((text,))?,
                Value::Uuid(text) => uuid_type(py)?.call1((text,))?,
            };

            arguments.set_item(name.bind(py), value)?;
        }

        Ok(arguments)
    }
}

fn uuid_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    UUID.import(py, "uuid", "UUID")
}

type Pieces<'py> = Vec<(String, Bound<'py, PyAny>)>;
type Transition<'py> = (Option<Pieces<'py>>, bool, bool, u32);
type States<'py> = Vec<(HashMap<String, u32>, Vec<Transition<'py>>, Vec<u32>)>;
type Arguments<'py> = Vec<(String, String, Bound<'py, PyAny>)>;
type Rules<'py> = Vec<(
    Py<PyAny>,
    Option<HashSet<String>>,
    bool,
    bool,
    Option<Arguments<'py>>,
)>;

#[pymethods]
impl RuleIndex {
    #[new]
    fn new() -> Self {
        Self {
            content: Mutex::default(),
        }
    }

    #[getter]
    fn generation(&self) -> u64 {
        self.lock().generation
    }

    #[getter]
    fn complete(&self) -> bool {
        self.lock().is_complete
    }

    #[pyo3(signature = (
        states, rules, complete, *, streaming = HashSet::new(), threaded = HashSet::new(),
        may_stream = false, may_be_threaded = false
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the Python method"
    )]
    fn rebuild(
        &self,
        py: Python<'_>,
        states: &Bound<'_, PyAny>,
        rules: &Bound<'_, PyAny>,
        complete: bool,
        streaming: HashSet<u32>,
        threaded: HashSet<u32>,
        may_stream: bool,
        may_be_threaded: bool,
    ) -> PyResult<()> {
        let wishes_of = |number| Wishes {
            streams: streaming.contains(&number),
            is_threaded: threaded.contains(&number),
        };
        let (content, result) = match read_content(py, states, rules, wishes_of) {
            Ok(content) => {
                let content = Content {
                    is_complete: complete,
                    declined: Wishes {
                        streams: may_stream,
                        is_threaded: may_be_threaded,
                    },
                    ..content
                };
                (content, Ok(()))
            }
            // What cannot be read must not leave the rules of before.
            Err(error) => (Content::default(), Err(error)),
        };

        drop(self.replace(py, content));
        result
    }

    fn find(
        &self,
        py: Python<'_>,
        path: &Bound<'_, PyString>,
        method: &Bound<'_, PyString>,
    ) -> PyResult<Option<Py<PyTuple>>> {
        // A lone surrogate cannot have come from a request.
        let (Ok(path), Ok(method)) = (path.to_str(), method.to_str()) else {
            return Ok(None);
        };

        self.lookup(method, Some(path)).hit(py, Some(path))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // While another thread has the lock the rules count as reachable.
        if let Ok(content) = self.content.try_lock() {
            for rule in &content.rules {
                visit.call(&rule.object)?;
            }
        }

        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.replace(py, Content::default()));
    }
}

fn read_content(
    py: Python<'_>,
    states: &Bound<'_, PyAny>,
    rules: &Bound<'_, PyAny>,
    wishes_of: impl Fn(u32) -> Wishes,
) -> PyResult<Content> {
    let states: States<'_> = states.extract()?;
    let rules: Rules<'_> = rules.extract()?;
    let mut state_specs = Vec::with_capacity(states.len());

    for (statics, dynamics, rules) in states {
        state_specs.push(StateSpec {
            statics: statics.into_iter().collect(),
            dynamics: dynamics
                .into_iter()
                .map(read_transition)
                .collect::<PyResult<_>>()?,
            rules,
        });
    }

    let mut rule_specs = Vec::with_capacity(rules.len());
    let mut objects = Vec::with_capacity(rules.len());

    for (number, (object, methods, strict_slashes, is_websocket, arguments)) in (0..).zip(rules) {
        let mut names = Vec::new();

        let conversions = match arguments {
            None => None,
            Some(arguments) => {
                let mut conversions = Vec::with_capacity(arguments.len());

                for (name, conversion, options) in arguments {
                    names.push(PyString::intern(py, &name).unbind());
                    conversions.push(read_conversion(&conversion, &options)?);
                }

                Some(conversions)
            }
        };

        let methods = methods.map(|methods| methods.into_iter().collect());
        rule_specs.push(RuleSpec {
            methods,
            strict_slashes,
            is_websocket,
            conversions,
        });
        objects.push(Rule {
            object,
            names,
            wishes: wishes_of(number),
        });
    }

    let index = rules::RuleIndex::new(state_specs, rule_specs).ok_or_else(|| {
        PyValueError::new_err(
            "The states must form a tree whose numbers grow from the root 0, and every \
             rule number must exist.",
        )
    })?;

    Ok(Content {
        index,
        rules: objects,
        ..Content::default()
    })
}

fn read_transition(
    (pieces, is_final, is_suffixed, to): Transition<'_>,
) -> PyResult<rules::Transition> {
    let pieces = pieces
        .map(|pieces| {
            pieces
                .iter()
                .map(|(kind, options)| read_piece(kind, options))
                .collect::<PyResult<_>>()
        })
        .transpose()?;

    Ok(rules::Transition {
        pieces,
        is_final,
        is_suffixed,
        to,
    })
}

fn read_piece(kind: &str, options: &Bound<'_, PyAny>) -> PyResult<Piece> {
    Ok(match kind {
        "literal" => Piece::Literal(options.extract()?),
        "string" => {
            let (least, most) = options.extract()?;
            Piece::Text { least, most }
        }
        "int" => Piece::Int {
            signed: options.extract()?,
        },
        "float" => Piece::Float {
            signed: options.extract()?,
        },
        "uuid" => Piece::Uuid,
        "any" => Piece::Any(options.extract()?),
        "path" => Piece::Path,
        _ => {
            return Err(PyValueError::new_err(format!(
                "{kind:?} is no kind of piece."
            )));
        }
    })
}

fn read_conversion(name: &str, options: &Bound<'_, PyAny>) -> PyResult<Conversion> {
    Ok(match name {
        "str" => Conversion::Text,
        "int" => {
            let (fixed_digits, least, most) = options.extract()?;
            Conversion::Int {
                fixed_digits,
                least,
                most,
            }
        }
        "float" => {
            let (least, most) = options.extract()?;
            Conversion::Float { least, most }
        }
        "uuid" => Conversion::Uuid,
        _ => return Err(PyValueError::new_err(format!("{name:?} is no conversion."))),
    })
}

/// Add the class to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RuleIndex>()
}
