//! Pools of Python threads that wait natively for requests, last in first out.
//!
//! A paced pool lets few threads work at a time and more only when that helps: requests
//! that compute share one interpreter, so more threads would only fight for it, while
//! requests that wait need a thread each. What tells them apart is the queue: when its
//! first item has waited for a millisecond, those that work do not come back quickly, and
//! twice as many may work. Sixty views that sleep run side by side after six doublings. While
//! the processor is busy throughout, further threads are let in slowly.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::locks::{Arc, Condvar, Mutex, MutexGuard, lock, wait_while_within};

/// How long a thread without work lives.
const IDLE: Duration = Duration::from_secs(10);

/// How long the first item of a queue may wait before more threads work.
pub const PATIENCE: Duration = Duration::from_millis(1);

/// The same while the processor is busy: whoever waits there, waits for it.
const BUSY_PATIENCE: Duration = Duration::from_millis(50);

/// Work for the threads of one kind.
pub struct Pool<T> {
    state: Mutex<State<T>>,
    most: usize,
    waiting: usize,
    is_paced: bool,
}

struct State<T> {
    queue: VecDeque<(Instant, T)>,
    /// Threads without work; the last one to become idle works next, its caches are warm.
    idle: Vec<Arc<Seat<T>>>,
    /// Threads that run or were asked for.
    threads: usize,
    /// Threads that work or were asked for in order to.
    busy: usize,
    /// Of these, the ones that have not come yet.
    starting: usize,
    /// How many may be busy.
    allowed: usize,
    /// The most that were busy since the last relaxation.
    peak: usize,
    /// Threads that run the iterator of a response, and since when.
    iterating: Vec<(u64, Instant)>,
    /// Number of the last thread that joined.
    joined: u64,
    /// Whether a thread could not be started since the last relaxation.
    has_failed: bool,
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
        Self::with(most, waiting, false)
    }

    /// Make a pool that lets more threads work only as the ones that do are kept waiting.
    pub fn paced(most: usize, waiting: usize) -> Self {
        Self::with(most, waiting, true)
    }

    fn with(most: usize, waiting: usize, is_paced: bool) -> Self {
        let state = State {
            queue: VecDeque::new(),
            idle: Vec::new(),
            threads: 0,
            busy: 0,
            starting: 0,
            allowed: if is_paced { 1 } else { most.max(1) },
            peak: 0,
            iterating: Vec::new(),
            joined: 0,
            has_failed: false,
            is_ended: false,
        };
        Self {
            state: Mutex::new(state),
            most,
            waiting,
            is_paced,
        }
    }

    pub fn hand_over(&self, work: T) -> Handed<T> {
        let mut state = self.lock();
        if state.is_ended {
            return Handed::Full(work);
        }
        let is_free = state.busy < state.allowed;
        if is_free && let Some(seat) = state.idle.pop() {
            state.begin_one();
            seat.give(Given::Work(work));
            return Handed::Taken;
        }
        let can_start = is_free && state.threads < self.most;
        if !can_start && state.queue.len() >= self.waiting {
            return Handed::Full(work);
        }
        state.queue.push_back((Instant::now(), work));
        if can_start {
            state.start_one();
            return Handed::Start;
        }
        Handed::Taken
    }

    /// Whether something waits that [`Pool::pace`] could let a thread work on.
    pub fn is_waiting(&self) -> bool {
        let state = self.lock();
        let may_change = state.allowed < self.most || !state.iterating.is_empty();
        let may_take = state.lacks_one() && (!state.idle.is_empty() || self.can_start(&state));
        self.is_paced && !state.queue.is_empty() && (may_change || may_take)
    }

    /// Whether another thread may be asked for because the others are kept waiting. When one
    /// could not be started that is not tried again before the next relaxation.
    const fn can_start(&self, state: &State<T>) -> bool {
        state.threads < self.most && !state.has_failed
    }

    /// Return how many more threads may come to work.
    pub fn room(&self) -> usize {
        self.most.saturating_sub(self.lock().busy)
    }

    /// Let more threads work if the first item has waited for long; returns how many
    /// should be started.
    ///
    /// Threads that have run an iterator for longer than `patience` go over to `streams`:
    /// they may do so for any time, and nobody is to wait for them.
    pub fn pace(
        &self,
        now: Instant,
        processor_is_busy: bool,
        (patience, streams): (Duration, &Self),
    ) -> usize {
        let mut state = self.lock();
        let Some((since, _)) = state.queue.front() else {
            return 0;
        };
        let since = *since;
        state.let_go(now, patience, streams);
        let waited = now.saturating_duration_since(since);
        if self.is_paced && processor_is_busy && waited >= BUSY_PATIENCE {
            state.allowed = self.most.min(state.allowed + 1);
        } else if self.is_paced && !processor_is_busy && waited >= PATIENCE {
            state.allowed = self.most.min(state.allowed * 2);
        }
        let mut wanted = 0;
        while state.lacks_one() {
            if let Some(seat) = state.idle.pop() {
                let Some((_, work)) = state.queue.pop_front() else {
                    break;
                };
                state.begin_one();
                seat.give(Given::Work(work));
            } else if self.can_start(&state) {
                state.start_one();
                wanted += 1;
            } else {
                break;
            }
        }
        wanted
    }

    /// Forget how many were needed before the last call, but for those that still are.
    pub fn relax(&self) {
        let mut state = self.lock();
        if self.is_paced {
            state.allowed = state.peak.max(1);
        }
        state.peak = state.busy;
        state.has_failed = false;
    }

    /// Take back a start that failed; returns the work that was queued for it, where no other
    /// thread is left to do it or it is more than may wait.
    pub fn start_failed(&self) -> Vec<T> {
        let mut state = self.lock();
        state.threads -= 1;
        state.busy -= 1;
        state.starting -= 1;
        state.has_failed = true;
        let kept = if state.threads == 0 {
            0
        } else {
            state.queue.len().min(self.waiting + state.starting)
        };
        state.queue.drain(kept..).map(|(_, work)| work).collect()
    }

    /// Tell the pool of a thread that it asked for.
    pub fn join(&self) -> Member {
        let mut state = self.lock();
        // A thread that nobody asked for waits until it is given something.
        let has_slot = state.starting > 0;
        state.starting = state.starting.saturating_sub(1);
        state.joined += 1;
        let number = state.joined;
        Member { has_slot, number }
    }

    /// Count a thread of another pool that goes on with what it is doing; False when there
    /// is no place for it.
    fn adopt(&self) -> bool {
        let mut state = self.lock();
        let has_place = state.threads < self.most && !state.is_ended;
        if has_place {
            state.begin_one();
            state.threads += 1;
        }
        has_place
    }

    /// Note that a thread runs an iterator from here on.
    pub fn begin_iterating(&self, member: &Member) {
        let mut state = self.lock();
        state.iterating.push((member.number, Instant::now()));
    }

    /// Note that it does so no more; returns whether it belongs to the other pool now.
    pub fn end_iterating(&self, member: &Member) -> bool {
        let mut state = self.lock();
        let before = state.iterating.len();
        state
            .iterating
            .retain(|&(number, _)| number != member.number);
        state.iterating.len() == before
    }

    /// Take over a thread that [`Pool::pace`] let go to this pool.
    pub fn join_adopted(&self) -> Member {
        let mut state = self.lock();
        state.joined += 1;
        Member {
            has_slot: true,
            number: state.joined,
        }
    }

    /// Wait for work; None when the thread is to end. To be called without the interpreter.
    pub fn next(&self, member: &mut Member) -> Option<T> {
        let seat = match self.take_or_sit(member) {
            Ok(work) => return work,
            Err(seat) => seat,
        };
        let mut given = seat.wait(IDLE);
        if matches!(given, Given::Nothing) {
            // It leaves in the same moment in which it is seen that nothing came: whoever
            // counts on a thread that has left would wait for ever.
            let mut state = self.lock();
            given = state.take_back(&seat);
            if matches!(given, Given::Nothing) {
                state.leave();
            }
        }
        match given {
            Given::Work(work) => member.begin(work),
            Given::End => self.leave(),
            Given::Nothing => None,
        }
    }

    /// Wait for work for a while; the thread stays in the pool when none came.
    pub fn next_within(&self, member: &mut Member, time: Duration) -> Result<Option<T>, Timeout> {
        let seat = match self.take_or_sit(member) {
            Ok(work) => return Ok(work),
            Err(seat) => seat,
        };
        let mut given = seat.wait(time);
        if matches!(given, Given::Nothing) {
            given = self.lock().take_back(&seat);
        }
        match given {
            Given::Work(work) => Ok(member.begin(work)),
            Given::End => Ok(self.leave()),
            Given::Nothing => Err(Timeout),
        }
    }

    fn take_or_sit(&self, member: &mut Member) -> Result<Option<T>, Arc<Seat<T>>> {
        let mut state = self.lock();
        if !member.has_slot && !state.queue.is_empty() && state.busy < state.allowed {
            state.begin_one();
            member.has_slot = true;
        }
        if member.has_slot {
            if state.busy <= state.allowed
                && let Some((_, work)) = state.queue.pop_front()
            {
                return Ok(Some(work));
            }
            member.has_slot = false;
            state.busy = state.busy.saturating_sub(1);
        }
        if state.is_ended {
            state.leave();
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
        self.lock().leave();
        None
    }

    /// Let every thread end once its work is done; returns what nobody has begun.
    pub fn end(&self) -> Vec<T> {
        let mut state = self.lock();
        state.is_ended = true;
        for seat in state.idle.drain(..) {
            seat.give(Given::End);
        }
        state.queue.drain(..).map(|(_, work)| work).collect()
    }

    /// Return the number of threads and of waiting items.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.threads, state.queue.len())
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        lock(&self.state)
    }
}

