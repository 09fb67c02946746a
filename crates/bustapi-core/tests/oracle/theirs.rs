//! A connection through hyper's server, in memory and on this thread.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Response, StatusCode, Version};

use crate::outcome::{End, Fields, Outcome, Reason, Request, add_field};

/// What hyper makes of the pieces.
pub fn read(pieces: &[&[u8]]) -> Outcome {
    let seen = RefCell::new((Vec::new(), None));
    let wire = Wire {
        pieces: pieces.iter(),
        piece: &[],
    };
    let end = {
        let answer = service_fn(|request| answer(request, &seen));
        let connection = http1::Builder::new().serve_connection(wire, answer);
        match run(pin!(connection)) {
            None => End::Waits,
            Some(Ok(())) => End::Closed,
            Some(Err(error)) => End::Refused(Reason::Text(format!("{error:?}"))),
        }
    };
    let (requests, begun) = seen.into_inner();
    Outcome {
        requests,
        begun,
        end,
    }
}

type Seen = RefCell<(Vec<Request>, Option<Request>)>;

async fn answer(
    request: hyper::Request<Incoming>,
    seen: &Seen,
) -> Result<Response<Nothing>, hyper::Error> {
    let (head, mut incoming) = request.into_parts();
    let mut request = Request {
        method: head.method.to_string(),
        authority: head.uri.authority().map(ToString::to_string),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(ToOwned::to_owned),
        is_http_11: head.version == Version::HTTP_11,
        fields: fields(&head.headers),
        ..Request::default()
    };
    seen.borrow_mut().1 = Some(request.clone());
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {
        match frame?.into_data() {
            Ok(data) => request.body.extend_from_slice(&data),
            Err(frame) => {
                let trailers = frame.into_trailers().expect("a frame is data or trailers");
                request.trailers = fields(&trailers);
            }
        }
    }
    let mut seen = seen.borrow_mut();
    seen.1 = None;
    seen.0.push(request);
    let mut response = Response::new(Nothing);
    // Success would turn the connection of a CONNECT into a tunnel.
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

fn fields(map: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in map {
        add_field(&mut fields, name.as_str().as_bytes(), value.as_bytes());
    }
    fields
}

/// Poll as long as the future has itself woken; what it comes to, None when it waits.
fn run<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    let is_woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(is_woken.clone());
    while is_woken.0.swap(false, Ordering::Relaxed) {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
    }
    None
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The client's side: it sends the pieces, each in a read of its own, and waits.
struct Wire<'a> {
    pieces: slice::Iter<'a, &'a [u8]>,
    piece: &'a [u8],
}

impl Read for Wire<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.piece.is_empty() {
            // The next piece is there at the next poll, so that what has come is looked at.
            if let Some(piece) = self.pieces.next() {
                self.piece = piece;
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        let (taken, rest) = self
            .piece
            .split_at(self.piece.len().min(buffer.remaining()));
        buffer.put_slice(taken);
        self.piece = rest;
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The body of an answer without one.
struct Nothing;

impl Body for Nothing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}
