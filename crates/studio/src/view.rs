//! What the hosts show: plain data, computed here once, so that neither the window
//! nor the command line derives a verdict, a difference or a metric of its own.
//! Text offsets are UTF-16 code units; lines are 1-based; times are milliseconds
//! since the Unix epoch (`_at_ms`) or durations (`_ms`).

mod bundle;
mod checkpoint;
mod insight;
mod release;
mod rows;
mod screens;
mod server;

pub use checkpoint::{
    CheckpointView, FaultView, FetchRequest, FetchedView, FormatBytes, MachineView, MemoryView,
    ModelProgress, ModelsView, SpeedView, UnfinishedView, VerifiedView,
};

use domain::case::Case;
use domain::coverage::Standing;
use domain::diff::{ChangedLines, DiffPart};
use domain::flip::{Flip, Metrics, Rate};
use domain::outlook::FlipsLeft;
use domain::policy::{Clause, Effort, OutputContract, RevisionId};
use domain::run::{Citation, RunId, Settings, TokenCounts};
use domain::stats::Estimate;
use domain::stats::agreement::Agreement;
use domain::stats::groups::Group;
use domain::stats::paired::{Difference, NoRegression};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use bundle::{
    BundleContent, BundleFile, BundleProgress, BundleReport, BundleStep, BundleSummary, Divergence,
    ExportFormat, ExportRequest, Exported, ImportRequest, Imported, Judgement, KeyTrust,
    RerunReport, SignatureView, Signed, SignerRequest, VerifyRequest, WithheldRequest,
};
pub use insight::{
    Ablation, AttributedHunk, Attribution, Cause, ConfirmRequest, Confirmed, FileLines, FlipCause,
    ProbeCounts, Probing, Tested, Without,
};
pub use release::{
    Block, FormatState, FormattedFile, GateReport, Release, ReleaseView, SignOff, SignOffRequest,
};
pub use rows::{Before, CaseRow, Preview};
pub use screens::{
    CompareView, Confusion, CoverageCase, CoverageMark, CoverageView, CsvTable, EditedHunk,
    Overlap, SearchHit, SearchResult,
};
pub use server::{FoundModel, HostView, ServerCheck, ServerOptions, ServerView, Usage};

/// An error as hosts receive it. A code exists only where the window branches on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Failure {
    pub code: Code,
    /// For the analyst: what, where, what to do.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Code {
    /// The file changed on disk since it was read.
    Conflict,
    /// The input is at fault; the message names file, place and remedy.
    Input,
    /// A newer request took this one's place, or the user cancelled.
    Cancelled,
    /// A gate is not met, or none is set, where one must be.
    GatesNotMet,
    /// The model could not be loaded or run.
    Model,
    /// Content would leave the machine, for a host that nobody has allowed.
    Consent,
    /// The database refused.
    Store,
    /// The database is corrupted or from a newer version; it can be moved aside.
    BadDatabase,
    Internal,
}

