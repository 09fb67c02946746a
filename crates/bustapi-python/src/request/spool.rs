//! Large bodies on their way to an unlinked temporary file, written off the loop's thread.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::thread;

use crate::worker::shared::RequestId;

/// Bytes handed over and not written yet, per body; beyond it the connection is not read.
pub const PENDING: usize = 1024 * 1024;

/// How often, in bytes of a body, the free space of the disk is looked at.
const CHECK: u64 = 16 * 1024 * 1024;

/// Told from the writing thread: whose body it is, and how a write ended.
pub type Written = Box<dyn Fn(RequestId, io::Result<usize>) + Send + Sync>;

/// The writing thread of a worker, started by the first large body.
pub struct Spooler {
    directory: PathBuf,
    /// Bytes on disk that requests may hold at the same time.
    budget: u64,
    used: Arc<AtomicU64>,
    written: Arc<Written>,
    orders: OnceLock<mpsc::Sender<Order>>,
}

struct Order {
    token: RequestId,
    bytes: Vec<u8>,
    file: Arc<Mutex<Option<File>>>,
}

/// A body that is being written.
pub struct Spool {
    token: RequestId,
    file: Arc<Mutex<Option<File>>>,
    orders: mpsc::Sender<Order>,
    space: Space,
    budget: u64,
    directory: PathBuf,
    /// Bytes that came together and are handed over together.
    gathered: Vec<u8>,
    pending: usize,
    unchecked: u64,
}

/// Bytes of the budget that a body holds, given back when it is dropped.
struct Space {
    used: Arc<AtomicU64>,
    held: u64,
}

impl Drop for Space {
    fn drop(&mut self) {
        self.used.fetch_sub(self.held, Ordering::AcqRel);
    }
}

/// A body that is written; reading starts at its first byte.
pub struct SpooledFile {
    pub file: File,
    pub length: u64,
    _space: Space,
}

impl Spooler {
    pub fn new(directory: PathBuf, budget: u64, written: Written) -> Self {
        Self {
            directory,
            budget,
            used: Arc::default(),
            written: Arc::new(written),
            orders: OnceLock::new(),
        }
    }

    /// Begin to write a body; None when there is no space for one.
    pub fn begin(&self, token: RequestId) -> io::Result<Option<Spool>> {
        if self.used.load(Ordering::Acquire) >= self.budget || is_nearly_full(&self.directory) {
            return Ok(None);
        }
        Ok(Some(Spool {
            token,
            file: Arc::default(),
            orders: self.orders()?,
            space: Space {
                used: Arc::clone(&self.used),
                held: 0,
            },
            budget: self.budget,
            directory: self.directory.clone(),
            gathered: Vec::new(),
            pending: 0,
            unchecked: 0,
        }))
    }

    fn orders(&self) -> io::Result<mpsc::Sender<Order>> {
        if let Some(orders) = self.orders.get() {
            return Ok(orders.clone());
        }
        let (sender, receiver) = mpsc::channel::<Order>();
        let (directory, written) = (self.directory.clone(), Arc::clone(&self.written));
        thread::Builder::new()
            .name("bustapi-spool".to_owned())
            .spawn(move || {
                for order in receiver {
                    written(order.token, order.write(&directory));
                }
            })?;
        Ok(self.orders.get_or_init(|| sender).clone())
    }
}

impl Order {
    fn write(&self, directory: &Path) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(create_unlinked(directory)?),
        };
        file.write_all(&self.bytes)?;
        Ok(self.bytes.len())
    }
}

impl Spool {
    /// Take bytes that [`Spool::hand_over`] is going to hand over. A chunk may be a single
    /// byte, and must not cost a write of its own.
    pub fn gather(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
        self.pending += bytes.len();
    }

    /// Hand over what was gathered; False when it is the last for which there is space.
    pub fn hand_over(&mut self) -> bool {
        let bytes = std::mem::take(&mut self.gathered);
        if bytes.is_empty() {
            return true;
        }
        let count = bytes.len() as u64;
        self.space.held += count;
        let used = self.space.used.fetch_add(count, Ordering::AcqRel) + count;
        let order = Order {
            token: self.token,
            bytes,
            file: Arc::clone(&self.file),
        };
        self.orders
            .send(order)
            .expect("the thread lives as long as there are senders");
        self.unchecked += count;
        if self.unchecked >= CHECK {
            self.unchecked = 0;
            return used < self.budget && !is_nearly_full(&self.directory);
        }
        used < self.budget
    }

    /// Note that bytes are on disk.
    pub const fn note_written(&mut self, count: usize) {
        self.pending = self.pending.saturating_sub(count);
    }

