//! A request's state, the mailbox and the pipe of an answer.

use bustapi_core::sync::mailbox::Mailbox;
use bustapi_core::sync::request_state::RequestState;
use bustapi_core::sync::stream_pipe::{Pieces, Pushed, StreamEnd, StreamPipe};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::wake::Wake;

/// What the loop is told, as far as the model needs it.
#[derive(Debug, PartialEq, Eq)]
enum Note {
    /// The answer of the request of that number.
    Whole(u64, &'static str),
    /// There is something in the pipe of that request.
    Bytes(u64),
}

#[derive(Default)]
struct Worker {
    mailbox: Mailbox<Note>,
    wake: Wake,
}

impl Worker {
    fn post(&self, note: Note) {
        if self.mailbox.post(note) {
            self.wake.wake();
        }
    }

    /// Wait as the loop does and return what came.
    fn turn(&self) -> Vec<Note> {
        self.wake.wait();
        let mut notes = Vec::new();
        self.mailbox.collect(&mut notes);
        notes
    }
}

/// What a view thread does with a request.
fn serve(worker: &Worker, state: &RequestState, serial: u64, started: &AtomicUsize) {
    if !state.start() {
        return;
    }
    started.fetch_add(1, Ordering::Relaxed);
    if state.finish() {
        worker.post(Note::Whole(serial, "answer"));
    }
}

#[test]
fn an_answer_reaches_the_loop_that_waits_for_it() {
    loom::model(|| {
        let worker = Arc::new(Worker::default());
        let state = Arc::new(RequestState::new());
        let started = Arc::new(AtomicUsize::new(0));
        let view = {
            let (worker, state, started) = (worker.clone(), state.clone(), started.clone());
            thread::spawn(move || serve(&worker, &state, 1, &started))
        };

        // Without a wake for the answer this would wait for ever, which loom reports.
        assert_eq!(worker.turn(), [Note::Whole(1, "answer")]);

        view.join().expect("the view thread does not panic");
        assert_eq!(started.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn two_threads_never_take_the_same_request() {
    loom::model(|| {
        let state = Arc::new(RequestState::new());
        let other = {
            let state = state.clone();
            thread::spawn(move || state.start())
        };

        let mine = state.start();

        assert!(mine ^ other.join().expect("the other thread does not panic"));
    });
}

#[test]
fn a_peer_that_dies_while_busy_costs_exactly_the_answer() {
    loom::model(|| {
        let worker = Arc::new(Worker::default());
        let state = Arc::new(RequestState::new());
        let view = {
            let (worker, state) = (worker.clone(), state.clone());
            thread::spawn(move || {
                let is_started = state.start();
                let is_wanted = is_started && state.finish();
                if is_wanted {
                    worker.post(Note::Whole(1, "answer"));
                }
                (is_started, is_wanted)
            })
        };

        let is_abandoned = state.abandon();

        let (is_started, is_wanted) = view.join().expect("the view thread does not panic");
        assert!(is_abandoned ^ is_wanted);
        assert!(is_started || is_abandoned);
        let mut notes = Vec::new();
        worker.mailbox.collect(&mut notes);
        assert_eq!(notes.len(), usize::from(is_wanted));
    });
}

#[test]
fn two_requests_on_one_connection_are_answered_in_order_and_never_mixed() {
    loom::model(|| {
        let worker = Arc::new(Worker::default());
        let started = Arc::new(AtomicUsize::new(0));
        let hand_over = |serial| {
            let state = Arc::new(RequestState::new());
            let (worker, theirs, started) = (worker.clone(), state.clone(), started.clone());
            let view = thread::spawn(move || serve(&worker, &theirs, serial, &started));
            (state, view)
        };
        // The peer of the first connection leaves; the second takes the same place.
        let (first, first_view) = hand_over(1);
        let is_late = !first.abandon();
        let (_second, second_view) = hand_over(2);
        let waits_for = 2;

        let mut answers = 0;
        while answers == 0 {
            for note in worker.turn() {
                let Note::Whole(serial, _) = note else {
                    panic!("nothing streams")
                };
                // The answer of the first may come late; its number gives it away.
                assert!(serial == waits_for || (serial == 1 && is_late));
                answers += usize::from(serial == waits_for);
            }
        }

        first_view.join().expect("the view thread does not panic");
        second_view.join().expect("the view thread does not panic");
        assert_eq!(answers, 1);
    });
}

/// What a stream thread does.
fn stream(worker: &Worker, pipe: &StreamPipe, state: &RequestState, pieces: &[&[u8]]) -> bool {
    if !state.start() {
        return false;
    }
    for piece in pieces {
        if !pipe.wait_for_room() {
            return false;
        }
        match pipe.push(piece) {
            Pushed::Announce => worker.post(Note::Bytes(1)),
            Pushed::Known => {}
            Pushed::Gone => return false,
        }
    }
    let is_wanted = state.finish();
    if pipe.finish(StreamEnd::Whole) == Pushed::Announce && is_wanted {
        worker.post(Note::Bytes(1));
    }
    is_wanted
}

#[test]
fn a_stream_comes_out_whole_and_in_order_however_little_room_there_is() {
    loom::model(|| {
        let worker = Arc::new(Worker::default());
        let pipe = Arc::new(StreamPipe::new(1));
        let state = Arc::new(RequestState::new());
        let thread = {
            let (worker, pipe, state) = (worker.clone(), pipe.clone(), state.clone());
            thread::spawn(move || stream(&worker, &pipe, &state, &[b"ab", b"c"]))
        };

        let mut written = Vec::new();
        let mut end = None;
        while end.is_none() {
            worker.turn();
            let mut pieces = Pieces::default();
            end = pipe.take(&mut pieces);
            written.extend_from_slice(pieces.bytes());
        }

        assert_eq!((&*written, end), (&b"abc"[..], Some(StreamEnd::Whole)));
        assert!(thread.join().expect("the stream thread does not panic"));
    });
}

#[test]
fn a_short_write_delays_a_stream_and_loses_none_of_it() {
    loom::model(|| {
        let worker = Arc::new(Worker::default());
        let pipe = Arc::new(StreamPipe::new(2));
        let state = Arc::new(RequestState::new());
        let thread = {
            let (worker, pipe, state) = (worker.clone(), pipe.clone(), state.clone());
            thread::spawn(move || stream(&worker, &pipe, &state, &[b"ab", b"c"]))
        };

        // The socket takes one byte a turn. While something is unwritten the pipe is not
        // looked at, so an announcement of it may come meanwhile and must not be needed.
        let (mut output, mut written) = (Vec::<u8>::new(), Vec::new());
        let mut end = None;
        loop {
            if output.is_empty() && end.is_none() {
                let mut pieces = Pieces::default();
                end = pipe.take(&mut pieces);
                output.extend_from_slice(pieces.bytes());
            }
            if !output.is_empty() {
                written.push(output.remove(0));
            } else if end.is_some() {
                break;
            } else {
                worker.turn();
            }
        }

        assert_eq!(written, b"abc");
        assert!(thread.join().expect("the stream thread does not panic"));
    });
}

#[test]
fn a_stream_whose_peer_leaves_ends_wherever_it_is() {
    loom::model(|| {
        let worker = Arc::new(Worker::default());
        let pipe = Arc::new(StreamPipe::new(1));
        let state = Arc::new(RequestState::new());
        let thread = {
            let (worker, pipe, state) = (worker.clone(), pipe.clone(), state.clone());
            thread::spawn(move || stream(&worker, &pipe, &state, &[b"ab", b"c"]))
        };

        let is_abandoned = state.abandon();
        pipe.abandon();

        // A thread that waited for room for ever would be reported by loom.
        let is_whole = thread.join().expect("the stream thread does not panic");
        assert!(is_abandoned || is_whole);
        assert!(!(is_abandoned && is_whole));
        assert!(pipe.has_room());
    });
}

#[test]
fn a_drain_ends_when_the_last_request_is_answered() {
    loom::model(|| {
        let worker = Arc::new(Worker::default());
        let state = Arc::new(RequestState::new());
        let is_draining = Arc::new(Mutex::new(false));
        let started = Arc::new(AtomicUsize::new(0));
        let view = {
            let (worker, state, started) = (worker.clone(), state.clone(), started.clone());
            thread::spawn(move || serve(&worker, &state, 1, &started))
        };
        let asks = {
            let (worker, is_draining) = (worker.clone(), is_draining.clone());
            thread::spawn(move || {
                *is_draining.lock().expect("no thread panics") = true;
                worker.wake.wake();
            })
        };

        let mut in_flight = 1;
        while in_flight > 0 || !*is_draining.lock().expect("no thread panics") {
            in_flight -= worker.turn().len();
        }

        view.join().expect("the view thread does not panic");
        asks.join().expect("the asking thread does not panic");
        assert_eq!(started.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn every_note_of_a_batch_is_read_though_only_the_first_wakes() {
    loom::model(|| {
        let worker = Arc::new(Worker::default());
        let posts: Vec<_> = (1..=2)
            .map(|serial| {
                let worker = worker.clone();
                thread::spawn(move || worker.post(Note::Bytes(serial)))
            })
            .collect();

        let mut read = 0;
        while read < 2 {
            read += worker.turn().len();
        }

        for post in posts {
            post.join().expect("the posting thread does not panic");
        }
    });
}
