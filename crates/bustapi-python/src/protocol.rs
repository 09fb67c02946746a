//! What turns bytes into requests and answers into bytes.

pub mod date;
pub mod http1;