impl<T> State<T> {
    fn begin_one(&mut self) {
        self.busy += 1;
        self.peak = self.peak.max(self.busy);
    }

    /// Whether another thread may work on something for which none was asked for yet.
    fn lacks_one(&self) -> bool {
        self.busy < self.allowed && self.queue.len() > self.starting
    }

    /// Leave a seat; what was given there meanwhile is returned.
    fn take_back(&mut self, seat: &Arc<Seat<T>>) -> Given<T> {
        self.idle.retain(|other| !Arc::ptr_eq(other, seat));
        seat.take()
    }

    fn let_go(&mut self, now: Instant, patience: Duration, streams: &Pool<T>) {
        let before = self.iterating.len();
        self.iterating.retain(|&(_, since)| {
            let is_long = now.saturating_duration_since(since) >= patience;
            !(is_long && streams.adopt())
        });
        let gone = before - self.iterating.len();
        self.threads -= gone;
        self.busy -= gone;
    }

    /// Count a thread no more; one that nobody asked for was never counted.
    const fn leave(&mut self) {
        self.threads = self.threads.saturating_sub(1);
    }

    fn start_one(&mut self) {
        self.begin_one();
        self.threads += 1;
        self.starting += 1;
    }
}

/// A thread of a pool: whether it may work, and its number.
pub struct Member {
    has_slot: bool,
    number: u64,
}

