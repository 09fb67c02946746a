//! The rule index: which rule a path belongs to, or that somebody else must say.
//!
//! Routing has one authority, Werkzeug's matcher. It is a tree of states: a *static*
//! transition consumes one segment that is equal to its text, a *dynamic* one consumes a
//! segment (or, when it is *final*, all that is left) that its regular expression
//! matches. The search is depth first: static before dynamic, dynamic ones in Werkzeug's
//! order, and it goes on when no rule at the end allows the method. This module holds a
//! copy of that tree and runs the same search on it. Regular expressions are held as
//! [`Piece`]s, tried in the order in which a backtracking engine tries them.
//!
//! The answer is the one Werkzeug would give, or [`Outcome::Declined`]. Declined are:
//!
//! - a search that reaches an opaque transition, one whose expression has no pieces;
//! - a hit on a rule whose arguments cannot be converted here, or a value that a
//!   converter refuses;
//! - a digit piece that meets a non-ASCII character, which might be a digit for Python;
//! - a path that would be redirected: one with `//`, or one that lacks its final slash;
//! - a method that is not written in capitals, since Werkzeug capitalises it;
//! - a search that needs more than [`MAX_STEPS`] steps or [`MAX_VALUES`] values.
//!
//! Static transitions come first, so a path whose segments are all static ends where they
//! lead whenever a rule there takes the request: such a path is found by one look-up, and
//! searched for only when none does.
//!
//! ```
//! use bustapi_core::rules::*;
//!
//! // GET /user/<int:id>
//! let int = Piece::Int { signed: false };
//! let states = vec![
//!     StateSpec { statics: vec![("user".into(), 1)], ..StateSpec::default() },
//!     StateSpec {
//!         dynamics: vec![Transition { pieces: Some(vec![int]), to: 2, ..Transition::default() }],
//!         ..StateSpec::default()
//!     },
//!     StateSpec { rules: vec![0], ..StateSpec::default() },
//! ];
//! let id = Conversion::Int { fixed_digits: 0, least: None, most: None };
//! let rule = RuleSpec {
//!     methods: Some(vec!["GET".into()]),
//!     conversions: Some(vec![id]),
//!     ..RuleSpec::default()
//! };
//!
//! let index = RuleIndex::new(states, vec![rule]).expect("the states are a tree");
//!
//! let Outcome::Hit(hit) = index.find("GET", "/user/42") else { panic!("it is a hit") };
//! assert_eq!(hit.rule, 0);
//! assert_eq!(index.values(&hit, "/user/42").collect::<Vec<_>>(), [Value::Int(42)]);
//! assert!(matches!(index.find("GET", "/user/me"), Outcome::Miss));
//! ```

mod search;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use self::search::{Declined, Search};

/// Most values that one path may have; the search carries them on the stack.
pub const MAX_VALUES: usize = 16;

/// Most steps of one search. Several `path` pieces in a row backtrack polynomially.
pub const MAX_STEPS: u32 = 20_000;

/// Deepest state; the search recurses once per state.
pub const MAX_DEPTH: u32 = 200;

/// Digits up to which a number always becomes an `i64`.
const I64_DIGITS: usize = 18;

/// Digits up to which Python's `int()` converts whatever its limit is set to.
const PYTHON_DIGITS: usize = 640;

/// A state as it is handed to [`RuleIndex::new`].
#[derive(Clone, Debug, Default)]
pub struct StateSpec {
    /// Segment and number of the state it leads to.
    pub statics: Vec<(String, u32)>,
    /// Tried in this order when no static transition led to a hit.
    pub dynamics: Vec<Transition>,
    /// Numbers of the rules that end here.
    pub rules: Vec<u32>,
}

/// A transition whose segment is matched by an expression.
#[derive(Clone, Debug, Default)]
pub struct Transition {
    /// The expression; `None` is opaque.
    pub pieces: Option<Vec<Piece>>,
    /// Whether it consumes all that is left of the path.
    pub is_final: bool,
    /// Whether the expression ends in an optional slash of its own.
    pub is_suffixed: bool,
    /// Number of the state it leads to.
    pub to: u32,
}

