//! How long what is waited for may take.
//!
//! | waits for | is over when | then |
//! |---|---|---|
//! | the first byte of a request | nothing came | closed |
//! | the rest of its head | the head is not whole, counted from its first byte | 408 |
//! | the rest of its body | nothing came for a time, or too little on the average | 408 |
//! | the client to take what is written | it has acknowledged nothing for a time | reset |
//! | a client that has said all, to take the next piece | nothing could be written | closed |
//! | the end of what a client sends behind our end | too long or too much | closed |

use std::time::{Duration, Instant};

use crate::worker::shared::Timeouts;

/// A body up to this size may come as slowly as a bad radio link lets it, for a while.
const SMALL_BODY: u64 = 16 * 1024;
const SMALL_BODY_TIME: Duration = Duration::from_secs(300);

/// How long nothing may come from a peer that is waited for to see our end, before the
/// connection is closed for good.
const QUIET: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Idle,
    Head,
    Body,
    Write,
    /// For a client that has ended its side: it may be gone.
    Gone,
    Linger,
}

/// Until when something is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    kind: Kind,
    at: Instant,
    begun: Instant,
    /// Progress when it was looked at last: bytes of the body that came, or that the peer
    /// has not acknowledged.
    progress: u64,
    /// Bytes of the body when the window of its rate began, and that beginning.
    window: (u64, Instant),
}

/// What a deadline that has passed demands.
#[derive(Debug, PartialEq, Eq)]
pub enum Overdue {
    Nothing,
    /// End without a word: nothing of a request came, or the peer does not listen.
    Close,
    /// Answer 408.
    TimeOut,
    /// End at once, with a reset.
    Reset,
}

impl Deadline {
    /// Wait from now on; `progress` is what [`Deadline::advance`] compares with.
    pub fn new(kind: Kind, now: Instant, timeouts: &Timeouts, progress: u64) -> Self {
        Self {
            kind,
            at: now + time_of(kind, timeouts),
            begun: now,
            progress,
            window: (progress, now),
        }
    }

    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Since when it is waited.
    pub const fn begun(&self) -> Instant {
        self.begun
    }

    /// Note how far it has come; whatever moves gets its time again.
    pub fn advance(&mut self, now: Instant, timeouts: &Timeouts, progress: u64) {
        if self.progress != progress {
            self.progress = progress;
            self.at = now + time_of(self.kind, timeouts);
            if self.kind == Kind::Linger {
                self.at = self.at.min(self.begun + timeouts.linger);
            }
        }
    }

    /// Say what is to be done now. `unacknowledged` is asked when a write is overdue: a
    /// client that takes something is not to be given up, however slow it is.
    pub fn overdue(
        &mut self,
        now: Instant,
        timeouts: &Timeouts,
        unacknowledged: impl FnOnce() -> Option<usize>,
    ) -> Overdue {
        if self.kind == Kind::Body && self.is_too_slow(now, timeouts) {
            return Overdue::TimeOut;
        }
        if now < self.at {
            return Overdue::Nothing;
        }
        match self.kind {
            Kind::Idle | Kind::Linger | Kind::Gone => Overdue::Close,
            Kind::Head | Kind::Body => Overdue::TimeOut,
            Kind::Write => {
                let left = unacknowledged().map_or(self.progress, |left| left as u64);
                self.advance(now, timeouts, left);
                if now < self.at {
                    Overdue::Nothing
                } else {
                    Overdue::Reset
                }
            }
        }
    }

    fn is_too_slow(&mut self, now: Instant, timeouts: &Timeouts) -> bool {
        if now < self.window.1 + timeouts.body {
            return false;
        }
        let came = self.progress.saturating_sub(self.window.0);
        let least = u128::from(timeouts.body_rate) * timeouts.body.as_millis() / 1000;
        if u128::from(came) < least {
            return self.progress > SMALL_BODY || now >= self.begun + SMALL_BODY_TIME;
        }
        self.window = (self.progress, now);
        false
    }
}

