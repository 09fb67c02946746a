//! Which endpoints run inline on the hot thread: those that have proved quick.
//!
//! | an endpoint | runs | until |
//! |---|---|---|
//! | is not known yet | on a view thread | 32 quick calls in a row: inline |
//! | is inline | on the hot thread | it waits in two of its last eight measured calls |
//! | was seen to wait | on a view thread | 32 quick calls in a row |
//! | is streaming now | on a stream thread | its stream ended, short and quick |
//! | has streamed for long | on a stream thread | 32 short and quick ones in a row |
//!
//! Quick means that the call did not wait for long: a view that computes would gain nothing
//! from another thread, and one that other processes displaced even less. The monotonic
//! clock is read for every call; the clock of the thread, which costs half a microsecond,
//! only after a call was long.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash as _, Hasher};
use std::time::Duration;

use crate::run::clock::Effort;

/// A call up to this long is quick without a closer look.
const LONG: Duration = Duration::from_micros(100);

/// Time off the processor from which a call has waited: a few times a hop between threads.
const WAITED: Duration = Duration::from_micros(100);

/// Quick calls in a row after which an endpoint runs inline.
const PROOF: u8 = 32;

/// Endpoints that are told apart; more share one entry.
const CAPACITY: usize = 4096;

/// Which endpoint a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndpointKey {
    /// A rule of the index, by its number.
    Rule(u32),
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

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    is_inline: bool,
    measures_next: bool,
    quick_in_row: u8,
    /// Of the last eight measured calls, those that waited.
    waits: u8,
    streams: bool,
    streaming: u32,
}

#[derive(Default)]
pub struct Learning {
    generation: u64,
    entries: HashMap<EndpointKey, Entry, BuildHasherDefault<KeyHasher>>,
}

/// PERF: a key is a number that the index gave or that was hashed already, so it is only
/// spread here; the default hasher cost 0.1 µs a request.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        // Fibonacci hashing: the odd number nearest to 2^64 over the golden ratio.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number.cast_unsigned() as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Learning {
    /// Forget rules that an index of another generation knew.
    pub fn set_generation(&mut self, generation: u64) {
        if generation != self.generation {
            self.generation = generation;
            self.entries.clear();
        }
    }

    /// Return where the next request of an endpoint runs, and whether its processor time
    /// is to be measured.
    pub fn place(&mut self, key: EndpointKey) -> (Place, bool) {
        let entry = self.entry(key);
        let place = match entry {
            Entry { streaming: 1.., .. } | Entry { streams: true, .. } => Place::Stream,
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
        self.entry(key).streaming += 1;
    }

    /// Note that such a stream has ended.
    pub fn end_stream(&mut self, key: EndpointKey) {
        let entry = self.entry(key);
        entry.streaming = entry.streaming.saturating_sub(1);
    }

    /// Learn from a call.
    pub fn learn(&mut self, key: EndpointKey, measured: Measured) {
        let entry = self.entry(key);
        if measured.body == BodyKind::Long {
            entry.streams = true;
            entry.is_inline = false;
            entry.quick_in_row = 0;
            return;
        }
        match measured.effort {
            None => {
                entry.measures_next = measured.wall > LONG;
                if measured.wall <= LONG {
                    entry.count_quick();
                }
            }
            Some(effort) => {
                let away = measured.wall.saturating_sub(effort.processor);
                let waited = away > WAITED && effort.waits > 0;
                entry.measures_next = measured.wall > LONG;
                entry.waits = entry.waits << 1 | u8::from(waited);
                if waited {
                    entry.quick_in_row = 0;
                    entry.is_inline &= entry.waits.count_ones() < 2;
                } else {
                    entry.count_quick();
                }
            }
        }
    }

    /// Note that a call has kept the leader until another thread took over.
    ///
    /// A call that waits does so again; one that computes would gain nothing elsewhere.
    pub fn displaced(&mut self, key: EndpointKey, is_waiting: bool) {
        if is_waiting {
            let entry = self.entry(key);
            entry.is_inline = false;
            entry.quick_in_row = 0;
        }
    }

    fn entry(&mut self, key: EndpointKey) -> &mut Entry {
        let is_known = self.entries.len() < CAPACITY || self.entries.contains_key(&key);
        self.entries
            .entry(if is_known { key } else { EndpointKey::Other })
            .or_default()
    }
}

