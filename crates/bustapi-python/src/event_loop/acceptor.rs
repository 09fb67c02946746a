//! Listening sockets and how many connections are taken from them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::Socket;

use crate::worker::fork::Descriptors;

/// Connections accepted in one turn of the loop, so that those that are open get theirs.
const BATCH: usize = 64;

/// Descriptors left for the application: files, database connections, spools.
const RESERVE: u64 = 10;

pub struct Acceptor {
    listeners: Vec<Listener>,
    most: usize,
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
    /// Register duplicated listeners under tokens that count down from `last`.
    pub fn new(
        descriptors: Vec<OwnedFd>,
        registry: &Registry,
        last: usize,
        most: usize,
    ) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for (index, descriptor) in descriptors.into_iter().enumerate() {
            let socket = Socket::from(descriptor);
            socket.set_nonblocking(true)?;
            let raw = socket.as_raw_fd();
            registry.register(&mut SourceFd(&raw), Token(last - index), Interest::READABLE)?;
            listeners.push(Listener {
                socket,
                is_ready: true,
            });
        }
        Ok(Self { listeners, most })
    }

    /// Note that connections wait on a listener.
    pub fn set_ready(&mut self, index: usize) {
        if let Some(listener) = self.listeners.get_mut(index) {
            listener.is_ready = true;
        }
    }

    pub fn is_ready(&self) -> bool {
        self.listeners.iter().any(|listener| listener.is_ready)
    }

    /// Accept a batch; `open` is the number of connections that are open already.
    pub fn accept(
        &mut self,
        mut open: usize,
        mut take: impl FnMut(Socket, Option<SocketAddr>),
    ) -> io::Result<Accepted> {
        let mut left = BATCH;
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
    pub fn close(&mut self, registry: &Registry, descriptors: &Descriptors) {
        for listener in self.listeners.drain(..) {
            // A socket that cannot be deregistered is closed, which does the same.
            drop(registry.deregister(&mut SourceFd(&listener.socket.as_raw_fd())));
            descriptors.remove(listener.socket.as_raw_fd());
        }
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
