//! What the loop waits for: sockets that can be read or written again, and a call to wake.
//!
//! Sockets are added once, for reading and writing, and only changes are told.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use bustapi_core::sync::mailbox::Wake;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

/// Token of the waker; listeners count down from the one below, connections up from 0.
const WAKER: Token = Token(usize::MAX);
const LAST_LISTENER: usize = usize::MAX - 1;

/// Listeners that have a token; a connection never has one so high.
const LISTENERS: usize = 1 << 16;

/// Events that one wait brings.
const EVENTS: usize = 1024;

pub struct Poller {
    poll: Poll,
    /// Where the system leaves them.
    events: Events,
    /// What the last wait brought.
    brought: Vec<Change>,
}

/// A change of something that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Connections wait at the listener of that number.
    Listener(usize),
    /// Something is possible with the connection at that place.
    Connection(usize, Readiness),
}

/// What is possible with a connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    pub is_readable: bool,
    pub is_writable: bool,
    /// Whether the peer has ended its side.
    pub has_hung_up: bool,
    /// Whether the connection has ended in both directions.
    pub is_dead: bool,
}

/// Wakes the thread that waits, from any other.
#[derive(Debug)]
pub struct PollerWake(Waker);

impl Wake for PollerWake {
    fn wake(&self) {
        // It fails only when there are so many calls that the thread wakes anyway.
        drop(self.0.wake());
    }
}

impl Poller {
    pub fn new() -> io::Result<(Self, PollerWake)> {
        let poll = Poll::new()?;
        let wake = PollerWake(Waker::new(poll.registry(), WAKER)?);
        let poller = Self {
            poll,
            events: Events::with_capacity(EVENTS),
            brought: Vec::with_capacity(EVENTS),
        };
        Ok((poller, wake))
    }

    pub fn add_listener(&self, descriptor: RawFd, number: usize) -> io::Result<()> {
        let token = Token(LAST_LISTENER - number);
        self.add(descriptor, token, Interest::READABLE)
    }

    pub fn add_connection(&self, descriptor: RawFd, place: usize) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.add(descriptor, Token(place), interest)
    }

    fn add(&self, descriptor: RawFd, token: Token, interest: Interest) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(&mut SourceFd(&descriptor), token, interest)
    }

    /// Forget a descriptor that is closed next.
    pub fn remove(&self, descriptor: RawFd) {
        // Where it fails, closing does the same.
        drop(self.poll.registry().deregister(&mut SourceFd(&descriptor)));
    }

    /// Wait until something changes or the time is over; None: for as long as it takes.
    ///
    /// Returns whether the wait ended for something, a call to wake included.
    pub fn wait(&mut self, time: Option<Duration>) -> io::Result<bool> {
        self.brought.clear();
        self.poll.poll(&mut self.events, time)?;
        let changes = self.events.iter().filter_map(change_of);
        self.brought.extend(changes);
        Ok(!self.events.is_empty())
    }

    /// Forget what the last wait brought.
    pub fn clear(&mut self) {
        self.brought.clear();
    }

    /// Return one of the changes that the last wait brought, by its number.
    pub fn change(&self, number: usize) -> Option<Change> {
        self.brought.get(number).copied()
    }
}

impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }
}

fn change_of(event: &mio::event::Event) -> Option<Change> {
    let token = event.token();
    if token == WAKER {
        return None;
    }
    if token.0 > LAST_LISTENER - LISTENERS {
        return Some(Change::Listener(LAST_LISTENER - token.0));
    }
    let has_hung_up = event.is_read_closed();
    let readiness = Readiness {
        is_readable: event.is_readable() || has_hung_up,
        is_writable: event.is_writable(),
        has_hung_up,
        is_dead: event.is_error() || (has_hung_up && event.is_write_closed()),
    };
    Some(Change::Connection(token.0, readiness))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn wait(poller: &mut Poller) -> io::Result<Vec<Change>> {
        assert!(poller.wait(Some(Duration::from_secs(20)))?);
        Ok((0..).map_while(|number| poller.change(number)).collect())
    }

    fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        Ok((ours, theirs))
    }

    #[test]
    fn a_call_ends_a_wait_and_is_no_change() -> io::Result<()> {
        let (mut poller, wake) = Poller::new()?;

        wake.wake();

        assert_eq!(wait(&mut poller)?, []);
        assert!(!poller.wait(Some(Duration::ZERO))?);
        Ok(())
    }

    #[test]
    fn a_change_is_told_once_and_the_next_one_again() -> io::Result<()> {
        let (mut poller, _wake) = Poller::new()?;
        let (mut ours, mut theirs) = pair()?;
        poller.add_connection(ours.as_raw_fd(), 7)?;
        let writable = Readiness {
            is_readable: false,
            is_writable: true,
            has_hung_up: false,
            is_dead: false,
        };
        let both = Readiness {
            is_readable: true,
            ..writable
        };

        assert_eq!(wait(&mut poller)?, [Change::Connection(7, writable)]);
        assert!(!poller.wait(Some(Duration::ZERO))?);
        for _ in 0..2 {
            theirs.write_all(b"x")?;
            assert_eq!(wait(&mut poller)?, [Change::Connection(7, both)]);
            ours.read_exact(&mut [0])?;
        }
        Ok(())
    }

    #[test]
    fn an_end_of_one_side_is_not_the_end_of_both() -> io::Result<()> {
        for end in [std::net::Shutdown::Write, std::net::Shutdown::Both] {
            let (mut poller, _wake) = Poller::new()?;
            let (ours, theirs) = pair()?;
            poller.add_connection(ours.as_raw_fd(), 0)?;

            theirs.shutdown(end)?;

            let changes = wait(&mut poller)?;
            let [Change::Connection(0, readiness)] = changes[..] else {
                panic!("{changes:?}");
            };
            assert!(readiness.is_readable && readiness.has_hung_up);
            assert_eq!(readiness.is_dead, end == std::net::Shutdown::Both);
        }
        Ok(())
    }

    #[test]
    fn listeners_have_numbers_of_their_own() -> io::Result<()> {
        let (mut poller, _wake) = Poller::new()?;
        let (ours, mut theirs) = pair()?;
        poller.add_listener(ours.as_raw_fd(), 3)?;

        theirs.write_all(b"x")?;

        assert_eq!(wait(&mut poller)?, [Change::Listener(3)]);
        poller.remove(ours.as_raw_fd());
        theirs.write_all(b"x")?;
        assert!(!poller.wait(Some(Duration::ZERO))?);
        Ok(())
    }
}
