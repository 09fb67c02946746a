//! Who owns the loop: one thread leads it, and it passes on when a view keeps its leader.
//!
//! The loop is a value that one thread owns at a time. Before a leader runs a view it *lends*
//! the loop; afterwards it *recovers* it, unless the *watcher* has taken it meanwhile.
//!
//! | the loop is | entered by | left by |
//! |---|---|---|
//! | OWNED, out of here | `take` by the watcher, `recover` by its leader | `lend` → LENT |
//! | LENT, a view runs | `lend` | `recover` → OWNED; `resign` → VACANT; `take` → OWNED by another |
//! | VACANT, nobody's | `new`, `resign` | `take` → OWNED by another |
//!
//! Threads that may lead *stand by*. One of them is the watcher: it looks at the loan once a
//! tick and takes the loop when it sees the same loan twice. While nothing is lent for a
//! while it sleeps until the next loan. A few others wait for its place; more are not kept.
//!
//! Invariants, each explored under loom:
//! - The value has one owner. Loans are numbered, so a leader that was displaced never
//!   recovers a loan that another one has made.
//! - A vacant loop is taken as long as somebody stands by, and `stand_by` lets a new thread in.
//! - `end` wakes all who stand by, and nobody waits after it.

use std::time::Duration;

use super::locks::{Condvar, Mutex, MutexGuard, lock, wait_while, wait_while_within};

/// Ticks without a loan after which the watcher sleeps until there is one.
const QUIET: u32 = if cfg!(loom) { 1 } else { 25 };

/// Threads that wait for the watcher's place, so that one that was displaced and comes back
/// need not end while another is started.
const SPARES: usize = if cfg!(loom) { 1 } else { 4 };

/// Owner and loan of a value that is led by one thread at a time; see the module.
#[derive(Debug)]
pub struct Lead<T> {
    state: Mutex<State<T>>,
    /// The watcher sleeps here.
    watched: Condvar,
    /// Those that wait for the watcher's place do here.
    vacated: Condvar,
}

#[derive(Debug)]
struct State<T> {
    lent: Option<T>,
    /// Number of the last loan.
    loan: u64,
    is_vacant: bool,
    has_watcher: bool,
    is_asleep: bool,
    spares: usize,
    /// Threads that were asked for and have not come yet.
    expected: usize,
    is_ended: bool,
}

/// Which loan: what a leader needs to recover it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loan(u64);

/// What a thread that stands by is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the watcher now.
    Watcher,
    /// Enough stand by already, or the end has come.
    Dismissed,
}

impl<T> Lead<T> {
    /// Make a lead whose value waits for the first watcher to take it.
    pub fn new(value: T) -> Self {
        let state = State {
            lent: Some(value),
            loan: 0,
            is_vacant: true,
            has_watcher: false,
            is_asleep: false,
            spares: 0,
            expected: 0,
            is_ended: false,
        };
        Self {
            state: Mutex::new(state),
            watched: Condvar::new(),
            vacated: Condvar::new(),
        }
    }

    /// Lend the value while its leader does something that may take long.
    ///
    /// # Errors
    /// Nobody watches, so nobody would take it: the value is given back.
    pub fn lend(&self, value: T) -> Result<Loan, T> {
        let mut state = self.lock();
        if !state.has_watcher {
            return Err(value);
        }
        state.loan += 1;
        state.lent = Some(value);
        if std::mem::take(&mut state.is_asleep) {
            self.watched.notify_one();
        }
        Ok(Loan(state.loan))
    }

    /// Return the value to the leader that lent it; None: another thread leads now.
    #[must_use]
    pub fn recover(&self, loan: Loan) -> Option<T> {
        let mut state = self.lock();
        if state.loan != loan.0 || state.is_vacant {
            return None;
        }
        state.lent.take()
    }

    /// Whether a loan has neither been taken nor been recovered.
    #[must_use]
    pub fn is_lent(&self, loan: Loan) -> bool {
        let state = self.lock();
        state.loan == loan.0 && state.lent.is_some()
    }

