//! The queue from all threads to the loop, with one wake for each batch.

use super::locks::{Mutex, lock};

/// What wakes the reader of a mailbox, if only the next time that it waits.
pub trait Wake {
    fn wake(&self);
}

/// A queue that any thread may post to and one thread empties.
#[derive(Debug)]
pub struct Mailbox<T, W> {
    items: Mutex<Items<T>>,
    waker: W,
}

#[derive(Debug)]
struct Items<T> {
    waiting: Vec<T>,
    is_ended: bool,
}

impl<T, W: Wake> Mailbox<T, W> {
    pub fn new(waker: W) -> Self {
        Self {
            items: Mutex::new(Items {
                waiting: Vec::new(),
                is_ended: false,
            }),
            waker,
        }
    }

    /// Add an item and wake the reader for it.
    ///
    /// Only the first item after the box was emptied wakes: whoever finds others in it
    /// knows that their wake is under way and that the reader has yet to look.
    pub fn post(&self, item: T) {
        if self.add(item) {
            self.wake();
        }
    }

    /// Post from the thread that has lent the place of the reader: it looks itself once it
    /// has that back, and whoever took it looked after that. `is_lent` says whether it was
    /// taken before.
    pub fn post_lent(&self, item: T, is_lent: impl FnOnce() -> bool) {
        let _is_first = self.add(item);
        if !is_lent() {
            self.wake();
        }
    }

    /// Wake the reader for something that is no item.
    pub fn wake(&self) {
        self.waker.wake();
    }

    /// Move everything that is there into an empty list, whose room is used again.
    pub fn collect(&self, into: &mut Vec<T>) {
        debug_assert!(into.is_empty());
        std::mem::swap(&mut lock(&self.items).waiting, into);
    }

    /// Drop what is there and whatever comes: nobody reads it any more.
    pub fn end(&self) {
        let mut items = lock(&self.items);
        items.is_ended = true;
        let unread = std::mem::take(&mut items.waiting);
        drop(items);
        drop(unread);
    }

    /// Add an item; returns whether it is the first.
    fn add(&self, item: T) -> bool {
        let mut items = lock(&self.items);
        if items.is_ended {
            drop(items);
            drop(item);
            return false;
        }
        items.waiting.push(item);
        items.waiting.len() == 1
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::Cell;

    use super::*;

    impl Wake for Cell<u32> {
        fn wake(&self) {
            self.set(self.get() + 1);
        }
    }

    #[test]
    fn only_the_first_of_a_batch_wakes() {
        let mailbox = Mailbox::new(Cell::new(0));
        let mut items = Vec::new();

        mailbox.post(1);
        mailbox.post(2);
        mailbox.collect(&mut items);

        assert_eq!((&*items, mailbox.waker.get()), (&[1, 2][..], 1));
        mailbox.post(3);
        assert_eq!(mailbox.waker.get(), 2);
    }

    #[test]
    fn what_nobody_reads_any_more_is_dropped() {
        let mailbox = Mailbox::new(Cell::new(0));
        let item = std::rc::Rc::new(());

        mailbox.post(item.clone());
        mailbox.end();
        mailbox.post(item.clone());

        assert_eq!(std::rc::Rc::strong_count(&item), 1);
    }

    #[test]
    fn who_has_lent_the_place_of_the_reader_wakes_whoever_took_it() {
        let mailbox = Mailbox::new(Cell::new(0));

        mailbox.post_lent(1, || true);
        assert_eq!(mailbox.waker.get(), 0);
        mailbox.post_lent(2, || false);

        assert_eq!(mailbox.waker.get(), 1);
    }
}
