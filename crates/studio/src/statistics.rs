//! What one or several runs are worth: measures with intervals, by group, beside what
//! annotators and older systems said, and over several policies at once.
//!
//! Runs of one policy are repeats of each other: their judgements of a case are resampled
//! together, so that ten repeats of a case do not pass for ten cases.

use crate::compare::{Entry, Table as RunTable};
use crate::studio::Studio;
use crate::view::{AnnotatorView, Failure, PolicyStatistics, Statistics};
use domain::case::Case;
use domain::flip::Rate;
use domain::policy::OutputContract;
use domain::run::{Judged, RunId};
use domain::stats::bootstrap::Plan;
use domain::stats::groups::{self, GroupBy};
use domain::stats::paired::{self, Pair};
use domain::stats::{Table, agreement, estimates};
use domain::verdict::{self, Expected, Verdict};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A case with everything that was said of it.
struct Pooled {
    case: Case,
    fingerprint: String,
    verdicts: Vec<Verdict>,
}

impl Pooled {
    fn table(&self) -> Table {
        let judged = |verdict: &Verdict| Judged {
            verdict: *verdict,
            expected: self.case.expected,
        };
        self.verdicts.iter().map(judged).collect()
    }

    /// What most repeats say; a tie is no verdict.
    fn usual(&self) -> Option<Verdict> {
        let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
        for verdict in &self.verdicts {
            *counts.entry(*verdict).or_default() += 1;
        }
        let most = counts.values().copied().max()?;
        let mut first = counts.into_iter().filter(|(_, times)| *times == most);
        let (verdict, _) = first.next()?;
        first.next().is_none().then_some(verdict)
    }
}

impl Studio {
    /// Statistics of runs; those of one policy count as repeats and must judge by the same
    /// revision with the same model.
    pub async fn statistics(
        &self,
        runs: &[RunId],
        by: Option<GroupBy>,
    ) -> Result<Statistics, Failure> {
        let mut tables: BTreeMap<String, Vec<RunTable>> = BTreeMap::new();
        let asked: BTreeSet<RunId> = runs.iter().copied().collect();
        for run in asked {
            let table = self.table(run, None).await?;
            tables
                .entry(table.run.policy.clone())
                .or_default()
                .push(table);
        }
        let mut policies = Vec::new();
        let mut pools = Vec::new();
        for (policy, tables) in tables {
            let contract = self.contract(&tables[0]).await?;
            let (found, pool) = of_policy(policy, tables, contract.as_ref(), by)?;
            policies.push(found);
            pools.push(pool);
        }
        let exact_match = (pools.len() > 1).then(|| exact_match(&pools)).flatten();
        Ok(Statistics {
            policies,
            exact_match,
        })
    }

    /// Absent where the text is none that could be judged by now.
    async fn contract(&self, table: &RunTable) -> Result<Option<OutputContract>, Failure> {
        let text = self.file_text(&table.run).await?;
        let policy = domain::policy::parse(text.as_bytes());
        Ok(policy.ok().map(|policy| policy.output))
    }
}

fn of_policy(
    policy: String,
    tables: Vec<RunTable>,
    contract: Option<&OutputContract>,
    by: Option<GroupBy>,
) -> Result<(PolicyStatistics, Vec<Pooled>), Failure> {
    let first = &tables[0].run;
    for other in tables[1..].iter().map(|table| &table.run) {
        if other.revision != first.revision || other.model.digest != first.model.digest {
            return Err(Failure::input(format!(
                "Runs {} and {} of {policy} judge by different revisions or models, so they are no \
                 repeats. Compare them with diff.",
                first.run.0, other.run.0
            )));
        }
    }
    let runs = tables.iter().map(|table| table.run.run).collect();
    let pool = pooled(tables.into_iter().flat_map(|table| table.entries));
    let plan = Plan::default();
    let cases: Vec<Table> = pool.iter().map(Pooled::table).collect();
    let with_case: Vec<(&Case, Table)> = pool
        .iter()
        .map(|one| &one.case)
        .zip(cases.iter().copied())
        .collect();
    let said: Vec<Vec<&String>> = pool
        .iter()
        .map(|one| one.case.annotations.values().collect())
        .collect();
    let statistics = PolicyStatistics {
        policy,
        runs,
        cases: pool.len() as u32,
        judgements: cases.iter().map(Table::total).sum::<u64>() as u32,
        estimates: estimates(&cases, plan),
        groups: by
            .map(|by| groups::by(&with_case, by, plan))
            .unwrap_or_default(),
        annotators: annotators(&pool, contract),
        agreement: agreement::krippendorff(&said, plan),
    };
    Ok((statistics, pool))
}

