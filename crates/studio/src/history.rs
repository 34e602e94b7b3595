//! What has been run: summaries, views, traces, comparisons, baselines.
//!
//! A policy's runs are compared with the baseline that someone set; where nobody did,
//! with the policy's first finished run by the same model. A run is never compared with
//! itself: its view has no baseline then.

use crate::compare::{Base, Entry, Table, summary};
use crate::screens::{confusion, edited_hunks, estimates_of, overlap};
use crate::studio::{Record, RecordedCase, Studio, now_ms};
use crate::view::{
    BaselineTrace, Comparison, Failure, Probing, RunSummary, RunView, TraceView, Usage,
};
use domain::case::Case;
use domain::coverage::{Coverage, Seen, coverage};
use domain::flip::metrics;
use domain::policy::clauses;
use domain::run::{Citation, Judged, Outcome, RunId};
use domain::stats::bootstrap::Plan;
use domain::stats::paired;
use domain::{citation, diff};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::Run;

/// The loss of accuracy that counts as none unless another is asked for: suites of fifty
/// cases cannot show less.
const MARGIN: f64 = 0.05;

/// The newest runs that are listed; older ones stay in the database.
const RUNS_MAX: u32 = 500;

impl Studio {
    /// A policy's runs, newest first.
    pub async fn runs(&self, policy: &str) -> Result<Vec<RunSummary>, Failure> {
        let runs = self.store().runs(policy, RUNS_MAX).await?;
        let Some(oldest) = runs.last() else {
            return Ok(Vec::new());
        };
        let baseline = self.baseline(policy, None, &runs[0].model.digest).await?;
        let mut judged: HashMap<RunId, Vec<Judged>> = HashMap::new();
        for alike in self.store().judged(policy, oldest.run).await? {
            let cases = std::iter::repeat_n(alike.judged, alike.cases as usize);
            judged.entry(alike.run).or_default().extend(cases);
        }
        Ok(runs
            .iter()
            .map(|run| {
                let judged = judged.remove(&run.run).unwrap_or_default();
                summary(run, metrics(judged), baseline == Some(run.run))
            })
            .collect())
    }

    pub async fn run_view(&self, run: RunId, baseline: Option<RunId>) -> Result<RunView, Failure> {
        Ok(self.table(run, baseline).await?.view())
    }

    /// A run with its outcomes whole, as the command line prints it.
    pub async fn record(&self, run: RunId, baseline: Option<RunId>) -> Result<Record, Failure> {
        let table = self.table(run, baseline).await?;
        let view = table.view();
        Ok(Record {
            summary: view.summary,
            figures: view.figures,
            usage: view.usage,
            cases: table
                .entries
                .into_iter()
                .map(|entry| RecordedCase {
                    case: entry.case,
                    outcome: entry.outcome,
                    cached: entry.cached,
                })
                .collect(),
        })
    }

    pub async fn trace(
        &self,
        run: RunId,
        case: &str,
        baseline: Option<RunId>,
    ) -> Result<TraceView, Failure> {
        let table = self.table(run, baseline).await?;
        let entry = table
            .entries
            .iter()
            .find(|entry| entry.case.id == case)
            .ok_or_else(|| Failure::input(format!("Run {} has no case {case}.", run.0)))?;
        let outcome = entry.outcome.clone();
        let trace = outcome.as_ref().map(|outcome| outcome.trace.clone());
        let trace = trace.unwrap_or_default();
        let base_run = table.base.as_ref().map(|base| base.summary.run);
        let before = base_run.zip(table.before(entry));
        Ok(TraceView {
            run,
            row: table.row(entry),
            case: entry.case.clone(),
            citations: citation::find(&trace, &table.clauses),
            answer: outcome
                .as_ref()
                .map(|outcome| outcome.answer.clone())
                .unwrap_or_default(),
            tokens: outcome
                .as_ref()
                .map(|outcome| outcome.tokens)
                .unwrap_or_default(),
            latency_ms: outcome
                .map(|outcome| outcome.latency_ms)
                .unwrap_or_default(),
            baseline: before.map(|(run, before)| BaselineTrace {
                run,
                trace: before.trace.clone(),
                answer: before.answer.clone(),
                diff: diff::words(&before.trace, &trace),
            }),
            trace,
        })
    }