/// One element of an expression. All but [`Piece::Literal`] give a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// This text.
    Literal(String),
    /// `[^/]{least,most}`
    Text { least: u32, most: Option<u32> },
    /// `\d+` or `-?\d+`
    Int { signed: bool },
    /// `\d+\.\d+` or `-?\d+\.\d+`
    Float { signed: bool },
    /// Five groups of hexadecimal digits.
    Uuid,
    /// The first of these texts after which the rest matches.
    Any(Vec<String>),
    /// `[^/].*?`
    Path,
}

/// A rule as it is handed to [`RuleIndex::new`].
#[derive(Clone, Debug, Default)]
pub struct RuleSpec {
    /// Methods it answers, `None` for all.
    pub methods: Option<Vec<String>>,
    /// Whether a path that differs by the final slash is redirected (or not found).
    pub strict_slashes: bool,
    /// Whether it is for WebSocket requests only, hence never hit here.
    pub is_websocket: bool,
    /// What becomes of each value; `None`: a hit declines.
    pub conversions: Option<Vec<Conversion>>,
}

/// What a rule makes of the text of one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Conversion {
    Text,
    Int {
        /// Exact length of the text, 0 for any.
        fixed_digits: i64,
        least: Option<i64>,
        most: Option<i64>,
    },
    Float {
        least: Option<f64>,
        most: Option<f64>,
    },
    Uuid,
}

/// A converted value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Text(&'a str),
    Int(i64),
    /// An integer that may be too large for [`Value::Int`], in decimal digits.
    Digits(&'a str),
    Float(f64),
    Uuid(&'a str),
}

/// What is known about a path.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Werkzeug would match this rule.
    Hit(Hit),
    /// Werkzeug would find nothing, or no rule with this method.
    Miss,
    /// Werkzeug must decide.
    Declined,
}

/// A rule, and where its values stand in the path.
#[derive(Clone, Debug)]
pub struct Hit {
    pub rule: u32,
    spans: Box<[Span]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn of(self, path: &str) -> &str {
        &path[self.start as usize..self.end as usize]
    }
}

/// The states and rules of one map. Immutable: a changed map gets a new index.
#[derive(Debug, Default)]
pub struct RuleIndex {
    states: Vec<State>,
    /// The state at the end of each path that static transitions alone lead to.
    fixed: TextMap,
    rules: Vec<Rule>,
    /// Names of methods; a rule's bit set refers to them by position.
    methods: Vec<String>,
}

#[derive(Debug, Default)]
struct State {
    statics: TextMap,
    /// The static transition of an empty segment, that is of a final slash.
    slash: Option<u32>,
    dynamics: Vec<Transition>,
    rules: Vec<u32>,
}

/// Numbers of states by segments or paths.
///
/// PERF: the texts in a map are those of the application's own rules, so nobody can fill
/// it with ones that collide; the default hasher cost 250 instructions a look-up.
type TextMap = HashMap<Box<str>, u32, BuildHasherDefault<TextHasher>>;

#[derive(Debug, Default)]
struct TextHasher(u64);

impl Hasher for TextHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.mix(u64::from_le_bytes(last) ^ rest.len() as u64);
    }

    fn write_u8(&mut self, _end_of_text: u8) {}

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

