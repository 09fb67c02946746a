//! `Worker`: one event loop with its listening sockets, view threads and completion queue.

pub mod counters;
pub mod faults;
pub mod fork;
pub mod log_writer;
pub mod shared;
pub mod site;

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use bustapi_core::sync::lead::{Lead, Standing};
use bustapi_core::sync::mailbox::Mailbox;
use bustapi_core::sync::pool::{Pool, Timeout};
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict as _, PyDict};

use crate::event_loop::acceptor::{Sockets, most_connections};
use crate::event_loop::{EventLoop, Step};
use crate::io::poller::Poller;
use crate::request::rule_index::RuleIndex;
use crate::request::spool::{Memory, Spooler};
use crate::run::TICK;
use crate::run::inline::{finish_displaced, run_inline};
use crate::run::view_thread::{run_pool, serve};
use crate::worker::counters::Counters;
use crate::worker::faults::Faults;
use crate::worker::fork::close_in_children;
use crate::worker::log_writer::{LogWriter, duplicate};
use crate::worker::shared::{End, Note, Notes, SIGNALS, Shared, Timeouts};
use crate::worker::site::{Identity, Site, catch_panic};

/// Bytes of bodies that a worker holds in memory; beyond it they are spooled, and wait for
/// the disk.
const BODIES: u64 = 16 * 1024 * 1024;

/// Requests that wait for a view thread; beyond it 503.
const WAITING_VIEWS: usize = 1000;

/// One event loop with its listening sockets, view threads and completion queue.
#[pyclass(frozen, module = "bustapi._bustapi")]
pub struct Worker {
    shared: Arc<Shared>,
    lead: Lead<Box<EventLoop>>,
}