impl Member {
    fn begin<T>(&mut self, work: T) -> Option<T> {
        self.has_slot = true;
        Some(work)
    }
}

/// No work came in time.
pub struct Timeout;

impl<T> Seat<T> {
    fn give(&self, given: Given<T>) {
        *self.lock() = given;
        self.given.notify_one();
    }

    fn wait(&self, time: Duration) -> Given<T> {
        let is_empty = |work: &Given<T>| matches!(work, Given::Nothing);
        let mut work = wait_while_within(&self.given, &self.work, self.lock(), time, is_empty);
        std::mem::replace(&mut work, Given::Nothing)
    }

    fn take(&self) -> Given<T> {
        std::mem::replace(&mut *self.lock(), Given::Nothing)
    }

    fn lock(&self) -> MutexGuard<'_, Given<T>> {
        lock(&self.work)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn pace<T>(pool: &Pool<T>, now: Instant, processor_is_busy: bool) -> usize {
        pool.pace(now, processor_is_busy, (PATIENCE, &Pool::new(0, 0)))
    }

    fn is_started<T>(handed: &Handed<T>) -> bool {
        matches!(handed, Handed::Start)
    }

    #[test]
    fn a_thread_is_asked_for_until_there_are_enough() {
        let pool = Pool::new(2, 1);

        assert!(is_started(&pool.hand_over(1)));
        assert!(is_started(&pool.hand_over(2)));
        assert!(matches!(pool.hand_over(3), Handed::Full(3)));
        let (mut first, mut second) = (pool.join(), pool.join());
        assert_eq!(pool.next(&mut first), Some(1));
        assert!(matches!(pool.hand_over(4), Handed::Full(4)));
        assert_eq!(pool.next(&mut second), Some(2));
        assert!(matches!(pool.hand_over(5), Handed::Taken));
        assert_eq!(pool.counts(), (2, 1));
    }

