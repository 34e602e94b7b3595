//! Two runs side by side and clauses by cases, as the screens Compare and Coverage show
//! them. What a flip, a measure or a level of coverage is, is `domain`'s to say.

use crate::compare::{Table, reading};
use crate::studio::Studio;
use crate::view::{
    CaseRow, CompareView, Confusion, CoverageCase, CoverageMark, CoverageView, EditedHunk, Failure,
    Overlap,
};
use domain::case::excerpt;
use domain::citation;
use domain::flip::{FlipKind, flip};
use domain::hunk::hunks;
use domain::policy::{Clause, clauses};
use domain::run::{Outcome, RunId};
use domain::stats::bootstrap::Plan;
use domain::stats::paired::Pair;
use domain::stats::{self, Estimate};
use std::collections::{BTreeSet, HashMap};

const EXCERPT_CHARS_MAX: usize = 90;

impl Studio {
    /// From `a` to `b`, with the flipped cases as rows.
    pub async fn compare_view(&self, a: RunId, b: RunId) -> Result<CompareView, Failure> {
        let comparison = self.compare(a, b).await?;
        let table = self.table(b, Some(a)).await?;
        let mut rows: Vec<CaseRow> = table
            .entries
            .iter()
            .map(|entry| table.row(entry))
            .filter(|row| row.flip.is_some())
            .collect();
        rows.sort_by_key(|row| match row.flip {
            Some(FlipKind::Broken) => 0,
            Some(FlipKind::Fixed) => 1,
            Some(FlipKind::Changed) | None => 2,
        });
        let now = table.view().summary;
        let before = table.base.map_or_else(|| now.clone(), |base| base.summary);
        Ok(CompareView {
            a: before,
            b: now,
            comparison,
            rows,
        })
    }

    /// Which clauses of its policy a run's cases reach, for a map of clauses by cases.
    pub async fn coverage_view(&self, run: RunId) -> Result<CoverageView, Failure> {
        let coverage = self.coverage(run).await?;
        let table = self.table(run, None).await?;
        let cases: Vec<CoverageCase> = table
            .entries
            .iter()
            .filter_map(|entry| {
                Some(CoverageCase {
                    case: entry.case.id.clone(),
                    excerpt: excerpt(&entry.case.content, EXCERPT_CHARS_MAX),
                    verdict: entry.outcome.as_ref()?.verdict,
                    expected: entry.case.expected,
                })
            })
            .collect();
        let positions = |ids: Vec<&String>| -> HashMap<String, u32> {
            ids.into_iter().cloned().zip(0..).collect()
        };
        let at_case = positions(cases.iter().map(|case| &case.case).collect());
        let at_clause = positions(coverage.clauses.iter().map(|one| &one.clause).collect());
        let marks = coverage.cells.iter().filter_map(|cell| {
            Some(CoverageMark {
                clause: *at_clause.get(&cell.clause)?,
                case: *at_case.get(&cell.case)?,
                verdict: cell.verdict,
                answered: cell.answered,
                near_miss: cell.near_miss,
                wrong: cell.wrong,
            })
        });
        Ok(CoverageView {
            run: table.view().summary,
            cells: marks.collect(),
            clauses: coverage.clauses,
            cases,
            invented: coverage.invented,
        })
    }
}

pub(crate) fn estimates_of(pairs: &[Pair], side: fn(&Pair) -> stats::Table) -> Vec<Estimate> {
    let cases: Vec<stats::Table> = pairs.iter().map(side).collect();
    stats::estimates(&cases, Plan::default())
}

pub(crate) fn confusion(pairs: &[Pair], side: fn(&Pair) -> stats::Table) -> Confusion {
    let mut whole = stats::Table::default();
    pairs.iter().for_each(|pair| whole.add(&side(pair), 1));
    let counts = whole.counts();
    // A suite has fewer than 2^32 cases.
    let [violates, safe] = counts.map(|row| row.map(|count| count as u32));
    Confusion { violates, safe }
}

pub(crate) fn overlap(table: &Table) -> Overlap {
    let mut overlap = Overlap::default();
    let Some(base) = &table.base else {
        return overlap;
    };
    let mut shared = 0;
    for entry in table.entries.iter().filter(|entry| entry.outcome.is_some()) {
        let before = base.entries.get(&entry.case.id);
        let before = before.filter(|before| before.outcome.is_some());
        match before {
            None => overlap.only_b += 1,
            Some(before) if before.fingerprint == entry.fingerprint => overlap.both += 1,
            Some(_) => overlap.edited += 1,
        }
        shared += u32::from(before.is_some());
    }
    let judged = base.entries.values();
    let judged = judged.filter(|entry| entry.outcome.is_some()).count() as u32;
    overlap.only_a = judged - shared;
    overlap
}

/// The edit from one text to the other, each hunk with the flips that name its clauses.
pub(crate) fn edited_hunks(table: &Table, before_text: &str, now_text: &str) -> Vec<EditedHunk> {
    let (old, new) = (clauses(before_text), clauses(now_text));
    let flips: Vec<(String, BTreeSet<String>)> = table
        .pairs()
        .filter(|(case, before, now)| flip(reading(before), reading(now), case.expected).is_some())
        .map(|(case, before, now)| {
            let mut named = names(before, &old);
            named.extend(names(now, &new));
            (case.id.clone(), named)
        })
        .collect();
    hunks(before_text, now_text)
        .into_iter()
        .map(|hunk| {
            let clauses = hunk.clauses(&old, &new);
            let names_one = |named: &BTreeSet<String>| {
                let mut ids = clauses.iter();
                ids.any(|id| named.contains(&id.to_lowercase()))
            };
            let flips = flips.iter().filter(|(_, named)| names_one(named));
            EditedHunk {
                flips: flips.map(|(case, _)| case.clone()).collect(),
                clauses,
                hunk,
            }
        })
        .collect()
}

/// The clauses that a trace or its answer names, in lower case.
fn names(outcome: &Outcome, clauses: &[Clause]) -> BTreeSet<String> {
    let cited = citation::find(&outcome.trace, clauses).into_iter();
    let cited = cited.filter_map(|citation| citation.clause);
    cited
        .chain(outcome.rules.iter().cloned())
        .map(|id| id.to_lowercase())
        .collect()
}
