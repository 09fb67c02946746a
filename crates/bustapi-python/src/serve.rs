//! Requests answered on other threads than the loop's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bustapi_core::stream_pipe::{Pushed, StreamEnd, StreamPipe};
use pyo3::prelude::*;

use crate::answer::{Answered, Begun, Pump, begin};
use crate::clock::ThreadClock;
use crate::learning::{BodyKind, Measured};
use crate::output::Output;
use crate::shared::{Job, Note, Shared};

/// Bytes of a response that may wait for a slow client; beyond it its iterator waits too.
pub const OUTPUT_LIMIT: usize = 256 * 1024;

/// A stream that lasts this long belongs to the stream threads, however little it sends.
const LONG_STREAM: Duration = Duration::from_millis(100);

/// Answer one request on this thread.
pub fn serve(py: Python<'_>, shared: &Shared, job: Job) {
    if !job.state.start() {
        shared.counters.in_flight.subtract();
        return;
    }
    let (wall, clock) = (Instant::now(), ThreadClock::read());
    let mut output = Output::default();
    let begun = begin(py, &shared.site, &job.request, &mut output);
    let measured = |body| Measured {
        wall: wall.elapsed(),
        effort: Some(clock.elapsed()),
        body,
    };
    let (answered, has_streamed) = match begun {
        Begun::Whole(answered) => {
            if job.state.finish() {
                let keep_alive = answered.keep_alive;
                shared.post(Note::Whole {
                    id: job.id,
                    output,
                    keep_alive,
                });
            }
            (answered, false)
        }
        Begun::Stream(pump) => (stream(py, shared, &job, *pump, output), true),
    };
    let measured = measured(answered.body);
    shared.post(Note::Learn {
        key: job.request.key,
        measured,
        has_streamed,
    });
    shared.log_access(py, &job.request.head, &answered, job.started);
}

/// Run an iterator to its end, as quickly as the client takes what it yields.
fn stream(
    py: Python<'_>,
    shared: &Shared,
    job: &Job,
    mut pump: Pump,
    mut output: Output,
) -> Answered {
    let (site, head) = (&shared.site, &job.request.head);
    let pipe = Arc::new(StreamPipe::new(OUTPUT_LIMIT));
    let mut buffer = std::mem::take(output.buffer());
    let mut has_waited = false;
    shared.post(Note::Streaming(job.request.key));
    let mut pushed = pipe.push(&buffer);
    shared.post(Note::Stream {
        id: job.id,
        pipe: Arc::clone(&pipe),
    });
    loop {
        if pushed == Pushed::Announce {
            shared.post(Note::Bytes(job.id));
        }
        if pushed == Pushed::Gone || !wait_for_room(py, &pipe, &mut has_waited) {
            pump.close(py, site, head);
            let answered = *pump.answered();
            return Answered {
                body: BodyKind::Long,
                ..answered
            };
        }
        buffer.clear();
        let answered = pump.step(py, site, head, &mut buffer);
        pushed = pipe.push(&buffer);
        if let Some(answered) = answered {
            let end = if answered.keep_alive {
                StreamEnd::Whole
            } else {
                StreamEnd::Close
            };
            // The leader forgets the request when it takes the end out of the pipe.
            let is_wanted = job.state.finish();
            let is_new = pipe.finish(end) == Pushed::Announce || pushed == Pushed::Announce;
            if is_wanted && is_new {
                shared.post(Note::Bytes(job.id));
            }
            let is_long = has_waited || job.started.elapsed() > LONG_STREAM;
            let body = if is_long {
                BodyKind::Long
            } else {
                answered.body
            };
            return Answered { body, ..answered };
        }
    }
}

/// Wait, without the interpreter, until the client has taken enough; False: it is gone.
fn wait_for_room(py: Python<'_>, pipe: &StreamPipe, has_waited: &mut bool) -> bool {
    if pipe.has_room() {
        return true;
    }
    *has_waited = true;
    py.detach(|| pipe.wait_for_room())
}
