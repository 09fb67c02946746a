//! An answer on its way from the thread that runs its request to the loop.

use bustapi_core::sync::delivery::{Delivery, Told};
use bustapi_core::sync::request_state::RequestState;
use bustapi_core::sync::stream_pipe::{Pieces, StreamEnd, StreamPipe, StreamReader};
use loom::sync::Arc;
use loom::thread;

use crate::desk::{Desk, Note};

/// What a thread does whose request has a whole answer.
pub fn serve(desk: &Desk, serial: u64, state: Option<&RequestState>) -> bool {
    let tell = |told| desk.mailbox.post(Note { serial, told });
    let sent = Delivery::new(state, &tell);
    let has_started = sent.start(());
    if has_started {
        sent.done(Some(Answer::Whole), ());
    }
    has_started
}

#[derive(Debug)]
pub enum Answer {
    Whole,
    Stream(StreamReader),
}

/// How the thread of a stream ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Whole,
    Fault,
}

/// What a thread does whose request has a stream of the pieces "ab" and "c".
fn stream(desk: &Desk, state: Option<&RequestState>, ending: Ending) {
    let tell = |told| desk.mailbox.post(Note { serial: 1, told });
    let mut sent = Delivery::new(state, &tell);
    if !sent.start(()) {
        return;
    }
    sent.stream(1, b"ab", Answer::Stream);
    let has_room = |sent: &Delivery<'_, _, _>| {
        sent.pipe()
            .is_some_and(|pipe: &Arc<StreamPipe>| pipe.wait_for_room())
    };
    if has_room(&sent) && sent.push(b"c") {
        match ending {
            Ending::Whole => sent.end(StreamEnd::Whole),
            Ending::Fault => assert!(!sent.cut(), "it has begun"),
        }
    }
    // Whatever the thread comes to afterwards, the client has one answer.
    sent.done(Some(Answer::Whole), ());
}

/// The loop, and the client of one connection.
struct Client<'a> {
    desk: &'a Desk,
    state: Option<Arc<RequestState>>,
    pipe: Option<StreamReader>,
    is_wanted: bool,
    /// Bytes that the socket takes at once; the others wait in `output`.
    most: usize,
    output: Vec<u8>,
    written: Vec<u8>,
    whole_answers: usize,
    end: Option<StreamEnd>,
    is_done: bool,
}

impl<'a> Client<'a> {
    fn new(desk: &'a Desk, state: Option<Arc<RequestState>>, most: usize) -> Self {
        Self {
            desk,
            state,
            pipe: None,
            is_wanted: true,
            most,
            output: Vec::new(),
            written: Vec::new(),
            whole_answers: 0,
            end: None,
            is_done: false,
        }
    }

    /// Turn until the thread is done and the client has what there is for it.
    fn run(&mut self) {
        while !self.is_done || self.has_unwritten() {
            self.write();
            if !self.output.is_empty() {
                continue;
            }
            if self.is_done && !self.has_unwritten() {
                break;
            }
            for note in self.desk.wait() {
                self.take(note.told);
            }
        }
    }

    fn has_unwritten(&self) -> bool {
        self.is_wanted && (!self.output.is_empty() || (self.pipe.is_some() && self.end.is_none()))
    }

    fn take(&mut self, told: Told<Answer, ()>) {
        assert!(!self.is_done, "nothing is told behind the end");
        match told {
            Told::Answer(answer, done) => {
                self.is_done = done.is_some();
                match answer {
                    Answer::Whole => self.whole_answers += usize::from(self.is_wanted),
                    Answer::Stream(pipe) if !self.is_wanted => drop(pipe),
                    Answer::Stream(pipe) => assert!(self.pipe.replace(pipe).is_none()),
                }
            }
            // Whatever comes is looked at in `write`, when the last bytes are out.
            Told::Bytes => {}
            Told::Done(()) => self.is_done = true,
        }
    }

    /// Write what the socket takes, and look for more only behind it.
    fn write(&mut self) {
        if !self.is_wanted {
            return;
        }
        if self.output.is_empty()
            && self.end.is_none()
            && let Some(pipe) = &self.pipe
        {
            let mut pieces = Pieces::default();
            self.end = pipe.take(&mut pieces);
            self.output.extend_from_slice(pieces.bytes());
        }
        let count = self.output.len().min(self.most);
        self.written.extend(self.output.drain(..count));
    }

    /// The peer leaves.
    fn leave(&mut self) {
        self.is_wanted = false;
        self.output.clear();
        if let Some(state) = &self.state {
            state.abandon();
        }
        self.pipe = None;
    }
}

fn handed_over() -> (Arc<Desk>, Arc<RequestState>) {
    (Arc::new(Desk::default()), Arc::new(RequestState::new()))
}

