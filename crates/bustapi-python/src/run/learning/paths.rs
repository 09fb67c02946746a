//! What is known of endpoints that are told apart by path alone, however many paths come.
//!
//! Clients choose the paths, so they could fill any table. Two tables keep what is in use:
//!
//! - A path that comes for the first time is on *trial*. When the table is full, the oldest
//!   entry goes; one that was asked for again since it was last looked at stays.
//! - What has *proved* something by then (it runs inline, or streams) moves to a table of
//!   its own, where only others that did so take its place, by the same rule.
//!
//! So paths that come once push out only one another. Who is forgotten is on the view
//! threads again, where every endpoint begins: that costs time, and holds up nobody.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::Entry;

const ON_TRIAL: usize = 1024;
const PROVED: usize = 3072;

pub struct Paths {
    trial: Table,
    proved: Table,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            trial: Table::new(ON_TRIAL),
            proved: Table::new(PROVED),
        }
    }
}

impl Paths {
    /// Return the entry of a path, a new one if none is known.
    pub fn entry(&mut self, path: u64) -> &mut Entry {
        if let Some(place) = self.proved.find(path) {
            return self.proved.at(place);
        }
        if let Some(place) = self.trial.find(path) {
            return self.trial.at(place);
        }
        let (place, displaced) = self.trial.insert(path, Entry::default());
        if let Some(Slot { path, entry, .. }) = displaced
            && entry.is_proved()
        {
            self.proved.insert(path, entry);
        }
        self.trial.at(place)
    }
}

/// A bounded table that forgets what was not asked for lately: the *clock* algorithm.
struct Table {
    capacity: usize,
    slots: Vec<Slot>,
    places: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
    /// The slot that is looked at next.
    hand: usize,
}

struct Slot {
    path: u64,
    entry: Entry,
    /// Whether it was asked for since the hand last passed.
    is_used: bool,
}

impl Table {
    fn new(capacity: usize) -> Self {
        Self {
            capacity,
            slots: Vec::new(),
            places: HashMap::default(),
            hand: 0,
        }
    }

    /// Return the place of a path that is asked for.
    fn find(&mut self, path: u64) -> Option<usize> {
        let place = *self.places.get(&path)?;
        self.slots[place].is_used = true;
        Some(place)
    }

    fn at(&mut self, place: usize) -> &mut Entry {
        &mut self.slots[place].entry
    }

    /// Put in an entry, and return its place and what had to go for it.
    fn insert(&mut self, path: u64, entry: Entry) -> (usize, Option<Slot>) {
        let slot = Slot {
            path,
            entry,
            is_used: false,
        };
        if self.slots.len() < self.capacity {
            let place = self.slots.len();
            self.slots.push(slot);
            self.places.insert(path, place);
            return (place, None);
        }
        let place = self.make_room();
        self.places.insert(path, place);
        let displaced = std::mem::replace(&mut self.slots[place], slot);
        self.places.remove(&displaced.path);
        (place, Some(displaced))
    }

    /// Return the next place whose entry was not used. Each step but the last takes back the
    /// mark of a request, so that a request costs one step on average.
    fn make_room(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (place + 1) % self.capacity;
            if !std::mem::take(&mut self.slots[place].is_used) {
                return place;
            }
        }
    }
}

/// The hasher of numbers that are hashes.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.rotate_left(8) ^ number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prove(paths: &mut Paths, path: u64) {
        paths.entry(path).is_inline = true;
    }

    fn size(paths: &Paths) -> usize {
        for table in [&paths.trial, &paths.proved] {
            assert_eq!(table.slots.len(), table.places.len());
        }
        paths.trial.slots.len() + paths.proved.slots.len()
    }

    #[test]
    fn what_has_proved_itself_outlives_any_number_of_paths_that_come_once() {
        let mut paths = Paths::default();
        prove(&mut paths, 1);

        for path in 0..100_000 {
            paths.entry(1_000_000 + path);
        }

        assert!(paths.entry(1).is_inline);
        assert!(size(&paths) <= ON_TRIAL + PROVED);
    }

    #[test]
    fn a_path_in_use_gets_to_prove_itself_among_paths_that_come_once() {
        let mut paths = Paths::default();

        for call in 0..32_u64 {
            paths.entry(1).quick_in_row += 1;
            for path in 0..1000 {
                paths.entry(1_000_000 + 1000 * call + path);
            }
        }

        assert_eq!(paths.entry(1).quick_in_row, 32);
    }

    #[test]
    fn a_proved_path_in_use_outlives_any_number_of_others_that_proved_themselves() {
        let mut paths = Paths::default();
        prove(&mut paths, 1);

        for path in 0..100_000 {
            prove(&mut paths, 1_000_000 + path);
            if path % 1000 == 0 {
                assert!(paths.entry(1).is_inline);
            }
        }

        assert!(paths.entry(1).is_inline);
        assert!(size(&paths) <= ON_TRIAL + PROVED);
    }

    #[test]
    fn a_path_that_is_asked_for_no_more_is_forgotten() {
        let mut paths = Paths::default();
        prove(&mut paths, 1);

        for path in 0..10_000 {
            prove(&mut paths, 1_000_000 + path);
        }

        assert!(!paths.entry(1).is_inline);
    }

    #[test]
    fn streams_that_go_on_outlive_paths_that_come_once() {
        let mut paths = Paths::default();
        paths.entry(1).streaming = 1;

        for path in 0..100_000 {
            paths.entry(1_000_000 + path);
        }

        assert_eq!(paths.entry(1).streaming, 1);
    }
}
