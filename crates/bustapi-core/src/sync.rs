//! What several threads look at, explored under loom in every order they can take.

pub mod body_pipe;
pub mod delivery;
pub mod lead;
mod locks;
pub mod mailbox;
pub mod pool;
pub mod request_state;
pub mod stream_pipe;
