//! What the hosts show of gates, releases and canonical formatting.

use super::{Problem, RunSummary};
use domain::gate::{Gate, GateResult};
use domain::policy::RevisionId;
use domain::run::RunId;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a finished run makes of its policy's gates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct GateReport {
    pub policy: String,
    pub run: RunSummary,
    /// The run that regressions were looked for against.
    pub baseline: Option<RunSummary>,
    /// Every gate passed.
    pub passed: bool,
    /// In the order of `touchstone.toml`.
    pub results: Vec<GateResult>,
}

/// Whether what lies on disk of a policy may be released, and what was before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ReleaseView {
    pub policy: String,
    /// Of the file on disk; absent while it cannot be read.
    pub revision: Option<RevisionId>,
    /// The finished run of the file and suite on disk.
    pub run: Option<RunSummary>,
    pub gates: Vec<Gate>,
    /// Absent without a run, without gates and while there are problems.
    pub report: Option<GateReport>,
    /// What is wrong in the policy, the suite or touchstone.toml.
    pub problems: Vec<Problem>,
    /// Why there can be no release now; empty when there can.
    pub blocks: Vec<Block>,
    /// Of `run`, oldest first.
    pub sign_offs: Vec<SignOff>,
    /// Newest first.
    pub releases: Vec<Release>,
    /// The version of the newest release.
    pub since: Option<String>,
    /// A version that is still free.
    pub next_version: String,
    /// Drafted from the text and the flips since the newest release; Markdown.
    pub change_log: String,
    /// Unified difference of the policy file since the newest release; empty for the first.
    pub policy_diff: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Block {
    /// `ReleaseView::problems` has some.
    Problems,
    /// The file and suite on disk have no finished run.
    NotRun,
    NoGates,
    GatesNotMet,
    /// The newest release is this very run.
    ReleasedAlready,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Release {
    pub policy: String,
    pub version: String,
    pub run: RunId,
    pub revision: RevisionId,
    /// Markdown.
    pub change_log: String,
    /// As they were met.
    pub gates: Vec<GateResult>,
    #[ts(type = "number")]
    pub released_at_ms: i64,
    /// Oldest first; they may come after the release.
    pub sign_offs: Vec<SignOff>,
}

/// Somebody vouches for a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SignOff {
    pub name: String,
    pub role: String,
    /// Names the public key that the person signs bundles with.
    pub key: Option<String>,
    pub statement: String,
    #[ts(type = "number")]
    pub signed_at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SignOffRequest {
    pub run: RunId,
    pub name: String,
    pub role: String,
    pub key: Option<String>,
    pub statement: String,
}

/// One file of the workspace, as `fmt` found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormattedFile {
    /// Relative to the workspace.
    pub file: String,
    pub state: FormatState,
    /// Why it was not touched.
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FormatState {
    Canonical,
    /// Written anew; or it would be, where nothing is written.
    Changed,
    /// Not readable, and not touched.
    Refused,
}