    /// Leave a loan to the watcher at once: its leader does not come back for it.
    pub fn resign(&self, loan: Loan) {
        let mut state = self.lock();
        if state.loan == loan.0 && state.lent.is_some() {
            state.is_vacant = true;
            state.is_asleep = false;
            self.watched.notify_one();
        }
    }

    /// Wait for the watcher's place. To be called by each thread that may lead.
    #[must_use]
    pub fn stand_by(&self) -> Standing {
        let mut state = self.lock();
        state.expected = state.expected.saturating_sub(1);
        if state.has_watcher {
            if state.spares >= SPARES || state.is_ended {
                return Standing::Dismissed;
            }
            state.spares += 1;
            state = wait_while(&self.vacated, state, |state| {
                state.has_watcher && !state.is_ended
            });
            state.spares -= 1;
        }
        if state.is_ended {
            return Standing::Dismissed;
        }
        state.has_watcher = true;
        Standing::Watcher
    }

    /// Watch until a loan has lasted from one tick to the next, or is vacant; returns which,
    /// or None at the end. To be called by the watcher.
    #[must_use]
    pub fn watch(&self, tick: Duration) -> Option<Loan> {
        let mut state = self.lock();
        let mut seen = None;
        let mut quiet = 0;
        loop {
            if state.is_ended {
                state.has_watcher = false;
                return None;
            }
            let current = state.lent.is_some().then_some(state.loan);
            if state.is_vacant || (current.is_some() && current == seen) {
                return Some(Loan(state.loan));
            }
            quiet = if current.is_none() { quiet + 1 } else { 0 };
            seen = current;
            if quiet > QUIET {
                state.is_asleep = true;
                state = wait_while(&self.watched, state, |state| {
                    state.is_asleep && !state.is_ended
                });
                quiet = 0;
            } else {
                let goes_on = |state: &State<T>| !state.is_vacant && !state.is_ended;
                state = wait_while_within(&self.watched, &self.state, state, tick, goes_on);
            }
        }
    }

    /// Take what was seen to be lent for long; None: its leader has come back meanwhile.
    ///
    /// To be called by the watcher, which leads from then on and watches no more.
    #[must_use]
    pub fn take(&self, loan: Loan) -> Option<T> {
        let mut state = self.lock();
        if state.loan != loan.0 {
            return None;
        }
        let value = state.lent.take()?;
        state.is_vacant = false;
        state.has_watcher = false;
        self.vacated.notify_one();
        Some(value)
    }

    /// Whether another thread should be started to stand by; it is expected from then on.
    #[must_use]
    pub fn wants_another(&self) -> bool {
        let mut state = self.lock();
        let is_wanted = !(state.has_watcher && state.spares > 0) && state.expected == 0;
        state.expected += usize::from(is_wanted && !state.is_ended);
        is_wanted && !state.is_ended
    }

    /// Take back that a thread is expected: it could not be started.
    pub fn start_failed(&self) {
        let mut state = self.lock();
        state.expected = state.expected.saturating_sub(1);
    }

