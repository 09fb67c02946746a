//! Which request or connection something is about.

/// Which request of which connection: a place in the table, and a number never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    pub connection: usize,
    pub serial: u64,
}
