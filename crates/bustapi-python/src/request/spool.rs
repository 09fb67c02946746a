//! Large bodies on their way to an unlinked temporary file, written off the loop's thread.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::thread;

use crate::request::ids::ConnectionId;

/// Bytes handed over and not written yet, per body; beyond it the connection is not read.
const PENDING: usize = 1024 * 1024;

/// How often, in bytes of a body, the free space of the disk is looked at.
const CHECK: u64 = 16 * 1024 * 1024;

/// Told from the writing thread: whose body it is, and how a write ended.
pub type Written = Box<dyn Fn(ConnectionId, io::Result<usize>) + Send + Sync>;

/// The writing thread of a worker, started by the first large body.
pub struct Spooler {
    candidates: Vec<PathBuf>,
    /// Those of them that take files, looked for when the first body comes.
    directories: OnceLock<Vec<PathBuf>>,
    /// Bytes on disk that requests may hold at the same time.
    budget: u64,
    used: Arc<AtomicU64>,
    written: Arc<Written>,
    orders: OnceLock<mpsc::Sender<Order>>,
}

struct Order {
    id: ConnectionId,
    bytes: Vec<u8>,
    directory: PathBuf,
    file: Arc<Mutex<Option<File>>>,
}

/// A body that is being written.
pub struct Spool {
    id: ConnectionId,
    file: Arc<Mutex<Option<File>>>,
    orders: mpsc::Sender<Order>,
    space: Space,
    budget: u64,
    directory: PathBuf,
    /// Bytes that came together and are handed over together.
    gathered: Vec<u8>,
    pending: usize,
    /// Counts what is pending: a disk may be slower than all clients together.
    held: Held,
    unchecked: u64,
}

/// Bytes of a budget that a body holds, given back when it is dropped.
pub struct Space {
    used: Arc<AtomicU64>,
    held: u64,
}

impl Space {
    fn new(used: &Arc<AtomicU64>) -> Self {
        Self {
            used: Arc::clone(used),
            held: 0,
        }
    }

    /// Hold so many bytes more; returns how many all bodies hold together.
    fn grow(&mut self, count: u64) -> u64 {
        self.held += count;
        self.used.fetch_add(count, Ordering::AcqRel) + count
    }
}

/// Memory that the bodies of a worker may hold together.
pub struct Memory {
    used: Arc<AtomicU64>,
    most: u64,
}

/// Bytes of one body in memory that are counted.
pub struct Held {
    space: Space,
    most: u64,
}

impl Memory {
    pub fn new(most: u64) -> Self {
        Self {
            used: Arc::default(),
            most,
        }
    }

    /// Begin to count the bytes of a body.
    pub fn begin(&self) -> Held {
        Held {
            space: Space::new(&self.used),
            most: self.most,
        }
    }
}

impl Held {
    /// Count that a body has so many bytes; returns whether it may stay in memory.
    pub fn grow_to(&mut self, length: u64) -> bool {
        let more = length.saturating_sub(self.space.held);
        self.space.grow(more) <= self.most
    }

    fn shrink(&mut self, count: u64) {
        self.space.held -= count;
        self.space.used.fetch_sub(count, Ordering::AcqRel);
    }

    /// Whether all bodies together hold no more than they may.
    fn is_within(&self) -> bool {
        self.space.used.load(Ordering::Acquire) <= self.most
    }
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
    /// `candidates`: folders for the files, the preferred one first.
    pub fn new(candidates: Vec<PathBuf>, budget: u64, written: Written) -> Self {
        Self {
            candidates,
            directories: OnceLock::new(),
            budget,
            used: Arc::default(),
            written: Arc::new(written),
            orders: OnceLock::new(),
        }
    }

    /// Begin to write a body; None when there is no space for one.
    /// `held` counts what waits to be written.
    pub fn begin(&self, id: ConnectionId, held: Held) -> io::Result<Option<Spool>> {
        if self.used.load(Ordering::Acquire) >= self.budget {
            return Ok(None);
        }
        let directories = self.directories.get_or_init(|| {
            let takes_files = |path: &&PathBuf| create_unlinked(path).is_ok();
            self.candidates
                .iter()
                .filter(takes_files)
                .cloned()
                .collect()
        });
        let Some(directory) = directories.iter().find(|path| !is_nearly_full(path)) else {
            return Ok(None);
        };
        Ok(Some(Spool {
            id,
            file: Arc::default(),
            orders: self.orders()?,
            space: Space::new(&self.used),
            budget: self.budget,
            directory: directory.clone(),
            gathered: Vec::new(),
            pending: 0,
            held,
            unchecked: 0,
        }))
    }

    fn orders(&self) -> io::Result<mpsc::Sender<Order>> {
        if let Some(orders) = self.orders.get() {
            return Ok(orders.clone());
        }
        let (sender, receiver) = mpsc::channel::<Order>();
        let written = Arc::clone(&self.written);
        thread::Builder::new()
            .name("bustapi-spool".to_owned())
            .spawn(move || {
                for order in receiver {
                    written(order.id, order.write());
                }
            })?;
        Ok(self.orders.get_or_init(|| sender).clone())
    }
}

