//! The socket of a connection: the only place that reads from one and writes to it.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use socket2::Socket;

/// A connected socket that never blocks. What is read and written is plain text.
pub struct Transport {
    socket: Socket,
    /// Whether its end is to be a reset.
    is_reset: bool,
}

impl Transport {
    pub const fn new(socket: Socket) -> Self {
        Self {
            socket,
            is_reset: false,
        }
    }

    /// Read once; returns the bytes that came, none of them at the end.
    pub fn read<'a>(&self, scratch: &'a mut [MaybeUninit<u8>]) -> io::Result<&'a [u8]> {
        let count = self.socket.recv(scratch)?;
        // SAFETY: the kernel has filled so many bytes of the buffer.
        Ok(unsafe { std::slice::from_raw_parts(scratch.as_ptr().cast::<u8>(), count) })
    }

    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.send_with_flags(bytes, NO_SIGNAL)
    }

    pub fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.send_vectored_with_flags(slices, NO_SIGNAL)
    }

    /// Write a part of a file; returns 0 when the file is shorter than that.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn write_file(&self, file: &OwnedFd, offset: u64, count: usize) -> io::Result<usize> {
        let mut position = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        // SAFETY: both descriptors are open as long as their owners, which are borrowed
        // here; the offset is a valid place to write to.
        let sent = unsafe {
            libc::sendfile(
                self.socket.as_raw_fd(),
                file.as_raw_fd(),
                &raw mut position,
                count,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// Write a part of a file through a buffer where the kernel's `sendfile` differs.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub fn write_file(&self, file: &OwnedFd, offset: u64, count: usize) -> io::Result<usize> {
        use std::os::unix::fs::FileExt as _;

        let file = std::fs::File::from(file.try_clone()?);
        let mut block = [0; 64 * 1024];
        let most = block.len().min(count);
        let count = file.read_at(&mut block[..most], offset)?;
        if count == 0 {
            return Ok(0);
        }
        self.write(&block[..count])
    }

    /// Return how many bytes the peer has not acknowledged; None where nobody knows.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn unacknowledged(&self) -> Option<usize> {
        let mut count: libc::c_int = 0;
        // SAFETY: the request takes a valid place for one integer; the descriptor is open.
        let result =
            unsafe { libc::ioctl(self.socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
        if result < 0 {
            return None;
        }
        usize::try_from(count).ok()
    }

    /// Return how many bytes the peer has not acknowledged; None where nobody knows.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    #[expect(clippy::unused_self, reason = "elsewhere the socket is asked")]
    pub const fn unacknowledged(&self) -> Option<usize> {
        None
    }

    /// Say that nothing more will be written.
    pub fn end_output(&self) {
        // It fails when the peer has reset the connection, which is an end as well.
        drop(self.socket.shutdown(Shutdown::Write));
    }

    /// End both directions, also for copies of the descriptor.
    pub fn end(&self) {
        if self.is_reset {
            // The peer would see a proper end before it.
            return;
        }
        // It fails when the peer has left before.
        drop(self.socket.shutdown(Shutdown::Both));
    }

    /// Have the kernel drop what is unsent at the end, and tell the peer of it by a reset.
    pub fn reset_at_end(&mut self) {
        self.is_reset = true;
        // Best effort: the connection is closed in any case.
        drop(self.socket.set_linger(Some(Duration::ZERO)));
    }

    /// Take back [`Transport::reset_at_end`]: the peer may read what is written to its end.
    pub fn end_properly(&mut self) {
        if std::mem::take(&mut self.is_reset) {
            drop(self.socket.set_linger(None));
        }
    }
}

impl AsRawFd for Transport {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const NO_SIGNAL: libc::c_int = 0;
