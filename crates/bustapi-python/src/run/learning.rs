//! Which endpoints run inline on the leader: those that have proved quick.
//!
//! | an endpoint | runs | until |
//! |---|---|---|
//! | is not known yet | on a view thread | 32 quick calls in a row: inline |
//! | is inline | on the leader | it waits in two of its last eight measured calls, or once for longer than a tick |
//! | is inline, and its last call took longer than a tick | on the leader, but on a view thread while another thread is held up by such a call | a call within a tick |
//! | was seen to wait | on a view thread | as many quick calls in a row, or more, see below |
//! | is streaming now | on a stream thread | its stream ended, short and quick |
//! | has streamed for long | on a stream thread | 32 short and quick ones in a row |
//!
//! An endpoint that is inline and soon waits again has calls of two kinds. Each time it needs
//! twice as many quick calls in a row before it is inline again, so that it comes to stay
//! on the view threads.
//!
//! Quick means that the call did not wait for long: a view that computes would gain nothing
//! from another thread, and one that other processes displaced even less. The monotonic
//! clock is read for every call; the clock of the thread, which costs half a microsecond,
//! only after a call was long.
//!
//! Rules are as many as the application has. Paths are as many as clients like, so they are
//! kept in tables that forget, see [`Paths`].

mod paths;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use self::paths::Paths;
use crate::run::TICK;
use crate::run::clock::Effort;

/// A call up to this long is quick without a closer look.
const LONG: Duration = Duration::from_micros(100);

/// Time off the processor from which a call has waited: a few times a hop between threads.
const WAITED: Duration = Duration::from_micros(100);

/// Quick calls in a row after which an endpoint runs inline, the first time and at most.
const PROOF: u32 = 32;
const MOST_PROOF: u32 = 32 * 1024;

/// After so many calls inline a wait says nothing of the calls before.
const SOON: u32 = 1024;

/// Which endpoint a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndpointKey {
    /// A rule of the index, by its number, which means something within one generation.
    Rule { generation: u64, number: u32 },
    /// Method and first path segment, hashed, where rules are not known here.
    Path(u64),
    /// Everything that has no endpoint.
    Other,
}

impl EndpointKey {
    /// Tell requests apart whose rules are not known here.
    pub fn of_path(method: &[u8], path: &[u8]) -> Self {
        let segment = path
            .split(|&byte| byte == b'/')
            .find(|segment| !segment.is_empty());
        let mut hasher = DefaultHasher::new();
        (method, segment).hash(&mut hasher);
        Self::Path(hasher.finish())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Inline,
    View,
    Stream,
}

/// What was seen of one call.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub wall: Duration,
    /// What the thread used, when it was measured.
    pub effort: Option<Effort>,
    pub body: BodyKind,
}

/// How the body of the response came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    Whole,
    /// An iterator that ended within the output buffer.
    Short,
    /// An iterator that outlasted it.
    Long,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    is_inline: bool,
    measures_next: bool,
    /// Whether the last call took longer than a tick.
    was_long: bool,
    /// On a view thread: quick calls in a row, and how many are needed.
    quick_in_row: u32,
    proof: u32,
    /// Calls since it is inline.
    inline_calls: u32,
    /// Of the last eight measured calls, those that waited.
    waits: u8,
    streams: bool,
    streaming: u32,
}

#[derive(Default)]
pub struct Learning {
    /// The newest generation of the index, and its rules.
    generation: u64,
    rules: Vec<Entry>,
    paths: Paths,
    other: Entry,
}

impl Learning {
    /// Return where the next request of an endpoint runs, and whether its processor time
    /// is to be measured.
    ///
    /// `is_held_up`: whether a thread that led still runs a request that took too long.
    pub fn place(&mut self, key: EndpointKey, is_held_up: bool) -> (Place, bool) {
        let Some(entry) = self.entry(key) else {
            return (Place::View, true);
        };
        let place = match entry {
            Entry { streaming: 1.., .. } | Entry { streams: true, .. } => Place::Stream,
            Entry { was_long: true, .. } if is_held_up => Place::View,
            Entry {
                is_inline: true, ..
            } => Place::Inline,
            _ => Place::View,
        };
        // A call on another thread pays for the hop already.
        (place, place != Place::Inline || entry.measures_next)
    }

