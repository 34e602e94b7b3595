//! A run beside its baseline: rows, figures, flips. Whether a case is right is decided
//! here, from what the run's own suite snapshot expects, for both runs alike.
//!
//! A case is compared with the baseline only where the model read the same content in
//! both: a flip is a claim about the policy, not about an edited case.

use crate::view::{
    Before, CaseRow, ClauseFigures, Figures, FlipCounts, MetricsDelta, Preview, RunState,
    RunSummary, RunView, Usage,
};
use domain::case::{Case, excerpt};
use domain::certainty::Evidence;
use domain::citation;
use domain::coverage::{NEAR_MARGIN, Standing};
use domain::flip::{Certainty, Flip, FlipKind, Metrics, flip, mcnemar_p, metrics};
use domain::policy::Clause;
use domain::run::{Judged, Outcome, Settings};
use domain::stats::bootstrap::Plan;
use domain::stats::{self, Estimate, paired};
use domain::verdict::{Expected, Verdict};
use std::collections::{BTreeSet, HashMap};
use store::{Run, RunCase};

const EXCERPT_CHARS_MAX: usize = 160;

/// Three nats (95 against 5 in a hundred): samples of an answer without reasoning then say
/// the same in nine pairs of ten, well above what `domain::certainty` calls real.
const CLEAR_MARGIN: f64 = 3.0;

/// One case of a run, with the clauses that its trace cites.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub case: Case,
    pub fingerprint: String,
    pub outcome: Option<Outcome>,
    /// Until there is an outcome.
    pub preview: Option<Preview>,
    pub cached: bool,
    cited: BTreeSet<String>,
}

impl Entry {
    /// A case of the run itself.
    pub(crate) fn new(case: RunCase, clauses: &[Clause]) -> Entry {
        let mut entry = Entry::of_baseline(case);
        if let Some(outcome) = entry.outcome.take() {
            entry.judge(outcome, clauses);
        }
        entry
    }

    /// A case of the baseline, whose citations nobody counts.
    pub(crate) fn of_baseline(case: RunCase) -> Entry {
        Entry {
            case: case.case,
            fingerprint: case.fingerprint,
            outcome: case.outcome,
            preview: None,
            cached: case.cached,
            cited: BTreeSet::new(),
        }
    }

    pub(crate) fn judge(&mut self, outcome: Outcome, clauses: &[Clause]) {
        self.cited = citation::find(&outcome.trace, clauses)
            .into_iter()
            .filter_map(|citation| citation.clause)
            .collect();
        self.outcome = Some(outcome);
        self.preview = None;
    }

    /// Takes the margin that the model has behind the earlier reasoning.
    pub(crate) fn preview(&mut self, margin: f64) {
        let verdict = if margin > 0.0 {
            Verdict::Violates
        } else {
            Verdict::Safe
        };
        self.preview = Some(Preview { verdict, margin });
    }
}

/// A case that flipped: what was said before and now.
pub(crate) type Flipped<'a> = (&'a Entry, &'a Outcome, &'a Outcome, FlipKind);

/// The run that another is compared with.
pub(crate) struct Base {
    pub summary: RunSummary,
    pub file_text: String,
    pub entries: HashMap<String, Entry>,
    /// What is known about flips, by the fingerprint of the case.
    pub evidence: HashMap<String, Evidence>,
}

/// A run as far as it has come, beside its baseline.
pub(crate) struct Table {
    pub run: Run,
    pub is_baseline: bool,
    /// The policy file that the run judged by.
    pub file_text: String,
    pub clauses: Vec<Clause>,
    pub entries: Vec<Entry>,
    pub base: Option<Base>,
    /// Of a run by a server: what was counted, priced.
    pub usage: Option<Usage>,
}

impl Table {
    pub(crate) fn view(&self) -> RunView {
        let figures = self.figures();
        RunView {
            summary: summary(&self.run, figures.metrics, self.is_baseline),
            baseline: self.base.as_ref().map(|base| base.summary.clone()),
            rows: self.entries.iter().map(|entry| self.row(entry)).collect(),
            figures,
            usage: self.usage.clone(),
        }
    }

    /// Tokens that a server read, had in its cache, and wrote for this run's own outcomes.
    pub(crate) fn server_tokens(&self) -> [u64; 3] {
        let own = self.entries.iter().filter(|entry| !entry.cached);
        let tokens = own.filter_map(|entry| Some(entry.outcome.as_ref()?.tokens));
        tokens.fold([0; 3], |[prompt, reused, generated], tokens| {
            [
                prompt + u64::from(tokens.prompt),
                reused + u64::from(tokens.reused),
                generated + u64::from(tokens.generated),
            ]
        })
    }

