//! Policies: front matter, body, clauses, revision.

use crate::verdict::Expected;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How hard the model is asked to reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Effort {
    #[default]
    Low,
    Medium,
    High,
}

/// What the final message must look like.
///
/// - `Label`: one label of the map, optionally followed by the deciding rule ids.
/// - `Binary`: `1` violates, `0` safe.
/// - `Json`: `{"violation": 0|1, "policy_category": id|null, "rule_ids": [id…], …}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum OutputKind {
    Label,
    Binary,
    Json,
}

/// The output contract: the form of the answer and which labels mean a violation.
/// `labels` keeps the order of the file; for `Binary` and `Json` it may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct OutputContract {
    pub kind: OutputKind,
    pub labels: Vec<(String, Expected)>,
}

/// An addressable rule of a policy. Lines are those of the policy file, 1-based, inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Clause {
    /// The explicit code (`SP2.a`), or one generated from heading and list position.
    pub id: String,
    pub explicit: bool,
    pub line_start: u32,
    pub line_end: u32,
    pub text: String,
}

/// The content hash of the normalised policy text and its output contract:
/// 64 lower-case hexadecimal digits. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RevisionId(pub String);

/// One policy file, read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub id: String,
    pub title: String,
    pub output: OutputContract,
    pub effort: Effort,
    /// The normalised text that the model reads.
    pub body: String,
    pub clauses: Vec<Clause>,
    pub revision: RevisionId,
}

/// Why a policy file cannot be used, with the place and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PolicyError {
    /// 1-based; absent where the whole file is at fault.
    pub line: Option<u32>,
    pub message: String,
}

/// Reads a policy file. Not UTF-8, no text, broken front matter or an output contract
/// that cannot tell violating from safe are errors.
pub fn parse(_bytes: &[u8]) -> Result<Policy, PolicyError> {
    todo!()
}

/// The clauses of a policy file's text; tolerant, so that it can follow typing.
pub fn clauses(_text: &str) -> Vec<Clause> {
    todo!()
}
