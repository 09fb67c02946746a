//! What other threads tell the loop.

use std::io;

use pyo3::prelude::*;

use super::EventLoop;
use crate::event_loop::client::{Client, Current};
use crate::io::output::Output;
use crate::worker::shared::{Note, RequestId};

impl EventLoop {
    pub(super) fn take_notes(&mut self, py: Python<'_>) {
        let mut notes = std::mem::take(&mut self.notes);
        self.shared.mailbox.collect(&mut notes);
        for note in notes.drain(..) {
            self.take_note(py, note);
        }
        self.notes = notes;
    }

    pub(super) fn take_note(&mut self, py: Python<'_>, note: Note) {
        match note {
            Note::Whole {
                id,
                output,
                keep_alive,
                key,
                measured,
            } => {
                self.shared.counters.in_flight.subtract();
                self.learning.learn(key, measured);
                self.take_answer(id, output, keep_alive);
            }
            Note::Unwanted { key, measured } => {
                self.shared.counters.in_flight.subtract();
                self.learning.learn(key, measured);
            }
            Note::Stream { id, pipe, key } => {
                self.learning.begin_stream(key);
                match self.waiting_for(id) {
                    Some(Client {
                        current: Some(Current::Job { pipe: place, .. }),
                        ..
                    }) => {
                        *place = Some(pipe);
                        self.ready.push_back(id.connection);
                    }
                    _ => pipe.abandon(),
                }
            }
            Note::Bytes(id) => {
                if self.waiting_for(id).is_some() {
                    self.ready.push_back(id.connection);
                }
            }
            Note::Streamed { key, measured } => {
                self.shared.counters.in_flight.subtract();
                self.learning.end_stream(key);
                self.learning.learn(key, measured);
            }
            Note::Body(id) => {
                if let Some(client) = self.clients.get_mut(id.connection)
                    && client.id == id.serial
                {
                    let has_begun =
                        matches!(client.current, Some(Current::Job { pipe: Some(_), .. }));
                    client.connection.note_pipe(!has_begun);
                    self.ready.push_back(id.connection);
                }
            }
            Note::Spooled { id, result } => self.take_spooled(py, id, result),
        }
    }

    pub(super) fn take_answer(&mut self, id: RequestId, output: Output, keep_alive: bool) {
        let Some(client) = self.waiting_for(id) else {
            return;
        };
        client.current = None;
        client.connection.output.append(output);
        client.connection.answered(keep_alive);
        client.restart_deadlines();
        self.ready.push_back(id.connection);
    }

    pub(super) fn waiting_for(&mut self, id: RequestId) -> Option<&mut Client> {
        let client = self.clients.get_mut(id.connection)?;
        (client.works_on(id.serial) && !client.is_closed).then_some(client)
    }

    pub(super) fn take_spooled(
        &mut self,
        py: Python<'_>,
        id: RequestId,
        result: io::Result<usize>,
    ) {
        let place = id.connection;
        let Some(client) = self.clients.get_mut(place) else {
            return;
        };
        if client.id != id.serial || client.is_closed {
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
        self.ready.push_back(place);
    }
}
