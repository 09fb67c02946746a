//! A request body on its way in: to memory, to the spool or straight to its view.

use std::sync::Arc;

use bustapi_core::error::HttpError;
use bustapi_core::http1::connection::{Connection, Event};
use bustapi_core::http1::response::ResponseContext;
use bustapi_core::sync::body_pipe::{BodyPipe, End};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::request::Request;
use crate::request::body::Body;
use crate::request::head::RequestHead;
use crate::request::spool::{Held, Spool, SpooledFile};
use crate::run::learning::EndpointKey;

/// Bodies up to this size are collected in memory.
pub const IN_MEMORY: u64 = 1024 * 1024;

/// Bodies up to this size are not counted: heads are larger, and are not either.
const LITTLE: usize = 4 * 1024;

/// What a worker does for bodies that do not fit in memory.
pub trait Intake {
    /// Begin to count the bytes of a body that is held in memory.
    fn memory(&self) -> Held;

    /// Begin to spool; None when there is no space.
    fn spool(&self) -> std::io::Result<Option<Spool>>;

    /// Make the pipe of a streamed body.
    fn pipe(&self) -> Arc<BodyPipe>;
}

/// A body on its way in.
pub struct Incoming {
    /// The request, until it is dispatched.
    pub request: Option<Unread>,
    pub sink: Sink,
    pub received: u64,
    /// The application's limit, while the body is collected and has no declared length.
    pub limit: Option<u64>,
    pub is_whole: bool,
}

pub struct Unread {
    pub head: Py<RequestHead>,
    pub terms: ResponseContext,
    pub key: EndpointKey,
    pub is_threaded: bool,
    pub is_miss: bool,
}

pub enum Sink {
    /// Counted once it is more than a little.
    Memory {
        bytes: Vec<u8>,
        held: Option<Held>,
    },
    Spool {
        spool: Box<Spool>,
        is_full: bool,
    },
    Pipe {
        pipe: Arc<BodyPipe>,
        is_full: bool,
    },
}

pub enum Refusal {
    Peer(HttpError),
    /// The peer has ended its side in the middle.
    Cut,
    Disk,
}

impl Incoming {
    /// Whether more of the body would be taken now.
    pub fn has_room(&self) -> bool {
        match &self.sink {
            Sink::Memory { .. } => true,
            Sink::Spool { spool, is_full } => !is_full && spool.has_room(),
            Sink::Pipe { is_full, .. } => !is_full,
        }
    }

    /// Whether a chunked body has outgrown the application's limit. Whether that is too
    /// much for this request its view decides, which reads from here on.
    fn is_above_limit(&self) -> bool {
        self.limit
            .is_some_and(|limit| self.received > limit && self.received > IN_MEMORY)
    }

    /// Pass on what came of the body until the sink is full.
    pub fn take(
        &mut self,
        machine: &mut Connection,
        intake: Option<&dyn Intake>,
    ) -> Result<(), Refusal> {
        while !self.is_whole {
            match machine.next(self.has_room()) {
                Event::Data(data) => {
                    self.received += data.len() as u64;
                    self.pass_on(data, intake).map_err(|_| Refusal::Disk)?;
                }
                Event::End(_) => self.is_whole = true,
                Event::Error(error) => return Err(Refusal::Peer(error)),
                Event::Cut => return Err(Refusal::Cut),
                Event::NeedsInput | Event::Head { .. } | Event::Closed => break,
            }
        }
        if let Sink::Spool { spool, is_full } = &mut self.sink {
            *is_full |= !spool.hand_over();
        }
        Ok(())
    }