    #[test]
    fn the_last_idle_thread_works_next() {
        let pool = Pool::new(2, 1);
        let (mut one, mut other) = (pool.join(), pool.join());
        let Err(first) = pool.take_or_sit(&mut one) else {
            panic!("there is no work")
        };
        let Err(second) = pool.take_or_sit(&mut other) else {
            panic!("there is no work")
        };

        assert!(matches!(pool.hand_over(1), Handed::Taken));

        assert!(matches!(second.take(), Given::Work(1)));
        assert!(matches!(first.take(), Given::Nothing));
    }

    #[test]
    fn a_failed_start_gives_the_work_back_when_nobody_is_left() {
        let pool = Pool::new(2, 5);
        assert!(is_started(&pool.hand_over(1)));
        assert!(is_started(&pool.hand_over(2)));

        assert_eq!(pool.start_failed(), Vec::<i32>::new());
        assert_eq!(pool.start_failed(), [1, 2]);
        assert!(is_started(&pool.hand_over(3)));
    }

    #[test]
    fn work_that_may_not_wait_is_given_back_by_a_failed_start() {
        let pool = Pool::new(2, 0);
        assert!(is_started(&pool.hand_over(1)));
        let mut member = pool.join();
        assert_eq!(pool.next(&mut member), Some(1));
        assert!(is_started(&pool.hand_over(2)));

        assert_eq!(pool.start_failed(), [2]);
    }

    #[test]
    fn a_start_that_failed_is_tried_again_after_a_while() {
        let pool = Pool::paced(2, 5);
        for item in 0..4 {
            let _handed = pool.hand_over(item);
        }
        let late = Instant::now() + PATIENCE;
        assert_eq!(pace(&pool, late, false), 1);
        let mut member = pool.join();
        assert_eq!(pool.next(&mut member), Some(0));

        assert_eq!(pool.start_failed(), Vec::<i32>::new());
        assert!(!pool.is_waiting());
        assert_eq!(pace(&pool, late, false), 0);
        pool.relax();

        assert!(pool.is_waiting());
        assert_eq!(pace(&pool, late, false), 1);
        assert!(!pool.is_waiting());
    }

    #[test]
    fn work_that_came_before_a_thread_of_its_own_waits_for_it() {
        let pool = Pool::new(0, 5);
        assert!(matches!(pool.hand_over(1), Handed::Taken));
        assert_eq!(pace(&pool, Instant::now() + PATIENCE, false), 0);
        let mut member = pool.join();

        assert_eq!(pool.next(&mut member), Some(1));

        assert!(matches!(pool.hand_over(2), Handed::Taken));
        assert_eq!(pool.next(&mut member), Some(2));
    }

    #[test]
    fn a_paced_pool_has_one_thread_work_while_the_queue_moves() {
        let pool = Pool::paced(8, 100);
        assert!(is_started(&pool.hand_over(0)));
        let mut member = pool.join();
        assert_eq!(pool.next(&mut member), Some(0));

        for item in 1..50 {
            assert!(matches!(pool.hand_over(item), Handed::Taken));
            assert_eq!(pace(&pool, Instant::now(), false), 0);
            assert_eq!(pool.next(&mut member), Some(item));
        }

        assert_eq!(pool.counts(), (1, 0));
    }

