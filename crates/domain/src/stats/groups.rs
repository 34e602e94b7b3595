//! Measures by what cases have in common, and over several policies at once.

use super::bootstrap::Plan;
use super::{Estimate, Table, estimates};
use crate::case::{Case, CaseKind};
use crate::flip::{Rate, rate};
use crate::run::Judged;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// What to group cases by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum GroupBy {
    /// The label a case expects.
    Label,
    /// Each tag; a case with two stands in two groups.
    Tag,
    Language,
    Kind,
}

/// The cases that share a value, largest group first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Group {
    /// Absent for the cases that have no such value.
    pub value: Option<String>,
    pub cases: u32,
    pub estimates: Vec<Estimate>,
}

/// Groups the cases that expect something; each comes with its judgements.
pub fn by(cases: &[(&Case, Table)], by: GroupBy, plan: Plan) -> Vec<Group> {
    let mut groups: BTreeMap<Option<String>, Vec<Table>> = BTreeMap::new();
    for (case, table) in cases.iter().filter(|(_, table)| table.total() > 0) {
        for value in values(case, by) {
            groups.entry(value).or_default().push(*table);
        }
    }
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|(value, tables)| Group {
            value,
            cases: tables.len() as u32,
            estimates: estimates(&tables, plan),
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.cases));
    groups
}

fn values(case: &Case, by: GroupBy) -> Vec<Option<String>> {
    match by {
        GroupBy::Label => vec![case.label.clone()],
        GroupBy::Tag if case.tags.is_empty() => vec![None],
        GroupBy::Tag => {
            let mut tags = case.tags.clone();
            tags.sort();
            tags.dedup();
            tags.into_iter().map(Some).collect()
        }
        GroupBy::Language => vec![case.language.clone()],
        GroupBy::Kind => vec![Some(
            match case.kind {
                CaseKind::UserInput => "user_input",
                CaseKind::ModelOutput => "model_output",
                CaseKind::Conversation => "conversation",
            }
            .to_owned(),
        )],
    }
}

/// The share of contents on which every policy's verdict is the expected one. Contents for
/// which no policy expects anything enter nowhere.
pub fn exact_match(contents: impl IntoIterator<Item = Vec<Judged>>) -> Option<Rate> {
    let (mut exact, mut all) = (0, 0);
    for judgements in contents {
        let right: Vec<bool> = judgements
            .iter()
            .filter_map(|judged| Some(judged.verdict.is(judged.expected?)))
            .collect();
        all += u32::from(!right.is_empty());
        exact += u32::from(!right.is_empty() && right.iter().all(|right| *right));
    }
    rate(exact, all)
}
