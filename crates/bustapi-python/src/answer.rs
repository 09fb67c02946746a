//! What the handler returned, on its way to the loop.

pub mod context;
pub mod file_wrapper;
pub mod wire;
