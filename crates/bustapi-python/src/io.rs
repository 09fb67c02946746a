//! Bytes between the sockets and the loop.

pub mod output;
pub mod poller;
pub mod transport;
