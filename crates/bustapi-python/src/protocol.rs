//! What turns bytes into requests and answers into bytes.

mod date;
pub mod encoder;
pub mod http1;
