//! Which hunk of an edit caused which flip: the earlier text with a part of the edit is
//! judged again, all flips of a part in one call.
//!
//! Each hunk is tried alone, and the edit is tried without each. A flip that no hunk makes
//! alone is an interaction; delta debugging finds the hunks that make it together.

use crate::confirm::{one_model, wanted};
use crate::probe::{Prober, Said, Subject, said};
use crate::studio::Studio;
use crate::view::{
    AttributedHunk, Attribution, Cause, Failure, FileLines, FlipCause, ProbeCounts, Probing,
};
use domain::diff::DiffOp;
use domain::edit::{EditHunk, Minimal, apply, hunks};
use domain::hunk::DiffHunk;
use domain::policy::{Clause, Policy, body_lines};
use domain::run::{RunId, Settings};
use std::collections::BTreeSet;
use store::Run;

/// An edit in more parts is a rewrite; taking it apart would cost hours and explain little.
const HUNKS_MAX: usize = 64;

struct Flip {
    subject: Subject,
    before: Said,
    after: Said,
}

/// The edit between two runs, and the flips that are asked about.
struct Edit {
    a: Run,
    b: Run,
    texts: [String; 2],
    policies: [Policy; 2],
    hunks: Vec<EditHunk>,
    flips: Vec<Flip>,
}

struct Parts<'a, 'p> {
    before: &'a Policy,
    after: &'a Policy,
    settings: &'a Settings,
    hunks: &'a [EditHunk],
    prober: &'a mut Prober<'p>,
}

impl Studio {
    /// Which hunks of the edit between two runs caused their flips, or those of these cases.
    /// Waits behind evaluations; a new one, or `cancel`, ends it.
    pub async fn attribute(
        &self,
        a: RunId,
        b: RunId,
        cases: &[String],
        mut on_probe: impl FnMut(Probing) + Send,
    ) -> Result<Attribution, Failure> {
        let edit = self.edit(a, b, cases).await?;
        let mut prober = self.prober(&edit.b, &mut on_probe).await?;
        prober.total = edit.steps();
        let causes = edit.parts(&mut prober).causes(&edit.flips).await?;
        Ok(edit.attribution(causes, prober.counts))
    }

