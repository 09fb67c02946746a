//! The depth-first search through the states of a [`RuleIndex`].

use super::{MAX_STEPS, MAX_VALUES, Piece, Rule, RuleIndex, Span, State};

/// The search ended without an answer.
pub(super) struct Declined;

pub(super) struct Found {
    pub(super) rule: u32,
    pub(super) values: usize,
}

pub(super) struct Search<'a> {
    index: &'a RuleIndex,
    path: &'a str,
    method: u64,
    spans: [Span; MAX_VALUES],
    steps: u32,
}

/// The text that an expression must match to its end.
#[derive(Clone, Copy)]
struct Target {
    start: usize,
    end: usize,
    is_suffixed: bool,
}

impl<'a> Search<'a> {
    /// `method` is the bit of the method; 0: no rule names it.
    pub(super) fn new(index: &'a RuleIndex, path: &'a str, method: u64) -> Self {
        Self {
            index,
            path,
            method,
            spans: [Span::default(); MAX_VALUES],
            steps: MAX_STEPS,
        }
    }

    /// Return the rule that the path behind its first slash leads to.
    pub(super) fn run(&mut self) -> Result<Option<Found>, Declined> {
        self.visit(0, Some(1), 0)
    }

    /// The places of so many values, as a search that found something knows them.
    pub(super) fn spans(&self, values: usize) -> &[Span] {
        &self.spans[..values]
    }

    /// Follow the transitions of a state. `rest` is where the segments start that are
    /// left, `None` when there are none; `values` is how many values there are so far.
    fn visit(
        &mut self,
        state: u32,
        rest: Option<usize>,
        values: usize,
    ) -> Result<Option<Found>, Declined> {
        let state = &self.index.states[state as usize];
        self.step()?;

        let Some(start) = rest else {
            return self.arrive(state, values);
        };

        let length = self.path[start..].bytes().position(|byte| byte == b'/');
        let end = length.map_or(self.path.len(), |length| start + length);
        let next = length.map(|_| end + 1);
        let is_slash = start == end && next.is_none();

        let following = match &self.path[start..end] {
            "" => state.slash,
            segment => state.statics.get(segment).copied(),
        };

        if let Some(to) = following
            && let Some(found) = self.visit(to, next, values)?
        {
            return Ok(Some(found));
        }

        for transition in &state.dynamics {
            let pieces = transition.pieces.as_deref().ok_or(Declined)?;
            let is_suffixed = transition.is_suffixed;
            let (end, mut next) = match transition.is_final {
                true => (self.path.len(), None),
                false => (end, next),
            };

            let target = Target {
                start,
                end,
                is_suffixed,
            };

            if let Some(matched) = self.pieces(pieces, start, target, values)? {
                if matched.has_slash {
                    next = Some(self.path.len());
                }

                if let Some(found) = self.visit(transition.to, next, matched.values)? {
                    return Ok(Some(found));
                }
            }
        }

        if is_slash {
            let lenient = |rule: &Rule| !rule.strict_slashes;
            return Ok(self.rule(state, values, lenient));
        }

        Ok(None)
    }

    /// All segments are consumed: take a rule of this state, or one that only wants a
    /// final slash more.
    fn arrive(&self, state: &State, values: usize) -> Result<Option<Found>, Declined> {
        if let Some(found) = self.rule(state, values, |_| true) {
            return Ok(Some(found));
        }

        let Some(slash) = state.slash else {
            return Ok(None);
        };

        let found = self.rule(&self.index.states[slash as usize], values, |_| true);

        match found {
            // Werkzeug redirects to the path with the slash.
            Some(found) if self.index.rules[found.rule as usize].strict_slashes => Err(Declined),
            found => Ok(found),
        }
    }

    fn rule(
        &self,
        state: &State,
        values: usize,
        condition: impl Fn(&Rule) -> bool,
    ) -> Option<Found> {
        let rule = self.index.rule_at(state, self.method, condition)?;
        Some(Found { rule, values })
    }

    fn step(&mut self) -> Result<(), Declined> {
        self.steps = self.steps.checked_sub(1).ok_or(Declined)?;
        Ok(())
    }

