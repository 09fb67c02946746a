//! The mailbox: each item is read, though only the first of a batch wakes.

use loom::sync::Arc;
use loom::thread;

use crate::desk::Desk;

#[test]
fn every_item_of_a_batch_is_read_though_only_the_first_wakes() {
    loom::model(|| {
        let desk = Arc::new(Desk::default());
        let posts: Vec<_> = (1..=2)
            .map(|item| {
                let desk = desk.clone();
                thread::spawn(move || desk.mailbox.post(item))
            })
            .collect();

        let mut read = Vec::new();
        while read.len() < 2 {
            read.extend(desk.wait());
        }

        read.sort_unstable();
        assert_eq!(read, [1, 2]);
        for post in posts {
            post.join().expect("the posting thread does not panic");
        }
    });
}
