//! Which hunk of an edit caused which flip: the earlier text with a part of the edit is
//! judged again, all flips of a part in one call.
//!
//! Each hunk is tried alone, and the edit is tried without each. A flip that no hunk makes
//! alone is an interaction; delta debugging finds the hunks that make it together.

use crate::confirm::one_model;
use crate::probe::{Prober, Said, Subject, said};
use crate::studio::Studio;
use crate::view::{AttributedHunk, Attribution, Cause, Failure, FlipCause, ProbeCounts};
use domain::edit::{EditHunk, Minimal, apply, hunks};
use domain::policy::{Clause, Policy};
use domain::run::{RunId, Settings};
use std::collections::BTreeSet;

/// An edit in more parts is a rewrite; taking it apart would cost hours and explain little.
const HUNKS_MAX: usize = 64;

struct Flipped {
    subject: Subject,
    before: Said,
    after: Said,
}

struct Parts<'a, 'p> {
    before: &'a Policy,
    after: &'a Policy,
    settings: &'a Settings,
    hunks: Vec<EditHunk>,
    prober: &'a mut Prober<'p>,
}

impl Studio {
    /// Which hunks of the edit between two runs caused their flips.
    pub async fn attribute(
        &self,
        a: RunId,
        b: RunId,
        mut on_probe: impl FnMut(ProbeCounts) + Send,
    ) -> Result<Attribution, Failure> {
        let table = self.table(b, Some(a)).await?;
        let (run_a, run_b) = (self.store().run(a).await?, self.store().run(b).await?);
        one_model(&run_a, &run_b)?;
        if run_a.settings != run_b.settings {
            return Err(Failure::input(format!(
                "Runs {} and {} have different settings, so that their flips need not come from \
                 the edit. Run both texts with the same effort.",
                a.0, b.0
            )));
        }
        let policies = [self.policy_of(&run_a).await?, self.policy_of(&run_b).await?];
        let flips: Vec<Flipped> = table
            .flipped()
            .map(|(entry, before, now, _)| Flipped {
                subject: Subject::new(&entry.case, &entry.fingerprint, Some(now)),
                before: said(before),
                after: said(now),
            })
            .collect();
        let hunks = hunks(&policies[0].body, &policies[1].body);
        if hunks.len() > HUNKS_MAX {
            return Err(Failure::input(format!(
                "The edit from run {} to run {} has {} hunks, more than {HUNKS_MAX}. Make it in \
                 several steps, with a run after each.",
                a.0,
                b.0,
                hunks.len()
            )));
        }
        let mut prober = self.prober(&run_b, &mut on_probe).await?;
        let mut parts = Parts {
            before: &policies[0],
            after: &policies[1],
            settings: &run_b.settings,
            hunks: hunks.clone(),
            prober: &mut prober,
        };
        let flips = parts.causes(flips).await?;
        let effort = prober.counts;
        Ok(Attribution {
            a,
            b,
            hunks: hunks
                .into_iter()
                .zip(0u32..)
                .map(|(hunk, index)| AttributedHunk {
                    clauses: touched(&hunk, &policies),
                    flips: flips
                        .iter()
                        .filter(|flip| flip.hunks.contains(&index))
                        .count() as u32,
                    hunk,
                })
                .collect(),
            flips,
            effort,
        })
    }
}

impl Parts<'_, '_> {
    async fn causes(&mut self, flips: Vec<Flipped>) -> Result<Vec<FlipCause>, Failure> {
        let count = self.hunks.len();
        let of_contract = if self.before.output == self.after.output {
            vec![false; flips.len()]
        } else {
            self.make(&[], &flips).await?
        };
        // By hunk, then by flip.
        let mut alone = Vec::with_capacity(count);
        let mut needed = Vec::with_capacity(count);
        for index in 0..count {
            alone.push(self.make(&[index], &flips).await?);
            let others: Vec<usize> = (0..count).filter(|other| *other != index).collect();
            let kept = self.make(&others, &flips).await?;
            needed.push(kept.into_iter().map(|makes| !makes).collect::<Vec<bool>>());
        }
        let mut found = Vec::with_capacity(flips.len());
        for (at, flip) in flips.into_iter().enumerate() {
            let makers: Vec<usize> = (0..count).filter(|hunk| alone[*hunk][at]).collect();
            let needed: Vec<usize> = (0..count).filter(|hunk| needed[*hunk][at]).collect();
            let (cause, hunks) = match (of_contract[at], makers.as_slice(), needed.as_slice()) {
                (true, _, _) => (Cause::Contract, Vec::new()),
                (false, [one], _) => (Cause::One, vec![*one]),
                // Several make it, but only one is missed where it is left out.
                (false, [_, ..], [one]) if makers.contains(one) => (Cause::One, vec![*one]),
                (false, [_, ..], _) => (Cause::Either, makers),
                (false, [], _) => (Cause::Together, self.together(&flip).await?),
            };
            found.push(FlipCause {
                case: flip.subject.case.id,
                from: flip.before.0,
                to: flip.after.0,
                cause,
                hunks: hunks.into_iter().map(|hunk| hunk as u32).collect(),
            });
        }
        Ok(found)
    }

    /// Which flips a part of the edit makes.
    async fn make(&mut self, chosen: &[usize], flips: &[Flipped]) -> Result<Vec<bool>, Failure> {
        let body = apply(&self.before.body, &self.hunks, chosen);
        let policy = self.after.with_body(&body);
        if policy.body.is_empty() {
            return Ok(vec![false; flips.len()]);
        }
        let subjects: Vec<&Subject> = flips.iter().map(|flip| &flip.subject).collect();
        let probes = self.prober.ask(&policy, self.settings, &subjects).await?;
        let made = probes
            .into_iter()
            .zip(flips)
            .map(|(probe, flip)| probe.verdict == flip.after.0 && probe.label == flip.after.1);
        Ok(made.collect())
    }

    async fn together(&mut self, flip: &Flipped) -> Result<Vec<usize>, Failure> {
        let mut minimal = Minimal::new((0..self.hunks.len()).collect());
        let flips = [Flipped {
            subject: flip.subject.clone(),
            before: flip.before.clone(),
            after: flip.after.clone(),
        }];
        loop {
            let level = minimal.level();
            if level.is_empty() {
                return Ok(minimal.set().to_vec());
            }
            let mut found = Vec::with_capacity(level.len());
            for set in &level {
                found.extend(self.make(set, &flips).await?);
                if found.ends_with(&[true]) {
                    break;
                }
            }
            minimal.answer(&found);
        }
    }
}

/// The clauses whose lines a hunk takes away or brings.
fn touched(hunk: &EditHunk, policies: &[Policy; 2]) -> Vec<String> {
    let within = |policy: &Policy, start: u32, count: u32| -> Vec<String> {
        let has = |clause: &&Clause| {
            clause.line_start < start + count && start <= clause.line_end && count > 0
        };
        let clauses = policy.with_body(&policy.body).clauses;
        clauses
            .iter()
            .filter(has)
            .map(|clause| clause.id.clone())
            .collect()
    };
    let old = within(&policies[0], hunk.before_start, hunk.before_count);
    let new = within(&policies[1], hunk.after_start, hunk.after_count);
    let mut seen = BTreeSet::new();
    old.into_iter()
        .chain(new)
        .filter(|id| seen.insert(id.clone()))
        .collect()
}
