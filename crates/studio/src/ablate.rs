//! What a verdict rests on: the policy is judged again without its clauses.
//!
//! A clause is decisive where the verdict is another without it. Where none is, several may
//! stand in for each other; delta debugging then finds a set whose removal changes the
//! verdict and of which none may stay. A reply that cannot be read decides nothing.

use crate::compare::Table;
use crate::probe::{Prober, Said, Subject, said};
use crate::studio::Studio;
use crate::view::{Ablation, Failure, Probing, Without};
use domain::citation;
use domain::edit::Minimal;
use domain::policy::{Clause, Policy};
use domain::run::{Outcome, RunId, Settings};
use domain::verdict::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use store::Probe;

/// A case of a run, and the policy that it was judged by.
struct Judged {
    table: Table,
    policy: Policy,
    outcome: Outcome,
    subject: Subject,
}

impl Studio {
    /// Which clauses the verdict of a case in a run rests on. Waits behind evaluations; a new
    /// one, or `cancel`, ends it.
    pub async fn ablate(
        &self,
        run: RunId,
        case: &str,
        mut on_probe: impl FnMut(Probing) + Send,
    ) -> Result<Ablation, Failure> {
        let judged = self.judged(run, case).await?;
        let mut prober = self.prober(&judged.table.run, &mut on_probe).await?;
        judged.ablation(&mut prober).await
    }