/// Something wrong in a file, that does not stop the rest from working.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Problem {
    pub severity: Severity,
    /// Relative to the workspace.
    pub file: String,
    pub line: Option<u32>,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Severity {
    Error,
    Warning,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct WorkspaceView {
    pub root: String,
    pub name: String,
    pub policies: Vec<PolicySummary>,
    pub models: Vec<ModelView>,
    /// The model that judges, by `ModelView::id`; absent while none could be loaded.
    pub model: Option<String>,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PolicySummary {
    /// The policy's file name without `.md`; names it in every call.
    pub name: String,
    pub title: String,
    /// Relative to the workspace, `/`-separated.
    pub file: String,
    pub suite_file: String,
    pub cases: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ModelView {
    /// `pebble`, the folder's path, or the address on a server.
    pub id: String,
    pub name: String,
    /// Pebble is a demonstration model and is labelled so wherever it is named.
    pub demonstration: bool,
    pub path: String,
    pub digest: Option<String>,
    /// `cpu`, …
    pub device: String,
    #[ts(type = "number")]
    pub bytes: u64,
    /// Zero where it is not known.
    pub context_tokens: u32,
    pub problem: Option<String>,
    /// Where the model is on a server.
    pub server: Option<ServerView>,
}

/// A policy opened for editing, with its suite and its past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PolicyDocument {
    pub name: String,
    /// The file's text, front matter included.
    pub text: String,
    /// Names the bytes on disk that `text` came from; given back when saving.
    pub file_hash: String,
    pub analysis: PolicyAnalysis,
    pub suite: SuiteView,
    pub runs: Vec<RunSummary>,
    pub baseline: Option<RunId>,
    /// The newest run's result for this very text and suite, if there is one.
    pub current: Option<RunView>,
}

/// What the text of a policy says, without running anything. Cheap enough for each keystroke.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PolicyAnalysis {
    pub revision: Option<RevisionId>,
    pub title: String,
    pub output: Option<OutputContract>,
    pub effort: Effort,
    pub clauses: Vec<Clause>,
    /// Lines that differ from the baseline's text.
    pub changed_lines: Vec<ChangedLines>,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SuiteView {
    pub file: String,
    /// Names the bytes on disk; given back when saving. Empty where the file does not exist.
    pub file_hash: String,
    pub cases: Vec<Case>,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[ts(export)]
pub enum SaveResult {
    Saved {
        file_hash: String,
        /// What was written: the canonical form of what was given.
        text: String,
    },
    /// Nothing was written: the file on disk is not the one that was read.
    Conflict {
        disk_text: String,
        disk_hash: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SuiteSaved {
    /// Absent when the file on disk was not the one that was read: nothing was written then.
    pub saved: bool,
    pub suite: SuiteView,
}

/// One edit of a suite, keyed by case id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[ts(export)]
pub enum SuiteEdit {
    /// Before the case with the id `before`, else at the end.
    Add {
        case: Case,
        #[serde(default)]
        #[ts(optional)]
        before: Option<String>,
    },
    Replace {
        id: String,
        case: Case,
    },
    Remove {
        id: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct EvaluateRequest {
    pub policy: String,
    /// The text in the editor, saved or not.
    pub text: String,
    pub effort: Effort,
    pub baseline: Option<RunId>,
    /// Wait this long for a newer request before starting (debounce).
    pub delay_ms: u32,
    /// Only these cases; empty for all.
    pub only: Vec<String>,
}

/// What happens during `evaluate`, in order: `Started`, then `Outcomes` and `Progress`
/// as they come, and exactly one of `Finished`, `Cancelled`, `Failed` at the end.
/// `Unchanged` alone when nothing changed for the model and the view is complete already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[ts(export)]
pub enum RunEvent {
    Started {
        view: RunView,
    },
    /// New or changed rows, with the whole run's figures as of now.
    Outcomes {
        rows: Vec<CaseRow>,
        figures: Figures,
        progress: Progress,
    },
    Progress {
        progress: Progress,
    },
    /// The trace of the case being watched, as far as it has been generated.
    TraceText {
        case: String,
        text: String,
    },
    Finished {
        view: RunView,
    },
    Cancelled {
        run: Option<RunId>,
    },
    Failed {
        failure: Failure,
    },
    Unchanged {
        view: RunView,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Progress {
    pub done: u32,
    pub total: u32,
    /// Cases whose outcome was taken from an earlier run.
    pub cached: u32,
    pub running: u32,
    pub tokens_per_s: f64,
    pub left_ms: Option<f64>,
    pub elapsed_ms: f64,
    pub prefix_tokens: u32,
    pub prefix_reused: u32,
    /// Flips to be expected among the cases that are left; absent without a baseline, and
    /// before the first outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub flips_left: Option<FlipsLeft>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RunSummary {
    pub run: RunId,
    pub policy: String,
    pub revision: RevisionId,
    pub model_name: String,
    pub model_digest: String,
    pub demonstration: bool,
    pub settings: Settings,
    pub state: RunState,
    #[ts(type = "number")]
    pub started_at_ms: i64,
    #[ts(type = "number | null")]
    pub finished_at_ms: Option<i64>,
    pub metrics: Metrics,
    pub is_baseline: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum RunState {
    Running,
    Finished,
    /// Cancelled, or its process ended; what it has can be resumed.
    Interrupted,
}

/// A run beside its baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RunView {
    pub summary: RunSummary,
    pub baseline: Option<RunSummary>,
    pub rows: Vec<CaseRow>,
    pub figures: Figures,
    /// Only of a run by a server.
    pub usage: Option<Usage>,
}

/// The figures of a run as far as it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Figures {
    pub metrics: Metrics,
    /// Over the same cases in the baseline.
    pub baseline: Option<Metrics>,
    pub delta: Option<MetricsDelta>,
    pub flips: FlipCounts,
    /// Exact McNemar over cases judged in both; absent without a baseline.
    pub mcnemar_p: Option<f64>,
    pub clauses: Vec<ClauseFigures>,
    /// Every measure that is defined, with its interval.
    pub estimates: Vec<Estimate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct MetricsDelta {
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
    pub false_positive_rate: Option<f64>,
    pub accuracy: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FlipCounts {
    pub fixed: u32,
    pub broken: u32,
    pub changed: u32,
}

/// How a clause fares in a run: how many traces cite it, and of those how many are wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ClauseFigures {
    pub clause: String,
    pub cited: u32,
    /// Named as the deciding rule in the answer.
    pub deciding: u32,
    /// Wrong verdicts that name this clause as the deciding rule.
    pub failing: u32,
    /// Cases that name it and whose verdict was nearly the other.
    pub near_misses: u32,
    pub standing: Standing,
}

/// Everything about one case in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TraceView {
    pub run: RunId,
    pub row: CaseRow,
    pub case: Case,
    pub trace: String,
    pub citations: Vec<Citation>,
    pub answer: String,
    pub tokens: TokenCounts,
    pub latency_ms: f64,
    /// The baseline's trace for this case, and the word difference from it to this one.
    pub baseline: Option<BaselineTrace>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BaselineTrace {
    pub run: RunId,
    pub trace: String,
    pub answer: String,
    pub diff: Vec<DiffPart>,
}

/// Two runs beside each other: what `touchstone diff` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Comparison {
    pub a: RunId,
    pub b: RunId,
    pub flips: Vec<Flip>,
    /// Cases judged in both whose verdict and label are the same.
    pub unchanged: u32,
    /// Exact McNemar over the cases judged in both.
    pub mcnemar_p: f64,
    /// Every measure in both runs, over the cases judged in both, with the interval of its
    /// difference.
    pub measures: Vec<Difference>,
    /// Whether accuracy, and recall, lost more than the margin.
    pub no_regression: Vec<NoRegression>,
    /// Unified difference of the two policy files; empty where they are the same.
    pub policy_diff: String,
    /// Each run's measures over the cases judged in both, with their own intervals.
    pub estimates_a: Vec<Estimate>,
    pub estimates_b: Vec<Estimate>,
    /// Over the cases judged in both, by what the second run's suite expects.
    pub confusion_a: Confusion,
    pub confusion_b: Confusion,
    pub overlap: Overlap,
    /// The same difference in hunks, each with the flips that name its clauses.
    pub hunks: Vec<EditedHunk>,
}

/// What `touchstone stats` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Statistics {
    pub policies: Vec<PolicyStatistics>,
    /// The share of contents on which every policy is right; with several policies alone.
    pub exact_match: Option<Rate>,
}

/// The runs of one policy, taken as repeats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PolicyStatistics {
    pub policy: String,
    pub runs: Vec<RunId>,
    pub cases: u32,
    /// Verdicts on cases that expect one; more than cases where runs repeat each other.
    pub judgements: u32,
    pub estimates: Vec<Estimate>,
    pub groups: Vec<Group>,
    pub annotators: Vec<AnnotatorView>,
    /// Krippendorff's alpha among all annotations of the cases.
    pub agreement: Option<Agreement>,
}

/// An annotator, or an older system, as one more column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct AnnotatorView {
    pub name: String,
    pub cases: u32,
    /// Annotations that are neither a verdict nor a label of the policy.
    pub unread: u32,
    /// Against what the cases expect.
    pub estimates: Vec<Estimate>,
    /// Cohen's kappa.
    pub agreement_with_run: Option<Agreement>,
    pub agreement_with_expected: Option<Agreement>,
    /// From the annotator to the run.
    pub differences: Vec<Difference>,
    /// Exact McNemar between the two; absent where runs repeat each other.
    pub mcnemar_p: Option<f64>,
}

/// A change noticed outside the studio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[ts(export)]
pub enum WorkspaceEvent {
    PolicyChanged { name: String, file_hash: String },
    SuiteChanged { name: String, file_hash: String },
    PoliciesChanged,
}

/// Files that a person drags over the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[ts(export)]
pub enum FileDrop {
    Over,
    Left,
    Dropped { files: Vec<String> },
}