    /// As `attribute`, of those flips whose cause is known by what was asked before.
    pub async fn attribution(&self, a: RunId, b: RunId) -> Result<Attribution, Failure> {
        let edit = self.edit(a, b, &[]).await?;
        let mut prober = self.knower(&edit.b);
        let mut causes = Vec::new();
        for flip in &edit.flips {
            let found = edit
                .parts(&mut prober)
                .causes(std::slice::from_ref(flip))
                .await;
            match found {
                Ok(found) => causes.extend(found),
                Err(_) if prober.lacks_an_answer() => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(edit.attribution(causes, prober.counts))
    }

    async fn edit(&self, a: RunId, b: RunId, cases: &[String]) -> Result<Edit, Failure> {
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
        let texts = [self.file_text(&run_a).await?, self.file_text(&run_b).await?];
        let policies = [self.policy_of(&run_a).await?, self.policy_of(&run_b).await?];
        let flips: Vec<Flip> = wanted(&table, cases)?
            .into_iter()
            .map(|(entry, before, now, _)| Flip {
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
        Ok(Edit {
            a: run_a,
            b: run_b,
            texts,
            policies,
            hunks,
            flips,
        })
    }
}

impl Edit {
    fn parts<'a, 'p>(&'a self, prober: &'a mut Prober<'p>) -> Parts<'a, 'p> {
        Parts {
            before: &self.policies[0],
            after: &self.policies[1],
            settings: &self.b.settings,
            hunks: &self.hunks,
            prober,
        }
    }

    fn changes_contract(&self) -> bool {
        self.policies[0].output != self.policies[1].output
    }

    /// Texts that are judged whatever is found.
    fn steps(&self) -> u32 {
        2 * self.hunks.len() as u32 + u32::from(self.changes_contract())
    }

    fn attribution(&self, flips: Vec<FlipCause>, effort: ProbeCounts) -> Attribution {
        let lines = [body_lines(&self.texts[0]), body_lines(&self.texts[1])];
        let shown = domain::hunk::hunks(&self.texts[0], &self.texts[1]);
        let placed = |(hunk, index): (&EditHunk, u32)| {
            let before = file_lines(&lines[0], hunk.before_start, hunk.before_count);
            let after = file_lines(&lines[1], hunk.after_start, hunk.after_count);
            let at = lines[1].get(hunk.after_start as usize - 1);
            AttributedHunk {
                clauses: touched(hunk, &self.policies),
                flips: flips
                    .iter()
                    .filter(|flip| flip.hunks.contains(&index))
                    .count() as u32,
                line: *at.or(lines[1].last()).unwrap_or(&1),
                shown_in: shown
                    .iter()
                    .position(|shown| holds(shown, before, after))
                    .map(|at| at as u32),
                before,
                after,
                hunk: hunk.clone(),
            }
        };
        Attribution {
            a: self.a.run,
            b: self.b.run,
            hunks: self.hunks.iter().zip(0u32..).map(placed).collect(),
            flips,
            effort,
        }
    }
}

/// Lines of what the model reads, as they are numbered in the file.
fn file_lines(numbers: &[u32], start: u32, count: u32) -> Option<FileLines> {
    if count == 0 {
        return None;
    }
    let first = *numbers.get(start as usize - 1)?;
    let last = *numbers.get((start + count) as usize - 2)?;
    Some(FileLines { first, last })
}

/// Whether a hunk of the whole files changes lines of this one.
fn holds(shown: &DiffHunk, before: Option<FileLines>, after: Option<FileLines>) -> bool {
    let within = |lines: Option<FileLines>, line: Option<u32>| {
        lines
            .zip(line)
            .is_some_and(|(lines, line)| (lines.first..=lines.last).contains(&line))
    };
    shown.lines.iter().any(|line| match line.op {
        DiffOp::Equal => false,
        DiffOp::Delete => within(before, line.before),
        DiffOp::Insert => within(after, line.after),
    })
}

impl Parts<'_, '_> {
    async fn causes(&mut self, flips: &[Flip]) -> Result<Vec<FlipCause>, Failure> {
        let count = self.hunks.len();
        let of_contract = if self.before.output == self.after.output {
            vec![false; flips.len()]
        } else {
            self.make(&[], flips).await?
        };
        // By hunk, then by flip.
        let mut alone = Vec::with_capacity(count);
        let mut needed = Vec::with_capacity(count);
        for index in 0..count {
            alone.push(self.make(&[index], flips).await?);
            let others: Vec<usize> = (0..count).filter(|other| *other != index).collect();
            let kept = self.make(&others, flips).await?;
            needed.push(kept.into_iter().map(|makes| !makes).collect::<Vec<bool>>());
        }
        let mut found = Vec::with_capacity(flips.len());
        for (at, flip) in flips.iter().enumerate() {
            let makers: Vec<usize> = (0..count).filter(|hunk| alone[*hunk][at]).collect();
            let needed: Vec<usize> = (0..count).filter(|hunk| needed[*hunk][at]).collect();
            let (cause, hunks) = match (of_contract[at], makers.as_slice(), needed.as_slice()) {
                (true, _, _) => (Cause::Contract, Vec::new()),
                (false, [one], _) => (Cause::One, vec![*one]),
                // Several make it, but only one is missed where it is left out.
                (false, [_, ..], [one]) if makers.contains(one) => (Cause::One, vec![*one]),
                (false, [_, ..], _) => (Cause::Either, makers),
                (false, [], _) => (Cause::Together, self.together(flip).await?),
            };
            found.push(FlipCause {
                case: flip.subject.case.id.clone(),
                from: flip.before.0,
                to: flip.after.0,
                cause,
                hunks: hunks.into_iter().map(|hunk| hunk as u32).collect(),
            });
        }
        Ok(found)
    }

    /// Which flips a part of the edit makes.
    async fn make(&mut self, chosen: &[usize], flips: &[Flip]) -> Result<Vec<bool>, Failure> {
        let body = apply(&self.before.body, self.hunks, chosen);
        let policy = self.after.with_body(&body);
        if policy.body.is_empty() {
            return Ok(vec![false; flips.len()]);
        }
        let subjects: Vec<&Subject> = flips.iter().map(|flip| &flip.subject).collect();
        let probes = self.prober.ask(&policy, self.settings, &subjects).await?;
        self.prober.step();
        let made = probes
            .into_iter()
            .zip(flips)
            .map(|(probe, flip)| probe.verdict == flip.after.0 && probe.label == flip.after.1);
        Ok(made.collect())
    }

    async fn together(&mut self, flip: &Flip) -> Result<Vec<usize>, Failure> {
        let mut minimal = Minimal::new((0..self.hunks.len()).collect());
        let flips = std::slice::from_ref(flip);
        loop {
            let level = minimal.level();
            if level.is_empty() {
                return Ok(minimal.set().to_vec());
            }
            let mut found = Vec::with_capacity(level.len());
            for set in &level {
                found.extend(self.make(set, flips).await?);
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