    /// As `ablate`, where all that it needs was asked before.
    pub async fn ablation(&self, run: RunId, case: &str) -> Result<Option<Ablation>, Failure> {
        let judged = self.judged(run, case).await?;
        let mut prober = self.knower(&judged.table.run);
        match judged.ablation(&mut prober).await {
            Ok(found) => Ok(Some(found)),
            Err(_) if prober.lacks_an_answer() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn judged(&self, run: RunId, case: &str) -> Result<Judged, Failure> {
        let table = self.table(run, None).await?;
        let entry = table.entries.iter().find(|entry| entry.case.id == case);
        let entry =
            entry.ok_or_else(|| Failure::input(format!("Run {} has no case {case}.", run.0)))?;
        let outcome = entry.outcome.clone().ok_or_else(|| {
            Failure::input(format!(
                "Run {} has not judged {case}. Resume it first.",
                run.0
            ))
        })?;
        Ok(Judged {
            subject: Subject::new(&entry.case, &entry.fingerprint, Some(&outcome)),
            policy: self.policy_of(&table.run).await?,
            outcome,
            table,
        })
    }

    /// For each case of a run, the clauses without which its verdict is another; all cases
    /// are asked about a clause in one call.
    pub(crate) async fn decisive(
        &self,
        table: &Table,
        mut on_probe: impl FnMut(Probing) + Send,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, Failure> {
        let policy = self.policy_of(&table.run).await?;
        let judged: Vec<(Subject, Said)> = table
            .entries
            .iter()
            .filter_map(|entry| {
                let outcome = entry.outcome.as_ref()?;
                let subject = Subject::new(&entry.case, &entry.fingerprint, Some(outcome));
                Some((subject, said(outcome)))
            })
            .collect();
        let subjects: Vec<&Subject> = judged.iter().map(|(subject, _)| subject).collect();
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut prober = self.prober(&table.run, &mut on_probe).await?;
        let rules = rules(&policy);
        prober.total = rules.len() as u32;
        for (index, rule) in rules.iter().enumerate() {
            let Some(text) = removed(&policy, &rules, &[index]) else {
                continue;
            };
            let probes = prober.ask(&text, &table.run.settings, &subjects).await?;
            prober.step();
            for ((subject, before), probe) in judged.iter().zip(probes) {
                let of_case = found.entry(subject.case.id.clone()).or_default();
                if changes(&probe, before) {
                    of_case.insert(rule.id.clone());
                }
            }
        }
        Ok(found)
    }
}

impl Judged {
    async fn ablation(&self, prober: &mut Prober<'_>) -> Result<Ablation, Failure> {
        let Judged {
            table,
            policy,
            outcome,
            subject,
        } = self;
        let mut search = Search {
            policy,
            rules: rules(policy),
            settings: &table.run.settings,
            subject,
            before: said(outcome),
            prober,
        };
        search.prober.total = search.rules.len() as u32;
        let mut without = Vec::new();
        let cited = cited(outcome, table);
        for index in 0..search.rules.len() {
            let probe = search.ask(&[index]).await?;
            let rule = &search.rules[index];
            without.push(Without {
                clause: rule.id.clone(),
                line: line_of(table, &rule.id),
                verdict: probe.verdict,
                cited: cited.contains(&rule.id),
                decisive: changes(&probe, &search.before),
                label: probe.label,
                margin: probe.margin,
            });
        }
        let decisive: Vec<String> = without
            .iter()
            .filter(|without| without.decisive)
            .map(|without| without.clause.clone())
            .collect();
        let smallest = match decisive.first() {
            Some(first) => vec![first.clone()],
            None => search.smallest().await?,
        };
        let effort = search.prober.counts;
        let counted: BTreeSet<&String> = decisive.iter().chain(&smallest).collect();
        let rests_on = cited.iter().filter(|id| counted.contains(id)).count();
        Ok(Ablation {
            run: table.run.run,
            case: subject.case.id.clone(),
            verdict: outcome.verdict,
            label: outcome.label.clone(),
            without,
            faithfulness: (!cited.is_empty()).then(|| rests_on as f64 / cited.len() as f64),
            decisive,
            smallest,
            cited: cited.into_iter().collect(),
            effort,
        })
    }
}

struct Search<'a, 'p> {
    policy: &'a Policy,
    rules: Vec<Clause>,
    settings: &'a Settings,
    subject: &'a Subject,
    before: Said,
    prober: &'a mut Prober<'p>,
}

impl Search<'_, '_> {
    /// What is said without some rules; the same as with them where nothing would be left.
    async fn ask(&mut self, without: &[usize]) -> Result<Probe, Failure> {
        let Some(policy) = removed(self.policy, &self.rules, without) else {
            return Ok(Probe {
                verdict: self.before.0,
                label: self.before.1.clone(),
                margin: None,
            });
        };
        let mut probes = self
            .prober
            .ask(&policy, self.settings, &[self.subject])
            .await?;
        self.prober.step();
        Ok(probes.remove(0))
    }

    async fn smallest(&mut self) -> Result<Vec<String>, Failure> {
        let all: Vec<usize> = (0..self.rules.len()).collect();
        let probe = self.ask(&all).await?;
        if all.len() < 2 || !changes(&probe, &self.before) {
            return Ok(Vec::new());
        }
        let mut minimal = Minimal::new(all);
        loop {
            let level = minimal.level();
            if level.is_empty() {
                let ids = minimal.set().iter();
                return Ok(ids.map(|index| self.rules[*index].id.clone()).collect());
            }
            let mut found = Vec::with_capacity(level.len());
            for set in &level {
                let probe = self.ask(set).await?;
                found.push(changes(&probe, &self.before));
                // What comes after the first that does would not be looked at.
                if found.ends_with(&[true]) {
                    break;
                }
            }
            minimal.answer(&found);
        }
    }
}

/// Whether something else was said, and something that can be read.
fn changes(probe: &Probe, before: &Said) -> bool {
    let now = (probe.verdict, probe.label.clone());
    probe.verdict != Verdict::Unparsed && now != *before
}

/// The clauses that can be taken out, with their lines in what the model reads. A heading
/// that holds other clauses is no rule of its own.
pub(crate) fn rules(policy: &Policy) -> Vec<Clause> {
    let lines: Vec<&str> = policy.body.split('\n').collect();
    let clauses = policy.with_body(&policy.body).clauses;
    let is_heading = |clause: &Clause| {
        let alone = clause.line_start == clause.line_end;
        alone && lines[clause.line_start as usize - 1].starts_with('#')
    };
    clauses
        .into_iter()
        .filter(|clause| !is_heading(clause))
        .collect()
}

/// The policy without some of its rules; nothing where no text would be left.
fn removed(policy: &Policy, rules: &[Clause], without: &[usize]) -> Option<Policy> {
    let gone = |number: usize| {
        without.iter().any(|index| {
            let rule = &rules[*index];
            (rule.line_start as usize..=rule.line_end as usize).contains(&number)
        })
    };
    let kept: Vec<&str> = policy
        .body
        .split('\n')
        .enumerate()
        .filter(|(at, _)| !gone(at + 1))
        .map(|(_, line)| line)
        .collect();
    let policy = policy.with_body(&kept.join("\n"));
    (!policy.body.is_empty()).then_some(policy)
}

/// The clauses that a trace or an answer names.
fn cited(outcome: &Outcome, table: &Table) -> BTreeSet<String> {
    let named = citation::find(&outcome.trace, &table.clauses)
        .into_iter()
        .filter_map(|citation| citation.clause);
    let answered = table.clauses.iter().filter(|clause| {
        let mut rules = outcome.rules.iter();
        rules.any(|rule| rule.eq_ignore_ascii_case(&clause.id))
    });
    named
        .chain(answered.map(|clause| clause.id.clone()))
        .collect()
}

/// The line in the file, where people look for it.
fn line_of(table: &Table, id: &str) -> u32 {
    let clause = table.clauses.iter().find(|clause| clause.id == id);
    clause.map_or(0, |clause| clause.line_start)
}
