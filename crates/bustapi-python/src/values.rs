//! Values of Python's own types in bytes and back, as Python itself writes and reads them.

pub mod cookie;
pub mod json_reader;
pub mod json_writer;
pub mod signed_json;
