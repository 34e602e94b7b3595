//! The lines of the cases table.

use domain::case::CaseKind;
use domain::certainty::Evidence;
use domain::flip::{Certainty, FlipKind};
use domain::verdict::{Expected, Verdict};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One line of the cases table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CaseRow {
    pub case: String,
    /// The content's beginning on one line.
    pub excerpt: String,
    pub kind: CaseKind,
    pub tags: Vec<String>,
    pub language: Option<String>,
    pub expected: Option<Expected>,
    pub expected_label: Option<String>,
    /// Absent while the case has not been judged in this run.
    pub verdict: Option<Verdict>,
    /// While it is being judged: what is known of its verdict before its reasoning is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub preview: Option<Preview>,
    pub label: Option<String>,
    pub unparsed_reason: Option<String>,
    pub rules: Vec<String>,
    pub margin: Option<f64>,
    pub correct: Option<bool>,
    pub cached: bool,
    pub before: Option<Before>,
    pub flip: Option<FlipKind>,
    pub certainty: Option<Certainty>,
    /// By what the flip was found to be real or noise; absent while nothing was tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub evidence: Option<Evidence>,
}

/// The same case in the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Before {
    pub verdict: Verdict,
    pub label: Option<String>,
    pub margin: Option<f64>,
}

/// The verdict that the model gives behind the case's earlier reasoning, under the text of now.
/// It is no outcome: the reasoning itself is still to be written anew.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Preview {
    pub verdict: Verdict,
    pub margin: f64,
}
