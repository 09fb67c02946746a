//! hyper as a second opinion: what ours takes hyper takes, and as the same.
//!
//! `PROPTEST_CASES=1000000` makes a long run of it.

#[path = "oracle/examples.rs"]
mod examples;
#[path = "oracle/ours.rs"]
mod ours;
#[path = "oracle/outcome.rs"]
mod outcome;
#[path = "oracle/spelling.rs"]
mod spelling;
#[path = "oracle/theirs.rs"]
mod theirs;
#[path = "oracle/verdict.rs"]
mod verdict;

use std::cell::RefCell;
use std::collections::HashMap;
use std::env;

use examples::{EXAMPLES, written};
use outcome::{End, Outcome};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use spelling::{Spelt, changed, spelt};
use verdict::{STRICTER, Verdict, compare, pieces};

fn config(usual: u32) -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = usual;
    }
    config.failure_persistence = None;
    config
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..6)
}

fn ends(cuts: &[Index], length: usize) -> Vec<usize> {
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
    ends.sort_unstable();
    ends
}

/// Check that the input has this verdict however it is cut.
fn check(input: &[u8], verdict: Verdict) {
    let every_byte: Vec<_> = (0..input.len().min(200)).collect();
    for ends in [&[][..], &every_byte] {
        match compare(input, ends) {
            Ok(found) => assert_eq!(found, verdict, "{}", input.escape_ascii()),
            Err(difference) => panic!("{difference}"),
        }
    }
}

#[test]
fn ours_and_hyper_differ_as_the_examples_say() {
    for (verdict, section, bytes) in EXAMPLES {
        println!("{section}: {verdict:?}");
        check(&written(bytes), *verdict);
    }
}

#[test]
fn each_rule_by_which_ours_may_be_stricter_has_an_example() {
    for rule in STRICTER {
        let verdict = Verdict::Stricter(*rule);
        assert!(
            EXAMPLES.iter().any(|(found, ..)| *found == verdict),
            "{rule}"
        );
    }
}

/// What comes of requests one behind the other, of which the last may be the last one.
fn expected(spelt: Vec<Spelt>) -> Outcome {
    let mut outcome = Outcome {
        requests: Vec::new(),
        begun: None,
        end: End::Waits,
    };
    for spelt in spelt {
        outcome.requests.push(spelt.request);
        if !spelt.keep_alive {
            outcome.end = End::Closed;
            break;
        }
    }
    outcome
}

proptest! {
    #![proptest_config(config(1_500))]

    #[test]
    fn valid_requests_mean_to_both_what_was_written(
        spelt in vec(spelt(), 1..4),
        cuts in cuts(),
    ) {
        let bytes: Vec<_> = spelt.iter().flat_map(|spelt| &spelt.bytes).copied().collect();
        let pieces = pieces(&bytes, &ends(&cuts, bytes.len()));
        let expected = expected(spelt);

        prop_assert_eq!(&ours::read(&pieces).0, &expected);
        prop_assert_eq!(&theirs::read(&pieces), &expected);
    }
}

#[test]
fn whatever_ours_takes_hyper_takes_as_the_same() {
    let counts = RefCell::new(HashMap::<Verdict, usize>::new());
    let mut runner = TestRunner::new(config(4_000));

    let result = runner.run(&(changed(), cuts()), |(input, cuts)| {
        let verdict = compare(&input, &ends(&cuts, input.len())).map_err(TestCaseError::fail)?;
        *counts.borrow_mut().entry(verdict).or_default() += 1;
        Ok(())
    });

    let mut counts: Vec<_> = counts.into_inner().into_iter().collect();
    counts.sort_by_key(|(_, count)| *count);
    println!("{counts:#?}");
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
