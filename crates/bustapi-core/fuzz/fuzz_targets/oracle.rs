//! The connection beside hyper's: what ours takes hyper takes, and as the same.

#![no_main]

#[path = "../../tests/oracle/ours.rs"]
mod ours;
#[path = "../../tests/oracle/outcome.rs"]
mod outcome;
#[path = "../../tests/oracle/theirs.rs"]
mod theirs;
#[path = "../../tests/oracle/verdict.rs"]
mod verdict;

use libfuzzer_sys::fuzz_target;

// The first byte chooses the size of the pieces, the rest is the input.
fuzz_target!(|bytes: &[u8]| {
    let Some((&size, input)) = bytes.split_first() else {
        return;
    };
    let size = if size == 0 {
        input.len()
    } else {
        usize::from(size)
    };
    let ends: Vec<_> = (0..input.len()).step_by(size.max(1)).collect();

    if let Err(difference) = verdict::compare(input, &ends) {
        panic!("{difference}");
    }
});
