//! Who owns the loop, in every order that leaders, watchers and spares can take.

use std::sync::atomic::AtomicUsize as Counter;
use std::time::Duration;

use bustapi_core::sync::delivery::{Delivery, Told};
use bustapi_core::sync::lead::{Lead, Loan, Standing};
use bustapi_core::sync::stream_pipe::{Pieces, StreamEnd, StreamReader};
use loom::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};

use crate::delivery::Answer;
use crate::desk::{Desk, Note};

const TICK: Duration = Duration::from_millis(2);

/// What becomes of the worker, and what somebody outside asks it for.
const RUN: u8 = 0;
const DRAIN: u8 = 1;
const STOP: u8 = 2;

/// What each request does while the loop is lent for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// It answers, and something is left to do after that.
    Answers,
    /// Its thread waits for its client, whom another one serves meanwhile.
    Waits,
    /// It streams more than the pipe has room for.
    Streams,
}

/// The loop: what it has begun and what has been answered.
#[derive(Debug, Default)]
struct Loop {
    begun: u64,
    answered: Vec<u64>,
    pipes: Vec<(u64, StreamReader)>,
    written: Vec<u8>,
}

struct Worker {
    lead: Lead<Loop>,
    desk: Desk,
    requests: u64,
    view: View,
    asked: AtomicU8,
    owners: AtomicUsize,
    displaced: AtomicUsize,
    /// The loop as it was left.
    last: Mutex<Option<Loop>>,
}

impl Worker {
    fn new(requests: u64, view: View, asked: u8) -> Arc<Self> {
        Arc::new(Self {
            lead: Lead::new(Loop::default()),
            desk: Desk::default(),
            requests,
            view,
            asked: AtomicU8::new(asked),
            owners: AtomicUsize::new(0),
            displaced: AtomicUsize::new(0),
            last: Mutex::new(None),
        })
    }

    /// What each hot thread does.
    fn run(&self) {
        while self.lead.stand_by() == Standing::Watcher {
            let Some(owned) = self.watch() else { return };
            self.lead_on(owned);
        }
    }

    fn watch(&self) -> Option<Loop> {
        loop {
            let loan = self.lead.watch(TICK)?;
            if let Some(mut owned) = self.lead.take(loan) {
                self.own();
                // The thread that led has posted what it had without waking anybody.
                self.take_notes(&mut owned);
                return Some(owned);
            }
        }
    }