    /// Dismiss all who stand by; a value that is lent is still recovered.
    pub fn end(&self) {
        let mut state = self.lock();
        state.is_ended = true;
        state.is_asleep = false;
        self.watched.notify_all();
        self.vacated.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        lock(&self.state)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread::ScopedJoinHandle;

    use super::*;

    const TICK: Duration = Duration::from_millis(1);

    /// Return a lead and what its leader has, without a watcher.
    fn led() -> (Lead<&'static str>, &'static str) {
        let lead = Lead::new("loop");
        assert_eq!(lead.stand_by(), Standing::Watcher);
        let loan = lead.watch(TICK).expect("it has not ended");
        let value = lead.take(loan).expect("nobody else takes it");
        (lead, value)
    }

    fn watched() -> (Lead<&'static str>, &'static str) {
        let (lead, value) = led();
        assert_eq!(lead.stand_by(), Standing::Watcher);
        (lead, value)
    }

    fn lend(lead: &Lead<&'static str>, value: &'static str) -> Loan {
        lead.lend(value).expect("somebody watches")
    }

    #[test]
    fn the_first_to_watch_takes_what_nobody_leads() {
        let (lead, value) = led();

        assert_eq!(value, "loop");
        assert_eq!(lead.lend(value), Err("loop"));
    }

    #[test]
    fn a_short_loan_goes_back_to_its_leader() {
        let (lead, value) = watched();

        let loan = lend(&lead, value);

        assert_eq!(lead.recover(loan), Some("loop"));
        assert_eq!(lead.recover(loan), None);
    }

    #[test]
    fn a_loan_that_lasts_is_taken_and_not_recovered() {
        let (lead, value) = watched();
        let first = lend(&lead, value);

        let seen = lead.watch(TICK).expect("it has not ended");
        let value = lead.take(seen).expect("its leader is away");

        assert_eq!(seen, first);
        assert_eq!(lead.recover(first), None);
        assert_eq!(lead.stand_by(), Standing::Watcher);
        let second = lend(&lead, value);
        assert_eq!(lead.recover(first), None);
        assert_eq!(lead.recover(second), Some("loop"));
    }

    #[test]
    fn what_is_resigned_is_taken_at_once_and_never_recovered() {
        let (lead, value) = watched();
        let loan = lend(&lead, value);

        lead.resign(loan);

        assert_eq!(lead.recover(loan), None);
        assert_eq!(lead.watch(Duration::MAX), Some(loan));
        assert_eq!(lead.take(loan), Some("loop"));
    }

    #[test]
    fn a_watcher_that_comes_too_late_takes_nothing() {
        let (lead, value) = watched();
        let loan = lend(&lead, value);
        let seen = lead.watch(TICK).expect("it has not ended");

        let value = lead.recover(loan).expect("nobody has taken it");
        assert_eq!(lead.take(seen), None);
        let next = lend(&lead, value);

        assert_eq!(lead.take(seen), None);
        assert_eq!(lead.recover(next), Some("loop"));
    }

    #[test]
    fn a_watcher_that_sleeps_wakes_for_the_next_loan() {
        let (lead, value) = led();
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                assert_eq!(lead.stand_by(), Standing::Watcher);
                lead.watch(TICK).and_then(|loan| lead.take(loan))
            });
            while !lead.lock().is_asleep {
                std::thread::yield_now();
            }

            lend(&lead, value);

            let taken = watcher.join().expect("the watcher does not panic");
            assert_eq!(taken, Some("loop"));
        });
    }

    #[test]
    fn one_watches_some_wait_and_more_are_dismissed() {
        let (lead, value) = watched();
        std::thread::scope(|scope| {
            let spares: Vec<_> = (0..SPARES)
                .map(|_| scope.spawn(|| lead.stand_by()))
                .collect();
            while lead.lock().spares < SPARES {
                std::thread::yield_now();
            }

            assert_eq!(lead.stand_by(), Standing::Dismissed);
            let loan = lend(&lead, value);
            lead.resign(loan);
            assert_eq!(lead.take(loan), Some("loop"));

            while !lead.lock().has_watcher {
                std::thread::yield_now();
            }

            lead.end();
            let standing = |spare: ScopedJoinHandle<'_, _>| spare.join().expect("no panic");
            let standings: Vec<_> = spares.into_iter().map(standing).collect();
            let watchers = standings.iter().filter(|&&it| it == Standing::Watcher);
            assert_eq!(watchers.count(), 1);
        });
    }

    #[test]
    fn one_thread_is_asked_for_at_a_time() {
        let (lead, _value) = led();

        assert!(lead.wants_another());
        assert!(!lead.wants_another());
        lead.start_failed();
        assert!(lead.wants_another());
        assert_eq!(lead.stand_by(), Standing::Watcher);
        assert!(lead.wants_another());
    }

    #[test]
    fn the_end_dismisses_who_stands_by() {
        let (lead, value) = led();
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                assert_eq!(lead.stand_by(), Standing::Watcher);
                lead.watch(TICK)
            });
            while !lead.lock().is_asleep {
                std::thread::yield_now();
            }
            lead.end();
            assert_eq!(watcher.join().expect("the watcher does not panic"), None);
        });

        assert_eq!(lead.stand_by(), Standing::Dismissed);
        assert!(!lead.wants_another());
        assert_eq!(lead.lend(value), Err("loop"));
    }
}