    /// Match the pieces from `at` to the end of the target, and note their values.
    fn pieces(
        &mut self,
        pieces: &[Piece],
        at: usize,
        target: Target,
        values: usize,
    ) -> Result<Option<Matched>, Declined> {
        self.step()?;

        let Some((piece, rest)) = pieces.split_first() else {
            return Ok(self.end(at, target, values));
        };

        // The last piece may as well go to the end at once: nothing follows that a
        // shorter or longer match would leave more for.
        let is_last = rest.is_empty() && !target.is_suffixed;
        let text = &self.path[at..target.end];

        match piece {
            Piece::Literal(literal) => match text.starts_with(literal.as_str()) {
                true => self.pieces(rest, at + literal.len(), target, values),
                false => Ok(None),
            },
            Piece::Text { least, most } => {
                let most = most.map_or(usize::MAX, |most| most as usize);
                let mut longest = at;
                let mut count = 0;

                for (offset, character) in text.char_indices() {
                    if character == '/' || count == most {
                        break;
                    }

                    count += 1;
                    longest = at + offset + character.len_utf8();
                }

                let least = *least as usize;

                loop {
                    if count < least {
                        return Ok(None);
                    }

                    let matched = self.value(rest, at, longest, target, values)?;

                    if matched.is_some() || is_last || count == 0 {
                        return Ok(matched);
                    }

                    count -= 1;
                    let last = self.path[at..longest].chars().next_back();
                    longest -= last.map_or(0, char::len_utf8);
                }
            }
            Piece::Int { signed } => {
                let start = at + sign_length(text, *signed);
                self.digits(rest, at, start, target, values)
            }
            Piece::Float { signed } => {
                let start = at + sign_length(text, *signed);
                let point = start + self.digits_length(start, target.end)?;

                if point == start || self.path.as_bytes()[..target.end].get(point) != Some(&b'.') {
                    return Ok(None);
                }

                self.digits(rest, at, point + 1, target, values)
            }
            Piece::Uuid => match starts_with_uuid(text) {
                true => self.value(rest, at, at + UUID_LENGTH, target, values),
                false => Ok(None),
            },
            Piece::Any(items) => {
                for item in items {
                    if text.starts_with(item.as_str()) {
                        let matched = self.value(rest, at, at + item.len(), target, values)?;

                        if matched.is_some() {
                            return Ok(matched);
                        }
                    }
                }

                Ok(None)
            }
            Piece::Path => {
                let mut characters = text.chars();

                let Some(first) = characters.next().filter(|first| *first != '/') else {
                    return Ok(None);
                };

                let mut end = at + first.len_utf8();

                if is_last {
                    let has_line_feed = self.path[end..target.end].contains('\n');

                    return match has_line_feed {
                        true => Ok(None),
                        false => self.value(rest, at, target.end, target, values),
                    };
                }

                loop {
                    let matched = self.value(rest, at, end, target, values)?;

                    if matched.is_some() {
                        return Ok(matched);
                    }

                    match characters.next() {
                        None | Some('\n') => return Ok(None),
                        Some(character) => end += character.len_utf8(),
                    }
                }
            }
        }
    }

    /// One or more digits from `start` on, as the end of a value that begins at `at`.
    fn digits(
        &mut self,
        rest: &[Piece],
        at: usize,
        start: usize,
        target: Target,
        values: usize,
    ) -> Result<Option<Matched>, Declined> {
        let longest = start + self.digits_length(start, target.end)?;

        for end in (start + 1..=longest).rev() {
            let matched = self.value(rest, at, end, target, values)?;

            if matched.is_some() {
                return Ok(matched);
            }
        }

        Ok(None)
    }

    /// How many digits stand at `start`. Python knows more of them than ASCII has.
    fn digits_length(&self, start: usize, end: usize) -> Result<usize, Declined> {
        let text = &self.path.as_bytes()[start..end];
        let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();

        match text.get(length) {
            Some(byte) if !byte.is_ascii() => Err(Declined),
            _ => Ok(length),
        }
    }

    /// Note a value and go on with the pieces after it. A later attempt writes over it.
    fn value(
        &mut self,
        rest: &[Piece],
        start: usize,
        end: usize,
        target: Target,
        values: usize,
    ) -> Result<Option<Matched>, Declined> {
        let span = self.spans.get_mut(values).ok_or(Declined)?;
        *span = Span {
            start: start as u32,
            end: end as u32,
        };
        self.pieces(rest, end, target, values + 1)
    }

    /// No piece is left: the target must end here, but for a slash of the expression's own.
    fn end(&self, at: usize, target: Target, values: usize) -> Option<Matched> {
        let rest = &self.path[at..target.end];

        let has_slash = match target.is_suffixed {
            true if self.path[target.start..at].ends_with('/') => return None,
            true => rest == "/",
            false => false,
        };

        (has_slash || rest.is_empty()).then_some(Matched { values, has_slash })
    }
}

struct Matched {
    values: usize,
    has_slash: bool,
}

const UUID_LENGTH: usize = 36;

fn starts_with_uuid(text: &str) -> bool {
    text.len() >= UUID_LENGTH
        && text
            .bytes()
            .take(UUID_LENGTH)
            .enumerate()
            .all(|(position, byte)| match position {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
}

fn sign_length(text: &str, signed: bool) -> usize {
    usize::from(signed && text.starts_with('-'))
}