    fn pass_on(&mut self, data: &[u8], intake: Option<&dyn Intake>) -> std::io::Result<()> {
        let is_above_limit = self.is_above_limit();
        match &mut self.sink {
            Sink::Memory { bytes, held } => {
                bytes.extend_from_slice(data);
                if let Some(intake) = intake
                    && bytes.len() > LITTLE
                {
                    let length = bytes.len() as u64;
                    let held = held.get_or_insert_with(|| intake.memory());
                    if !held.grow_to(length) || length > IN_MEMORY {
                        self.leave_memory(intake)?;
                    }
                }
            }
            Sink::Spool { spool, is_full } => {
                spool.gather(data);
                *is_full |= is_above_limit;
            }
            Sink::Pipe { pipe, is_full } => *is_full = !pipe.push(data, None),
        }
        Ok(())
    }

    /// Send the body elsewhere: to the disk, or straight to the view when nobody will want
    /// it, it is more than the application takes, or there is no space.
    pub fn leave_memory(&mut self, intake: &dyn Intake) -> std::io::Result<()> {
        let Sink::Memory { bytes, .. } = &self.sink else {
            return Ok(());
        };
        let is_miss = self.request.as_ref().is_some_and(|request| request.is_miss);
        let is_collected = !is_miss && !self.is_above_limit();
        let spool = if is_collected { intake.spool()? } else { None };
        let Some(mut spool) = spool else {
            self.pipe_to_view(intake);
            return Ok(());
        };
        spool.gather(bytes);
        let is_full = !spool.hand_over();
        self.sink = Sink::Spool {
            spool: Box::new(spool),
            is_full,
        };
        Ok(())
    }

    /// Leave the body, and whether there is too much of it, to the view that reads it.
    pub fn pipe_to_view(&mut self, intake: &dyn Intake) {
        let pipe = intake.pipe();
        let is_full = match &self.sink {
            Sink::Memory { bytes, .. } => !pipe.push(bytes, self.is_whole.then_some(End::Whole)),
            _ => false,
        };
        self.sink = Sink::Pipe { pipe, is_full };
        self.limit = None;
    }

    /// Return the request once its body is collected, or must be streamed from here on.
    pub fn finish_collected(
        &mut self,
        py: Python<'_>,
        intake: Option<&dyn Intake>,
    ) -> PyResult<Option<Request>> {
        let body = match (&mut self.sink, intake) {
            (Sink::Pipe { .. }, _) => return self.dispatch_streamed(py, None).map(Some),
            (Sink::Memory { bytes, held }, _) if self.is_whole => {
                Body::in_memory(PyBytes::new(py, bytes).unbind(), held.take())
            }
            (Sink::Spool { spool, is_full }, Some(intake)) if spool.pending() == 0 => {
                if !self.is_whole && !*is_full {
                    return Ok(None);
                }
                let pipe = Sink::Pipe {
                    pipe: intake.pipe(),
                    is_full: false,
                };
                let Sink::Spool { spool, .. } = std::mem::replace(&mut self.sink, pipe) else {
                    unreachable!("it was just seen to be a spool");
                };
                let file = spool.finish()?;
                if !self.is_whole {
                    self.limit = None;
                    return self.dispatch_streamed(py, Some(file)).map(Some);
                }
                Body::spooled(file)
            }
            _ => return Ok(None),
        };
        self.dispatch(py, body).map(Some)
    }

    pub fn dispatch_streamed(
        &mut self,
        py: Python<'_>,
        file: Option<SpooledFile>,
    ) -> PyResult<Request> {
        let Sink::Pipe { pipe, .. } = &self.sink else {
            unreachable!("only a body in a pipe is streamed");
        };
        let pipe = Arc::clone(pipe);
        let body = Body::streamed(file, Arc::clone(&pipe));
        let mut request = self.dispatch(py, body)?;
        request.pipe = Some(pipe);
        Ok(request)
    }

    fn dispatch(&mut self, py: Python<'_>, body: Body) -> PyResult<Request> {
        let Unread {
            head,
            terms,
            key,
            is_threaded,
            ..
        } = self.request.take().expect("a request is dispatched once");
        let body = Some(Py::new(py, body)?);
        Ok(Request {
            head,
            body,
            terms,
            key,
            is_threaded,
            pipe: None,
        })
    }
}
