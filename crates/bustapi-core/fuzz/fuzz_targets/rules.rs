//! The rule index: no panic, and the values of a hit fit into the rule and make up the path.
//!
//! The input is text: rules, then the path, with a carriage return after each rule. One is
//! `METHOD /segment/…`, where `{…}` in a segment is a piece: `{t}` text, `{2-3}` text of
//! so many characters, `{i}` and `{s}` an integer without and with sign, `{f}` and `{g}`
//! a float likewise, `{u}` a UUID, `{a|b}` any of these, `{p}` a path. `!` is an opaque
//! segment, and `*` before a rule makes it lenient about its final slash.

#![no_main]

use bustapi_core::rules::{
    Conversion, Outcome, Piece, RuleIndex, RuleSpec, StateSpec, Transition, Value,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines: Vec<&str> = text.split('\r').collect();
    let path = lines.pop().expect("splitting gives at least one line");
    let rules: Vec<Written> = lines.into_iter().filter_map(Written::read).collect();

    let mut states = vec![StateSpec::default()];

    for (number, rule) in rules.iter().enumerate() {
        let end = rule
            .parts
            .iter()
            .fold(0, |state, part| follow(&mut states, state, part));
        states[end].rules.push(number as u32);
    }

    let specs = rules.iter().map(Written::spec).collect();

    // Only a rule with too many slashes is refused.
    let Some(index) = RuleIndex::new(states, specs) else {
        return;
    };

    for method in ["GET", "POST", "get", ""] {
        if let Outcome::Hit(hit) = index.find(method, path) {
            let rule = &rules[hit.rule as usize];
            let values: Vec<Value> = index.values(&hit, path).collect();
            assert_eq!(rule.method, method);
            check(rule, &values, path);
        }
    }
});

/// A rule as it was written.
struct Written<'a> {
    method: &'a str,
    is_lenient: bool,
    parts: Vec<Part>,
}

#[derive(PartialEq)]
enum Part {
    Static(String),
    Dynamic {
        pieces: Option<Vec<Piece>>,
        is_final: bool,
        is_suffixed: bool,
    },
}

impl<'a> Written<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (line, is_lenient) = match line.strip_prefix('*') {
            Some(line) => (line, true),
            None => (line, false),
        };
        let (method, path) = line.split_once(" /")?;
        let mut parts = Vec::new();
        let mut segments = path.split('/');

        while let Some(segment) = segments.next() {
            if segment == "!" {
                parts.push(Part::Dynamic {
                    pieces: None,
                    is_final: false,
                    is_suffixed: false,
                });
            } else if segment.contains("{p}") {
                // As in Werkzeug the rest of the rule is one expression.
                let rest = segments
                    .by_ref()
                    .fold(segment.to_owned(), |a, b| a + "/" + b);
                let is_suffixed = rest.ends_with('/');
                let rest = rest.strip_suffix('/').unwrap_or(&rest);
                let pieces = Some(read_pieces(rest));
                parts.push(Part::Dynamic {
                    pieces,
                    is_final: true,
                    is_suffixed,
                });

                if is_suffixed {
                    parts.push(Part::Static(String::new()));
                }
            } else if segment.contains('{') {
                let pieces = Some(read_pieces(segment));
                parts.push(Part::Dynamic {
                    pieces,
                    is_final: false,
                    is_suffixed: false,
                });
            } else {
                parts.push(Part::Static(segment.to_owned()));
            }
        }

        Some(Self {
            method,
            is_lenient,
            parts,
        })
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.parts.iter().flat_map(|part| match part {
            Part::Dynamic {
                pieces: Some(pieces),
                ..
            } => pieces.as_slice(),
            _ => &[],
        })
    }

    fn spec(&self) -> RuleSpec {
        let conversions = self.pieces().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Int { .. } => Some(Conversion::Int {
                fixed_digits: 0,
                least: None,
                most: None,
            }),
            Piece::Float { .. } => Some(Conversion::Float {
                least: None,
                most: None,
            }),
            Piece::Uuid => Some(Conversion::Uuid),
            Piece::Text { .. } | Piece::Any(_) | Piece::Path => Some(Conversion::Text),
        });

        RuleSpec {
            methods: Some(vec![self.method.to_owned()]),
            strict_slashes: !self.is_lenient,
            is_websocket: false,
            conversions: Some(conversions.collect()),
        }
    }
}

