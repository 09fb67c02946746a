//! A request as Python sees it: its head, its body, the rule that it goes to.

pub mod body;
pub mod body_pipe;
pub mod head;
pub mod intake;
pub mod names;
pub mod rule_index;
pub mod spool;