    /// Which clauses of its policy a run's cases reach.
    pub async fn coverage(&self, run: RunId) -> Result<Coverage, Failure> {
        Ok(of_table(&self.table(run, None).await?, None))
    }

    /// As `coverage`, with every case judged again without each clause in turn: which clauses
    /// decide, and which are dead.
    pub async fn coverage_ablated(
        &self,
        run: RunId,
        on_probe: impl FnMut(Probing) + Send,
    ) -> Result<Coverage, Failure> {
        let table = self.table(run, None).await?;
        let decisive = self.decisive(&table, on_probe).await?;
        Ok(of_table(&table, Some(&decisive)))
    }
    /// Chooses the run that a policy's runs are compared with; nothing goes back to the default.
    pub async fn set_baseline(&self, policy: &str, run: Option<RunId>) -> Result<(), Failure> {
        if let Some(run) = run {
            let found = self.store().run(run).await?;
            if found.policy != policy {
                return Err(Failure::input(format!(
                    "Run {} is a run of {}, not of {policy}. Choose one of {policy}.",
                    run.0, found.policy
                )));
            }
            if found.state != store::RunState::Finished {
                return Err(Failure::input(format!(
                    "Run {} is not finished. Resume it first, or choose another.",
                    run.0
                )));
            }
        }
        Ok(self.store().set_baseline(policy, run, now_ms()).await?)
    }

    /// The policy file's text of a run's revision. Nothing is written.
    pub async fn restore(&self, run: RunId) -> Result<String, Failure> {
        let run = self.store().run(run).await?;
        self.file_text(&run).await
    }

    /// From `a` to `b`, over the cases that both have judged.
    pub async fn compare(&self, a: RunId, b: RunId) -> Result<Comparison, Failure> {
        self.compare_within(a, b, MARGIN).await
    }

    /// As `compare`, with the loss that would be borne as no regression.
    pub async fn compare_within(
        &self,
        a: RunId,
        b: RunId,
        margin: f64,
    ) -> Result<Comparison, Failure> {
        if !(margin > 0.0 && margin < 1.0) {
            return Err(Failure::input(format!(
                "The margin {margin} is no share of cases. Give one between 0 and 1, such as 0.05."
            )));
        }
        let before = self.store().run(a).await?;
        let now = self.store().run(b).await?;
        let (before_text, now_text) = (self.file_text(&before).await?, self.file_text(&now).await?);
        // A run beside itself has a table without a baseline, and no flips.
        let table = self.table(b, Some(a)).await?;
        let figures = table.figures();
        let flips = table.flips();
        let stats_pairs = table.stats_pairs();
        let names =
            [(&before, a), (&now, b)].map(|(run, id)| format!("{} (run {})", run.policy, id.0));
        let pairs = if a == b {
            figures.metrics.cases
        } else {
            table.pairs_count()
        };
        Ok(Comparison {
            a,
            b,
            unchanged: pairs - flips.len() as u32,
            flips,
            mcnemar_p: figures.mcnemar_p.unwrap_or(1.0),
            measures: paired::differences(&stats_pairs, Plan::default()),
            no_regression: paired::no_regression(&stats_pairs, margin),
            policy_diff: diff::unified(&before_text, &now_text, &names[0], &names[1]),
            estimates_a: estimates_of(&stats_pairs, |pair| pair.0),
            estimates_b: estimates_of(&stats_pairs, |pair| pair.1),
            confusion_a: confusion(&stats_pairs, |pair| pair.0),
            confusion_b: confusion(&stats_pairs, |pair| pair.1),
            overlap: overlap(&table),
            hunks: edited_hunks(&table, &before_text, &now_text),
        })
    }