impl TextHasher {
    /// Fibonacci hashing: the odd number nearest to 2^64 over the golden ratio.
    const fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[derive(Debug)]
struct Rule {
    /// `None` for all methods.
    methods: Option<u64>,
    strict_slashes: bool,
    is_websocket: bool,
    conversions: Option<Box<[Conversion]>>,
}

impl RuleIndex {
    /// Build an index; `None` when the states are not a tree whose numbers grow from the
    /// root, when a number has nothing behind it, or when the tree is too deep.
    pub fn new(states: Vec<StateSpec>, rules: Vec<RuleSpec>) -> Option<Self> {
        if !is_tree(&states, rules.len()) {
            return None;
        }

        let mut index = Self::default();

        for rule in rules {
            let rule = index.rule(rule);
            index.rules.push(rule);
        }

        index.states = states
            .into_iter()
            .map(|spec| {
                let statics: TextMap = spec
                    .statics
                    .into_iter()
                    .map(|(segment, to)| (segment.into_boxed_str(), to))
                    .collect();

                State {
                    slash: statics.get("").copied(),
                    statics,
                    dynamics: spec.dynamics,
                    rules: spec.rules,
                }
            })
            .collect();
        index.fixed = fixed_paths(&index.states);

        Some(index)
    }

    fn rule(&mut self, spec: RuleSpec) -> Rule {
        let mut conversions = spec.conversions.map(Vec::into_boxed_slice);

        if conversions.as_ref().is_some_and(|c| c.len() > MAX_VALUES) {
            conversions = None;
        }

        let mut methods = spec.methods.as_ref().map(|_| 0);

        for name in spec.methods.into_iter().flatten() {
            let bit = self.method_bit(name);
            methods = methods.zip(bit).map(|(set, bit)| set | bit);

            if bit.is_none() {
                // More methods than bits: the rule takes all of them, and declines.
                conversions = None;
                break;
            }
        }

        Rule {
            methods,
            strict_slashes: spec.strict_slashes,
            is_websocket: spec.is_websocket,
            conversions,
        }
    }

    fn method_bit(&mut self, name: String) -> Option<u64> {
        let position = match self.methods.iter().position(|known| *known == name) {
            Some(position) => position,
            None => {
                self.methods.push(name);
                self.methods.len() - 1
            }
        };

        1_u64.checked_shl(u32::try_from(position).ok()?)
    }

    /// Look a decoded path up.
    pub fn find(&self, method: &str, path: &str) -> Outcome {
        let bytes = path.as_bytes();

        let Some(method) = self.method_set(method) else {
            return Outcome::Declined;
        };

        if let Some(state) = self.fixed.get(path)
            && let Some(rule) = self.rule_at(&self.states[*state as usize], method, |_| true)
        {
            return self.hit(rule, &[], path);
        }

        if self.states.is_empty()
            || bytes.first() != Some(&b'/')
            || has_empty_segment(bytes)
            || u32::try_from(bytes.len()).is_err()
        {
            return Outcome::Declined;
        }

        let mut search = Search::new(self, path, method);

        match search.run() {
            Err(Declined) => Outcome::Declined,
            Ok(None) => Outcome::Miss,
            Ok(Some(found)) => self.hit(found.rule, search.spans(found.values), path),
        }
    }

    /// The set that a method is in, empty when no rule names it; `None`: declined.
    fn method_set(&self, method: &str) -> Option<u64> {
        let is_odd = |byte: u8| byte.is_ascii_lowercase() || !byte.is_ascii();

        match self.methods.iter().position(|known| known == method) {
            Some(position) if position >= 64 => None,
            _ if method.is_empty() || method.bytes().any(is_odd) => None,
            Some(position) => Some(1 << position),
            None => Some(0),
        }
    }

    /// The first rule of a state that takes the request.
    fn rule_at(
        &self,
        state: &State,
        method: u64,
        condition: impl Fn(&Rule) -> bool,
    ) -> Option<u32> {
        let takes = |rule: &Rule| {
            !rule.is_websocket
                && rule.methods.is_none_or(|set| set & method != 0)
                && condition(rule)
        };

        let mut rules = state.rules.iter().copied();
        rules.find(|rule| takes(&self.rules[*rule as usize]))
    }

    /// A hit, if all values can be converted.
    fn hit(&self, rule: u32, spans: &[Span], path: &str) -> Outcome {
        let converts = |(conversion, span): (&Conversion, &Span)| {
            let value = conversion.convert(span.of(path));
            value.is_some()
        };

        match &self.rules[rule as usize].conversions {
            Some(conversions)
                if conversions.len() == spans.len()
                    && conversions.iter().zip(spans).all(converts) =>
            {
                let spans = spans.into();
                Outcome::Hit(Hit { rule, spans })
            }
            _ => Outcome::Declined,
        }
    }

