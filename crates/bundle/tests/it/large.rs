//! Ten thousand cases: how long verification takes. docs/benchmarks.md has the figure of an
//! idle machine; the bound here only catches what is slower by an order.

use crate::support::{ada, case, contents, outcome, signed_by};
use bundle::{CaseSet, Contents};
use domain::case::Content;
use domain::verdict::{Expected, Verdict};
use std::time::{Duration, Instant};

const CASES: usize = 10_000;
/// Two seconds are promised on an idle machine; test machines are shared.
const BOUND: Duration = Duration::from_secs(20);

/// Cases and traces of the length that real ones have: a median of 159 tokens a trace.
fn large() -> Contents {
    let mut cases = Vec::new();
    let mut outcomes = Vec::new();
    for at in 0..CASES {
        let id = format!("case-{at:05}");
        let word = at.wrapping_mul(2_654_435_761) % 1_000_003;
        let violates = at % 3 == 0;
        let expected = if violates {
            Expected::Violates
        } else {
            Expected::Safe
        };
        let verdict = if violates {
            Verdict::Violates
        } else {
            Verdict::Safe
        };
        let text = format!("Message {word}: somebody writes about {at} things, and asks {word}.");
        cases.push(case(&id, Content::Text(text.repeat(3)), Some(expected)));
        let mut outcome = outcome(&id, verdict, Some(word as f64 / 1e5));
        outcome.trace =
            format!("The user wrote {word}. T1 would need an offer to sell, and {at} is none. ")
                .repeat(9);
        outcomes.push(outcome);
    }
    Contents {
        suite: CaseSet::Full(cases),
        outcomes,
        ..contents()
    }
}

#[test]
fn ten_thousand_cases_are_verified_in_time() {
    let contents = large();
    let packed = bundle::write(&contents, |manifest| {
        vec![signed_by(manifest, "Ada", &ada())]
    })
    .unwrap();
    let started = Instant::now();
    let read = bundle::read(&packed).unwrap();
    let contradictions = read.contradictions();
    let signers = read.signers().unwrap();
    let elapsed = started.elapsed();
    println!(
        "verified {CASES} cases, {} bytes packed, in {:.2} s",
        packed.len(),
        elapsed.as_secs_f64()
    );
    assert_eq!(contradictions, Vec::<String>::new());
    assert!(signers.iter().all(|checked| checked.problem.is_none()));
    assert_eq!(read.contents.outcomes.len(), CASES);
    assert!(elapsed < BOUND, "{elapsed:?}");
}
