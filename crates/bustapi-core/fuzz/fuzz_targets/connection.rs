//! The connection: fed, read, answered, drained and ended in any order and in any split.
//!
//! The same requests come out whatever the split; what is held stays within its bounds.

#![no_main]

#[path = "../../tests/connection/driver.rs"]
mod driver;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| driver::check(bytes));