fn time_of(kind: Kind, timeouts: &Timeouts) -> Duration {
    match kind {
        Kind::Idle => timeouts.keep_alive,
        Kind::Head => timeouts.head,
        Kind::Body => timeouts.body,
        Kind::Write | Kind::Gone => timeouts.write,
        Kind::Linger => timeouts.linger.min(QUIET),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        head: Duration::from_secs(15),
        keep_alive: Duration::from_secs(75),
        body: Duration::from_secs(20),
        write: Duration::from_secs(60),
        linger: Duration::from_secs(30),
        body_rate: 500,
    };

    fn second(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_client_that_takes_a_little_is_not_given_up() {
        let start = Instant::now();
        let mut deadline = Deadline::new(Kind::Write, start, &TIMEOUTS, 1000);

        for round in 1..10 {
            let left = 1000 - round as usize;
            let now = start + second(60 * round);
            let overdue = deadline.overdue(now, &TIMEOUTS, || Some(left));
            assert_eq!(overdue, Overdue::Nothing);
        }
        let now = start + second(60 * 10);
        assert_eq!(
            deadline.overdue(now, &TIMEOUTS, || Some(991)),
            Overdue::Reset
        );
    }

    #[test]
    fn a_client_that_takes_nothing_is_given_up() {
        let start = Instant::now();
        let mut deadline = Deadline::new(Kind::Write, start, &TIMEOUTS, 1000);
        let now = start + second(60);

        for left in [Some(1000), None] {
            assert_eq!(deadline.overdue(now, &TIMEOUTS, || left), Overdue::Reset);
        }
    }

    #[test]
    fn a_small_body_may_come_slowly_for_a_while() {
        let start = Instant::now();
        let mut deadline = Deadline::new(Kind::Body, start, &TIMEOUTS, 0);

        for came in 1..=30 {
            let now = start + second(10 * came);
            if now >= start + SMALL_BODY_TIME {
                break;
            }
            deadline.advance(now, &TIMEOUTS, came);
            let overdue = deadline.overdue(now, &TIMEOUTS, || None);
            assert_eq!(overdue, Overdue::Nothing, "at {came}");
        }
        let now = start + SMALL_BODY_TIME;
        deadline.advance(now, &TIMEOUTS, 31);
        let overdue = deadline.overdue(now, &TIMEOUTS, || None);
        assert_eq!(overdue, Overdue::TimeOut);
    }

    #[test]
    fn a_large_body_must_come_at_a_rate() {
        let start = Instant::now();
        let mut deadline = Deadline::new(Kind::Body, start, &TIMEOUTS, 0);
        deadline.advance(start + second(1), &TIMEOUTS, SMALL_BODY + 1);
        let first = deadline.overdue(start + second(20), &TIMEOUTS, || None);
        deadline.advance(start + second(39), &TIMEOUTS, SMALL_BODY + 2);

        let then = deadline.overdue(start + second(40), &TIMEOUTS, || None);

        assert_eq!((first, then), (Overdue::Nothing, Overdue::TimeOut));
    }

    #[test]
    fn without_a_rate_a_body_may_come_as_slowly_as_it_does() {
        let start = Instant::now();
        let timeouts = Timeouts {
            body_rate: 0,
            ..TIMEOUTS
        };
        let mut deadline = Deadline::new(Kind::Body, start, &timeouts, SMALL_BODY);

        for came in 1..100 {
            let now = start + second(19 * came);
            deadline.advance(now, &timeouts, SMALL_BODY + came);
            let overdue = deadline.overdue(now, &timeouts, || None);
            assert_eq!(overdue, Overdue::Nothing, "at {came}");
        }
    }

    #[test]
    fn what_comes_behind_our_end_is_read_for_a_bounded_time() {
        let start = Instant::now();
        let mut deadline = Deadline::new(Kind::Linger, start, &TIMEOUTS, 0);

        for came in 1..30 {
            let now = start + second(came);
            deadline.advance(now, &TIMEOUTS, came);
            let overdue = deadline.overdue(now, &TIMEOUTS, || None);
            assert_eq!(overdue, Overdue::Nothing);
        }
        let now = start + TIMEOUTS.linger;
        deadline.advance(now, &TIMEOUTS, 30);
        assert_eq!(deadline.overdue(now, &TIMEOUTS, || None), Overdue::Close);
    }
}