#[pymethods]
impl Worker {
    /// :param listeners: file descriptors of listening sockets; duplicated, not taken over.
    /// :param neighbours: the same of all workers; connections are taken from them only
    ///     when a number of 16 bits that ``calls``, the end of a pipe, gives names one.
    /// :param spawn: called with ``"hot"``, ``"view"`` or ``"stream"`` when another thread
    ///     is wanted; it starts a daemon ``threading.Thread`` whose target is
    ///     :meth:`run_hot`, :meth:`run_view` or :meth:`run_stream`.
    /// :param threads: most view threads. 1: one request at a time, all on the thread
    ///     that calls :meth:`run_view`, no inline calls.
    #[new]
    #[pyo3(signature = (
        handler, listeners, spawn, *, neighbours = Vec::new(), calls = None, index = None, threads = 64, stream_threads = 1000,
        multiprocess = false, access_log_fd = None, server_name = "127.0.0.1",
        server_port = 5000, spool_directory = None, spool_budget = 1_073_741_824, head_timeout = 60.0,
        keep_alive_timeout = 75.0, body_timeout = 60.0, body_rate = 500, write_timeout = 60.0,
        linger_timeout = 30.0, max_connections = None
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a keyword of the Python class"
    )]
    fn new(
        handler: &Bound<'_, PyAny>,
        listeners: Vec<i32>,
        spawn: Py<PyAny>,
        neighbours: Vec<i32>,
        calls: Option<i32>,
        index: Option<Py<RuleIndex>>,
        threads: usize,
        stream_threads: usize,
        multiprocess: bool,
        access_log_fd: Option<i32>,
        server_name: &str,
        server_port: u16,
        spool_directory: Option<PathBuf>,
        spool_budget: u64,
        head_timeout: f64,
        keep_alive_timeout: f64,
        body_timeout: f64,
        body_rate: u64,
        write_timeout: f64,
        linger_timeout: f64,
        max_connections: Option<usize>,
    ) -> PyResult<Self> {
        if threads == 0 {
            return Err(PyValueError::new_err(
                "'threads' must be at least 1, but it was 0. Use 1 for one request at a time.",
            ));
        }
        let is_single = threads == 1;
        let identity = Identity {
            name: server_name,
            port: server_port,
            is_multithread: !is_single,
            is_multiprocess: multiprocess,
        };
        let (poller, wake) = Poller::new()?;
        let mailbox = Arc::new(Mailbox::new(wake));
        let log = access_log_fd
            .map(|descriptor| duplicate(descriptor).and_then(LogWriter::start))
            .transpose()?;
        let descriptors = Arc::default();
        close_in_children(handler.py(), &descriptors)?;
        let shared = Arc::new(Shared {
            site: Site::new(handler, index, &identity)?,
            is_stopped: AtomicBool::new(false),
            mailbox: Arc::clone(&mailbox),
            // The single thread is not made by the pool.
            views: if is_single {
                Pool::new(0, WAITING_VIEWS)
            } else {
                Pool::paced(threads, WAITING_VIEWS)
            },
            streams: Pool::new(stream_threads, 0),
            spawn,
            is_single,
            counters: Counters::default(),
            faults: Faults::default(),
            descriptors,
            log,
            memory: Memory::new(BODIES),
            spooler: spooler(spool_directory, spool_budget, mailbox),
            timeouts: Timeouts {
                head: seconds("head_timeout", head_timeout)?,
                keep_alive: seconds("keep_alive_timeout", keep_alive_timeout)?,
                body: seconds("body_timeout", body_timeout)?,
                write: seconds("write_timeout", write_timeout)?,
                linger: seconds("linger_timeout", linger_timeout)?,
                body_rate,
            },
            most_connections: max_connections.unwrap_or_else(most_connections),
            end: End::new()?,
        });
        let sockets = Sockets {
            listeners: duplicate_all(listeners)?,
            neighbours: duplicate_all(neighbours)?,
            calls: calls.map(duplicate).transpose()?,
        };
        let event_loop = EventLoop::new(Arc::clone(&shared), poller, sockets)?;
        Ok(Self {
            shared,
            lead: Lead::new(Box::new(event_loop)),
        })
    }

    /// Let the collector see what starts threads: it has the worker that it starts them for.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // What others still have is not this object's alone.
        if Arc::strong_count(&self.shared) == 1 {
            visit.call(&self.shared.spawn)?;
        }
        Ok(())
    }

    /// Lead the loop, or stand by to take it over from a thread whose view lasts. Target of
    /// the first hot thread and of each other one that ``spawn`` is called for with
    /// ``"hot"``; returns at the end, or when enough threads stand by.
    fn run_hot(&self, py: Python<'_>) -> PyResult<()> {
        while py.detach(|| self.lead.stand_by()) == Standing::Watcher {
            let Some(event_loop) = self.watch(py) else {
                break;
            };
            self.lead_on(py, event_loop)?;
        }
        Ok(())
    }

    /// Serve requests handed over by the loop; returns when idle for long or at the end.
    fn run_view(&self, py: Python<'_>) -> PyResult<()> {
        if self.shared.is_single {
            return self.run_single(py);
        }
        run_pool(py, &self.shared, &self.shared.views);
        Ok(())
    }

    /// Like :meth:`run_view`, for streams and streamed request bodies.
    fn run_stream(&self, py: Python<'_>) {
        run_pool(py, &self.shared, &self.shared.streams);
    }

    /// Stop accepting, finish what is in flight for up to ``grace`` seconds, end the loop.
    ///
    /// Returns at once; callable from any thread and from a signal handler.
    #[pyo3(signature = (grace = 30.0))]
    fn drain(&self, grace: f64) -> PyResult<()> {
        self.shared.end.ask(seconds("grace", grace)?);
        self.shared.mailbox.wake();
        Ok(())
    }

    /// End now: what is in flight is cut.
    fn stop(&self) {
        self.shared.stop();
    }

    /// Have the core panic the next times that it comes to a point, for tests.
    fn _inject_fault(&self, point: &str, times: u32) -> PyResult<()> {
        self.shared.faults.inject(point, times)
    }

    /// Wait without the interpreter until the loop has ended; signal handlers run.
    ///
    /// Returns True once it has ended.
    #[pyo3(signature = (timeout = None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let timeout = timeout
            .map(|timeout| seconds("timeout", timeout))
            .transpose()?;
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if self.shared.descriptors.is_child() {
                return Ok(true);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            // A signal interrupts the wait when it comes to this thread, as it mostly does.
            let time = left.unwrap_or(SIGNALS * 5).min(SIGNALS * 5);
            let has_ended = py.detach(|| self.shared.end.wait(time));
            py.check_signals()?;
            if has_ended || left.is_some_and(|left| left.is_zero()) {
                return Ok(has_ended);
            }
        }
    }

    /// Counters: connections open and accepted, requests, threads by kind, in flight.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = &self.shared.counters;
        let (view_threads, queued) = self.shared.views.counts();
        let (stream_threads, _) = self.shared.streams.counts();
        let dropped = self.shared.log.as_ref().map_or(0, LogWriter::dropped);
        [
            ("connections_open", counters.connections_open.get()),
            ("connections_accepted", counters.connections_accepted.get()),
            ("requests", counters.requests.get()),
            ("requests_refused", counters.refused.get()),
            ("requests_in_flight", counters.in_flight.get()),
            ("requests_queued", queued as u64),
            ("view_threads", view_threads as u64),
            ("stream_threads", stream_threads as u64),
            ("log_lines_dropped", dropped),
        ]
        .into_py_dict(py)
    }
}