    /// Note that a request of the endpoint has begun to stream on a thread of its own.
    pub fn begin_stream(&mut self, key: EndpointKey) {
        self.update(key, |entry| entry.streaming += 1);
    }

    /// Note that such a stream has ended.
    pub fn end_stream(&mut self, key: EndpointKey) {
        self.update(key, |entry| {
            entry.streaming = entry.streaming.saturating_sub(1);
        });
    }

    /// Learn from a call.
    pub fn learn(&mut self, key: EndpointKey, measured: Measured) {
        self.update(key, |entry| entry.learn(measured));
    }

    /// Note that a call has kept the leader until another thread took over.
    ///
    /// A call that waits does so again; one that computes would gain nothing elsewhere.
    pub fn displaced(&mut self, key: EndpointKey, is_waiting: bool) {
        self.update(key, |entry| {
            entry.was_long = true;
            if is_waiting {
                entry.leave_leader();
            }
        });
    }

    fn update(&mut self, key: EndpointKey, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entry(key) {
            change(entry);
        }
    }

    /// Return what is known of an endpoint; None when its rule is one of an older index,
    /// under whose number another rule may be known by now.
    fn entry(&mut self, key: EndpointKey) -> Option<&mut Entry> {
        match key {
            EndpointKey::Rule { generation, .. } if generation < self.generation => None,
            EndpointKey::Rule { generation, number } => {
                if generation > self.generation {
                    self.generation = generation;
                    self.rules.clear();
                }
                let number = number as usize;
                if number >= self.rules.len() {
                    self.rules.resize_with(number + 1, Entry::default);
                }
                Some(&mut self.rules[number])
            }
            EndpointKey::Path(hash) => Some(self.paths.entry(hash)),
            EndpointKey::Other => Some(&mut self.other),
        }
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            is_inline: false,
            measures_next: false,
            was_long: false,
            quick_in_row: 0,
            proof: PROOF,
            inline_calls: 0,
            waits: 0,
            streams: false,
            streaming: 0,
        }
    }
}

impl Entry {
    fn learn(&mut self, measured: Measured) {
        self.was_long = measured.wall > TICK;
        if measured.body == BodyKind::Long {
            self.streams = true;
            self.leave_leader();
            return;
        }
        self.measures_next = measured.wall > LONG;
        match measured.effort {
            None if measured.wall > LONG => {}
            None => self.count_quick(),
            Some(effort) => {
                let away = measured.wall.saturating_sub(effort.processor);
                let has_waited = away > WAITED && effort.waits > 0;
                self.waits = self.waits << 1 | u8::from(has_waited);
                if !has_waited {
                    self.count_quick();
                } else if away > TICK || self.waits.count_ones() >= 2 {
                    self.leave_leader();
                } else {
                    self.quick_in_row = 0;
                }
            }
        }
    }

    fn leave_leader(&mut self) {
        if self.is_inline {
            self.proof = if self.inline_calls < SOON {
                MOST_PROOF.min(self.proof * 2)
            } else {
                PROOF
            };
        }
        self.is_inline = false;
        self.quick_in_row = 0;
    }

    fn count_quick(&mut self) {
        if self.is_inline {
            self.inline_calls = self.inline_calls.saturating_add(1);
            return;
        }
        self.quick_in_row += 1;
        if self.quick_in_row >= self.proof {
            *self = Self {
                is_inline: true,
                proof: self.proof,
                streaming: self.streaming,
                ..Self::default()
            };
        }
    }

