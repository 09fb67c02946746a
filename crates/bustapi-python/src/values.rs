//! Values of Python's own types in bytes: what is written here is what Python would write.

pub mod json_writer;
