//! Pools of Python threads that wait natively for requests, last in first out.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a thread without work lives.
const IDLE: Duration = Duration::from_secs(10);

/// Work for the threads of one kind.
pub struct Pool<T> {
    state: Mutex<State<T>>,
    most: usize,
    waiting: usize,
}

struct State<T> {
    queue: VecDeque<T>,
    /// Threads without work; the last one to become idle works next, its caches are warm.
    idle: Vec<Arc<Seat<T>>>,
    /// Threads that run or were asked for.
    threads: usize,
    is_ended: bool,
}

/// Where one thread waits.
struct Seat<T> {
    work: Mutex<Given<T>>,
    given: Condvar,
}

enum Given<T> {
    Nothing,
    Work(T),
    End,
}

/// What came of handing over work.
pub enum Handed<T> {
    /// A thread has it or will.
    Taken,
    /// It is queued, and another thread should be started.
    Start,
    /// Too much is waiting already.
    Full(T),
}

impl<T> Pool<T> {
    /// Make a pool of at most `most` threads, in whose queue at most `waiting` items wait.
    pub fn new(most: usize, waiting: usize) -> Self {
        let state = State {
            queue: VecDeque::new(),
            idle: Vec::new(),
            threads: 0,
            is_ended: false,
        };
        Self {
            state: Mutex::new(state),
            most,
            waiting,
        }
    }

    pub fn hand_over(&self, work: T) -> Handed<T> {
        let mut state = self.lock();
        if state.is_ended {
            return Handed::Full(work);
        }
        if let Some(seat) = state.idle.pop() {
            seat.give(Given::Work(work));
            return Handed::Taken;
        }
        let can_start = state.threads < self.most;
        if !can_start && state.queue.len() >= self.waiting {
            return Handed::Full(work);
        }
        state.queue.push_back(work);
        if can_start {
            state.threads += 1;
            return Handed::Start;
        }
        Handed::Taken
    }

    /// Take back a start that failed; returns work that no thread is left to do.
    pub fn start_failed(&self) -> Vec<T> {
        let mut state = self.lock();
        state.threads -= 1;
        if state.threads == 0 {
            state.queue.drain(..).collect()
        } else {
            Vec::new()
        }
    }

    /// Wait for work; None when the thread is to end. To be called without the interpreter.
    pub fn next(&self) -> Option<T> {
        let seat = match self.take_or_sit() {
            Ok(work) => return work,
            Err(seat) => seat,
        };
        match seat.wait(Instant::now() + IDLE) {
            Given::Work(work) => return Some(work),
            Given::End => return self.leave(),
            Given::Nothing => {}
        }
        // Nothing came in time, but a moment later something may have.
        let mut state = self.lock();
        state.idle.retain(|other| !Arc::ptr_eq(other, &seat));
        drop(state);
        match seat.take() {
            Given::Work(work) => Some(work),
            Given::End | Given::Nothing => self.leave(),
        }
    }

    /// Wait for work for a while; the thread stays in the pool when none came.
    pub fn next_within(&self, time: Duration) -> Result<Option<T>, Timeout> {
        let seat = match self.take_or_sit() {
            Ok(work) => return Ok(work),
            Err(seat) => seat,
        };
        let mut given = seat.wait(Instant::now() + time);
        if matches!(given, Given::Nothing) {
            self.lock().idle.retain(|other| !Arc::ptr_eq(other, &seat));
            given = seat.take();
        }
        match given {
            Given::Work(work) => Ok(Some(work)),
            Given::End => Ok(self.leave()),
            Given::Nothing => Err(Timeout),
        }
    }

    fn take_or_sit(&self) -> Result<Option<T>, Arc<Seat<T>>> {
        let mut state = self.lock();
        if let Some(work) = state.queue.pop_front() {
            return Ok(Some(work));
        }
        if state.is_ended {
            state.threads = state.threads.saturating_sub(1);
            return Ok(None);
        }
        let seat = Arc::new(Seat {
            work: Mutex::new(Given::Nothing),
            given: Condvar::new(),
        });
        state.idle.push(Arc::clone(&seat));
        Err(seat)
    }

    fn leave(&self) -> Option<T> {
        let mut state = self.lock();
        if let Some(work) = state.queue.pop_front() {
            return Some(work);
        }
        state.threads = state.threads.saturating_sub(1);
        None
    }

    /// Let every thread end once its work is done; returns what nobody has begun.
    pub fn end(&self) -> Vec<T> {
        let mut state = self.lock();
        state.is_ended = true;
        for seat in state.idle.drain(..) {
            seat.give(Given::End);
        }
        state.queue.drain(..).collect()
    }

    /// Return the number of threads and of waiting items.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.threads, state.queue.len())
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No work came in time.
pub struct Timeout;

impl<T> Seat<T> {
    fn give(&self, given: Given<T>) {
        *self.lock() = given;
        self.given.notify_one();
    }

    fn wait(&self, until: Instant) -> Given<T> {
        let mut work = self.lock();
        while matches!(*work, Given::Nothing) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.given.wait_timeout(work, left);
            work = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::replace(&mut *work, Given::Nothing)
    }

    fn take(&self) -> Given<T> {
        std::mem::replace(&mut *self.lock(), Given::Nothing)
    }

    fn lock(&self) -> MutexGuard<'_, Given<T>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_asked_for_until_there_are_enough() {
        let pool = Pool::new(2, 1);

        assert!(matches!(pool.hand_over(1), Handed::Start));
        assert!(matches!(pool.hand_over(2), Handed::Start));
        assert!(matches!(pool.hand_over(3), Handed::Full(3)));
        assert_eq!(pool.next(), Some(1));
        assert!(matches!(pool.hand_over(4), Handed::Full(4)));
        assert_eq!(pool.next(), Some(2));
        assert!(matches!(pool.hand_over(5), Handed::Taken));
        assert_eq!(pool.counts(), (2, 1));
    }

    #[test]
    fn the_last_idle_thread_works_next() {
        let pool = Pool::new(2, 1);
        let Err(first) = pool.take_or_sit() else {
            panic!("there is no work");
        };
        let Err(second) = pool.take_or_sit() else {
            panic!("there is no work");
        };

        assert!(matches!(pool.hand_over(1), Handed::Taken));

        assert!(matches!(second.take(), Given::Work(1)));
        assert!(matches!(first.take(), Given::Nothing));
    }

    #[test]
    fn a_failed_start_gives_the_work_back_when_nobody_is_left() {
        let pool = Pool::new(2, 5);
        assert!(matches!(pool.hand_over(1), Handed::Start));
        assert!(matches!(pool.hand_over(2), Handed::Start));

        assert_eq!(pool.start_failed(), Vec::<i32>::new());
        assert_eq!(pool.start_failed(), [1, 2]);
    }

    #[test]
    fn the_end_wakes_those_that_wait_and_returns_what_is_queued() {
        let pool = Arc::new(Pool::new(1, 5));
        assert!(matches!(pool.hand_over(0), Handed::Start));
        assert_eq!(pool.next(), Some(0));
        let waiting = {
            let pool = Arc::clone(&pool);
            std::thread::spawn(move || pool.next())
        };
        while pool.lock().idle.is_empty() {
            std::thread::yield_now();
        }

        assert_eq!(pool.end(), Vec::<i32>::new());

        assert_eq!(waiting.join().expect("it does not panic"), None);
        assert_eq!(pool.counts(), (0, 0));
    }
}
