//! What threads share, in every order that two or three of them can take.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p bustapi-core --release --test models`.
#![cfg(loom)]

mod body_pipe;
mod delivery;
mod desk;
mod lead;
mod mailbox;
mod pool;
mod request_state;
