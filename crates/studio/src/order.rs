//! Which cases are judged first: those that the edit most likely turns.
//!
//! First the cases whose baseline trace names a clause that was edited, then the cases
//! that the baseline doesn't know, then the others; within each, the smallest baseline
//! margin first. A case without a margin stands last in its group, equals keep the
//! suite's order.

use crate::compare::Table;
use domain::policy::{Clause, clauses};
use std::collections::{BTreeMap, BTreeSet};

/// Positions of the cases that have no outcome yet, in the order to judge them.
pub(crate) fn pending(table: &Table) -> Vec<usize> {
    let edited = match &table.base {
        Some(base) => edited(&clauses(&base.file_text), &table.clauses),
        None => BTreeSet::new(),
    };
    let group = |position: usize| {
        let entry = &table.entries[position];
        let before = table
            .before(entry)
            .and_then(|_| table.base.as_ref()?.entries.get(&entry.case.id));
        match before {
            Some(before) if before.seems_to_rest_on(&edited) => 0,
            None => 1,
            Some(_) => 2,
        }
    };
    let margin = |position: usize| {
        table
            .before(&table.entries[position])
            .and_then(|before| before.margin)
            .map_or(f64::INFINITY, f64::abs)
    };
    let mut positions: Vec<usize> = (0..table.entries.len())
        .filter(|position| table.entries[*position].outcome.is_none())
        .collect();
    positions.sort_by(|a, b| {
        let groups = group(*a).cmp(&group(*b));
        groups.then(margin(*a).total_cmp(&margin(*b)))
    });
    positions
}

/// The clauses whose text differs, or which only one of the two texts has.
fn edited(before: &[Clause], now: &[Clause]) -> BTreeSet<String> {
    let texts = |clauses: &[Clause]| -> BTreeMap<String, String> {
        let pairs = clauses
            .iter()
            .map(|clause| (clause.id.clone(), clause.text.clone()));
        pairs.collect()
    };
    let (before, now) = (texts(before), texts(now));
    before
        .keys()
        .chain(now.keys())
        .filter(|id| before.get(*id) != now.get(*id))
        .cloned()
        .collect()
}
