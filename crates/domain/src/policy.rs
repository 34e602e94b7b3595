//! Policies: front matter, body, clauses, revision.
//!
//! A file is Markdown, with or without YAML front matter. What the model reads is its
//! normalised body: without byte order mark, HTML comments, trailing white space and
//! surrounding blank lines, with LF line breaks. Line numbers are always the file's.

mod body;
mod canonical;
mod clauses;
mod front_matter;
mod lines;
mod lint;

use crate::verdict::Expected;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use canonical::format;
pub use lint::lint;

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

impl OutputContract {
    /// The labels on one side, in the file's order.
    pub fn labels_of(&self, side: Expected) -> Vec<String> {
        self.labels
            .iter()
            .filter(|(_, means)| *means == side)
            .map(|(label, _)| label.clone())
            .collect()
    }
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
    /// What could be read but should be looked at: line of the file and message.
    pub warnings: Vec<(u32, String)>,
}

impl Policy {
    /// The same policy with another text for the model to read; clauses have the lines of
    /// that text then, not of any file.
    pub fn with_body(&self, body: &str) -> Policy {
        let lines = body::visible(body, 0);
        let body = body::join(&lines);
        Policy {
            clauses: clauses::find(&lines),
            revision: revision(&body, &self.output),
            body,
            warnings: Vec::new(),
            ..self.clone()
        }
    }
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
///
/// Without front matter the title is the first heading (or line), the id its slug, and
/// the output contract the one that the text itself names: JSON with `"violation"`,
/// the words `VALID` and `INVALID`, or `SAFE` and `VIOLATES`; else `1` and `0`.
pub fn parse(bytes: &[u8]) -> Result<Policy, PolicyError> {
    let text = decode(bytes)?;
    let front = front_matter::read(text)?;
    let lines = body::visible(text, front.body_start);
    let body = body::join(&lines);
    if body.is_empty() {
        return Err(PolicyError {
            line: None,
            message: "The policy has no text for the model to read. Write its rules below the front matter."
                .to_owned(),
        });
    }
    let mut warnings = front.warnings;
    let output = match front.output {
        Some(output) => output,
        None => {
            let (output, how) = infer_output(&body);
            warnings.push((
                1,
                format!(
                    "No output contract is declared; answers are read as {how}. Declare `labels:` or `output:` in the front matter."
                ),
            ));
            output
        }
    };
    let title = front.title.unwrap_or_else(|| title_of(&body));
    Ok(Policy {
        id: front.id.unwrap_or_else(|| clauses::slug(&title)),
        title,
        effort: front.effort.unwrap_or_default(),
        clauses: clauses::find(&lines),
        revision: revision(&body, &output),
        output,
        body,
        warnings,
    })
}

/// The clauses of a policy file's text; tolerant, so that it can follow typing: while
/// the front matter cannot be read, all that follows its end is taken for the body.
pub fn clauses(text: &str) -> Vec<Clause> {
    let text = without_mark(text);
    clauses::find(&body::visible(text, front_matter::body_start(text)))
}

/// The file's line of each line that the model reads.
pub fn body_lines(text: &str) -> Vec<u32> {
    let text = without_mark(text);
    let lines = body::visible(text, front_matter::body_start(text));
    lines.iter().map(|line| line.number).collect()
}

fn decode(bytes: &[u8]) -> Result<&str, PolicyError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        PolicyError {
            line: u32::try_from(line).ok(),
            message: format!(
                "The file is not UTF-8: byte {} is the first that does not fit (line {line}). Save it as UTF-8.",
                at + 1
            ),
        }
    })?;
    Ok(without_mark(text))
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The order in which the labels stand decides nothing, so it is not hashed.
fn revision(body: &str, output: &OutputContract) -> RevisionId {
    let mut labels = output.labels.clone();
    labels.sort();
    let named = serde_json::json!(["touchstone-revision/1", output.kind, labels, body]);
    RevisionId(crate::hex_digest(named.to_string().as_bytes()))
}

/// The contract that a text without a declaration names, and how to say it.
fn infer_output(body: &str) -> (OutputContract, &'static str) {
    let has_word = |wanted: &str| {
        body.split(|c: char| !c.is_alphanumeric())
            .any(|word| word == wanted)
    };
    let labels = |violating: &str, safe: &str| OutputContract {
        kind: OutputKind::Label,
        labels: vec![
            (violating.to_owned(), Expected::Violates),
            (safe.to_owned(), Expected::Safe),
        ],
    };
    let without_labels = |kind| OutputContract {
        kind,
        labels: Vec::new(),
    };
    if body.contains("\"violation\"") {
        (
            without_labels(OutputKind::Json),
            "JSON, {\"violation\": 1 or 0, …}",
        )
    } else if has_word("INVALID") && has_word("VALID") {
        (
            labels("INVALID", "VALID"),
            "the labels INVALID (violates) and VALID (safe)",
        )
    } else if has_word("VIOLATES") && has_word("SAFE") {
        (
            labels("VIOLATES", "SAFE"),
            "the labels VIOLATES (violates) and SAFE (safe)",
        )
    } else {
        (
            without_labels(OutputKind::Binary),
            "1 (violates) or 0 (safe)",
        )
    }
}

/// The first heading's text, or the first line's.
fn title_of(body: &str) -> String {
    let heading = body
        .lines()
        .find(|line| line.starts_with('#'))
        .or_else(|| body.lines().next())
        .unwrap_or_default();
    let text = heading.trim_start_matches('#').trim().trim_matches('*');
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