    pub const fn pending(&self) -> usize {
        self.pending
    }

    /// Return the file of a body of which nothing is pending.
    pub fn finish(self) -> io::Result<SpooledFile> {
        let file = self
            .file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let mut file = file.ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(SpooledFile {
            file,
            length: self.space.held,
            _space: self.space,
        })
    }
}

/// Whether less than a tenth of the disk is free; unknown means no.
fn is_nearly_full(directory: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;

    let Ok(path) = std::ffi::CString::new(directory.as_os_str().as_bytes()) else {
        return false;
    };
    let mut status = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends in NUL and the structure is a valid place to write to.
    if unsafe { libc::statvfs(path.as_ptr(), status.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the call succeeded, so it has filled the structure.
    let status = unsafe { status.assume_init() };
    status.f_bavail < status.f_blocks / 10
}

/// Make a file that has no name and that nobody else may read.
fn create_unlinked(directory: &Path) -> io::Result<File> {
    static COUNT: AtomicU64 = AtomicU64::new(0);

    for _ in 0..100 {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("bustapi-{}-{count}.body", std::process::id()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        match options.open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    const BUDGET: u64 = 1000;
    const ID: RequestId = RequestId {
        connection: 7,
        serial: 1,
    };

    fn spooler() -> (Spooler, mpsc::Receiver<io::Result<usize>>) {
        let (sender, receiver) = mpsc::channel();
        let written = move |_, result| sender.send(result).expect("the test is listening");
        (
            Spooler::new(std::env::temp_dir(), BUDGET, Box::new(written)),
            receiver,
        )
    }

    #[test]
    fn a_body_is_read_as_it_was_written() {
        let (spooler, written) = spooler();
        let mut spool = spooler
            .begin(ID)
            .expect("it can start")
            .expect("there is space");

        for bytes in [b"one ", b"two;"] {
            spool.gather(bytes);
            assert!(spool.hand_over());
        }
        for _ in 0..2 {
            let count = written
                .recv()
                .expect("it answers")
                .expect("the disk takes it");
            spool.note_written(count);
        }

        assert_eq!(spool.pending(), 0);
        let mut spooled = spool.finish().expect("it was written");
        let mut text = String::new();
        spooled
            .file
            .read_to_string(&mut text)
            .expect("it can be read");
        assert_eq!((&*text, spooled.length), ("one two;", 8));
        assert_eq!(spooler.used.load(Ordering::Acquire), 8);
        drop(spooled);
        assert_eq!(spooler.used.load(Ordering::Acquire), 0);
    }

    #[test]
    fn bytes_that_came_together_are_written_together() {
        let (spooler, written) = spooler();
        let mut spool = spooler
            .begin(ID)
            .expect("it can start")
            .expect("there is space");

        for byte in b"chunks" {
            spool.gather(&[*byte]);
        }
        assert_eq!(spool.pending(), 6);
        assert!(spool.hand_over());
        assert!(spool.hand_over());

        let count = written.recv().expect("it answers");
        assert_eq!(count.expect("the disk takes it"), 6);
        drop((spool, spooler));
        assert!(written.recv().is_err());
    }

    #[test]
    fn a_used_up_budget_begins_nothing() {
        let (spooler, _written) = spooler();
        spooler.used.store(BUDGET, Ordering::Release);

        assert!(spooler.begin(ID).expect("it can start").is_none());
    }

    #[test]
    fn the_last_bytes_within_the_budget_say_so() {
        let (spooler, written) = spooler();
        let mut spool = spooler
            .begin(ID)
            .expect("it can start")
            .expect("there is space");
        spooler.used.fetch_add(BUDGET - 3, Ordering::AcqRel);

        spool.gather(b"ab");
        assert!(spool.hand_over());
        spool.gather(b"cd");
        assert!(!spool.hand_over());
        for _ in 0..2 {
            written
                .recv()
                .expect("it answers")
                .expect("the disk takes it");
        }
    }

    #[test]
    fn a_directory_that_takes_nothing_is_reported() {
        let (sender, receiver) = mpsc::channel();
        let written = move |token, result| sender.send((token, result)).expect("listening");
        let directory = std::env::temp_dir().join("bustapi-does-not-exist");
        let spooler = Spooler::new(directory, BUDGET, Box::new(written));
        let mut spool = spooler
            .begin(ID)
            .expect("it can start")
            .expect("there is space");

        spool.gather(b"one");
        assert!(spool.hand_over());

        let (token, result) = receiver.recv().expect("it answers");
        assert_eq!(token, ID);
        assert_eq!(
            result.expect_err("there is no directory").kind(),
            io::ErrorKind::NotFound
        );
    }
}
