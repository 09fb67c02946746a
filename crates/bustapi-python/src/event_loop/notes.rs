//! What other threads tell the loop.

use std::io;
use std::sync::Arc;

use pyo3::prelude::*;

use super::EventLoop;
use super::client::{Client, Stream};
use crate::answer::{Answer, Content};
use crate::protocol::encoder::Encoder;
use crate::request::ids::{ConnectionId, RequestId};
use crate::worker::faults::Point;
use crate::worker::shared::{Done, Note};
use crate::worker::site::catch_panic;

impl EventLoop {
    pub(super) fn take_notes(&mut self, py: Python<'_>) {
        let mut notes = std::mem::take(&mut self.notes);
        self.shared.mailbox.collect(&mut notes);
        for note in notes.drain(..) {
            let place = note.place();
            if let Err(error) = catch_panic(|| self.take_note(py, note)) {
                match place {
                    Some(place) => self.fail(py, place, error),
                    None => self.shared.site.log(py, None, error),
                }
            }
        }
        self.notes = notes;
    }

    fn take_note(&mut self, py: Python<'_>, note: Note) {
        self.shared.faults.strike(Point::Note);
        match note {
            Note::Answer {
                id,
                key,
                answer,
                done,
            } => {
                if matches!(answer.content, Content::Stream(_)) {
                    self.learning.begin_stream(key);
                }
                self.take_answer(py, id, answer);
                self.have_turn(id.connection);
                if let Some(done) = done {
                    self.take_done(done);
                }
            }
            Note::Bytes(id) => {
                if self.waiting_for(id).is_some() {
                    self.have_turn(id.connection);
                }
            }
            Note::Empty(id, state) => {
                if let Some(client) = self.waiting_for(id) {
                    client.begin_iterating(state);
                    self.have_turn(id.connection);
                } else {
                    state.abandon();
                }
            }
            Note::Done(done) => self.take_done(done),
            Note::Body(id) => {
                if let Some(client) = self.clients.get_mut(id.place)
                    && client.id == id
                {
                    let has_begun = client.streams();
                    client.connection.note_pipe(!has_begun);
                    self.have_turn(id.place);
                }
            }
            Note::Spooled { id, result } => self.take_spooled(py, id, result),
        }
    }

    fn take_done(&mut self, done: Done) {
        self.shared.counters.in_flight.subtract();
        self.has_moved = true;
        if done.was_displaced {
            self.displaced -= 1;
        }
        if done.has_streamed {
            self.learning.end_stream(done.key);
        }
        if let Some(measured) = done.measured {
            self.learning.learn(done.key, measured);
        }
    }

    /// Encode the answer of a request, or what there is of it.
    pub(super) fn take_answer(&mut self, py: Python<'_>, id: RequestId, answer: Answer) {
        let (shared, is_draining) = (Arc::clone(&self.shared), self.is_draining);
        let Some(client) = self.waiting_for(id) else {
            return;
        };
        let current = client.current.as_mut().expect("it is waited for");
        let mut terms = current.terms();
        terms.keep_alive &= !is_draining;
        let output = &mut client.connection.output;
        let mark = output.mark();
        let encoded = catch_panic(|| {
            shared.faults.strike(Point::Encode);
            Encoder::begin(py, answer, &terms, output)
        });
        let (encoder, stream) = encoded.unwrap_or_else(|error| {
            shared.site.log(py, None, error);
            output.rewind(mark);
            (Encoder::refuse(500, terms.is_head, output), None)
        });
        match stream {
            Some(pipe) => client.begin_stream(Stream { pipe, encoder }),
            None => client.end_answer(encoder.keep_alive),
        }
    }

    pub(super) fn waiting_for(&mut self, id: RequestId) -> Option<&mut Client> {
        let client = self.clients.get_mut(id.connection)?;
        (client.works_on(id.serial) && !client.is_closed()).then_some(client)
    }

    fn take_spooled(&mut self, py: Python<'_>, id: ConnectionId, result: io::Result<usize>) {
        let place = id.place;
        let Some(client) = self.clients.get_mut(place) else {
            return;
        };
        if client.id != id || client.is_closed() {
            return;
        }
        match result {
            Ok(count) => client.connection.note_spooled(count),
            Err(error) => {
                // Of all writes that fail, the first one ends the request.
                if let Some(head) = client.connection.fail_spool(py) {
                    self.shared.site.log(py, Some(&head), error.into());
                }
            }
        }
        self.have_turn(place);
    }
}
