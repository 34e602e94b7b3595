//! Verdicts: what a reply says under a policy's output contract.

use crate::policy::OutputContract;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What the model decided about a case. A reply that cannot be read is
/// `Unparsed`; a verdict is never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Verdict {
    Violates,
    Safe,
    Unparsed,
}

/// The verdict a case's owner expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Expected {
    Violates,
    Safe,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub verdict: Verdict,
    pub label: Option<String>,
    pub rules: Vec<String>,
    /// Present exactly when the verdict is `Unparsed`.
    pub unparsed_reason: Option<String>,
}

/// Reads a final message under an output contract. Tolerates a code fence, white space,
/// letter case and a trailing explanation; never guesses.
pub fn read(_contract: &OutputContract, _answer: &str) -> Reading {
    todo!()
}
