//! Flips and metrics: what changed between two runs, and how good a run is.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::run::Judged;
use crate::verdict::{Expected, Verdict};

/// A case whose verdict or label differs between two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Flip {
    pub case: String,
    pub from: Verdict,
    pub to: Verdict,
    pub kind: FlipKind,
    pub certainty: Certainty,
}

/// `Fixed`: now as expected. `Broken`: no longer as expected. `Changed`: neither
/// (nothing expected, or only the label or the kind of wrongness differs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FlipKind {
    Fixed,
    Broken,
    Changed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Certainty {
    Real,
    Noise,
    Undecided,
}

/// A rate with its 95 % Wilson interval; absent when its denominator is zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Rate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// The positive class is `violates`. Unparsed outcomes count as wrong in accuracy:
/// as missed violations where one was expected, and as neither positive nor negative
/// predictions otherwise (they enter no other denominator).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Metrics {
    pub cases: u32,
    /// Cases with an expectation and an outcome.
    pub judged: u32,
    pub unparsed: u32,
    pub true_positives: u32,
    pub false_positives: u32,
    pub true_negatives: u32,
    pub false_negatives: u32,
    pub precision: Option<Rate>,
    pub recall: Option<Rate>,
    /// Harmonic mean of precision and recall; given without an interval.
    pub f1: Option<f64>,
    pub false_positive_rate: Option<Rate>,
    pub accuracy: Option<Rate>,
}

/// The flip of one case between two judgements of it, if its verdict or label differs.
pub fn flip(
    _before: (Verdict, Option<&str>),
    _now: (Verdict, Option<&str>),
    _expected: Option<Expected>,
) -> Option<FlipKind> {
    todo!()
}

/// Confusion counts and rates with 95 % Wilson intervals.
pub fn metrics(_judged: impl IntoIterator<Item = Judged>) -> Metrics {
    todo!()
}

/// Two-sided exact McNemar: `broken` and `fixed` are the discordant counts.
pub fn mcnemar_p(_broken: u32, _fixed: u32) -> f64 {
    todo!()
}
