//! Gates: the conditions of `touchstone.toml` that a policy's run must meet before it is
//! released, and what a run makes of them.
//!
//! A gate is never passed by default: what cannot be measured does not pass, and a gate
//! that no suite could ever measure is an error with its place and its remedy.

mod measure;
mod parse;
mod schema;

use crate::case::Case;
use crate::policy::OutputContract;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use parse::parse;
pub use schema::config_schema;

/// What a gate bounds. Each metric is bounded on one side only, which is part of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Metric {
    Precision,
    Recall,
    F1,
    FalsePositiveRate,
    FalseNegativeRate,
    /// Cohen's κ between expected and given verdicts.
    Kappa,
    /// Matthews' correlation coefficient.
    Mcc,
    /// Cases that the baseline judged as expected and this run does not.
    Regressions,
    Unparsed,
    /// The least number of cases that any label has.
    CasesPerLabel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Side {
    /// The value must not be below the bound.
    AtLeast,
    /// The value must not be above the bound.
    AtMost,
}

/// The cases that a gate looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[ts(export)]
pub enum Scope {
    /// All cases of the suite; the positive class is `violates`.
    Suite,
    /// All cases of the suite; the positive class is this label.
    Label { label: String },
    /// The cases that bear this tag.
    Tag { tag: String },
}

/// One condition of `touchstone.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Gate {
    /// The policy it holds for; absent where it holds for each.
    pub policy: Option<String>,
    pub scope: Scope,
    pub metric: Metric,
    pub side: Side,
    pub bound: f64,
    /// The line of `touchstone.toml`, 1-based.
    pub line: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum GateState {
    Passed,
    Failed,
    /// The run gives no value, so the gate is not met.
    Unmeasured,
}

/// Why a run gives no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Gap {
    /// There is no other run to compare with, or no case was judged in both.
    NoBaseline,
    /// No reply gave the verdict that the metric is a share of.
    NothingJudged,
    /// Expected and given verdicts all fall into one class: there is no agreement beyond chance.
    OneSided,
}

/// What a run makes of one gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct GateResult {
    pub gate: Gate,
    pub state: GateState,
    pub value: Option<f64>,
    pub gap: Option<Gap>,
    /// The cases that count against it, in the suite's order, whether it passes or not.
    pub cases: Vec<String>,
    /// One sentence: scope, metric, value and bound.
    pub message: String,
}

/// Something wrong with a gate itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateProblem {
    /// The line of `touchstone.toml`, 1-based.
    pub line: u32,
    /// What, and what to do; it names the key.
    pub message: String,
}

/// All gates of a `touchstone.toml`, in the order of its lines.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gates {
    all: Vec<Gate>,
}

/// One judged case.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub case: &'a Case,
    pub verdict: Verdict,
    pub label: Option<&'a str>,
    /// Right in the baseline and wrong now, noise left out; absent where the baseline does
    /// not know the case.
    pub regressed: Option<bool>,
}

/// A finished run, as far as gates look at it.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub contract: &'a OutputContract,
    pub rows: &'a [Row<'a>],
}

impl Metric {
    pub const ALL: [Metric; 10] = [
        Metric::Precision,
        Metric::Recall,
        Metric::F1,
        Metric::FalsePositiveRate,
        Metric::FalseNegativeRate,
        Metric::Kappa,
        Metric::Mcc,
        Metric::Regressions,
        Metric::Unparsed,
        Metric::CasesPerLabel,
    ];

    /// Its key in `touchstone.toml`.
    pub fn key(self) -> &'static str {
        match self {
            Metric::Precision => "precision_min",
            Metric::Recall => "recall_min",
            Metric::F1 => "f1_min",
            Metric::FalsePositiveRate => "fpr_max",
            Metric::FalseNegativeRate => "fnr_max",
            Metric::Kappa => "kappa_min",
            Metric::Mcc => "mcc_min",
            Metric::Regressions => "regressions_max",
            Metric::Unparsed => "unparsed_max",
            Metric::CasesPerLabel => "cases_per_label_min",
        }
    }

    pub fn side(self) -> Side {
        match self {
            Metric::Precision
            | Metric::Recall
            | Metric::F1
            | Metric::Kappa
            | Metric::Mcc
            | Metric::CasesPerLabel => Side::AtLeast,
            Metric::FalsePositiveRate
            | Metric::FalseNegativeRate
            | Metric::Regressions
            | Metric::Unparsed => Side::AtMost,
        }
    }

    /// The bounds that make sense, and whether only whole numbers do.
    pub fn range(self) -> (f64, f64, bool) {
        /// More cases than any suite has.
        const COUNT_MAX: f64 = 1e9;
        match self {
            Metric::Precision
            | Metric::Recall
            | Metric::F1
            | Metric::FalsePositiveRate
            | Metric::FalseNegativeRate => (0.0, 1.0, false),
            Metric::Kappa | Metric::Mcc => (-1.0, 1.0, false),
            Metric::Regressions | Metric::Unparsed => (0.0, COUNT_MAX, true),
            Metric::CasesPerLabel => (1.0, COUNT_MAX, true),
        }
    }

    /// As a person names it in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Precision => "precision",
            Metric::Recall => "recall",
            Metric::F1 => "F1",
            Metric::FalsePositiveRate => "false positive rate",
            Metric::FalseNegativeRate => "false negative rate",
            Metric::Kappa => "Cohen's κ",
            Metric::Mcc => "MCC",
            Metric::Regressions => "regressions against the baseline",
            Metric::Unparsed => "unparsed replies",
            Metric::CasesPerLabel => "cases per label",
        }
    }

    /// A bound of this metric, with its unit.
    pub fn show(self, bound: f64) -> String {
        self.show_with(bound, 1)
    }

    /// A value beside a bound that it misses: as many digits as it takes to see that.
    fn show_beside(self, value: f64, bound: f64) -> String {
        let shown = self.show_with(value, 1);
        if value == bound || shown != self.show_with(bound, 1) {
            return shown;
        }
        self.show_with(value, 6)
    }

    fn show_with(self, value: f64, digits: usize) -> String {
        match self {
            Metric::Precision
            | Metric::Recall
            | Metric::FalsePositiveRate
            | Metric::FalseNegativeRate => format!("{} %", short(value * 100.0, digits)),
            Metric::F1 | Metric::Kappa | Metric::Mcc => short(value, digits + 2),
            Metric::Regressions | Metric::Unparsed | Metric::CasesPerLabel => short(value, 0),
        }
    }
}