    pub(crate) fn row(&self, entry: &Entry) -> CaseRow {
        let case = &entry.case;
        let outcome = entry.outcome.as_ref();
        let before = self.before(entry);
        let flip = outcome.zip(before).and_then(|(now, before)| {
            let kind = flip(reading(before), reading(now), case.expected)?;
            Some((kind, self.certainty(entry, before, now)))
        });
        CaseRow {
            case: case.id.clone(),
            excerpt: excerpt(&case.content, EXCERPT_CHARS_MAX),
            kind: case.kind,
            tags: case.tags.clone(),
            language: case.language.clone(),
            expected: case.expected,
            expected_label: case.label.clone(),
            verdict: outcome.map(|outcome| outcome.verdict),
            preview: entry.preview,
            label: outcome.and_then(|outcome| outcome.label.clone()),
            unparsed_reason: outcome.and_then(|outcome| outcome.unparsed_reason.clone()),
            rules: outcome
                .map(|outcome| outcome.rules.clone())
                .unwrap_or_default(),
            margin: outcome.and_then(|outcome| outcome.margin),
            correct: outcome.and_then(|outcome| outcome.correct(case.expected)),
            cached: entry.cached,
            before: before.map(|before| Before {
                verdict: before.verdict,
                label: before.label.clone(),
                margin: before.margin,
            }),
            flip: flip.map(|(kind, _)| kind),
            certainty: flip.map(|(_, (certainty, _))| certainty),
            evidence: flip.and_then(|(_, (_, evidence))| evidence),
        }
    }

    /// The same content in the baseline, judged.
    pub(crate) fn before(&self, entry: &Entry) -> Option<&Outcome> {
        let before = self.base.as_ref()?.entries.get(&entry.case.id)?;
        if before.fingerprint != entry.fingerprint {
            return None;
        }
        before.outcome.as_ref()
    }

    pub(crate) fn has_flipped(&self, entry: &Entry) -> bool {
        let both = entry.outcome.as_ref().zip(self.before(entry));
        both.is_some_and(|(now, before)| reading(before) != reading(now))
    }

    /// The cases judged in both runs: what is expected, before, now.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Case, &Outcome, &Outcome)> {
        self.entries.iter().filter_map(|entry| {
            let now = entry.outcome.as_ref()?;
            Some((&entry.case, self.before(entry)?, now))
        })
    }

    pub(crate) fn figures(&self) -> Figures {
        let judged = self
            .entries
            .iter()
            .filter_map(|entry| Some(pair(entry.outcome.as_ref()?, entry.case.expected)));
        let metrics = metrics(judged);
        let mut flips = FlipCounts::default();
        for (case, before, now) in self.pairs() {
            match flip(reading(before), reading(now), case.expected) {
                Some(FlipKind::Fixed) => flips.fixed += 1,
                Some(FlipKind::Broken) => flips.broken += 1,
                Some(FlipKind::Changed) => flips.changed += 1,
                None => {}
            }
        }
        let compared = self.base.as_ref().map(|_| self.compared());
        Figures {
            metrics,
            baseline: compared.map(|(before, _)| before),
            delta: compared.map(|(before, now)| delta(&before, &now)),
            flips,
            mcnemar_p: self
                .base
                .as_ref()
                .map(|_| mcnemar_p(flips.broken, flips.fixed)),
            clauses: self.clause_figures(),
            estimates: self.estimates(),
        }
    }

    fn estimates(&self) -> Vec<Estimate> {
        let cases: Vec<stats::Table> = self
            .entries
            .iter()
            .filter_map(|entry| Some(once(entry.outcome.as_ref()?, entry.case.expected)))
            .collect();
        stats::estimates(&cases, Plan::default())
    }

    /// The cases judged in both runs, for tests that compare them as pairs.
    pub(crate) fn stats_pairs(&self) -> Vec<paired::Pair> {
        self.pairs()
            .map(|(case, before, now)| (once(before, case.expected), once(now, case.expected)))
            .collect()
    }

    /// Metrics before and now, over the cases judged in both.
    fn compared(&self) -> (Metrics, Metrics) {
        (
            metrics(
                self.pairs()
                    .map(|(case, before, _)| pair(before, case.expected)),
            ),
            metrics(self.pairs().map(|(case, _, now)| pair(now, case.expected))),
        )
    }

    fn clause_figures(&self) -> Vec<ClauseFigures> {
        let positions: HashMap<String, usize> = self
            .clauses
            .iter()
            .enumerate()
            .map(|(at, clause)| (clause.id.to_lowercase(), at))
            .collect();
        let mut tallies = vec![Tally::default(); self.clauses.len()];
        for entry in &self.entries {
            let Some(outcome) = &entry.outcome else {
                continue;
            };
            let wrong = outcome.correct(entry.case.expected) == Some(false);
            let near = outcome
                .margin
                .is_some_and(|margin| margin.abs() < NEAR_MARGIN);
            let at = |id: &String| positions.get(&id.to_lowercase()).copied();
            let cited: BTreeSet<usize> = entry.cited.iter().filter_map(at).collect();
            let deciding: BTreeSet<usize> = outcome.rules.iter().filter_map(at).collect();
            for at in &cited {
                tallies[*at].cited += 1;
            }
            for at in &deciding {
                tallies[*at].deciding += 1;
                tallies[*at].failing += u32::from(wrong);
            }
            for at in cited.union(&deciding) {
                let tally = &mut tallies[*at];
                tally.named += 1;
                tally.near += u32::from(near);
                tally.violates += u32::from(outcome.verdict == Verdict::Violates);
                tally.safe += u32::from(outcome.verdict == Verdict::Safe);
            }
        }
        let figures = |(clause, tally): (&Clause, Tally)| ClauseFigures {
            clause: clause.id.clone(),
            cited: tally.cited,
            deciding: tally.deciding,
            failing: tally.failing,
            near_misses: tally.near,
            standing: Standing::of(tally.named, tally.deciding, tally.violates, tally.safe),
        };
        self.clauses.iter().zip(tallies).map(figures).collect()
    }

    pub(crate) fn flips(&self) -> Vec<Flip> {
        self.flipped()
            .map(|(entry, before, now, kind)| {
                let (certainty, evidence) = self.certainty(entry, before, now);
                Flip {
                    case: entry.case.id.clone(),
                    from: before.verdict,
                    to: now.verdict,
                    kind,
                    certainty,
                    evidence,
                }
            })
            .collect()
    }

    /// The cases that flipped, with what was said before and now.
    pub(crate) fn flipped(&self) -> impl Iterator<Item = Flipped<'_>> {
        self.entries.iter().filter_map(|entry| {
            let now = entry.outcome.as_ref()?;
            let before = self.before(entry)?;
            let kind = flip(reading(before), reading(now), entry.case.expected)?;
            Some((entry, before, now, kind))
        })
    }

    pub(crate) fn pairs_count(&self) -> u32 {
        self.pairs().count() as u32
    }

    /// What a test found, where one was made. Without one a flip is real only where both
    /// answers came at once and were far from each other: behind a chain of reasoning the
    /// answer's margin is large whatever it says, so that it tells nothing of the doubt.
    fn certainty(
        &self,
        entry: &Entry,
        before: &Outcome,
        now: &Outcome,
    ) -> (Certainty, Option<Evidence>) {
        let base = self.base.as_ref();
        if let Some(found) = base.and_then(|base| base.evidence.get(&entry.fingerprint)) {
            return (found.certainty, Some(*found));
        }
        let repeatable = [
            Some(&self.run.settings),
            base.map(|base| &base.summary.settings),
        ]
        .into_iter()
        .flatten()
        .all(Settings::is_repeatable);
        let clear = [before, now].into_iter().all(|outcome| {
            let margin = outcome
                .margin
                .is_some_and(|margin| margin.abs() >= CLEAR_MARGIN);
            margin && outcome.trace.is_empty()
        });
        if repeatable && clear {
            (Certainty::Real, None)
        } else {
            (Certainty::Undecided, None)
        }
    }
}

