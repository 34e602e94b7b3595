//! What the screens Compare, Coverage and History show beyond a run's own view.

use super::{CaseRow, Comparison, RunSummary};
use domain::coverage::{ClauseCoverage, Invented};
use domain::hunk::DiffHunk;
use domain::run::RunId;
use domain::search::PassagePart;
use domain::verdict::{Expected, Verdict};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Two runs with everything that the Compare screen lists; traces are asked for one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CompareView {
    pub a: RunSummary,
    pub b: RunSummary,
    pub comparison: Comparison,
    /// The flipped cases as rows of the second run, broken ones first.
    pub rows: Vec<CaseRow>,
}

/// Which cases of two runs can be compared at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Overlap {
    /// Judged in both, over the same content.
    pub both: u32,
    pub only_a: u32,
    pub only_b: u32,
    /// The same id with another content.
    pub edited: u32,
}

/// Cases by what was expected and what was given; the positive class is `violates`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Confusion {
    /// Expected to violate: given violates, safe, unparsed.
    pub violates: [u32; 3],
    /// Expected to be safe: given violates, safe, unparsed.
    pub safe: [u32; 3],
}

/// A hunk of the edit between two runs, with the flips that may rest on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct EditedHunk {
    #[serde(flatten)]
    pub hunk: DiffHunk,
    /// The clauses that lose or gain a line.
    pub clauses: Vec<String>,
    /// Flipped cases that name one of these clauses, before or now. Naming is not causing.
    pub flips: Vec<String>,
}

/// Clauses by cases, small enough for a hundred thousand cases: cells name both by position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CoverageView {
    pub run: RunSummary,
    pub clauses: Vec<ClauseCoverage>,
    /// The judged cases in the suite's order.
    pub cases: Vec<CoverageCase>,
    pub cells: Vec<CoverageMark>,
    pub invented: Vec<Invented>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CoverageCase {
    pub case: String,
    pub excerpt: String,
    pub verdict: Verdict,
    pub expected: Option<Expected>,
}

/// A case that names a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CoverageMark {
    /// Positions in `clauses` and `cases`.
    pub clause: u32,
    pub case: u32,
    pub verdict: Verdict,
    /// The answer names it as the rule.
    pub answered: bool,
    pub near_miss: bool,
    pub wrong: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SearchResult {
    /// Newest first.
    pub hits: Vec<SearchHit>,
    /// There are more than are listed.
    pub more: bool,
}

/// A trace or answer that holds what was looked for, in the newest run that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SearchHit {
    pub run: RunId,
    pub policy: String,
    pub case: String,
    #[ts(type = "number")]
    pub started_at_ms: i64,
    pub verdict: Verdict,
    pub label: Option<String>,
    pub passage: Vec<PassagePart>,
}

/// A table that leaves as CSV.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[ts(export)]
pub enum CsvTable {
    /// A policy's runs, oldest first, with their metrics and intervals.
    Runs { policy: String },
    /// Clauses by cases: one line a cell.
    Coverage { run: RunId },
    /// The flips between two runs.
    Flips { a: RunId, b: RunId },
}