impl Worker {
    /// Watch the loop until it is to be led by this thread; None at the end.
    fn watch(&self, py: Python<'_>) -> Option<Box<EventLoop>> {
        loop {
            let (loan, seen) = py.detach(|| (self.lead.watch(TICK), Instant::now()));
            // Whoever waits has let the interpreter go, whoever computes has it.
            let is_waiting = seen.elapsed() < TICK / 4;
            if let Some(mut event_loop) = self.lead.take(loan?) {
                event_loop.take_over(py, is_waiting);
                return Some(event_loop);
            }
        }
    }

    /// Lead until the worker has ended, or another thread leads.
    fn lead_on(&self, py: Python<'_>, mut event_loop: Box<EventLoop>) -> PyResult<()> {
        self.have_watched(py);
        loop {
            let step = match catch_panic(|| event_loop.turn(py)) {
                Ok(Ok(step)) => step,
                // A signal handler raised, or the poller has failed.
                Ok(Err(error)) => {
                    self.end(py, event_loop);
                    return Err(error);
                }
                Err(error) => {
                    self.shared.site.log(py, None, error);
                    event_loop.look_again();
                    continue;
                }
            };
            let Step::Run(run) = step else {
                self.end(py, event_loop);
                return Ok(());
            };
            let loan = match self.lead.lend(event_loop) {
                Ok(loan) => loan,
                Err(returned) => {
                    event_loop = returned;
                    event_loop.run_elsewhere(py, run);
                    self.have_watched(py);
                    continue;
                }
            };
            let lent = (&self.lead, loan);
            let ran = run_inline(py, &self.shared, &run.job, run.measures, lent);
            match self.lead.recover(loan) {
                Some(recovered) => event_loop = recovered,
                None => {
                    finish_displaced(py, &self.shared, &run.job, ran);
                    return Ok(());
                }
            }
            event_loop.finish_inline(py, &run, ran);
        }
    }

    /// See to it that threads stand by.
    fn have_watched(&self, py: Python<'_>) {
        if !self.shared.is_single
            && self.lead.wants_another()
            && let Err(error) = self.shared.spawn.bind(py).call1(("hot",))
        {
            self.lead.start_failed();
            self.shared.site.log(py, None, error);
        }
    }

    /// Serve on this thread and look for signals while there is nothing to do.
    fn run_single(&self, py: Python<'_>) -> PyResult<()> {
        let mut member = self.shared.views.join();
        loop {
            match py.detach(|| self.shared.views.next_within(&mut member, SIGNALS)) {
                Ok(Some(job)) => {
                    serve(py, &self.shared, &job, (&self.shared.views, &member));
                }
                Ok(None) => return Ok(()),
                Err(Timeout) => {}
            }
            py.check_signals()?;
        }
    }

    /// Let everything that belongs to the loop end.
    fn end(&self, py: Python<'_>, mut event_loop: Box<EventLoop>) {
        event_loop.close_all();
        drop(event_loop);
        self.shared.mailbox.end();
        self.shared.stop();
        self.lead.end();
        drop(self.shared.views.end());
        drop(self.shared.streams.end());
        if let Some(log) = &self.shared.log {
            py.detach(|| log.end());
        }
        self.shared.end.announce();
    }
}

fn duplicate_all(descriptors: Vec<i32>) -> io::Result<Vec<OwnedFd>> {
    descriptors.into_iter().map(duplicate).collect()
}

/// Return where temporary files may go, as Python's `tempfile` looks for it.
fn temporary_directories() -> Vec<PathBuf> {
    let named = ["TMPDIR", "TEMP", "TMP"]
        .into_iter()
        .filter_map(std::env::var_os);
    let usual = ["/tmp", "/var/tmp", "/usr/tmp"].into_iter().map(Into::into);
    named.chain(usual).map(PathBuf::from).collect()
}

fn spooler(directory: Option<PathBuf>, budget: u64, mailbox: Arc<Notes>) -> Spooler {
    let candidates = directory.map_or_else(temporary_directories, |directory| vec![directory]);
    let written = move |id, result| mailbox.post(Note::Spooled { id, result });
    Spooler::new(candidates, budget, Box::new(written))
}

fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    // Whatever is longer lasts for ever, and can still be added to a point in time.
    const LONGEST: Duration = Duration::from_secs(1 << 30);
    let duration = Duration::try_from_secs_f64(value).map_err(|_| {
        PyValueError::new_err(format!(
            "'{name}' must be a number of seconds from 0 on, but it was {value}."
        ))
    })?;
    Ok(duration.min(LONGEST))
}
