//! The native thread that writes access lines, so that no request waits for the log.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes of lines that wait to be written; lines beyond are dropped and counted.
const CAPACITY: usize = 1024 * 1024;

/// How long lines are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(5);

/// How long the end of the worker waits for a log that takes no more.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where lines are handed to the thread.
pub struct LogWriter {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    is_ended: bool,
    has_left: bool,
}

impl LogWriter {
    /// Start the thread; it writes to a duplicate of the descriptor.
    pub fn start(descriptor: OwnedFd) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            dropped: AtomicU64::new(0),
        });
        let theirs = Arc::clone(&shared);
        let name = "bustapi-log".to_owned();
        thread::Builder::new()
            .name(name)
            .spawn(move || theirs.write(File::from(descriptor)))?;
        Ok(Self { shared })
    }

    /// Append a line that the function formats.
    pub fn push(&self, format: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.shared.lock();
        if state.lines.len() >= CAPACITY || state.has_left {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let is_first = state.lines.is_empty();
        format(&mut state.lines);
        if is_first {
            self.shared.changed.notify_all();
        }
    }

    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Let the thread write what is left, and wait for it for a moment.
    pub fn end(&self) {
        let mut state = self.shared.lock();
        state.is_ended = true;
        self.shared.changed.notify_all();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, LAST_WORDS, |state| !state.has_left);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut file: File) {
        let mut lines = Vec::new();
        while self.gather(&mut lines) {
            let count = lines.iter().filter(|&&byte| byte == b'\n').count();
            if file.write_all(&lines).is_err() {
                self.dropped.fetch_add(count as u64, Ordering::Relaxed);
            }
            lines.clear();
        }
        self.lock().has_left = true;
        self.changed.notify_all();
    }

    /// Wait for lines; False when there are none and none will come.
    fn gather(&self, lines: &mut Vec<u8>) -> bool {
        let mut state = self.lock();
        while state.lines.is_empty() {
            if state.is_ended {
                return false;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        // PERF: one wake and one write for many lines.
        let gathered = self
            .changed
            .wait_timeout_while(state, GATHER, |state| !state.is_ended);
        let mut state = gathered.unwrap_or_else(PoisonError::into_inner).0;
        std::mem::swap(&mut state.lines, lines);
        true
    }
}

/// Duplicate a descriptor that Python named.
pub fn duplicate(descriptor: i32) -> std::io::Result<OwnedFd> {
    if descriptor < 0 {
        return Err(std::io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the number is not -1; the caller of the constructor passed it as open, and
    // the kernel refuses one that is not.
    unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn pipe() -> (File, OwnedFd) {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        (File::from(OwnedFd::from(reader)), OwnedFd::from(writer))
    }

    #[test]
    fn every_line_is_written_before_the_end() {
        let (mut reader, descriptor) = pipe();
        let writer = LogWriter::start(descriptor).expect("a thread can be started");

        writer.push(|lines| lines.extend_from_slice(b"one\n"));
        writer.push(|lines| lines.extend_from_slice(b"two\n"));
        writer.end();

        let mut text = String::new();
        reader
            .read_to_string(&mut text)
            .expect("the pipe can be read");
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn a_log_that_takes_nothing_costs_lines_and_no_time() {
        let (_reader, descriptor) = pipe();
        let writer = LogWriter::start(descriptor).expect("a thread can be started");
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();

        while writer.dropped() == 0 {
            writer.push(|lines| lines.extend_from_slice(&line));
        }

        assert!(writer.shared.lock().lines.len() <= CAPACITY + line.len());
    }

    #[test]
    fn lines_are_counted_as_dropped_when_the_log_is_gone() {
        let (reader, descriptor) = pipe();
        drop(reader);
        let writer = LogWriter::start(descriptor).expect("a thread can be started");

        writer.push(|lines| lines.extend_from_slice(b"one\ntwo\n"));
        writer.end();

        assert_eq!(writer.dropped(), 2);
    }
}