    fn lead_on(&self, mut owned: Loop) {
        loop {
            let asked = self.asked.load(Ordering::Acquire);
            let is_idle = owned.answered.len() as u64 == self.requests;
            if asked == STOP || (asked == DRAIN && is_idle) {
                return self.end(owned);
            }
            if owned.begun == self.requests {
                // Without a wake for what comes this would wait for ever.
                self.desk.poller.wait();
                self.take_notes(&mut owned);
                continue;
            }
            owned.begun += 1;
            let serial = owned.begun;
            self.disown();
            let loan = match self.lead.lend(owned) {
                Ok(loan) => loan,
                Err(returned) => {
                    // Nobody would take it meanwhile, so it runs where nobody waits for it.
                    self.own();
                    owned = returned;
                    owned.answered.push(serial);
                    continue;
                }
            };
            self.respond(serial, loan);
            match self.lead.recover(loan) {
                Some(recovered) => owned = recovered,
                None => {
                    self.displaced.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
            assert_eq!(
                self.view,
                View::Answers,
                "what is resigned is not recovered"
            );
            self.own();
            self.take_notes(&mut owned);
        }
    }

    fn respond(&self, serial: u64, loan: Loan) {
        let tell = |told| {
            let is_lent = || self.lead.is_lent(loan);
            self.desk.mailbox.post_lent(Note { serial, told }, is_lent);
        };
        let mut sent = Delivery::new(None, &tell);
        if self.view != View::Streams {
            sent.answer(Answer::Whole);
            if self.view == View::Waits {
                self.lead.resign(loan);
            }
            return;
        }
        sent.stream(1, b"ab", Answer::Stream);
        let pipe = sent.pipe().expect("it has begun").clone();
        self.lead.resign(loan);
        if pipe.wait_for_room() && sent.push(b"c") {
            sent.end(StreamEnd::Whole);
        }
    }

    /// Take what came, and write all that is in the pipes.
    fn take_notes(&self, owned: &mut Loop) {
        for Note { serial, told } in self.desk.collect() {
            match told {
                Told::Answer(Answer::Whole, _) => owned.answered.push(serial),
                Told::Answer(Answer::Stream(pipe), _) => owned.pipes.push((serial, pipe)),
                Told::Bytes | Told::Done(()) => {}
            }
        }
        let Loop {
            answered,
            pipes,
            written,
            ..
        } = owned;
        pipes.retain(|(serial, pipe)| {
            let mut pieces = Pieces::default();
            let end = pipe.take(&mut pieces);
            written.extend_from_slice(pieces.bytes());
            answered.extend(end.map(|_| serial));
            end.is_none()
        });
    }

    /// Ask for the end, as other threads and signal handlers do.
    fn ask(&self, what: u8) {
        self.asked.store(what, Ordering::Release);
        self.desk.mailbox.wake();
    }

    fn end(&self, mut owned: Loop) {
        self.disown();
        owned.pipes.clear();
        *self.last.lock().expect("no thread panics") = Some(owned);
        self.desk.mailbox.end();
        self.lead.end();
    }

    fn own(&self) {
        assert_eq!(self.owners.fetch_add(1, Ordering::Relaxed), 0);
    }

    fn disown(&self) {
        assert_eq!(self.owners.fetch_sub(1, Ordering::Relaxed), 1);
    }
}

fn start(worker: &Arc<Worker>) -> JoinHandle<()> {
    let worker = worker.clone();
    thread::spawn(move || worker.run())
}

/// Let so many hot threads lead together, beside one that asks for the end, if `asked` is
/// not what the worker is asked for from the start. Each returns, or loom reports who waits
/// for ever. Returns how the loop was left and how many threads were displaced.
fn lead_together(worker: &Arc<Worker>, threads: usize, asks: Option<u8>) -> (Loop, usize) {
    let others: Vec<_> = (1..threads).map(|_| start(worker)).collect();
    match asks {
        Some(what) => {
            // This thread is the one that asks.
            let leads = start(worker);
            worker.ask(what);
            leads.join().expect("it does not panic");
        }
        None => worker.run(),
    }
    for other in others {
        other.join().expect("it does not panic");
    }
    assert_eq!(worker.owners.load(Ordering::Relaxed), 0);
    let last = worker.last.lock().expect("no thread panics").take();
    let displaced = worker.displaced.load(Ordering::Relaxed);
    (last.expect("somebody has led to the end"), displaced)
}

/// Explore requests that are all answered before the end; `most`: the most threads that are
/// displaced in any order.
fn explore(threads: usize, requests: u64, view: View, asks: Option<u8>, most: usize) {
    let seen = std::sync::Arc::new(Counter::new(0));
    let displaced = seen.clone();
    loom::model(move || {
        let asked = if asks.is_some() { RUN } else { DRAIN };
        let worker = Worker::new(requests, view, asked);
        let (mut last, count) = lead_together(&worker, threads, asks);
        last.answered.sort_unstable();
        assert_eq!(last.answered, (1..=requests).collect::<Vec<_>>());
        let is_whole = last.written.is_empty() || last.written == b"abc";
        assert!(is_whole, "{:?}", last.written);
        displaced.fetch_max(count, Ordering::Relaxed);
    });
    assert_eq!(seen.load(Ordering::Relaxed), most);
}

#[test]
fn one_thread_leads_at_a_time_and_no_answer_waits_for_a_wake() {
    explore(2, 1, View::Answers, None, 1);
}

#[test]
fn a_thread_that_was_displaced_leads_again() {
    explore(2, 2, View::Answers, None, 2);
}

#[test]
fn two_threads_are_displaced_one_after_the_other() {
    explore(3, 2, View::Waits, None, 2);
}

#[test]
fn a_thread_that_waits_for_its_client_leaves_the_loop_to_another() {
    explore(2, 2, View::Waits, None, 2);
}

#[test]
fn a_spare_watches_when_the_watcher_leads() {
    explore(3, 1, View::Waits, None, 1);
}

#[test]
fn a_stream_that_the_leader_began_comes_out_whole_through_another() {
    explore(2, 1, View::Streams, None, 1);
}

#[test]
fn a_drain_ends_behind_the_last_answer_whoever_leads() {
    explore(2, 1, View::Answers, Some(DRAIN), 1);
}

#[test]
fn a_stop_ends_every_thread_wherever_it_is() {
    loom::model(|| {
        let worker = Worker::new(1, View::Answers, RUN);

        let (last, displaced) = lead_together(&worker, 2, Some(STOP));

        assert!(last.answered.len() <= 1 && displaced <= 1);
        assert_eq!(worker.lead.stand_by(), Standing::Dismissed);
    });
}

#[test]
fn a_stop_ends_the_thread_of_a_stream_whether_or_not_the_loop_knows_of_it() {
    loom::model(|| {
        let worker = Worker::new(1, View::Streams, RUN);

        let (last, displaced) = lead_together(&worker, 2, Some(STOP));

        assert!(b"abc".starts_with(&last.written) && displaced <= 1);
    });
}
