//! Which request or connection something is about.

/// Which connection: a place in the table, and a number that no other one of the worker had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionId {
    pub place: usize,
    pub serial: u64,
}

/// Which request of which connection: the place of that, and a number that no other request
/// of the worker had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    pub connection: usize,
    pub serial: u64,
}