    /// Whether something was learnt that a new entry would not say.
    const fn is_proved(&self) -> bool {
        self.is_inline || self.streams || self.streaming > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: EndpointKey = rule(1);

    const fn rule(generation: u64) -> EndpointKey {
        EndpointKey::Rule {
            generation,
            number: 1,
        }
    }

    fn call(wall: u64, processor: Option<u64>) -> Measured {
        Measured {
            wall: Duration::from_micros(wall),
            effort: processor.map(|processor| Effort {
                processor: Duration::from_micros(processor),
                waits: u64::from(wall > processor),
            }),
            body: BodyKind::Whole,
        }
    }

    fn proved_quick() -> Learning {
        let mut learning = Learning::default();
        for _ in 0..PROOF {
            assert_eq!(learning.place(KEY, false).0, Place::View);
            learning.learn(KEY, call(20, Some(20)));
        }
        assert_eq!(learning.place(KEY, false), (Place::Inline, false));
        learning
    }

    #[test]
    fn an_endpoint_runs_inline_after_thirty_two_quick_calls() {
        proved_quick();
    }

    #[test]
    fn a_wait_starts_the_count_again() {
        let mut learning = Learning::default();
        for _ in 0..PROOF - 1 {
            learning.learn(KEY, call(20, Some(20)));
        }

        learning.learn(KEY, call(50_000, Some(50)));
        learning.learn(KEY, call(20, Some(20)));

        assert_eq!(learning.place(KEY, false).0, Place::View);
    }

    #[test]
    fn a_long_call_has_the_next_one_measured() {
        let mut learning = proved_quick();

        learning.learn(KEY, call(150, None));

        assert_eq!(learning.place(KEY, false), (Place::Inline, true));
        learning.learn(KEY, call(20, Some(20)));
        assert_eq!(learning.place(KEY, false), (Place::Inline, false));
    }

    #[test]
    fn one_wait_of_more_than_a_tick_leads_back_to_the_view_threads() {
        let mut learning = proved_quick();

        learning.learn(KEY, call(2_100, Some(50)));

        assert_eq!(learning.place(KEY, false).0, Place::View);
    }

    #[test]
    fn a_call_that_waits_on_the_leader_leads_back_before_it_ends() {
        let mut learning = proved_quick();

        learning.displaced(KEY, true);

        assert_eq!(learning.place(KEY, false).0, Place::View);
    }

    #[test]
    fn long_calls_keep_one_leader_busy_and_no_other_one() {
        let mut learning = proved_quick();

        learning.displaced(KEY, false);

        assert_eq!(learning.place(KEY, true).0, Place::View);
        assert_eq!(learning.place(rule(1), false).0, Place::Inline);
        learning.learn(KEY, call(50_000, Some(49_990)));
        assert_eq!(learning.place(KEY, true).0, Place::View);
        learning.learn(KEY, call(20, Some(20)));
        assert_eq!(learning.place(KEY, true).0, Place::Inline);
    }

    #[test]
    fn two_waits_of_eight_lead_back_to_the_view_threads() {
        let mut learning = proved_quick();

        learning.learn(KEY, call(1_000, Some(50)));
        assert_eq!(learning.place(KEY, false).0, Place::Inline);
        for _ in 0..6 {
            learning.learn(KEY, call(120, Some(110)));
        }
        learning.learn(KEY, call(1_000, Some(50)));

        assert_eq!(learning.place(KEY, false).0, Place::View);
    }

    #[test]
    fn two_waits_further_apart_do_not() {
        let mut learning = proved_quick();

        learning.learn(KEY, call(1_000, Some(50)));
        for _ in 0..7 {
            learning.learn(KEY, call(120, Some(110)));
        }
        learning.learn(KEY, call(1_000, Some(50)));

        assert_eq!(learning.place(KEY, false).0, Place::Inline);
    }

    #[test]
    fn an_endpoint_with_calls_of_two_kinds_comes_to_stay_on_the_view_threads() {
        let mut learning = Learning::default();
        let mut waits_inline = 0;

        for number in 0..100_000 {
            let place = learning.place(KEY, false).0;
            if number % 50 == 49 {
                waits_inline += u32::from(place == Place::Inline);
                learning.learn(KEY, call(50_000, Some(50)));
            } else {
                learning.learn(KEY, call(20, Some(20)));
            }
        }

        assert_eq!(waits_inline, 1);
    }

    #[test]
    fn an_endpoint_that_waits_seldom_is_soon_inline_again() {
        let mut learning = proved_quick();

        for _ in 0..20 {
            for _ in 0..SOON {
                learning.learn(KEY, call(20, None));
            }
            learning.displaced(KEY, true);
            for _ in 0..PROOF {
                assert_eq!(learning.place(KEY, false).0, Place::View);
                learning.learn(KEY, call(20, Some(20)));
            }
            assert_eq!(learning.place(KEY, false).0, Place::Inline);
        }
    }

    #[test]
    fn computing_is_not_waiting() {
        let mut learning = proved_quick();

        for _ in 0..20 {
            learning.learn(KEY, call(50_000, Some(49_990)));
        }

        assert_eq!(learning.place(KEY, false).0, Place::Inline);
    }

    #[test]
    fn being_displaced_is_not_waiting() {
        let mut learning = proved_quick();

        for _ in 0..20 {
            let mut measured = call(50_000, Some(20));
            measured.effort.as_mut().expect("it was measured").waits = 0;
            learning.learn(KEY, measured);
        }

        assert_eq!(learning.place(KEY, false).0, Place::Inline);
    }

    #[test]
    fn a_stream_sends_others_of_its_endpoint_to_stream_threads() {
        let mut learning = Learning::default();

        learning.begin_stream(KEY);
        assert_eq!(learning.place(KEY, false).0, Place::Stream);
        learning.end_stream(KEY);

        assert_eq!(learning.place(KEY, false).0, Place::View);
    }

    #[test]
    fn a_long_stream_is_remembered_until_short_ones_outweigh_it() {
        let mut learning = Learning::default();

        learning.learn(
            KEY,
            Measured {
                body: BodyKind::Long,
                ..call(20, None)
            },
        );
        for _ in 0..PROOF {
            assert_eq!(learning.place(KEY, false).0, Place::Stream);
            learning.learn(
                KEY,
                Measured {
                    body: BodyKind::Short,
                    ..call(20, Some(20))
                },
            );
        }

        assert_eq!(learning.place(KEY, false).0, Place::Inline);
    }

    #[test]
    fn another_generation_starts_afresh() {
        let mut learning = proved_quick();

        assert_eq!(learning.place(rule(2), false).0, Place::View);
    }

    #[test]
    fn what_an_older_generation_did_says_nothing_of_the_present_one() {
        let mut learning = proved_quick();
        for _ in 0..PROOF {
            learning.learn(rule(2), call(20, Some(20)));
        }

        learning.begin_stream(KEY);
        learning.displaced(KEY, true);
        learning.learn(KEY, call(50_000, Some(50)));

        assert_eq!(learning.place(KEY, false), (Place::View, true));
        assert_eq!(learning.place(rule(2), false), (Place::Inline, false));
    }

    #[test]
    fn rules_are_kept_whatever_paths_come() {
        let mut learning = proved_quick();

        for path in 0..100_000 {
            learning.learn(EndpointKey::Path(path), call(20, Some(20)));
        }

        assert_eq!(learning.place(KEY, false), (Place::Inline, false));
    }

    #[test]
    fn paths_that_differ_in_their_first_segment_or_method_are_told_apart() {
        let keys = [
            EndpointKey::of_path(b"GET", b"/a/1"),
            EndpointKey::of_path(b"GET", b"//a/2"),
            EndpointKey::of_path(b"GET", b"/b"),
            EndpointKey::of_path(b"PUT", b"/a/1"),
        ];

        assert_eq!(keys[0], keys[1]);
        assert_ne!(keys[0], keys[2]);
        assert_ne!(keys[0], keys[3]);
    }
}
