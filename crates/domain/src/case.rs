//! Cases and suites: labelled content that a policy is tried on.

use crate::verdict::Expected;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One labelled piece of content; one line of a suite file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Case {
    /// Unique within its suite.
    pub id: String,
    pub content: Content,
    pub kind: CaseKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// The expected label, where the policy has more labels than two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The clauses that should decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// BCP 47, such as `en` or `zh-Hans`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A text, or the turns of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(untagged)]
#[ts(export)]
pub enum Content {
    Text(String),
    Turns(Vec<Turn>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Turn {
    pub role: Role,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Role {
    User,
    Assistant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum CaseKind {
    UserInput,
    ModelOutput,
    Conversation,
}

/// A line of a suite that could not be used, or could only in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineProblem {
    /// 1-based.
    pub line: u32,
    /// The line was left out (else it was used, and this is a warning).
    pub skipped: bool,
    pub message: String,
}

/// Reads a suite file: JSON Lines, one case a line. Broken lines and duplicate ids
/// are left out and reported; the others stay usable.
pub fn parse_suite(_bytes: &[u8]) -> (Vec<Case>, Vec<LineProblem>) {
    todo!()
}

/// One canonical line for a suite file, without the line break.
pub fn to_line(_case: &Case) -> String {
    todo!()
}

/// Replaces, removes or appends one case's line in a suite's text and leaves every
/// other byte as it was. `replacement` absent removes; `id` absent appends.
pub fn edit_suite(
    _text: &str,
    _id: Option<&str>,
    _replacement: Option<&Case>,
) -> Result<String, String> {
    todo!()
}

/// Names what the model reads of a case (content and kind, not labels):
/// 64 lower-case hexadecimal digits.
pub fn fingerprint(_case: &Case) -> String {
    todo!()
}

/// The content's beginning on one line, at most `chars_max` characters.
pub fn excerpt(_content: &Content, _chars_max: usize) -> String {
    todo!()
}