impl Gate {
    /// The key as one would look for it in the file: `[gates.policies.spam.tags.hard] recall_min`.
    pub fn place(&self) -> String {
        let mut path = vec!["gates".to_owned()];
        if let Some(policy) = &self.policy {
            path.extend(["policies".to_owned(), parse::quoted(policy)]);
        }
        match &self.scope {
            Scope::Suite => {}
            Scope::Label { label } => path.extend(["labels".to_owned(), parse::quoted(label)]),
            Scope::Tag { tag } => path.extend(["tags".to_owned(), parse::quoted(tag)]),
        }
        format!("[{}] {}", path.join("."), self.metric.key())
    }

    /// "label SP2: recall at least 90 %".
    pub fn title(&self) -> String {
        let scope = match &self.scope {
            Scope::Suite => String::new(),
            Scope::Label { label } => format!("label {label}: "),
            Scope::Tag { tag } => format!("tag {tag}: "),
        };
        let side = match self.side {
            Side::AtLeast => "at least",
            Side::AtMost => "at most",
        };
        format!(
            "{scope}{} {side} {}",
            self.metric.name(),
            self.metric.show(self.bound)
        )
    }

    fn problem(&self, message: &str) -> GateProblem {
        GateProblem {
            line: self.line,
            message: format!("{}: {message}", self.place()),
        }
    }
}

impl Gates {
    /// The gates that a policy must meet: its own, and the general ones that it does not set
    /// for itself.
    pub fn of(&self, policy: &str) -> Vec<Gate> {
        let own = |gate: &&Gate| gate.policy.as_deref() == Some(policy);
        let overridden = |gate: &Gate| {
            let same = |other: &Gate| other.scope == gate.scope && other.metric == gate.metric;
            self.all.iter().filter(own).any(same)
        };
        self.all
            .iter()
            .filter(|gate| own(gate) || gate.policy.is_none() && !overridden(gate))
            .cloned()
            .collect()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Gates of policies that do not exist.
    pub fn check_policies(&self, names: &[String]) -> Vec<GateProblem> {
        let unknown = |gate: &&Gate| {
            let policy = gate.policy.as_ref();
            policy.is_some_and(|policy| !names.contains(policy))
        };
        let mut problems: Vec<GateProblem> = Vec::new();
        let mut told: Vec<&str> = Vec::new();
        for gate in self.all.iter().filter(unknown) {
            let policy = gate.policy.as_deref().unwrap_or_default();
            if !told.contains(&policy) {
                told.push(policy);
                problems.push(gate.problem(&format!(
                    "there is no policies/{policy}.md. Name one of {}, or remove the gate.",
                    names.join(", ")
                )));
            }
        }
        problems
    }
}

/// Holds a finished run against gates. A gate that its suite cannot measure, whatever the
/// model says, is a problem of the file and not a result.
pub fn evaluate(
    gates: &[Gate],
    evidence: &Evidence<'_>,
) -> Result<Vec<GateResult>, Vec<GateProblem>> {
    let mut results = Vec::new();
    let mut problems = Vec::new();
    for gate in gates {
        match measure::measure(gate, evidence) {
            Ok(measured) => results.push(result(gate, measured)),
            Err(message) => problems.push(gate.problem(&message)),
        }
    }
    if problems.is_empty() {
        Ok(results)
    } else {
        Err(problems)
    }
}

fn result(gate: &Gate, measured: measure::Measured) -> GateResult {
    let measure::Measured {
        value,
        cases,
        detail,
    } = measured;
    let state = match value {
        Err(_) => GateState::Unmeasured,
        Ok(value) if gate.side == Side::AtLeast && value >= gate.bound => GateState::Passed,
        Ok(value) if gate.side == Side::AtMost && value <= gate.bound => GateState::Passed,
        Ok(_) => GateState::Failed,
    };
    let message = match &value {
        Ok(value) => {
            let shown = gate.metric.show_beside(*value, gate.bound);
            format!("{}: it is {shown}{detail}.", gate.title())
        }
        Err(gap) => format!("{}: it cannot be measured. {}", gate.title(), gap.why()),
    };
    GateResult {
        gate: gate.clone(),
        state,
        value: value.ok(),
        gap: value.err(),
        cases,
        message,
    }
}

impl Gap {
    fn why(self) -> &'static str {
        match self {
            Gap::NoBaseline => {
                "No case was judged in a baseline too. Choose a baseline, or name a workspace to compare with."
            }
            Gap::NothingJudged => "No reply gave the verdict that it is a share of.",
            Gap::OneSided => {
                "All cases are expected and judged alike, so there is no agreement beyond chance. Add cases of the other side."
            }
        }
    }
}

/// At most `digits` places, without trailing zeros.
fn short(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    text.replacen('-', "−", 1)
}

#[cfg(test)]
mod tests;
