//! Verdicts: what a reply says under a policy's output contract.

mod json;
mod label;

use crate::policy::{OutputContract, OutputKind};
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

impl Verdict {
    /// Whether this is the verdict that was expected; an unparsed one never is.
    pub fn is(self, expected: Expected) -> bool {
        self == Verdict::from(expected)
    }
}

impl From<Expected> for Verdict {
    fn from(expected: Expected) -> Verdict {
        match expected {
            Expected::Violates => Verdict::Violates,
            Expected::Safe => Verdict::Safe,
        }
    }
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
/// letter case, a lead-in (`Verdict: …`) and a trailing explanation; never guesses. Two
/// answers on opposite sides are none; two labels on one side leave the label open.
pub fn read(contract: &OutputContract, answer: &str) -> Reading {
    let text = inside_fence(answer.trim()).trim();
    if text.is_empty() {
        return unparsed("The model gave an empty answer.".to_owned());
    }
    let reading = match contract.kind {
        OutputKind::Json => json::read(contract, text),
        OutputKind::Label | OutputKind::Binary if text.starts_with('{') => {
            json::read_as_label(contract, text)
        }
        OutputKind::Label | OutputKind::Binary => label::read(contract, text),
    };
    reading.unwrap_or_else(unparsed)
}

fn unparsed(reason: String) -> Reading {
    Reading {
        verdict: Verdict::Unparsed,
        label: None,
        rules: Vec::new(),
        unparsed_reason: Some(reason),
    }
}

fn parsed(verdict: Expected, label: Option<String>, rules: Vec<String>) -> Reading {
    Reading {
        verdict: verdict.into(),
        label,
        rules,
        unparsed_reason: None,
    }
}

/// The answers that a contract allows, with what each means and whether it is a label.
fn answers(contract: &OutputContract) -> Vec<(&str, Expected)> {
    match contract.kind {
        OutputKind::Binary => vec![("1", Expected::Violates), ("0", Expected::Safe)],
        OutputKind::Label | OutputKind::Json => contract
            .labels
            .iter()
            .map(|(label, side)| (label.as_str(), *side))
            .collect(),
    }
}

/// What a fenced answer holds; the whole text where no fence opens it.
fn inside_fence(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("```") else {
        return text;
    };
    // The first line is the fence's language, unless the fence stands on one line.
    let body = match rest.split_once('\n') {
        Some((_language, body)) => body,
        None => rest,
    };
    body.find("```").map_or(body, |end| &body[..end])
}

fn quote(text: &str) -> String {
    let line = crate::case::excerpt(&crate::case::Content::Text(text.to_owned()), 60);
    format!("\"{line}\"")
}

#[cfg(test)]
mod tests;