impl Order {
    fn write(&self) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(create_unlinked(&self.directory)?),
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
        self.held.grow_to(self.pending as u64);
    }

    /// Hand over what was gathered; False when it is the last for which there is space.
    pub fn hand_over(&mut self) -> bool {
        let bytes = std::mem::take(&mut self.gathered);
        if bytes.is_empty() {
            return true;
        }
        let count = bytes.len() as u64;
        let used = self.space.grow(count);
        let order = Order {
            id: self.id,
            bytes,
            directory: self.directory.clone(),
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
    pub fn note_written(&mut self, count: usize) {
        self.pending -= count;
        self.held.shrink(count as u64);
    }

    /// Whether more may be gathered: each body may have a little pending, all together what
    /// memory there is for them. What is written then has the loop look again.
    pub fn has_room(&self) -> bool {
        self.pending == 0 || (self.pending < PENDING && self.held.is_within())
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
    const ID: ConnectionId = ConnectionId {
        place: 7,
        serial: 1,
    };

    fn spooler() -> (Spooler, mpsc::Receiver<io::Result<usize>>) {
        let (sender, receiver) = mpsc::channel();
        let written = move |_, result| sender.send(result).expect("the test is listening");
        (
            Spooler::new(vec![std::env::temp_dir()], BUDGET, Box::new(written)),
            receiver,
        )
    }

    #[test]
    fn a_body_is_read_as_it_was_written() {
        let (spooler, written) = spooler();
        let mut spool = spooler
            .begin(ID, Memory::new(BUDGET).begin())
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
            .begin(ID, Memory::new(BUDGET).begin())
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

        assert!(
            spooler
                .begin(ID, Memory::new(BUDGET).begin())
                .expect("it can start")
                .is_none()
        );
    }

    #[test]
    fn the_last_bytes_within_the_budget_say_so() {
        let (spooler, written) = spooler();
        let mut spool = spooler
            .begin(ID, Memory::new(BUDGET).begin())
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
    fn the_first_directory_that_takes_files_is_used() {
        let (sender, receiver) = mpsc::channel();
        let written = move |_, result| sender.send(result).expect("the test is listening");
        let missing = std::env::temp_dir().join("bustapi-does-not-exist");
        let candidates = vec![missing, std::env::temp_dir()];
        let spooler = Spooler::new(candidates, BUDGET, Box::new(written));
        let mut spool = spooler
            .begin(ID, Memory::new(BUDGET).begin())
            .expect("it can start")
            .expect("there is a directory");

        spool.gather(b"one");
        assert!(spool.hand_over());

        let result = receiver.recv().expect("it answers");
        assert_eq!(result.expect("the disk takes it"), 3);
    }

    #[test]
    fn where_no_directory_takes_files_nothing_begins() {
        let missing = std::env::temp_dir().join("bustapi-does-not-exist");
        let spooler = Spooler::new(vec![missing], BUDGET, Box::new(|_, _| {}));

        assert!(
            spooler
                .begin(ID, Memory::new(BUDGET).begin())
                .expect("it is no error")
                .is_none()
        );
    }

    #[test]
    fn a_directory_that_goes_is_reported() {
        let (sender, receiver) = mpsc::channel();
        let written = move |id, result| sender.send((id, result)).expect("listening");
        let directory = std::env::temp_dir().join(format!("bustapi-goes-{}", std::process::id()));
        std::fs::create_dir(&directory).expect("it can be made");
        let spooler = Spooler::new(vec![directory.clone()], BUDGET, Box::new(written));
        let mut spool = spooler
            .begin(ID, Memory::new(BUDGET).begin())
            .expect("it can start")
            .expect("there is space");
        std::fs::remove_dir(&directory).expect("it is empty");

        spool.gather(b"one");
        assert!(spool.hand_over());

        let (id, result) = receiver.recv().expect("it answers");
        assert_eq!(id, ID);
        let error = result.expect_err("there is no directory");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_waits_for_a_slow_disk_is_bounded_over_all_bodies() {
        let (spooler, written) = spooler();
        let memory = Memory::new(10);
        let mut spools: Vec<_> = (0..2)
            .map(|_| {
                let spool = spooler.begin(ID, memory.begin()).expect("it can start");
                spool.expect("there is space")
            })
            .collect();

        for spool in &mut spools {
            assert!(spool.has_room());
            spool.gather(b"eight by");
            assert!(spool.hand_over());
        }
        assert!(spools.iter().all(|spool| !spool.has_room()));
        let count = written.recv().expect("it answers").expect("it is taken");
        spools[0].note_written(count);

        assert!(spools.iter().all(Spool::has_room));
    }

    #[test]
    fn memory_is_counted_and_given_back() {
        let memory = Memory::new(10);
        let (mut one, mut other) = (memory.begin(), memory.begin());

        assert!(one.grow_to(4) && other.grow_to(6));
        assert!(!one.grow_to(5));
        drop(one);

        assert!(other.grow_to(10));
        assert!(!other.grow_to(11));
    }
}