/// Counts of one clause.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    cited: u32,
    deciding: u32,
    failing: u32,
    named: u32,
    near: u32,
    violates: u32,
    safe: u32,
}

pub(crate) fn summary(run: &Run, metrics: Metrics, is_baseline: bool) -> RunSummary {
    RunSummary {
        run: run.run,
        policy: run.policy.clone(),
        revision: run.revision.clone(),
        model_name: run.model.name.clone(),
        model_digest: run.model.digest.clone(),
        demonstration: run.model.demonstration,
        settings: run.settings.clone(),
        state: match run.state {
            store::RunState::Running => RunState::Running,
            store::RunState::Finished => RunState::Finished,
            store::RunState::Interrupted => RunState::Interrupted,
        },
        started_at_ms: run.started_at_ms,
        finished_at_ms: run.finished_at_ms,
        metrics,
        is_baseline,
    }
}

pub(crate) fn reading(outcome: &Outcome) -> (Verdict, Option<&str>) {
    (outcome.verdict, outcome.label.as_deref())
}

fn pair(outcome: &Outcome, expected: Option<Expected>) -> Judged {
    Judged {
        verdict: outcome.verdict,
        expected,
    }
}

fn once(outcome: &Outcome, expected: Option<Expected>) -> stats::Table {
    stats::Table::from_iter([pair(outcome, expected)])
}

fn delta(before: &Metrics, now: &Metrics) -> MetricsDelta {
    let difference = |now: Option<f64>, before: Option<f64>| Some(now? - before?);
    let rate = |of: fn(&Metrics) -> Option<domain::flip::Rate>| {
        difference(
            of(now).map(|rate| rate.value),
            of(before).map(|rate| rate.value),
        )
    };
    MetricsDelta {
        precision: rate(|metrics| metrics.precision),
        recall: rate(|metrics| metrics.recall),
        f1: difference(now.f1, before.f1),
        false_positive_rate: rate(|metrics| metrics.false_positive_rate),
        accuracy: rate(|metrics| metrics.accuracy),
    }
}
