//! The gates of `touchstone.toml`, held against a finished run. Nothing is run here, and
//! nothing passes by default: a broken file, a suite with lines left out and a run that is
//! not finished are errors.

use crate::compare::{Entry, Table, reading, summary};
use crate::files;
use crate::studio::Studio;
use crate::view::{Failure, GateReport, Problem, RunSummary, Severity};
use crate::workspace::{self, CONFIG, check_name, suite_path};
use domain::flip::{Certainty, FlipKind, flip};
use domain::gate::{Evidence, Gate, GateProblem, GateState, Gates, Row, evaluate, parse};
use domain::run::{Outcome, RunId};
use store::RunState;

impl Studio {
    /// The policies that have gates, and those that have none; a broken file is an error that
    /// names every line at fault.
    pub fn gated_policies(&self) -> Result<(Vec<String>, Vec<String>), Failure> {
        let (gates, names) = self.all_gates().map_err(|problems| told(&problems))?;
        Ok(names
            .into_iter()
            .partition(|name| !gates.of(name).is_empty()))
    }

    /// The gates that a policy must meet, as the file now says.
    pub(crate) fn gates_of(&self, policy: &str) -> Result<Vec<Gate>, Vec<Problem>> {
        Ok(self.all_gates()?.0.of(policy))
    }

    /// Holds a finished run against the gates of its policy. The baseline is the asked one,
    /// else the policy's; a run that is asked to be its own baseline has no regressions.
    pub async fn gate_report(
        &self,
        run: RunId,
        baseline: Option<RunId>,
    ) -> Result<GateReport, Failure> {
        let judged = self.judge_gates(run, baseline).await?;
        judged.map_err(|problems| told(&problems))
    }

    /// As `gate_report`; what is wrong with the gates themselves stays apart, with its places.
    pub(crate) async fn judge_gates(
        &self,
        run: RunId,
        baseline: Option<RunId>,
    ) -> Result<Result<GateReport, Vec<Problem>>, Failure> {
        let found = self.store().run(run).await?;
        if found.state != RunState::Finished {
            return Err(Failure::input(format!(
                "Run {} is not finished, so its gates say nothing. Resume it first.",
                run.0
            )));
        }
        let gates = match self.gates_of(&found.policy) {
            Ok(gates) => gates,
            Err(problems) => return Ok(Err(problems)),
        };
        if gates.is_empty() {
            return Err(Failure::input(format!(
                "{CONFIG} sets no gate for {}. Add a [gates] table, such as:\n\n[gates]\nrecall_min = 0.9\nunparsed_max = 0\n",
                found.policy
            )));
        }
        let table = self.table(run, baseline).await?;
        let text = self.file_text(&found).await?;
        let contract = domain::policy::parse(text.as_bytes())
            .map_err(|error| Failure::internal(format!("run {}: {error}", run.0)))?
            .output;
        let own_baseline = baseline == Some(run);
        let rows: Vec<Row<'_>> = table
            .entries
            .iter()
            .filter_map(|entry| {
                let outcome = entry.outcome.as_ref()?;
                Some(Row {
                    case: &entry.case,
                    verdict: outcome.verdict,
                    label: outcome.label.as_deref(),
                    regressed: if own_baseline {
                        Some(false)
                    } else {
                        regressed(&table, entry, outcome)
                    },
                })
            })
            .collect();
        let evidence = Evidence {
            contract: &contract,
            rows: &rows,
        };
        let results = evaluate(&gates, &evidence).map_err(|problems| told(&in_config(problems)))?;
        let own = summary(&table.run, table.figures().metrics, table.is_baseline);
        let base: Option<RunSummary> = match (&table.base, own_baseline) {
            (Some(base), _) => Some(base.summary.clone()),
            (None, true) => Some(own.clone()),
            (None, false) => None,
        };
        Ok(Ok(GateReport {
            policy: found.policy,
            passed: results
                .iter()
                .all(|result| result.state == GateState::Passed),
            run: own,
            baseline: base,
            results,
        }))
    }

    /// Refuses a suite of which lines would be left out: a gate over the rest would pass
    /// without them.
    pub fn check_suite_whole(&self, policy: &str) -> Result<(), Failure> {
        check_name(policy)?;
        let suite = workspace::read_suite(self.root(), &suite_path(self.root(), policy))?;
        let skipped: Vec<Problem> = suite
            .problems
            .into_iter()
            .filter(|problem| problem.severity == Severity::Error)
            .collect();
        match skipped.is_empty() {
            true => Ok(()),
            false => Err(told(&skipped)),
        }
    }

    fn all_gates(&self) -> Result<(Gates, Vec<String>), Vec<Problem>> {
        let path = self.root().join(CONFIG);
        let whole_file = |message: String| {
            vec![Problem {
                severity: Severity::Error,
                file: CONFIG.to_owned(),
                line: None,
                message,
            }]
        };
        let bytes = files::read(&path).map_err(|failure| whole_file(failure.message))?;
        let text = String::from_utf8(bytes.unwrap_or_default())
            .map_err(|_| whole_file("This file is not UTF-8. Save it as UTF-8.".to_owned()))?;
        let gates = parse(&text).map_err(in_config)?;
        let (names, _) = workspace::names(self.root());
        let unknown = gates.check_policies(&names);
        match unknown.is_empty() {
            true => Ok((gates, names)),
            false => Err(in_config(unknown)),
        }
    }
}

/// Right in the baseline and wrong now; a flip found to be noise is none.
fn regressed(table: &Table, entry: &Entry, now: &Outcome) -> Option<bool> {
    let before = table.before(entry)?;
    let kind = flip(reading(before), reading(now), entry.case.expected);
    Some(kind == Some(FlipKind::Broken) && table.row(entry).certainty != Some(Certainty::Noise))
}

pub(crate) fn in_config(problems: Vec<GateProblem>) -> Vec<Problem> {
    problems
        .into_iter()
        .map(|problem| Problem {
            severity: Severity::Error,
            file: CONFIG.to_owned(),
            line: Some(problem.line),
            message: problem.message,
        })
        .collect()
}

/// All problems as one failure, a line each: `FILE:LINE: message`.
pub(crate) fn told(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| {
            let line = problem
                .line
                .map_or_else(String::new, |line| format!(":{line}"));
            format!("{}{line}: {}", problem.file, problem.message)
        })
        .collect();
    Failure::input(lines.join("\n"))
}
