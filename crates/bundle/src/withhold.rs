//! Leaving contents out. A bare hash of a short text can be found by trying texts, so each
//! case is hashed under a salt that stays with the publisher: whoever gets the suite and the
//! salt can check it case by case, whoever gets only the bundle learns nothing of it.

use crate::contents::{CaseSet, Contents, WithheldCase};
use domain::case::{Case, to_line};
use domain::policy::{Clause, clauses};
use domain::run::Outcome;
use domain::verdict::Verdict;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub const SALT_BYTES: usize = 32;

/// The secret of a bundle whose contents are withheld.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt(pub [u8; SALT_BYTES]);

impl Salt {
    /// 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Salt> {
        let text = text.trim();
        if text.len() != 2 * SALT_BYTES || !text.is_ascii() {
            return None;
        }
        let mut salt = [0; SALT_BYTES];
        for (at, byte) in salt.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Salt(salt))
    }

    pub fn to_text(&self) -> String {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{digits}\n")
    }

    /// A salt of its own for these contents, from which this one cannot be found.
    pub fn of(&self, contents: &Contents) -> Salt {
        let mut mac = self.mac();
        mac.update(b"touchstone-bundle-salt/1\n");
        mac.update(contents.policy_text.as_bytes());
        for case in contents.cases().unwrap_or_default() {
            mac.update(b"\n");
            mac.update(to_line(case).as_bytes());
        }
        Salt(mac.finalize().into_bytes().into())
    }

    fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).expect("HMAC takes keys of any length")
    }

    fn hmac(&self, case: &Case) -> String {
        let mut mac = self.mac();
        mac.update(to_line(case).as_bytes());
        let hash = mac.finalize().into_bytes();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The same bundle without contents, notes, owners and traces. Of what the model wrote only
/// verdict, label, margin and the names of the policy's own clauses remain.
pub fn withhold(contents: Contents, salt: &Salt) -> Contents {
    let CaseSet::Full(cases) = &contents.suite else {
        return contents;
    };
    let suite = CaseSet::Withheld(cases.iter().map(|case| withheld(case, salt)).collect());
    let clauses = clauses(&contents.policy_text);
    Contents {
        suite,
        outcomes: contents
            .outcomes
            .into_iter()
            .map(|outcome| silent(outcome, &clauses))
            .collect(),
        ..contents
    }
}

fn withheld(case: &Case, salt: &Salt) -> WithheldCase {
    WithheldCase {
        id: case.id.clone(),
        kind: case.kind,
        expected: case.expected,
        label: case.label.clone(),
        rules: case.rules.clone(),
        tags: case.tags.clone(),
        language: case.language.clone(),
        hmac_sha256: salt.hmac(case),
    }
}

fn silent(outcome: Outcome, clauses: &[Clause]) -> Outcome {
    let known = |rule: &String| {
        clauses
            .iter()
            .any(|clause| clause.id.eq_ignore_ascii_case(rule))
    };
    Outcome {
        unparsed_reason: (outcome.verdict == Verdict::Unparsed).then(|| "Withheld.".to_owned()),
        rules: outcome.rules.into_iter().filter(known).collect(),
        trace: String::new(),
        answer: String::new(),
        ..outcome
    }
}

impl CaseSet {
    /// Puts the withheld cases back, or names the first that is not the one that was hashed.
    pub fn reveal(&self, given: &[Case], salt: &Salt) -> Result<Vec<Case>, String> {
        let CaseSet::Withheld(cases) = self else {
            return Err("the bundle has its contents; nothing was withheld".to_owned());
        };
        cases
            .iter()
            .map(|case| {
                let found = given.iter().find(|given| given.id == case.id);
                let found = found.ok_or_else(|| format!("the suite has no case {}", case.id))?;
                if salt.hmac(found) == case.hmac_sha256 {
                    Ok(found.clone())
                } else {
                    Err(format!(
                        "case {} is not the one that was withheld, or the salt is another",
                        case.id
                    ))
                }
            })
            .collect()
    }
}
