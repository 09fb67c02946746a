//! Where requests run, and what is learnt of them.

pub mod answering;
pub mod clock;
pub mod inline;
pub mod learning;
pub mod view_thread;

use std::time::Duration;

/// How long a request may keep the thread that leads, and a piece of an answer wait for the
/// next one. Another thread takes over between one tick and two.
pub const TICK: Duration = Duration::from_millis(2);