fn run_stream(ending: Ending, most: usize) -> (Vec<u8>, Option<StreamEnd>, usize) {
    let (desk, state) = handed_over();
    let thread = {
        let (desk, state) = (desk.clone(), state.clone());
        thread::spawn(move || stream(&desk, Some(&state), ending))
    };
    let mut client = Client::new(&desk, Some(state), most);
    client.run();
    thread.join().expect("the thread does not panic");
    (client.written, client.end, client.whole_answers)
}

#[test]
fn an_answer_reaches_the_loop_that_waits_for_it() {
    loom::model(|| {
        let (desk, state) = handed_over();
        let thread = {
            let (desk, state) = (desk.clone(), state.clone());
            thread::spawn(move || serve(&desk, 1, Some(&state)))
        };

        let mut client = Client::new(&desk, Some(state), 1);
        client.run();

        assert_eq!(client.whole_answers, 1);
        assert!(thread.join().expect("the thread does not panic"));
    });
}

#[test]
fn a_peer_that_leaves_costs_its_answer_and_nothing_else() {
    loom::model(|| {
        let (desk, state) = handed_over();
        let thread = {
            let (desk, state) = (desk.clone(), state.clone());
            thread::spawn(move || serve(&desk, 1, Some(&state)))
        };

        let mut client = Client::new(&desk, Some(state), 1);
        client.leave();
        client.run();

        assert!(client.is_done);
        assert_eq!(client.whole_answers, 0);
        thread.join().expect("the thread does not panic");
    });
}

#[test]
fn a_late_answer_is_never_taken_for_the_next_one() {
    loom::model(|| {
        let desk = Arc::new(Desk::default());
        let hand_over = |serial| {
            let state = Arc::new(RequestState::new());
            let (desk, theirs) = (desk.clone(), state.clone());
            let thread = thread::spawn(move || serve(&desk, serial, Some(&theirs)));
            (state, thread)
        };
        // The peer of the first connection leaves; the second takes the same place.
        let (first, first_thread) = hand_over(1);
        let is_late = !first.abandon();
        let (_second, second_thread) = hand_over(2);

        let (mut answers, mut done) = ([0, 0], 0);
        while done < 2 {
            for Note { serial, told } in desk.wait() {
                match told {
                    Told::Answer(_, Some(())) => {
                        answers[usize::from(serial == 2)] += 1;
                        done += 1;
                    }
                    Told::Done(()) => done += 1,
                    other => panic!("nothing streams: {other:?}"),
                }
            }
        }

        assert_eq!(answers, [usize::from(is_late), 1]);
        first_thread.join().expect("the thread does not panic");
        second_thread.join().expect("the thread does not panic");
    });
}

#[test]
fn a_stream_comes_out_whole_and_in_order_however_little_room_there_is() {
    loom::model(|| {
        let streamed = run_stream(Ending::Whole, usize::MAX);

        assert_eq!(streamed, (b"abc".to_vec(), Some(StreamEnd::Whole), 0));
    });
}

#[test]
fn a_short_write_delays_a_stream_and_loses_none_of_it() {
    loom::model(|| {
        let streamed = run_stream(Ending::Whole, 1);

        assert_eq!(streamed, (b"abc".to_vec(), Some(StreamEnd::Whole), 0));
    });
}

#[test]
fn a_stream_whose_thread_fails_ends_with_its_connection() {
    loom::model(|| {
        let streamed = run_stream(Ending::Fault, usize::MAX);

        assert_eq!(streamed, (b"abc".to_vec(), Some(StreamEnd::Close), 0));
    });
}

#[test]
fn a_stream_whose_peer_leaves_at_once_ends_wherever_it_is() {
    loom::model(|| {
        let (desk, state) = handed_over();
        let thread = {
            let (desk, state) = (desk.clone(), state.clone());
            thread::spawn(move || stream(&desk, Some(&state), Ending::Whole))
        };

        let mut client = Client::new(&desk, Some(state), 1);
        client.leave();
        client.run();

        // A thread that waited for room for ever would be reported by loom.
        thread.join().expect("the thread does not panic");
        assert!(client.is_done && client.written.is_empty());
    });
}

#[test]
fn a_stream_whose_peer_leaves_within_it_ends_wherever_it_is() {
    loom::model(|| {
        let (desk, state) = handed_over();
        let thread = {
            let (desk, state) = (desk.clone(), state.clone());
            thread::spawn(move || stream(&desk, Some(&state), Ending::Whole))
        };

        let mut client = Client::new(&desk, Some(state), 1);
        for note in desk.wait() {
            client.take(note.told);
        }
        client.write();
        client.leave();
        client.run();

        thread.join().expect("the thread does not panic");
        assert!(client.is_done && client.whole_answers == 0);
    });
}
