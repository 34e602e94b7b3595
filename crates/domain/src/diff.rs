//! Differences between texts: by word for traces, by line for policies.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Lines `start..=end` of the current text that the baseline's text does not have;
/// for a pure removal, `end` is `start - 1` and the mark stands above `start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ChangedLines {
    pub start: u32,
    pub end: u32,
    pub kind: ChangeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ChangeKind {
    Added,
    Changed,
    Removed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DiffPart {
    pub op: DiffOp,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum DiffOp {
    Equal,
    Insert,
    Delete,
}

/// The word difference from `before` to `after`; concatenating `Equal` and `Insert`
/// parts gives `after`, `Equal` and `Delete` parts give `before`.
pub fn words(_before: &str, _after: &str) -> Vec<DiffPart> {
    todo!()
}

/// Lines of `after` that `before` does not have.
pub fn changed_lines(_before: &str, _after: &str) -> Vec<ChangedLines> {
    todo!()
}
