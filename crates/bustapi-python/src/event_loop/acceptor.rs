//! Listening sockets and how many connections are taken from them.
//!
//! With several workers the supervisor sees when connections wait at one that does not take
//! them, and *calls*: it writes the number of the listener into a pipe that all workers
//! read. Whoever reads it, which a busy one does not, takes connections from that listener
//! as well, until nobody waits there any more.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};

use socket2::Socket;

use crate::io::poller::Poller;
use crate::worker::fork::Descriptors;

/// Connections accepted in one turn of the loop, so that those that are open get theirs.
const BATCH: usize = 64;

/// Descriptors left for the application: files, database connections, spools.
const RESERVE: u64 = 10;

pub struct Acceptor {
    /// The worker's own ones, which the poller looks at, then those of all workers.
    listeners: Vec<Listener>,
    own: usize,
    calls: Option<File>,
    /// Whether calls may be waiting.
    is_called: bool,
    most: usize,
}

/// How connections reach a worker.
pub struct Sockets {
    pub listeners: Vec<OwnedFd>,
    /// Listeners of all workers, in the order of the numbers by which calls name them.
    pub neighbours: Vec<OwnedFd>,
    /// Pipe that calls come from: numbers of 16 bits.
    pub calls: Option<OwnedFd>,
}

struct Listener {
    socket: Socket,
    /// Whether connections may be waiting.
    is_ready: bool,
}

/// What came of accepting.
#[derive(Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Nobody waits any more.
    All,
    /// The batch is full; more may wait.
    More,
    /// There are no descriptors or no places left.
    Full,
}

impl Acceptor {
    /// Have duplicated sockets looked at by the poller.
    pub fn new(sockets: Sockets, poller: &Poller, most: usize) -> io::Result<Self> {
        let own = sockets.listeners.len();
        let listeners: Vec<_> = sockets
            .listeners
            .into_iter()
            .chain(sockets.neighbours)
            .enumerate()
            .map(|(index, descriptor)| Listener {
                socket: Socket::from(descriptor),
                is_ready: index < own,
            })
            .collect();
        for listener in &listeners {
            listener.socket.set_nonblocking(true)?;
        }
        let acceptor = Self {
            listeners,
            own,
            calls: sockets.calls.map(File::from),
            is_called: false,
            most,
        };
        for (number, raw) in acceptor.registered().enumerate() {
            poller.add_listener(raw, number)?;
        }
        Ok(acceptor)
    }

    /// Return what the poller looks at, in the order of the numbers it has for them.
    fn registered(&self) -> impl Iterator<Item = RawFd> {
        let own = &self.listeners[..self.own];
        own.iter()
            .map(|listener| listener.socket.as_raw_fd())
            .chain(self.calls.as_ref().map(|calls| calls.as_raw_fd()))
    }

    /// Return all descriptors that it has open.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.listeners
            .iter()
            .map(|listener| listener.socket.as_raw_fd())
            .chain(self.calls.as_ref().map(|calls| calls.as_raw_fd()))
    }

    /// Note that connections wait on a listener, or calls, by the poller's number for it.
    pub fn set_ready(&mut self, number: usize) {
        if number < self.own {
            self.listeners[number].is_ready = true;
        } else if number == self.own {
            self.is_called = true;
        }
    }

    pub fn is_ready(&self) -> bool {
        self.is_called || self.listeners.iter().any(|listener| listener.is_ready)
    }

    /// Whether other workers may take what this one leaves.
    pub fn has_neighbours(&self) -> bool {
        self.listeners.len() > self.own
    }

    /// Note where connections wait according to the calls, which nobody else sees then.
    fn hear(&mut self) {
        let Some(calls) = &mut self.calls else { return };
        let mut numbers = [0; 512];
        match calls.read(&mut numbers) {
            Ok(count) => {
                for number in numbers[..count].chunks_exact(2) {
                    let number = u16::from_ne_bytes([number[0], number[1]]);
                    let index = self.own + usize::from(number);
                    if let Some(listener) = self.listeners.get_mut(index) {
                        listener.is_ready = true;
                    }
                }
                self.is_called = count == numbers.len();
            }
            // Another worker has answered the call.
            Err(_) => self.is_called = false,
        }
    }

    /// Accept a batch of at most `most`; `open` is the number of connections that are open
    /// already.
    pub fn accept(
        &mut self,
        mut open: usize,
        most: usize,
        mut take: impl FnMut(Socket, Option<SocketAddr>),
    ) -> io::Result<Accepted> {
        if self.is_called {
            self.hear();
        }
        let mut left = most.min(BATCH);
        for listener in &mut self.listeners {
            while listener.is_ready {
                if open >= self.most {
                    if has_waiting(&listener.socket) {
                        return Ok(Accepted::Full);
                    }
                    listener.is_ready = false;
                    continue;
                }
                if left == 0 {
                    return Ok(Accepted::More);
                }
                match listener.socket.accept() {
                    Ok((socket, address)) => {
                        left -= 1;
                        open += 1;
                        prepare(&socket, address.as_socket())?;
                        take(socket, address.as_socket());
                    }
                    Err(error) => match error.raw_os_error() {
                        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                            return Ok(Accepted::Full);
                        }
                        _ if error.kind() == io::ErrorKind::WouldBlock => {
                            listener.is_ready = false;
                        }
                        // Whoever has left again while waiting concerns nobody.
                        Some(libc::ECONNABORTED | libc::EINTR | libc::EPROTO | libc::EPERM) => {}
                        _ => return Err(error),
                    },
                }
            }
        }
        Ok(Accepted::All)
    }

    /// Stop listening; the sockets themselves belong to others as well.
    pub fn close(&mut self, poller: &Poller, descriptors: &Descriptors) {
        for raw in self.registered() {
            poller.remove(raw);
        }
        for raw in self.descriptors() {
            descriptors.remove(raw);
        }
        self.listeners.clear();
        self.own = 0;
        self.calls = None;
        self.is_called = false;
    }
}

/// Whether somebody waits to be accepted.
fn has_waiting(socket: &Socket) -> bool {
    let mut descriptor = libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid structure is passed, and its descriptor is open while `socket` is.
    unsafe { libc::poll(&raw mut descriptor, 1, 0) > 0 }
}

fn prepare(socket: &Socket, address: Option<SocketAddr>) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    if address.is_some() {
        // Answers leave in one write each; waiting for more would only delay them. A peer
        // that has left already makes it fail, and is noticed later.
        drop(socket.set_tcp_nodelay(true));
    }
    Ok(())
}

/// Return how many connections the limit of descriptors leaves room for.
pub fn most_connections() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is a valid place to write to.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if result != 0 || limit.rlim_cur == libc::RLIM_INFINITY {
        return usize::MAX;
    }
    let most = limit.rlim_cur - limit.rlim_cur / RESERVE;
    usize::try_from(most).unwrap_or(usize::MAX).max(1)
}
