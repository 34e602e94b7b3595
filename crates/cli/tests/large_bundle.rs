//! A bundle of ten thousand cases, as long as real ones are, checked by the command itself.
//! docs/benchmarks.md has the figure of an idle machine; `TOUCHSTONE_LARGE_BUNDLE=FILE` keeps
//! the bundle, so that the command can be timed alone.
#![expect(clippy::unwrap_used, reason = "tests")]

use bundle::{CaseSet, Contents, RunRecord, Validity, write};
use domain::case::{Case, CaseKind, Content};
use domain::policy::Effort;
use domain::run::{Outcome, Sampling, Settings, TokenCounts};
use domain::verdict::{Expected, Verdict};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const CASES: usize = 10_000;
/// Two seconds are promised on an idle machine; test machines are shared.
const BOUND: Duration = Duration::from_secs(20);

const POLICY: &str = "---
id: tobacco
title: Tobacco
output: label
labels:
  VIOLATES: violates
  SAFE: safe
effort: low
---
# Tobacco

Answer VIOLATES or SAFE.

- **T1** Offers to sell tobacco.
- **S1** Other talk.
";

/// A trace has 159 tokens in the median of recorded ones: 9 × 18 words here.
fn case(at: usize) -> (Case, Outcome) {
    let id = format!("case-{at:05}");
    let word = at.wrapping_mul(2_654_435_761) % 1_000_003;
    let (expected, verdict, answer, label, rule) = match at % 3 {
        0 => (
            Expected::Violates,
            Verdict::Violates,
            "VIOLATES T1",
            "VIOLATES",
            "T1",
        ),
        _ => (Expected::Safe, Verdict::Safe, "SAFE S1", "SAFE", "S1"),
    };
    let text = format!("Message {word}: somebody writes about {at} things, and asks {word}. ");
    let trace =
        format!("The user wrote {word}. T1 would need an offer to sell, and {at} is none. ");
    let case = Case {
        expected: Some(expected),
        rules: vec![rule.to_owned()],
        tags: vec!["sale".to_owned()],
        language: Some("en".to_owned()),
        ..Case::new(
            id.clone(),
            Content::Text(text.repeat(3)),
            CaseKind::UserInput,
        )
    };
    let outcome = Outcome {
        case: id,
        verdict,
        unparsed_reason: None,
        label: Some(label.to_owned()),
        rules: vec![rule.to_owned()],
        margin: Some(word as f64 / 1e5),
        trace: trace.repeat(9),
        answer: answer.to_owned(),
        tokens: TokenCounts::default(),
        latency_ms: 1.5,
    };
    (case, outcome)
}

fn packed() -> Vec<u8> {
    let (cases, outcomes) = (0..CASES).map(case).unzip();
    let contents = Contents {
        policy_name: "tobacco".to_owned(),
        policy_text: POLICY.to_owned(),
        suite: CaseSet::Full(cases),
        run: RunRecord {
            model_name: "pebble".to_owned(),
            model_digest: "5e".repeat(32),
            demonstration: true,
            settings: Settings {
                effort: Effort::Low,
                template_version: domain::prompt::TEMPLATE_VERSION,
                sampling: Sampling::Greedy,
                tokens_max: 512,
                numerics: domain::run::Numerics::Exact,
                server: None,
            },
            started_at_ms: 1_795_517_100_000,
            finished_at_ms: 1_795_517_160_000,
        },
        outcomes,
        gates: Vec::new(),
        change_log: String::new(),
        release: None,
        validity: Validity::default(),
    };
    write(&contents, |_| Vec::new()).unwrap()
}

#[test]
fn ten_thousand_cases_are_verified_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::env::var_os("TOUCHSTONE_LARGE_BUNDLE")
        .map_or_else(|| folder.path().join("large.tar.gz"), PathBuf::from);
    std::fs::write(&file, packed()).unwrap();
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_touchstone"))
        .args(["bundle", "verify"])
        .arg(&file)
        .output()
        .unwrap();
    let elapsed = started.elapsed();
    let told = String::from_utf8_lossy(&output.stdout);
    println!(
        "`touchstone bundle verify` took {:.2} s",
        elapsed.as_secs_f64()
    );
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("cases    10000\n") && told.contains(" holds."),
        "{told}"
    );
    assert!(elapsed < BOUND, "{elapsed:?}");
}
