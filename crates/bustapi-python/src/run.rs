//! Where requests run, and what is learnt of them.

pub mod clock;
pub mod learning;
pub mod pool;
pub mod view_thread;
