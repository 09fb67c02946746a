//! HTTP/1.x: heads, bodies and answers as bytes (RFC 9110, RFC 9112).

pub(crate) mod bytes;
pub mod chunked;
pub mod connection;
mod date;
mod fields;
pub mod head;
mod host;
mod reason;
pub mod response;
pub mod target;