fn pooled(entries: impl Iterator<Item = Entry>) -> Vec<Pooled> {
    let mut positions: HashMap<(String, String), usize> = HashMap::new();
    let mut pool: Vec<Pooled> = Vec::new();
    for entry in entries {
        let Some(outcome) = entry.outcome else {
            continue;
        };
        let key = (entry.case.id.clone(), entry.fingerprint.clone());
        let position = *positions.entry(key).or_insert_with(|| {
            pool.push(Pooled {
                case: entry.case,
                fingerprint: entry.fingerprint,
                verdicts: Vec::new(),
            });
            pool.len() - 1
        });
        pool[position].verdicts.push(outcome.verdict);
    }
    pool
}

/// Each annotator or older system as one more column: what it is worth against what is
/// expected, how far the run agrees with it, and which of the two is better.
fn annotators(pool: &[Pooled], contract: Option<&OutputContract>) -> Vec<AnnotatorView> {
    let names: BTreeSet<&String> = pool
        .iter()
        .flat_map(|one| one.case.annotations.keys())
        .collect();
    let plan = Plan::default();
    names
        .into_iter()
        .map(|name| {
            let said: Vec<(&Pooled, Verdict)> = pool
                .iter()
                .filter_map(|one| Some((one, read(one.case.annotations.get(name)?, contract))))
                .collect();
            let pairs: Vec<Pair> = said
                .iter()
                .map(|(one, verdict)| {
                    let judged = Judged {
                        verdict: *verdict,
                        expected: one.case.expected,
                    };
                    (Table::from_iter([judged]), one.table())
                })
                .collect();
            let theirs: Vec<Table> = pairs.iter().map(|(theirs, _)| *theirs).collect();
            let with_run = said
                .iter()
                .filter_map(|(one, verdict)| Some((*verdict, one.usual()?)));
            let with_expected = said
                .iter()
                .filter_map(|(one, verdict)| Some((*verdict, Verdict::from(one.case.expected?))));
            AnnotatorView {
                name: name.clone(),
                cases: said.len() as u32,
                unread: said
                    .iter()
                    .filter(|(_, verdict)| *verdict == Verdict::Unparsed)
                    .count() as u32,
                estimates: estimates(&theirs, plan),
                agreement_with_run: agreement::cohen(with_run),
                agreement_with_expected: agreement::cohen(with_expected),
                differences: paired::differences(&pairs, plan),
                mcnemar_p: paired::mcnemar(&pairs),
            }
        })
        .collect()
}

/// A plain verdict, or one of the policy's own labels; anything else is no verdict.
fn read(said: &str, contract: Option<&OutputContract>) -> Verdict {
    match said {
        "violates" => Verdict::from(Expected::Violates),
        "safe" => Verdict::from(Expected::Safe),
        other => contract.map_or(Verdict::Unparsed, |contract| {
            verdict::read(contract, other).verdict
        }),
    }
}

/// Over the contents that every policy has judged.
fn exact_match(pools: &[Vec<Pooled>]) -> Option<Rate> {
    let mut contents: BTreeMap<&str, Vec<Judged>> = BTreeMap::new();
    for one in pools.iter().flatten() {
        if let Some(verdict) = one.usual() {
            contents.entry(&one.fingerprint).or_default().push(Judged {
                verdict,
                expected: one.case.expected,
            });
        }
    }
    groups::exact_match(
        contents
            .into_values()
            .filter(|judged| judged.len() >= pools.len()),
    )
}
