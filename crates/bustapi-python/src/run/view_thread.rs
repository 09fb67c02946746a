//! Requests answered on other threads than the loop's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bustapi_core::sync::stream_pipe::{Pushed, StreamEnd, StreamPipe};
use pyo3::prelude::*;

use crate::answer::wire::{Answered, Begun, Pump, begin};
use crate::io::output::Output;
use crate::run::clock::ThreadClock;
use crate::run::learning::{BodyKind, Measured};
use crate::worker::shared::{Job, Note, SIGNALS, Shared};

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
    let key = job.request.key;
    let (answered, note) = match begun {
        Begun::Whole(answered) => {
            let measured = measured(answered.body);
            let note = if job.state.finish() {
                let keep_alive = answered.keep_alive;
                let id = job.id;
                Note::Whole {
                    id,
                    output,
                    keep_alive,
                    key,
                    measured,
                }
            } else {
                Note::Unwanted { key, measured }
            };
            (answered, note)
        }
        Begun::Stream(pump) => {
            let answered = stream(py, shared, &job, *pump, output);
            let measured = measured(answered.body);
            (answered, Note::Streamed { key, measured })
        }
    };
    shared.post(note);
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
    // The note of the pipe itself announces what is in it already.
    let _announced = pipe.push(&buffer);
    let mut pushed = Pushed::Known;
    shared.post(Note::Stream {
        id: job.id,
        pipe: Arc::clone(&pipe),
        key: job.request.key,
    });
    loop {
        if pushed == Pushed::Announce {
            shared.post(Note::Bytes(job.id));
        }
        let is_wanted = pushed != Pushed::Gone
            && wait_for_room(py, shared, &pipe, &mut has_waited).unwrap_or_else(|error| {
                // A signal handler raised: the stream ends here, and the client sees it.
                site.log(py, Some(head), error);
                let _announced = pipe.finish(StreamEnd::Close);
                shared.post(Note::Bytes(job.id));
                false
            });
        if !is_wanted {
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
fn wait_for_room(
    py: Python<'_>,
    shared: &Shared,
    pipe: &StreamPipe,
    has_waited: &mut bool,
) -> PyResult<bool> {
    if pipe.has_room() {
        return Ok(true);
    }
    *has_waited = true;
    if !shared.is_single {
        return Ok(py.detach(|| pipe.wait_for_room()));
    }
    // The only thread is the main thread, which has to look after signals as well.
    loop {
        if let Some(is_wanted) = py.detach(|| pipe.wait_for_room_within(SIGNALS)) {
            return Ok(is_wanted);
        }
        py.check_signals()?;
    }
}
