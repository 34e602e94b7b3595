//! The studio's surface.

use crate::judge::Judge;
use crate::view::*;
use domain::case::Case;
use domain::run::{Outcome, RunId};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// An open workspace. Clones share it; every method may be called from any thread of a
/// tokio runtime.
#[derive(Clone)]
pub struct Studio {}

#[derive(Clone, Default)]
pub struct Options {
    /// The model to judge with, before any choice stored in the workspace: `pebble` or a folder.
    pub model: Option<String>,
    pub bad_database: BadDatabase,
    /// Judges instead of any model on disk (tests).
    pub judge: Option<Arc<dyn Judge>>,
}

/// What to do with a database that is corrupted or comes from a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BadDatabase {
    /// `open` fails with `Code::Store`; the message names the file and the remedy.
    #[default]
    Refuse,
    /// Keep it under another name beside the fresh one, and say so in `WorkspaceView::problems`.
    MoveAside,
}

/// Where the time of one evaluation went; zero for what did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Timing {
    /// From the request to the last event, debounce included.
    pub wall_ms: f64,
    /// Waiting for the model to be loaded.
    pub load_ms: f64,
    pub prefill_tokens_per_s: f64,
    pub decode_tokens_per_s: f64,
    pub first_verdict_ms: Option<f64>,
    pub store_ms: f64,
}

/// A run as the command line prints it: everything, outcomes whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    pub summary: RunSummary,
    pub figures: Figures,
    pub cases: Vec<RecordedCase>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedCase {
    pub case: Case,
    pub outcome: Option<Outcome>,
    pub cached: bool,
}

/// Watches the workspace's files until it is dropped.
pub struct Watch {}

impl Studio {
    pub async fn open(_root: &Path, _options: Options) -> Result<Studio, Failure> {
        todo!()
    }
    pub fn root(&self) -> &Path {
        todo!()
    }
    /// `debounce_ms` of touchstone.toml, or 300.
    pub fn debounce_ms(&self) -> u32 {
        todo!()
    }
    pub async fn workspace(&self) -> Result<WorkspaceView, Failure> {
        todo!()
    }
    pub async fn open_policy(&self, _name: &str) -> Result<PolicyDocument, Failure> {
        todo!()
    }
    /// Writes a new policy file from `text`, or a short template, and opens it.
    pub async fn create_policy(
        &self,
        _name: &str,
        _text: Option<&str>,
    ) -> Result<PolicyDocument, Failure> {
        todo!()
    }
    pub async fn analyze(
        &self,
        _name: &str,
        _text: &str,
        _baseline: Option<RunId>,
    ) -> Result<PolicyAnalysis, Failure> {
        todo!()
    }
    pub async fn save_policy(
        &self,
        _name: &str,
        _text: &str,
        _base_hash: &str,
    ) -> Result<SaveResult, Failure> {
        todo!()
    }
    pub async fn suite(&self, _name: &str) -> Result<SuiteView, Failure> {
        todo!()
    }
    pub async fn edit_suite(
        &self,
        _name: &str,
        _base_hash: &str,
        _edit: SuiteEdit,
    ) -> Result<SuiteSaved, Failure> {
        todo!()
    }
    /// Judges the request's text over the policy's own suite. The events end with exactly
    /// one of `Finished`, `Cancelled`, `Failed`, `Unchanged`; an `Err` repeats a `Failed` for
    /// callers that do not look at events. A cancelled evaluation is `Ok`.
    pub async fn evaluate(
        &self,
        _request: EvaluateRequest,
        _on_event: impl FnMut(RunEvent) + Send,
    ) -> Result<Timing, Failure> {
        todo!()
    }
    /// As `evaluate`, over any suite file and for a policy that need not be a file of the
    /// workspace (the command line).
    pub async fn evaluate_suite(
        &self,
        _request: EvaluateRequest,
        _suite: &Path,
        _on_event: impl FnMut(RunEvent) + Send,
    ) -> Result<Timing, Failure> {
        todo!()
    }
    /// Continues an interrupted run with its own texts and cases.
    pub async fn resume(
        &self,
        _run: RunId,
        _on_event: impl FnMut(RunEvent) + Send,
    ) -> Result<Timing, Failure> {
        todo!()
    }
    /// Stops the evaluation under way, if any.
    pub fn cancel(&self) {
        todo!()
    }
    /// Streams the trace of this case, of whatever runs, as `RunEvent::TraceText`.
    pub fn watch_trace(&self, _case: Option<String>) {
        todo!()
    }
    pub async fn runs(&self, _policy: &str) -> Result<Vec<RunSummary>, Failure> {
        todo!()
    }
    pub async fn run_view(
        &self,
        _run: RunId,
        _baseline: Option<RunId>,
    ) -> Result<RunView, Failure> {
        todo!()
    }
    pub async fn record(&self, _run: RunId, _baseline: Option<RunId>) -> Result<Record, Failure> {
        todo!()
    }
    pub async fn trace(
        &self,
        _run: RunId,
        _case: &str,
        _baseline: Option<RunId>,
    ) -> Result<TraceView, Failure> {
        todo!()
    }
    pub async fn set_baseline(&self, _policy: &str, _run: Option<RunId>) -> Result<(), Failure> {
        todo!()
    }
    /// The policy file's text of a run's revision. Nothing is written.
    pub async fn restore(&self, _run: RunId) -> Result<String, Failure> {
        todo!()
    }
    pub async fn compare(&self, _a: RunId, _b: RunId) -> Result<Comparison, Failure> {
        todo!()
    }
    /// Reports changes made outside the studio, until the result is dropped.
    pub fn watch(
        &self,
        _on_event: impl FnMut(WorkspaceEvent) + Send + 'static,
    ) -> Result<Watch, Failure> {
        todo!()
    }
    pub fn models(&self) -> Vec<ModelView> {
        todo!()
    }
    /// Judges with another model from the next evaluation on; returns when it is loaded.
    pub async fn select_model(&self, _id: &str) -> Result<ModelView, Failure> {
        todo!()
    }
}