impl Entry {
    fn count_quick(&mut self) {
        if self.is_inline {
            return;
        }
        self.quick_in_row += 1;
        if self.quick_in_row >= PROOF {
            *self = Self {
                is_inline: true,
                streaming: self.streaming,
                ..Self::default()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: EndpointKey = EndpointKey::Rule(1);

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
            assert_eq!(learning.place(KEY).0, Place::View);
            learning.learn(KEY, call(20, Some(20)));
        }
        assert_eq!(learning.place(KEY), (Place::Inline, false));
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

        assert_eq!(learning.place(KEY).0, Place::View);
    }

    #[test]
    fn a_long_call_has_the_next_one_measured() {
        let mut learning = proved_quick();

        learning.learn(KEY, call(150, None));

        assert_eq!(learning.place(KEY), (Place::Inline, true));
        learning.learn(KEY, call(20, Some(20)));
        assert_eq!(learning.place(KEY), (Place::Inline, false));
    }

    #[test]
    fn two_waits_of_eight_lead_back_to_the_view_threads() {
        let mut learning = proved_quick();

        learning.learn(KEY, call(5_000, Some(50)));
        assert_eq!(learning.place(KEY).0, Place::Inline);
        for _ in 0..6 {
            learning.learn(KEY, call(120, Some(110)));
        }
        learning.learn(KEY, call(5_000, Some(50)));

        assert_eq!(learning.place(KEY).0, Place::View);
    }

    #[test]
    fn two_waits_further_apart_do_not() {
        let mut learning = proved_quick();

        learning.learn(KEY, call(5_000, Some(50)));
        for _ in 0..7 {
            learning.learn(KEY, call(120, Some(110)));
        }
        learning.learn(KEY, call(5_000, Some(50)));

        assert_eq!(learning.place(KEY).0, Place::Inline);
    }

    #[test]
    fn computing_is_not_waiting() {
        let mut learning = proved_quick();

        for _ in 0..20 {
            learning.learn(KEY, call(50_000, Some(49_990)));
        }

        assert_eq!(learning.place(KEY).0, Place::Inline);
    }

    #[test]
    fn being_displaced_is_not_waiting() {
        let mut learning = proved_quick();

        for _ in 0..20 {
            let mut measured = call(50_000, Some(20));
            measured.effort.as_mut().expect("it was measured").waits = 0;
            learning.learn(KEY, measured);
        }

        assert_eq!(learning.place(KEY).0, Place::Inline);
    }

    #[test]
    fn a_stream_sends_others_of_its_endpoint_to_stream_threads() {
        let mut learning = Learning::default();

        learning.begin_stream(KEY);
        assert_eq!(learning.place(KEY).0, Place::Stream);
        learning.end_stream(KEY);

        assert_eq!(learning.place(KEY).0, Place::View);
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
            assert_eq!(learning.place(KEY).0, Place::Stream);
            learning.learn(
                KEY,
                Measured {
                    body: BodyKind::Short,
                    ..call(20, Some(20))
                },
            );
        }

        assert_eq!(learning.place(KEY).0, Place::Inline);
    }

    #[test]
    fn another_generation_starts_afresh() {
        let mut learning = proved_quick();

        learning.set_generation(7);

        assert_eq!(learning.place(KEY).0, Place::View);
    }

    #[test]
    fn endpoints_beyond_the_capacity_share_an_entry() {
        let mut learning = Learning::default();
        for number in 0..CAPACITY {
            learning.learn(EndpointKey::Path(number as u64), call(20, Some(20)));
        }

        learning.learn(
            EndpointKey::Path(u64::MAX - 1),
            Measured {
                body: BodyKind::Long,
                ..call(1, None)
            },
        );

        assert_eq!(learning.place(EndpointKey::Path(u64::MAX)).0, Place::Stream);
        assert_eq!(learning.entries.len(), CAPACITY + 1);
    }
}
