//! A request as Python sees it: its head, its body, the rule that it goes to.

pub mod body;
pub mod head;
pub mod ids;
pub mod intake;
pub mod lookup;
pub mod names;
pub mod rule_index;
pub mod spool;

use std::sync::Arc;

use bustapi_core::http1::response::ResponseContext;
use bustapi_core::sync::body_pipe::BodyPipe;
use pyo3::prelude::*;

use self::body::Body;
use self::head::RequestHead;
use crate::run::learning::EndpointKey;

/// A request that is ready to be answered.
pub struct Request {
    pub head: Py<RequestHead>,
    pub body: Option<Py<Body>>,
    pub terms: ResponseContext,
    pub key: EndpointKey,
    /// Whether its route keeps it from the thread that leads.
    pub is_threaded: bool,
    /// Where its body comes from while it is answered, if it was not collected before.
    pub pipe: Option<Arc<BodyPipe>>,
}