    /// The values of a hit in the order of the rule's arguments.
    ///
    /// `path` is the path that was looked up.
    pub fn values<'a>(&'a self, hit: &'a Hit, path: &'a str) -> impl Iterator<Item = Value<'a>> {
        self.rules[hit.rule as usize]
            .conversions
            .iter()
            .flatten()
            .zip(&hit.spans)
            .map(move |(conversion, span)| {
                conversion
                    .convert(span.of(path))
                    .expect("a hit's values were converted once")
            })
    }
}

/// The states that static transitions alone lead to, and that have rules, by their paths.
fn fixed_paths(states: &[State]) -> TextMap {
    let mut fixed = TextMap::default();
    let mut open = vec![(0, String::new())];

    while let Some((number, path)) = open.pop() {
        let Some(state) = states.get(number as usize) else {
            continue;
        };

        for (segment, to) in &state.statics {
            // A segment of a path has no slash, whatever the map says.
            if !segment.contains('/') {
                open.push((*to, format!("{path}/{segment}")));
            }
        }

        // Paths with an empty segment are declined.
        if !state.rules.is_empty() && !has_empty_segment(path.as_bytes()) {
            fixed.insert(path.into_boxed_str(), number);
        }
    }

    fixed
}

/// Whether numbers grow from the root, each state is led to at most once, and each number
/// of a state or rule exists.
fn is_tree(states: &[StateSpec], rules: usize) -> bool {
    let mut depths: Vec<Option<u32>> = vec![None; states.len()];

    for (number, state) in states.iter().enumerate() {
        let depth = match depths[number] {
            Some(depth) => depth,
            None if number == 0 => 0,
            // Unreachable, thus harmless.
            None => continue,
        };

        let statics = state.statics.iter().map(|(_, to)| *to);
        let dynamics = state.dynamics.iter().map(|transition| transition.to);

        for to in statics.chain(dynamics) {
            let to = to as usize;

            if to <= number || to >= states.len() || depths[to].is_some() || depth >= MAX_DEPTH {
                return false;
            }

            depths[to] = Some(depth + 1);
        }

        if state.rules.iter().any(|rule| *rule as usize >= rules) {
            return false;
        }
    }

    true
}

impl Conversion {
    /// Convert the text of a value, which its piece has matched; `None`: refused, or not
    /// to be decided here.
    fn convert<'a>(&self, text: &'a str) -> Option<Value<'a>> {
        match *self {
            Self::Text => Some(Value::Text(text)),
            Self::Uuid => Some(Value::Uuid(text)),
            Self::Int {
                fixed_digits,
                least,
                most,
            } => {
                if fixed_digits != 0 && i64::try_from(text.len()) != Ok(fixed_digits) {
                    return None;
                }

                if text.len() > I64_DIGITS {
                    let is_bounded = least.is_some() || most.is_some();
                    return (!is_bounded && text.len() <= PYTHON_DIGITS)
                        .then_some(Value::Digits(text));
                }

                let number = text.parse().ok()?;
                is_within(&number, &least, &most).then_some(Value::Int(number))
            }
            Self::Float { least, most } => {
                let number = text.parse().ok()?;
                is_within(&number, &least, &most).then_some(Value::Float(number))
            }
        }
    }
}

/// Whether Python's `value < least or value > most` is false.
fn is_within<T: PartialOrd>(value: &T, least: &Option<T>, most: &Option<T>) -> bool {
    !(least.as_ref().is_some_and(|least| value < least)
        || most.as_ref().is_some_and(|most| value > most))
}

/// Whether two slashes follow one another.
fn has_empty_segment(path: &[u8]) -> bool {
    let mut before = 0;
    for &byte in path {
        if byte == b'/' && before == b'/' {
            return true;
        }
        before = byte;
    }
    false
}
