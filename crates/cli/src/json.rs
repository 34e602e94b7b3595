//! The JSON shapes that other programs read. They are promises: fields are added, never
//! renamed.

use domain::run::{Outcome, Settings, TokenCounts};
use domain::stats::Estimate;
use domain::verdict::{Expected, Verdict};
use domain::{flip::Metrics, policy::RevisionId, run::RunId};
use serde::Serialize;
use studio::view::Failure;
use studio::{Record, RecordedCase, Timing};

#[derive(Serialize)]
struct Run<'a> {
    run: RunId,
    policy: &'a str,
    revision: &'a RevisionId,
    suite: &'a str,
    model: Model<'a>,
    settings: &'a Settings,
    outcomes: Vec<CaseOutcome<'a>>,
    metrics: &'a Metrics,
    /// Every measure with its interval.
    estimates: &'a [Estimate],
    timing: RunTiming,
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    digest: &'a str,
    device: &'a str,
}

#[derive(Serialize)]
struct CaseOutcome<'a> {
    case: &'a str,
    verdict: Verdict,
    label: Option<&'a str>,
    rules: &'a [String],
    expected: Option<Expected>,
    correct: Option<bool>,
    margin: Option<f64>,
    trace: &'a str,
    tokens: TokenCounts,
    latency_ms: f64,
}

#[derive(Serialize)]
struct RunTiming {
    wall_ms: f64,
    load_ms: f64,
    prefill_tokens_per_s: f64,
    decode_tokens_per_s: f64,
    /// From the request to the first new outcome in the database.
    first_verdict_ms: Option<f64>,
    store_ms: f64,
}

/// The document of `run --json`. Cases without an outcome have no place in it.
pub fn run(record: &Record, suite: &str, device: &str, timing: Timing) -> String {
    let summary = &record.summary;
    line(&Run {
        run: summary.run,
        policy: &summary.policy,
        revision: &summary.revision,
        suite,
        model: Model {
            name: &summary.model_name,
            digest: &summary.model_digest,
            device,
        },
        settings: &summary.settings,
        outcomes: record.cases.iter().filter_map(outcome).collect(),
        metrics: &record.figures.metrics,
        estimates: &record.figures.estimates,
        timing: RunTiming {
            wall_ms: timing.wall_ms,
            load_ms: timing.load_ms,
            prefill_tokens_per_s: timing.prefill_tokens_per_s,
            decode_tokens_per_s: timing.decode_tokens_per_s,
            first_verdict_ms: timing.first_verdict_ms,
            store_ms: timing.store_ms,
        },
    })
}

fn outcome(recorded: &RecordedCase) -> Option<CaseOutcome<'_>> {
    let outcome: &Outcome = recorded.outcome.as_ref()?;
    Some(CaseOutcome {
        case: &recorded.case.id,
        verdict: outcome.verdict,
        label: outcome.label.as_deref(),
        rules: &outcome.rules,
        expected: recorded.case.expected,
        correct: outcome.correct(recorded.case.expected),
        margin: outcome.margin,
        trace: &outcome.trace,
        tokens: outcome.tokens,
        latency_ms: outcome.latency_ms,
    })
}

#[derive(Serialize)]
struct Logits<'a> {
    logits: &'a [f32],
}

pub fn logits(logits: &[f32]) -> Result<String, Failure> {
    if let Some(at) = logits.iter().position(|logit| !logit.is_finite()) {
        return Err(crate::input(format!(
            "The logit of token {at} is not a finite number; the checkpoint's weights are broken."
        )));
    }
    Ok(line(&Logits { logits }))
}

pub fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our documents have text keys and serialise")
}
