//! What an import counts, and how it keeps ids apart. It remembers an id and sixteen bytes
//! for each case, and nothing else of it.

use super::cases::{Converted, Notice};
use super::plan::SkippedRow;
use domain::case::{Case, fingerprint};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Rows that are named one by one among what was left out; the count is always whole.
const SKIPPED_MAX: usize = 1_000;

/// Counts, and what keeps ids apart.
#[derive(Default)]
pub(super) struct Tally {
    pub rows: u32,
    pub imported: u32,
    pub violates: u32,
    pub safe: u32,
    pub skipped: Vec<SkippedRow>,
    pub skipped_total: u32,
    pub duplicates: u32,
    renamed: u32,
    /// How often each id was asked for.
    ids: HashMap<String, u32>,
    contents: HashSet<[u8; 16]>,
    unknown: BTreeMap<Notice, u32>,
}

impl Tally {
    pub(super) fn take(&mut self, line: u64, case: Converted) -> Option<Case> {
        self.rows += 1;
        let (mut case, notices) = match case {
            Ok(case) => case,
            Err(reason) => {
                self.skipped_total += 1;
                if self.skipped.len() < SKIPPED_MAX {
                    self.skipped.push(SkippedRow { line, reason });
                }
                return None;
            }
        };
        for notice in notices {
            *self.unknown.entry(notice).or_default() += 1;
        }
        self.name(&mut case);
        self.duplicates += u32::from(!self.contents.insert(content_key(&case)));
        self.imported += 1;
        match case.expected {
            Some(domain::verdict::Expected::Violates) => self.violates += 1,
            Some(domain::verdict::Expected::Safe) => self.safe += 1,
            None => {}
        }
        Some(case)
    }

    /// An id that is taken gets a number behind it: `7`, `7-2`, `7-3`.
    fn name(&mut self, case: &mut Case) {
        let wanted = case.id.clone();
        let mut times = self.ids.get(&wanted).copied().unwrap_or_default() + 1;
        if times > 1 {
            self.renamed += 1;
            while self.ids.contains_key(&format!("{wanted}-{times}")) {
                times += 1;
            }
            case.id = format!("{wanted}-{times}");
            self.ids.insert(case.id.clone(), 1);
        }
        self.ids.insert(wanted, times);
    }

    pub(super) fn known(&mut self, case: &Case) {
        self.ids.insert(case.id.clone(), 1);
        self.contents.insert(content_key(case));
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = Vec::new();
        if self.renamed > 0 {
            warnings.push(format!(
                "{} ids were taken and got a number behind them.",
                self.renamed
            ));
        }
        let unknown: Vec<String> = self
            .unknown
            .iter()
            .filter_map(|(notice, times)| match notice {
                Notice::UnknownLabel(text) => Some(format!("{text} ({times})")),
                Notice::UnknownKind(_) => None,
            })
            .take(12)
            .collect();
        if !unknown.is_empty() {
            warnings.push(format!(
                "These labels are on neither side, so their cases expect no verdict: {}. Say which \
                 mean a violation, and which are safe.",
                unknown.join(", ")
            ));
        }
        let kinds: u32 = self
            .unknown
            .iter()
            .filter(|(notice, _)| matches!(notice, Notice::UnknownKind(_)))
            .map(|(_, times)| times)
            .sum();
        if kinds > 0 {
            warnings.push(format!(
                "{kinds} cases have a kind that is unknown; it was read off their content. Kinds \
                 are user_input, model_output and conversation."
            ));
        }
        warnings
    }
}

/// Half of a SHA-256: enough to tell the contents of one file apart.
fn content_key(case: &Case) -> [u8; 16] {
    let digest = fingerprint(case);
    let mut key = [0; 16];
    key.copy_from_slice(&digest.as_bytes()[..16]);
    key
}
