//! What a run says about one gate: its value, and the cases that count against it.
//!
//! Within a scope every case is positive, negative or unparsed. Over the suite or a tag
//! positive means `violates`; for a label it means that label, against all others.

use super::{Evidence, Gap, Gate, Metric, Row, Scope};
use crate::case::Case;
use crate::policy::{OutputContract, OutputKind};
use crate::verdict::{Expected, Verdict};

pub(super) struct Measured {
    pub value: Result<f64, Gap>,
    pub cases: Vec<String>,
    /// How the value came about: ` (18 of 20)`.
    pub detail: String,
}

/// One case within a gate's scope.
struct Point<'a> {
    row: &'a Row<'a>,
    /// Whether the positive class is expected; absent where nothing is.
    expected: Option<bool>,
    /// Whether the positive class was given; absent where the reply was unparsed.
    given: Option<bool>,
}

/// An error says why no run could ever measure this gate over this suite.
pub(super) fn measure(gate: &Gate, evidence: &Evidence<'_>) -> Result<Measured, String> {
    let points = points(gate, evidence)?;
    match gate.metric {
        Metric::Unparsed => Ok(unparsed(&own(gate, points))),
        Metric::Regressions => regressions(&own(gate, points)),
        Metric::CasesPerLabel => cases_per_label(gate, evidence, &points),
        Metric::Precision
        | Metric::Recall
        | Metric::F1
        | Metric::FalsePositiveRate
        | Metric::FalseNegativeRate
        | Metric::Kappa
        | Metric::Mcc => agreement(gate, &points),
    }
}

fn points<'a>(gate: &Gate, evidence: &Evidence<'a>) -> Result<Vec<Point<'a>>, String> {
    let rows = evidence.rows;
    if rows.is_empty() {
        return Err("the run has no case. Add cases to the suite.".to_owned());
    }
    let sides = |row: &'a Row<'a>| Point {
        row,
        expected: row.case.expected.map(|side| side == Expected::Violates),
        given: match row.verdict {
            Verdict::Violates => Some(true),
            Verdict::Safe => Some(false),
            Verdict::Unparsed => None,
        },
    };
    match &gate.scope {
        Scope::Suite => Ok(rows.iter().map(sides).collect()),
        Scope::Tag { tag } => {
            let points: Vec<Point<'a>> = rows
                .iter()
                .filter(|row| row.case.tags.contains(tag))
                .map(sides)
                .collect();
            match points.is_empty() {
                true => Err(format!(
                    "no case of the suite has the tag {tag}. Tag cases with it, or remove the gate."
                )),
                false => Ok(points),
            }
        }
        Scope::Label { label } => label_points(label, evidence),
    }
}

fn label_points<'a>(label: &str, evidence: &Evidence<'a>) -> Result<Vec<Point<'a>>, String> {
    let contract = evidence.contract;
    let is = |other: &str| other.to_lowercase() == label.to_lowercase();
    let points: Vec<Point<'a>> = evidence
        .rows
        .iter()
        .map(|row| Point {
            row,
            expected: expected_label(row.case, contract).map(is).or_else(|| {
                // Of a case whose label is open, the other side's labels are ruled out.
                let side = row.case.expected?;
                let of_side = labels(contract, side);
                (!of_side.iter().any(|known| is(known))).then_some(false)
            }),
            given: match row.verdict {
                Verdict::Unparsed => None,
                Verdict::Violates | Verdict::Safe => {
                    Some(given_label(row, contract).is_some_and(is))
                }
            },
        })
        .collect();
    let known = [Expected::Violates, Expected::Safe]
        .into_iter()
        .flat_map(|side| labels(contract, side))
        .any(is);
    let wanted = points.iter().any(|point| point.expected == Some(true));
    match (known, wanted) {
        (_, true) => Ok(points),
        (true, false) => Err(format!(
            "no case of the suite expects the label {label}. Add cases with \"label\": \"{label}\", or remove the gate."
        )),
        (false, false) => Err(format!(
            "the policy has no label {label}. Name one of its labels, or remove the gate."
        )),
    }
}

/// The labels of one side, in the policy's order.
fn labels(contract: &OutputContract, side: Expected) -> Vec<&str> {
    let named: Vec<&str> = contract
        .labels
        .iter()
        .filter(|(_, means)| *means == side)
        .map(|(label, _)| label.as_str())
        .collect();
    match (contract.kind, side) {
        (OutputKind::Binary, Expected::Violates) => vec!["1"],
        (OutputKind::Binary, Expected::Safe) => vec!["0"],
        (OutputKind::Label | OutputKind::Json, _) => named,
    }
}

/// What the case names, else the only label of the side that it expects.
fn expected_label<'a>(case: &'a Case, contract: &'a OutputContract) -> Option<&'a str> {
    if let Some(label) = &case.label {
        return Some(label);
    }
    match labels(contract, case.expected?)[..] {
        [only] => Some(only),
        _ => None,
    }
}