    /// The run that others are compared with: the asked one, else the set one, else the
    /// first finished one by this model.
    pub(crate) async fn baseline(
        &self,
        policy: &str,
        asked: Option<RunId>,
        model_digest: &str,
    ) -> Result<Option<RunId>, Failure> {
        if asked.is_some() {
            return Ok(asked);
        }
        if let Some(set) = self.store().baseline(policy).await? {
            return Ok(Some(set));
        }
        Ok(self.store().first_finished(policy, model_digest).await?)
    }

    pub(crate) async fn file_text(&self, run: &Run) -> Result<String, Failure> {
        let revision = self.store().revision(&run.policy, &run.revision).await?;
        Ok(revision.file_text)
    }

    pub(crate) async fn table(
        &self,
        run: RunId,
        baseline: Option<RunId>,
    ) -> Result<Table, Failure> {
        let run = self.store().run(run).await?;
        let effective = self.baseline(&run.policy, None, &run.model.digest).await?;
        let base = match baseline.or(effective).filter(|base| *base != run.run) {
            Some(base) => Some(self.base(base, effective, &run).await?),
            None => None,
        };
        let file_text = self.file_text(&run).await?;
        let clauses = clauses(&file_text);
        let cases = self.store().run_cases(run.run).await?;
        let mut table = Table {
            is_baseline: effective == Some(run.run),
            entries: cases
                .into_iter()
                .map(|case| Entry::new(case, &clauses))
                .collect(),
            file_text,
            clauses,
            run,
            base,
            usage: None,
        };
        table.usage = self.usage(&table);
        Ok(table)
    }

    pub(crate) fn usage(&self, table: &Table) -> Option<Usage> {
        let server = table.run.settings.server.as_ref()?;
        let [prompt, reused, generated] = table.server_tokens();
        Some(
            self.servers_outside()
                .usage(server, prompt, reused, generated),
        )
    }

    async fn base(&self, run: RunId, effective: Option<RunId>, now: &Run) -> Result<Base, Failure> {
        let run = self.store().run(run).await?;
        let file_text = self.file_text(&run).await?;
        let cases = self.store().run_cases(run.run).await?;
        let judged: Vec<Judged> = cases
            .iter()
            .filter_map(|case| {
                Some(Judged {
                    verdict: case.outcome.as_ref()?.verdict,
                    expected: case.case.expected,
                })
            })
            .collect();
        let evidence = self.store().confirmations(&sides(&run, now)).await?;
        Ok(Base {
            evidence,
            summary: summary(&run, metrics(judged), effective == Some(run.run)),
            file_text,
            entries: cases
                .into_iter()
                .map(|case| (case.case.id.clone(), Entry::of_baseline(case)))
                .collect(),
        })
    }
}

/// What two runs by one model have in common with every other such pair.
pub(crate) fn sides<'a>(before: &'a Run, now: &'a Run) -> store::Sides<'a> {
    store::Sides {
        before: &before.revision,
        after: &now.revision,
        model_digest: &now.model.digest,
        before_settings: &before.settings,
        after_settings: &now.settings,
    }
}

fn of_table(table: &Table, decisive: Option<&BTreeMap<String, BTreeSet<String>>>) -> Coverage {
    let judged: Vec<(&Case, &Outcome, Vec<Citation>)> = table
        .entries
        .iter()
        .filter_map(|entry| {
            let outcome = entry.outcome.as_ref()?;
            let citations = citation::find(&outcome.trace, &table.clauses);
            Some((&entry.case, outcome, citations))
        })
        .collect();
    let seen = judged.iter().map(|(case, outcome, citations)| Seen {
        case: &case.id,
        verdict: outcome.verdict,
        expected: case.expected,
        margin: outcome.margin,
        rules: &outcome.rules,
        citations,
        decisive: decisive.and_then(|decisive| decisive.get(&case.id)),
    });
    coverage(&table.clauses, seen)
}
