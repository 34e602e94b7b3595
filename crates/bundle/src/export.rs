//! Other tools' forms of a release: folders of files, as pure values.
//!
//! They carry the policy as it is read by the model, and the cases with what is expected of
//! them. A case without an expectation has no place in a form that scores answers and is
//! left out there.

mod evals;
mod inspect;
mod opa;
mod promptfoo;
mod report;
mod roost;

pub use report::{report, utc};

use crate::contents::Contents;
use crate::manifest::{GateOutcome, passed};
use crate::refusal::Refusal;
use domain::case::Case;
use domain::policy::{OutputContract, OutputKind, Policy};
use domain::verdict::Expected;
use std::collections::BTreeMap;

/// A form that is a folder of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Opa,
    Promptfoo,
    OpenaiEvals,
    Inspect,
    Roost,
}

/// The files of a form by their paths in its folder.
pub fn export(contents: &Contents, format: Format) -> Result<BTreeMap<String, Vec<u8>>, Refusal> {
    let policy = contents.policy()?;
    let cases = contents.cases().ok_or_else(|| {
        Refusal::malformed(
            "suite/cases.jsonl",
            "the contents are withheld, and this form needs them",
        )
    })?;
    let source = Source {
        contents,
        policy: &policy,
        cases,
    };
    let mut files = match format {
        Format::Opa => opa::files(&source),
        Format::Promptfoo => promptfoo::files(&source),
        Format::OpenaiEvals => evals::files(&source),
        Format::Inspect => inspect::files(&source),
        Format::Roost => roost::files(&source),
    };
    if let Some(notice) = gates_notice(contents) {
        files.insert(NOTICE.to_owned(), notice.into_bytes());
    }
    Ok(files)
}

/// Beside whatever leaves though its gates are not met.
const NOTICE: &str = "GATES-NOT-MET.md";

fn gates_notice(contents: &Contents) -> Option<String> {
    let missed: String = match GateOutcome::of(&contents.gates) {
        GateOutcome::Met => return None,
        GateOutcome::NoneSet => "- No gate is set for this policy.\n".to_owned(),
        GateOutcome::NotMet => {
            let missed = contents.gates.iter().filter(|result| !passed(result));
            missed
                .map(|result| format!("- {}\n", result.message))
                .collect()
        }
    };
    Some(format!(
        "# This policy does not meet its release gates\n\nIt was exported all the same, because \
         that was asked for.\n\n{missed}"
    ))
}

struct Source<'a> {
    contents: &'a Contents,
    policy: &'a Policy,
    cases: &'a [Case],
}

impl Source<'_> {
    /// The policy's name for places that take plain identifiers only.
    fn identifier(&self) -> String {
        let name = &self.contents.policy_name;
        let plain: String = name
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        if name.is_ascii() && plain.starts_with(|c: char| c.is_ascii_lowercase()) {
            return plain;
        }
        format!("policy_{}", &self.policy.revision.0[..12])
    }

    fn revision(&self) -> &str {
        &self.policy.revision.0
    }
}

/// The answers that count as right for a case: its label, or any on the expected side.
fn answers(contract: &OutputContract, case: &Case) -> Option<Vec<String>> {
    let expected = case.expected?;
    Some(match contract.kind {
        OutputKind::Label => match &case.label {
            Some(label) => vec![label.clone()],
            None => contract.labels_of(expected),
        },
        OutputKind::Binary | OutputKind::Json => vec![digit(expected).to_owned()],
    })
}

fn digit(expected: Expected) -> &'static str {
    match expected {
        Expected::Violates => "1",
        Expected::Safe => "0",
    }
}