fn given_label<'a>(row: &Row<'a>, contract: &'a OutputContract) -> Option<&'a str> {
    let side = match row.verdict {
        Verdict::Violates => Expected::Violates,
        Verdict::Safe => Expected::Safe,
        Verdict::Unparsed => return None,
    };
    row.label.or_else(|| match labels(contract, side)[..] {
        [only] => Some(only),
        _ => None,
    })
}

fn ids<'a>(points: impl Iterator<Item = &'a Point<'a>>) -> Vec<String> {
    points.map(|point| point.row.case.id.clone()).collect()
}

/// The cases that a count is made over: for a label those that expect it.
fn own<'a>(gate: &Gate, mut points: Vec<Point<'a>>) -> Vec<Point<'a>> {
    if matches!(gate.scope, Scope::Label { .. }) {
        points.retain(|point| point.expected == Some(true));
    }
    points
}

fn unparsed(points: &[Point<'_>]) -> Measured {
    let cases = ids(points.iter().filter(|point| point.given.is_none()));
    Measured {
        value: Ok(cases.len() as f64),
        detail: format!(" of {}", points.len()),
        cases,
    }
}

fn regressions(points: &[Point<'_>]) -> Result<Measured, String> {
    if points.iter().all(|point| point.row.case.expected.is_none()) {
        return Err(NOTHING_LABELLED.to_owned());
    }
    let compared = points
        .iter()
        .filter(|point| point.row.regressed.is_some() && point.row.case.expected.is_some())
        .count();
    let cases = ids(points
        .iter()
        .filter(|point| point.row.regressed == Some(true)));
    Ok(Measured {
        value: match compared {
            0 => Err(Gap::NoBaseline),
            _ => Ok(cases.len() as f64),
        },
        detail: format!(" over {compared} cases judged in both"),
        cases,
    })
}

const NOTHING_LABELLED: &str =
    "no case here has an expected verdict. Add \"expected\" to the cases, or remove the gate.";

fn cases_per_label(
    gate: &Gate,
    evidence: &Evidence<'_>,
    points: &[Point<'_>],
) -> Result<Measured, String> {
    let contract = evidence.contract;
    let count = |label: &str| {
        points
            .iter()
            .filter_map(|point| expected_label(point.row.case, contract))
            .filter(|found| found.to_lowercase() == label.to_lowercase())
            .count()
    };
    let side_count = |side| {
        let expects = |point: &&Point<'_>| point.row.case.expected == Some(side);
        points.iter().filter(expects).count()
    };
    let counts: Vec<(String, usize)> = match &gate.scope {
        Scope::Label { label } => vec![(label.clone(), count(label))],
        Scope::Suite | Scope::Tag { .. } => [Expected::Violates, Expected::Safe]
            .into_iter()
            .flat_map(|side| match labels(contract, side)[..] {
                // Without labels of its own, or with one, a side is counted as such.
                [] => vec![(word(side).to_owned(), side_count(side))],
                [only] => vec![(only.to_owned(), side_count(side))],
                ref several => several
                    .iter()
                    .map(|label| ((*label).to_owned(), count(label)))
                    .collect(),
            })
            .collect(),
    };
    let least = counts.iter().map(|(_, count)| *count).min().unwrap_or(0);
    let few: Vec<String> = counts
        .iter()
        .filter(|(_, count)| (*count as f64) < gate.bound)
        .map(|(label, count)| format!("{label} has {count}"))
        .collect();
    Ok(Measured {
        value: Ok(least as f64),
        detail: match few.is_empty() {
            true => String::new(),
            false => format!(": {}", few.join(", ")),
        },
        cases: Vec::new(),
    })
}

fn word(side: Expected) -> &'static str {
    match side {
        Expected::Violates => "violates",
        Expected::Safe => "safe",
    }
}

/// Counts of expected against given, unparsed replies as a class of their own.
#[derive(Default)]
struct Confusion {
    true_positives: u32,
    false_positives: u32,
    true_negatives: u32,
    false_negatives: u32,
    unparsed_positives: u32,
    unparsed_negatives: u32,
}

fn agreement(gate: &Gate, points: &[Point<'_>]) -> Result<Measured, String> {
    let mut counts = Confusion::default();
    for point in points {
        let cell = match (point.expected, point.given) {
            (None, _) => continue,
            (Some(true), Some(true)) => &mut counts.true_positives,
            (Some(true), Some(false)) => &mut counts.false_negatives,
            (Some(true), None) => &mut counts.unparsed_positives,
            (Some(false), Some(true)) => &mut counts.false_positives,
            (Some(false), Some(false)) => &mut counts.true_negatives,
            (Some(false), None) => &mut counts.unparsed_negatives,
        };
        *cell += 1;
    }
    counts.check(gate)?;
    let against = |point: &&Point<'_>| match (gate.metric, point.expected, point.given) {
        (_, None, _) => false,
        (Metric::Precision | Metric::FalsePositiveRate, Some(expected), given) => {
            !expected && given == Some(true)
        }
        (Metric::Recall | Metric::FalseNegativeRate, Some(expected), given) => {
            expected && given != Some(true)
        }
        // As in F1's formula, where a reply without a verdict is no positive.
        (Metric::F1, Some(expected), given) => expected != (given == Some(true)),
        (_, Some(expected), given) => given != Some(expected),
    };
    let (value, detail) = counts.value(gate.metric);
    Ok(Measured {
        value,
        detail,
        cases: ids(points.iter().filter(against)),
    })
}

impl Confusion {
    fn positives(&self) -> u32 {
        self.true_positives + self.false_negatives + self.unparsed_positives
    }

    fn negatives(&self) -> u32 {
        self.true_negatives + self.false_positives + self.unparsed_negatives
    }

    /// What the suite alone decides: whether there is anything to measure.
    fn check(&self, gate: &Gate) -> Result<(), String> {
        let positive = match &gate.scope {
            Scope::Suite | Scope::Tag { .. } => "to violate".to_owned(),
            Scope::Label { label } => format!("to be labelled {label}"),
        };
        let missing = |what: String| {
            Err(format!(
                "no case here is expected {what}, so there is nothing to measure. Add such cases, or remove the gate."
            ))
        };
        match gate.metric {
            _ if self.positives() + self.negatives() == 0 => Err(NOTHING_LABELLED.to_owned()),
            Metric::Recall | Metric::FalseNegativeRate | Metric::Precision | Metric::F1
                if self.positives() == 0 =>
            {
                missing(positive)
            }
            Metric::FalsePositiveRate if self.negatives() == 0 => missing(match &gate.scope {
                Scope::Suite | Scope::Tag { .. } => "to be safe".to_owned(),
                Scope::Label { label } => format!("to have another label than {label}"),
            }),
            _ => Ok(()),
        }
    }

    fn value(&self, metric: Metric) -> (Result<f64, Gap>, String) {
        let (tp, fp, tn) = (
            self.true_positives,
            self.false_positives,
            self.true_negatives,
        );
        // A violation that got no verdict was missed.
        let missed = self.false_negatives + self.unparsed_positives;
        let share = |part: u32, of: u32| match of {
            0 => (Err(Gap::NothingJudged), String::new()),
            _ => (
                Ok(f64::from(part) / f64::from(of)),
                format!(" ({part} of {of})"),
            ),
        };
        match metric {
            Metric::Precision => share(tp, tp + fp),
            Metric::Recall => share(tp, self.positives()),
            Metric::FalseNegativeRate => share(missed, self.positives()),
            // As in a run's metrics: a reply without a verdict is in neither count.
            Metric::FalsePositiveRate => share(fp, fp + tn),
            Metric::F1 => {
                let f1 = f64::from(2 * tp) / f64::from(2 * tp + fp + missed);
                (Ok(f1), String::new())
            }
            Metric::Kappa => (self.kappa(), String::new()),
            Metric::Mcc => (self.mcc(), String::new()),
            Metric::Regressions | Metric::Unparsed | Metric::CasesPerLabel => {
                unreachable!("these are counted elsewhere")
            }
        }
    }

    /// Expected and given counts of positive, negative and unparsed; right ones; all.
    fn margins(&self) -> ([f64; 3], [f64; 3], f64, f64) {
        let expected = [
            f64::from(self.positives()),
            f64::from(self.negatives()),
            0.0,
        ];
        let given = [
            f64::from(self.true_positives + self.false_positives),
            f64::from(self.true_negatives + self.false_negatives),
            f64::from(self.unparsed_positives + self.unparsed_negatives),
        ];
        let right = f64::from(self.true_positives + self.true_negatives);
        (expected, given, right, expected[0] + expected[1])
    }

    /// Cohen's κ over three classes, of which `unparsed` is never expected.
    fn kappa(&self) -> Result<f64, Gap> {
        let (expected, given, right, all) = self.margins();
        let chance: f64 = expected.iter().zip(given).map(|(e, g)| e * g).sum::<f64>() / (all * all);
        match chance < 1.0 {
            true => Ok((right / all - chance) / (1.0 - chance)),
            false => Err(Gap::OneSided),
        }
    }

    /// The multi-class form (Gorodkin 2004), which is the usual one where nothing is unparsed.
    fn mcc(&self) -> Result<f64, Gap> {
        let (expected, given, right, all) = self.margins();
        let product: f64 = expected.iter().zip(given).map(|(e, g)| e * g).sum();
        let spread = |counts: [f64; 3]| all * all - counts.iter().map(|c| c * c).sum::<f64>();
        let scale = (spread(expected) * spread(given)).sqrt();
        match scale > 0.0 {
            true => Ok((right * all - product) / scale),
            false => Err(Gap::OneSided),
        }
    }
}