fn read_pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;

    while let Some((literal, after)) = rest.split_once('{') {
        let Some((kind, after)) = after.split_once('}') else {
            break;
        };

        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }

        pieces.push(read_piece(kind));
        rest = after;
    }

    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }

    pieces
}

fn read_piece(kind: &str) -> Piece {
    match kind {
        "t" => Piece::Text {
            least: 1,
            most: None,
        },
        "i" => Piece::Int { signed: false },
        "s" => Piece::Int { signed: true },
        "f" => Piece::Float { signed: false },
        "g" => Piece::Float { signed: true },
        "u" => Piece::Uuid,
        "p" => Piece::Path,
        _ => {
            let bounds = kind.split_once('-').and_then(|(least, most)| {
                Some((least.parse::<u32>().ok()?, most.parse::<u32>().ok()?))
            });

            match bounds {
                Some((least, most)) => Piece::Text {
                    least,
                    most: Some(most),
                },
                None => Piece::Any(kind.split('|').map(str::to_owned).collect()),
            }
        }
    }
}

fn follow(states: &mut Vec<StateSpec>, state: usize, part: &Part) -> usize {
    let to = states.len() as u32;

    match part {
        Part::Static(segment) => {
            if let Some((_, known)) = states[state]
                .statics
                .iter()
                .find(|(text, _)| text == segment)
            {
                return *known as usize;
            }

            states[state].statics.push((segment.clone(), to));
        }
        Part::Dynamic {
            pieces,
            is_final,
            is_suffixed,
        } => {
            states[state].dynamics.push(Transition {
                pieces: pieces.clone(),
                is_final: *is_final,
                is_suffixed: *is_suffixed,
                to,
            });
        }
    }

    states.push(StateSpec::default());
    to as usize
}

/// Put the path together again from the rule and the values.
fn check(rule: &Written<'_>, values: &[Value<'_>], path: &str) {
    let mut values = values.iter();
    let mut whole = String::new();
    // A number has forgotten how it was written: then only kinds are checked.
    let mut is_exact = true;

    for part in &rule.parts {
        // A suffixed part has had its slash consumed by its own expression.
        whole.push('/');

        match part {
            Part::Static(segment) => whole.push_str(segment),
            Part::Dynamic { pieces, .. } => {
                for piece in pieces.iter().flatten() {
                    let value = match piece {
                        Piece::Literal(text) => {
                            whole.push_str(text);
                            continue;
                        }
                        _ => values.next().expect("each piece has a value"),
                    };

                    match (piece, value) {
                        (Piece::Int { signed }, Value::Int(number)) => {
                            assert!(*signed || *number >= 0);
                            is_exact = false;
                        }
                        (Piece::Int { .. }, Value::Digits(text)) => {
                            assert!(text.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
                            whole.push_str(text);
                        }
                        (Piece::Float { .. }, Value::Float(number)) => {
                            assert!(!number.is_nan());
                            is_exact = false;
                        }
                        (Piece::Uuid, Value::Uuid(text)) => {
                            assert_eq!(text.len(), 36);
                            whole.push_str(text);
                        }
                        (Piece::Any(items), Value::Text(text)) => {
                            assert!(items.iter().any(|item| item == text));
                            whole.push_str(text);
                        }
                        (Piece::Text { least, most }, Value::Text(text)) => {
                            let length = text.chars().count();
                            assert!(length >= *least as usize && !text.contains('/'));
                            assert!(most.is_none_or(|most| length <= most as usize));
                            whole.push_str(text);
                        }
                        (Piece::Path, Value::Text(text)) => {
                            assert!(!text.is_empty() && !text.starts_with('/'));
                            whole.push_str(text);
                        }
                        _ => panic!("{piece:?} cannot have given {value:?}"),
                    }
                }
            }
        }
    }

    assert!(values.next().is_none(), "each value has a piece");

    if is_exact {
        let is_equal = match rule.is_lenient {
            true => whole.trim_end_matches('/') == path.trim_end_matches('/'),
            false => whole == path,
        };
        assert!(is_equal, "{whole:?} is not {path:?}");
    }
}
