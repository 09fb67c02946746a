//! A pool: who works on what, while threads come, leave, iterate for long and end.

use std::time::{Duration, Instant};

use bustapi_core::sync::pool::{Handed, Member, PATIENCE, Pool};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};

/// Longer than anything in a model has lasted.
const LONG: Duration = Duration::from_secs(3600);

/// What was done, by whomever.
#[derive(Clone, Default)]
struct Done(Arc<Mutex<Vec<u32>>>);

impl Done {
    fn add(&self, item: u32) {
        self.0.lock().expect("no thread panics").push(item);
    }

    fn sorted(&self, others: &[u32]) -> Vec<u32> {
        let mut all = self.0.lock().expect("no thread panics").clone();
        all.extend_from_slice(others);
        all.sort_unstable();
        all
    }
}

/// Work until the pool lets this thread end, or it has waited for long.
fn work(pool: &Pool<u32>, done: &Done) {
    let mut member = pool.join();
    while let Some(item) = pool.next(&mut member) {
        done.add(item);
    }
}

/// Work until the end; whoever waits without being given anything is reported by loom.
fn work_to_the_end(pool: &Pool<u32>, member: &mut Member, done: &Done) {
    while let Ok(Some(item)) = pool.next_within(member, Duration::MAX) {
        done.add(item);
    }
}

fn start(pool: &Arc<Pool<u32>>, done: &Done) -> JoinHandle<()> {
    let (pool, done) = (pool.clone(), done.clone());
    thread::spawn(move || work_to_the_end(&pool, &mut pool.join(), &done))
}

#[test]
fn work_is_never_left_to_a_thread_that_leaves() {
    loom::model(|| {
        let (pool, done) = (Arc::new(Pool::new(1, 2)), Done::default());
        let mut threads = Vec::new();
        for item in 1..=2 {
            match pool.hand_over(item) {
                Handed::Taken => {}
                Handed::Start => {
                    let (pool, done) = (pool.clone(), done.clone());
                    threads.push(thread::spawn(move || work(&pool, &done)));
                }
                Handed::Full(_) => panic!("one item may wait"),
            }
        }

        for thread in threads {
            thread.join().expect("it does not panic");
        }

        assert_eq!(pool.counts(), (0, 0));
        assert_eq!(done.sorted(&[]), [1, 2]);
    });
}

#[test]
fn each_item_is_done_once_or_given_back_at_the_end() {
    loom::model(|| {
        let (pool, done) = (Arc::new(Pool::new(2, 2)), Done::default());
        let mut threads = Vec::new();
        for item in 1..=2 {
            if matches!(pool.hand_over(item), Handed::Start) {
                threads.push(start(&pool, &done));
            }
        }

        let left = pool.end();

        for thread in threads {
            thread.join().expect("it does not panic");
        }
        assert_eq!(done.sorted(&left), [1, 2]);
        assert_eq!(pool.counts(), (0, 0));
        assert!(matches!(pool.hand_over(3), Handed::Full(3)));
    });
}

#[test]
fn an_idle_thread_is_given_what_comes() {
    loom::model(|| {
        let (pool, done) = (Arc::new(Pool::new(1, 2)), Done::default());
        assert!(matches!(pool.hand_over(1), Handed::Start));
        let thread = start(&pool, &done);
        let second = match pool.hand_over(2) {
            Handed::Taken => 2,
            Handed::Start | Handed::Full(_) => panic!("one thread works, one item may wait"),
        };

        while pool.counts().1 > 0 {
            thread::yield_now();
        }
        assert!(pool.end().is_empty());

        thread.join().expect("it does not panic");
        assert_eq!(done.sorted(&[]), [1, second]);
    });
}

#[test]
fn a_thread_that_cannot_be_started_leaves_nothing_undone() {
    loom::model(|| {
        let (pool, done) = (Arc::new(Pool::new(2, 2)), Done::default());
        assert!(matches!(pool.hand_over(1), Handed::Start));
        let thread = start(&pool, &done);

        let mut left = Vec::new();
        if matches!(pool.hand_over(2), Handed::Start) {
            left = pool.start_failed();
        }
        // The thread that there is takes what is queued.
        while pool.counts().1 > 0 {
            thread::yield_now();
        }
        assert!(pool.end().is_empty());

        thread.join().expect("it does not panic");
        assert_eq!(done.sorted(&left), [1, 2]);
        assert_eq!(pool.counts(), (0, 0));
    });
}

#[test]
fn who_iterates_for_long_counts_in_one_pool_at_any_time() {
    loom::model(|| {
        let (pool, streams) = (Arc::new(Pool::paced(1, 2)), Arc::new(Pool::new(1, 0)));
        let (done, moved) = (Done::default(), Arc::new(AtomicUsize::new(0)));
        assert!(matches!(pool.hand_over(1), Handed::Start));
        let iterates = {
            let (pool, streams) = (pool.clone(), streams.clone());
            let (done, moved) = (done.clone(), moved.clone());
            thread::spawn(move || {
                let mut member = pool.join();
                if let Some(item) = pool.next(&mut member) {
                    pool.begin_iterating(&member);
                    done.add(item);
                    if pool.end_iterating(&member) {
                        moved.fetch_add(1, Ordering::Relaxed);
                        work_to_the_end(&streams, &mut streams.join_adopted(), &done);
                        return;
                    }
                }
                work_to_the_end(&pool, &mut member, &done);
            })
        };

        assert!(matches!(pool.hand_over(2), Handed::Taken));
        let wanted = pool.pace(Instant::now() + LONG, false, (PATIENCE, &streams));
        let others: Vec<_> = (0..wanted).map(|_| start(&pool, &done)).collect();
        while pool.counts().1 > 0 {
            thread::yield_now();
        }

        let (views, streaming) = (pool.counts().0, streams.counts().0);
        assert_eq!((views, streaming), (1, wanted));
        assert!(pool.end().is_empty() && streams.end().is_empty());
        iterates.join().expect("it does not panic");
        for other in others {
            other.join().expect("it does not panic");
        }
        assert_eq!(moved.load(Ordering::Relaxed), wanted);
        assert_eq!(done.sorted(&[]), [1, 2]);
        assert_eq!((pool.counts().0, streams.counts().0), (0, 0));
    });
}
