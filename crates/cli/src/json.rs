//! The JSON shapes that other programs read. They are promises: fields are added, never
//! renamed.

use domain::gate::GateState;
use domain::run::{Outcome, Settings, TokenCounts};
use domain::stats::Estimate;
use domain::verdict::{Expected, Verdict};
use domain::{
    flip::{Flip, Metrics},
    policy::RevisionId,
    run::RunId,
};
use serde::Serialize;
use studio::view::{Attribution, Comparison, Failure, GateReport, Usage};
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
    /// Only of a run by a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<&'a Usage>,
    /// Every measure with its interval.
    estimates: &'a [Estimate],
    /// Against the baseline, tested; only with --repeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    flips: Option<&'a [Flip]>,
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
struct Compared<'a> {
    #[serde(flatten)]
    comparison: &'a Comparison,
    /// Only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<&'a Attribution>,
}

/// The document of `diff --json`.
pub fn comparison(comparison: &Comparison, attribution: Option<&Attribution>) -> String {
    line(&Compared {
        comparison,
        attribution,
    })
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
pub fn run(
    record: &Record,
    flips: Option<&[Flip]>,
    suite: &str,
    device: &str,
    timing: Timing,
) -> String {
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
        usage: record.usage.as_ref(),
        estimates: &record.figures.estimates,
        flips,
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
struct Check<'a> {
    passed: bool,
    policies: Vec<CheckedPolicy<'a>>,
}

#[derive(Serialize)]
struct CheckedPolicy<'a> {
    policy: &'a str,
    passed: bool,
    run: RunId,
    revision: &'a RevisionId,
    baseline: Option<RunId>,
    model_name: &'a str,
    model_digest: &'a str,
    metrics: &'a Metrics,
    gates: Vec<CheckedGate<'a>>,
}

#[derive(Serialize)]
struct CheckedGate<'a> {
    /// Table and key in touchstone.toml.
    gate: String,
    line: u32,
    state: GateState,
    value: Option<f64>,
    bound: f64,
    cases: &'a [String],
    message: &'a str,
}

/// The document of `check --json`.
pub fn check(reports: &[GateReport]) -> String {
    line(&Check {
        passed: reports.iter().all(|report| report.passed),
        policies: reports.iter().map(checked).collect(),
    })
}

fn checked(report: &GateReport) -> CheckedPolicy<'_> {
    CheckedPolicy {
        policy: &report.policy,
        passed: report.passed,
        run: report.run.run,
        revision: &report.run.revision,
        baseline: report.baseline.as_ref().map(|run| run.run),
        model_name: &report.run.model_name,
        model_digest: &report.run.model_digest,
        metrics: &report.run.metrics,
        gates: report
            .results
            .iter()
            .map(|result| CheckedGate {
                gate: result.gate.place(),
                line: result.gate.line,
                state: result.state,
                value: result.value,
                bound: result.gate.bound,
                cases: &result.cases,
                message: &result.message,
            })
            .collect(),
    }
}

#[derive(Serialize)]
struct Draft<'a> {
    change_log: &'a str,
}

/// The document of `release --draft --json`.
pub fn draft(change_log: &str) -> String {
    line(&Draft { change_log })
}

#[derive(Serialize)]
struct Restored<'a> {
    run: i64,
    text: &'a str,
}

/// The document of `restore --json`.
pub fn restored(run: i64, text: &str) -> String {
    line(&Restored { run, text })
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