    #[test]
    fn a_paced_pool_doubles_while_the_queue_stands() {
        let pool = Pool::paced(8, 100);
        for item in 0..20 {
            let _handed = pool.hand_over(item);
        }
        let late = Instant::now() + PATIENCE;

        let started: Vec<_> = (0..5).map(|_| pace(&pool, late, false)).collect();

        assert_eq!(started, [1, 2, 4, 0, 0]);
    }

    #[test]
    fn a_busy_processor_lets_threads_in_slowly() {
        let pool = Pool::paced(8, 100);
        for item in 0..20 {
            let _handed = pool.hand_over(item);
        }
        let now = Instant::now();

        assert_eq!(pace(&pool, now + PATIENCE, true), 0);
        assert_eq!(pace(&pool, now + BUSY_PATIENCE, true), 1);
        assert_eq!(pace(&pool, now + BUSY_PATIENCE, true), 1);
    }

    #[test]
    fn what_was_needed_is_forgotten_after_a_quiet_second() {
        let pool = Pool::paced(8, 100);
        for item in 0..4 {
            let _handed = pool.hand_over(item);
        }
        let late = Instant::now() + PATIENCE;
        while pace(&pool, late, false) > 0 {}
        let mut members: Vec<_> = (0..4).map(|_| pool.join()).collect();
        for member in &mut members {
            assert!(pool.next(member).is_some());
        }
        for member in &mut members {
            assert!(pool.take_or_sit(member).is_err());
        }

        pool.relax();
        assert_eq!(pool.lock().allowed, 4);
        pool.relax();

        assert_eq!(pool.lock().allowed, 1);
    }

    #[test]
    fn a_thread_that_iterates_for_long_makes_room_for_another() {
        let (pool, streams) = (Pool::paced(1, 100), Pool::new(1, 0));
        assert!(is_started(&pool.hand_over(1)));
        let mut member = pool.join();
        assert_eq!(pool.next(&mut member), Some(1));
        assert!(matches!(pool.hand_over(2), Handed::Taken));

        pool.begin_iterating(&member);
        assert!(pool.is_waiting());
        let now = Instant::now();
        assert_eq!(pool.pace(now, false, (IDLE, &streams)), 0);
        assert_eq!(pool.pace(now + IDLE, false, (IDLE, &streams)), 1);

        assert_eq!((pool.counts().0, streams.counts().0), (1, 1));
        assert!(pool.end_iterating(&member));
        let mut adopted = streams.join_adopted();
        assert!(streams.end().is_empty());
        assert_eq!(streams.next(&mut adopted), None);
        assert_eq!(streams.counts(), (0, 0));
    }

    #[test]
    fn a_thread_that_iterates_stays_when_it_is_quick_or_nobody_can_take_it() {
        let (pool, streams) = (Pool::paced(1, 100), Pool::new(0, 0));
        assert!(is_started(&pool.hand_over(1)));
        let mut member = pool.join();
        assert_eq!(pool.next(&mut member), Some(1));
        assert!(matches!(pool.hand_over(2), Handed::Taken));

        pool.begin_iterating(&member);
        let late = Instant::now() + IDLE;
        assert_eq!(pool.pace(late, false, (IDLE, &streams)), 0);

        assert!(!pool.end_iterating(&member));
        assert_eq!(pool.next(&mut member), Some(2));
    }

    #[test]
    fn the_end_wakes_those_that_wait_and_returns_what_is_queued() {
        let pool = Arc::new(Pool::new(1, 5));
        assert!(is_started(&pool.hand_over(0)));
        let mut member = pool.join();
        assert_eq!(pool.next(&mut member), Some(0));
        let waiting = {
            let pool = Arc::clone(&pool);
            std::thread::spawn(move || pool.next(&mut member))
        };
        while pool.lock().idle.is_empty() {
            std::thread::yield_now();
        }

        assert_eq!(pool.end(), Vec::<i32>::new());

        assert_eq!(waiting.join().expect("it does not panic"), None);
        assert_eq!(pool.counts(), (0, 0));
    }
}
