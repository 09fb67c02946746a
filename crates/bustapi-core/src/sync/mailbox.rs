//! The queue from all threads to the loop, with one wake for each batch.

use super::locks::{Mutex, lock};

/// A queue that any thread may post to and one thread empties.
#[derive(Debug)]
pub struct Mailbox<T>(Mutex<Vec<T>>);

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Mailbox<T> {
    /// Add an item; returns whether the reader must be woken for it.
    ///
    /// Only the first item after the box was emptied wakes: whoever finds others in it
    /// knows that their wake is under way and that the reader has yet to look.
    #[must_use]
    pub fn post(&self, item: T) -> bool {
        let mut items = lock(&self.0);
        items.push(item);
        items.len() == 1
    }

    /// Move everything that is there into an empty list, whose room is used again.
    pub fn collect(&self, into: &mut Vec<T>) {
        debug_assert!(into.is_empty());
        let mut items = lock(&self.0);
        std::mem::swap(&mut *items, into);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_of_a_batch_wakes() {
        let mailbox = Mailbox::default();
        let mut items = Vec::new();

        assert!(mailbox.post(1));
        assert!(!mailbox.post(2));
        mailbox.collect(&mut items);

        assert_eq!(items, [1, 2]);
        assert!(mailbox.post(3));
    }
}
