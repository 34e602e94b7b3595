//! Prompts: what the model is given for a policy and a case.

use crate::case::Case;
use crate::policy::{OutputContract, Policy};

/// Part of a run's settings; raised whenever a rendered prompt changes.
pub const TEMPLATE_VERSION: u32 = 1;

/// The developer message's text, without harmony framing: `# Instructions\n\n{body}`.
pub fn developer(_policy: &Policy) -> String {
    todo!()
}

/// The user message's text. Turns become `User: …` and `Assistant: …` paragraphs.
pub fn user(_case: &Case) -> String {
    todo!()
}

/// Beginnings of answers that say "violates" and "safe" under a contract; the engine
/// takes the margin at the first token where they part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternatives {
    pub violating: Vec<String>,
    pub safe: Vec<String>,
}

pub fn alternatives(_contract: &OutputContract) -> Alternatives {
    todo!()
}
