//! What a worker counts.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
pub struct Counters {
    pub connections_open: Counter,
    pub connections_accepted: Counter,
    pub requests: Counter,
    /// Requests that other threads than the loop's are working on or wait for.
    pub in_flight: Counter,
    pub refused: Counter,
}

/// A number that any thread may change and read, in no order with anything else.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
