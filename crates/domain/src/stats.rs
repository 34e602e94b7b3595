//! Statistics of runs: what a table of expected against given verdicts is worth, with
//! intervals, by group, and between two runs of the same cases.
//!
//! Everything is a function of counts and a seed; nothing here reads a clock or keeps
//! state. What each number means, and why it and no other, is told in docs/statistics.md;
//! each is held against scipy, statsmodels, scikit-learn or krippendorff by
//! `scripts/stats_golden.py` and `fixtures/stats`.

pub mod agreement;
pub mod bootstrap;
pub mod groups;
pub mod paired;

use crate::flip::rate;
use crate::run::Judged;
use crate::verdict::{Expected, Verdict};
use bootstrap::{Plan, Resamples};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Counts of cases by what was expected (rows: violates, safe) and what was given
/// (columns: violates, safe, unparsed). Judgements without an expectation enter nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Table {
    counts: [[u64; 3]; 2],
}

/// The positive class is `violates`; `unparsed` is a third answer, wrong for either class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Measure {
    Accuracy,
    Precision,
    Recall,
    F1,
    FalsePositiveRate,
    FalseNegativeRate,
    BalancedAccuracy,
    Mcc,
    Kappa,
}

impl Measure {
    pub const ALL: [Measure; 9] = [
        Measure::Accuracy,
        Measure::Precision,
        Measure::Recall,
        Measure::F1,
        Measure::FalsePositiveRate,
        Measure::FalseNegativeRate,
        Measure::BalancedAccuracy,
        Measure::Mcc,
        Measure::Kappa,
    ];

    /// Whether more is better.
    pub fn rises(self) -> bool {
        !matches!(
            self,
            Measure::FalsePositiveRate | Measure::FalseNegativeRate
        )
    }

    /// Absent where a denominator is zero: an undefined measure is not a zero.
    pub fn of(self, table: &Table) -> Option<f64> {
        match self {
            Measure::F1 => {
                let [[tp, missed, unparsed], [fp, ..]] = table.counts;
                ratio(2 * tp, 2 * tp + fp + missed + unparsed)
            }
            Measure::BalancedAccuracy => {
                let [violates, safe] = table.counts;
                let recall = ratio(violates[0], violates.iter().sum())?;
                let specificity = ratio(safe[1], safe.iter().sum())?;
                Some((recall + specificity) / 2.0)
            }
            Measure::Mcc => table.mcc(),
            Measure::Kappa => table.kappa(),
            Measure::Accuracy
            | Measure::Precision
            | Measure::Recall
            | Measure::FalsePositiveRate
            | Measure::FalseNegativeRate => {
                let (part, whole) = self.proportion(table)?;
                ratio(part, whole)
            }
        }
    }

    /// The counts of a measure that is a share of cases.
    fn proportion(self, table: &Table) -> Option<(u64, u64)> {
        let [[tp, missed, unparsed], [fp, tn, _]] = table.counts;
        match self {
            Measure::Accuracy => Some((tp + tn, table.total())),
            Measure::Precision => Some((tp, tp + fp)),
            Measure::Recall => Some((tp, tp + missed + unparsed)),
            Measure::FalsePositiveRate => Some((fp, fp + tn)),
            Measure::FalseNegativeRate => Some((missed + unparsed, tp + missed + unparsed)),
            Measure::F1 | Measure::BalancedAccuracy | Measure::Mcc | Measure::Kappa => None,
        }
    }
}

impl Table {
    /// From rows (expected violates, safe) of columns (violates, safe, unparsed).
    pub fn of_counts(counts: [[u64; 3]; 2]) -> Table {
        Table { counts }
    }

    pub fn counts(&self) -> [[u64; 3]; 2] {
        self.counts
    }

    pub fn count(&mut self, judged: Judged) {
        let Some(expected) = judged.expected else {
            return;
        };
        let row = match expected {
            Expected::Violates => 0,
            Expected::Safe => 1,
        };
        let column = match judged.verdict {
            Verdict::Violates => 0,
            Verdict::Safe => 1,
            Verdict::Unparsed => 2,
        };
        self.counts[row][column] += 1;
    }

    /// Adds another table `times` times.
    pub fn add(&mut self, other: &Table, times: u64) {
        for (row, others) in self.counts.iter_mut().zip(other.counts) {
            for (cell, other) in row.iter_mut().zip(others) {
                *cell += other * times;
            }
        }
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    pub fn correct(&self) -> u64 {
        self.counts[0][0] + self.counts[1][1]
    }

    fn margins(&self) -> ([u64; 3], [u64; 3]) {
        let [violates, safe] = self.counts;
        let expected = [violates.iter().sum(), safe.iter().sum(), 0];
        let given = [0, 1, 2].map(|column| violates[column] + safe[column]);
        (expected, given)
    }

    /// Matthews' correlation over three answers (Gorodkin's R_K); with nothing unparsed it
    /// is the familiar one of two classes.
    fn mcc(&self) -> Option<f64> {
        let (expected, given) = self.margins();
        let total = self.total() as f64;
        let product: f64 = dot(expected, given);
        let spread =
            (total * total - dot(given, given)) * (total * total - dot(expected, expected));
        (spread > 0.0).then(|| (self.correct() as f64 * total - product) / spread.sqrt())
    }

    /// Cohen's kappa between what was expected and what was given.
    fn kappa(&self) -> Option<f64> {
        let (expected, given) = self.margins();
        let total = self.total() as f64;
        let chance = dot(expected, given) / (total * total);
        (total > 0.0 && chance < 1.0)
            .then(|| (self.correct() as f64 / total - chance) / (1.0 - chance))
    }
}

impl FromIterator<Judged> for Table {
    fn from_iter<I: IntoIterator<Item = Judged>>(judged: I) -> Table {
        let mut table = Table::default();
        judged.into_iter().for_each(|judged| table.count(judged));
        table
    }
}

fn dot(a: [u64; 3], b: [u64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| *a as f64 * b as f64).sum()
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The ends of an interval. Of 95 %, unless the holder says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
    pub method: Method,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Method {
    /// Wilson's score interval of a share.
    Wilson,
    /// Percentiles over resampled cases; a case's repeats are drawn together.
    Bootstrap,
    /// The normal approximation with the estimate's own standard error.
    Asymptotic,
}

/// A measure with its 95 % interval, which is absent where the measure is undefined in
/// too many resamples to tell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Estimate {
    pub measure: Measure,
    pub value: f64,
    pub interval: Option<Interval>,
}

/// All measures that are defined, over cases; each unit holds the judgements of one case,
/// of which there are several where a run was repeated.
///
/// A share of cases has Wilson's interval. That one takes judgements for independent,
/// which repeats of a case are not: with repeats all intervals come from resampled cases.
pub fn estimates(cases: &[Table], plan: Plan) -> Vec<Estimate> {
    let mut whole = Table::default();
    cases.iter().for_each(|case| whole.add(case, 1));
    let repeated = cases.iter().any(|case| case.total() > 1);
    let resamples = Resamples::draw(cases.iter().copied().filter(|case| case.total() > 0), plan);
    Measure::ALL
        .into_iter()
        .filter_map(|measure| {
            let share = measure.proportion(&whole).filter(|_| !repeated);
            let interval = match share {
                Some((part, all)) => wilson(part, all),
                None => resamples.interval(0.95, |draw| measure.of(&sum(draw))),
            };
            Some(Estimate {
                measure,
                value: measure.of(&whole)?,
                interval,
            })
        })
        .collect()
}

pub(crate) fn sum<'a>(draw: impl Iterator<Item = (&'a Table, u64)>) -> Table {
    let mut sum = Table::default();
    draw.for_each(|(table, times)| sum.add(table, times));
    sum
}

fn wilson(part: u64, whole: u64) -> Option<Interval> {
    let rate = rate(u32::try_from(part).ok()?, u32::try_from(whole).ok()?)?;
    Some(Interval {
        low: rate.low,
        high: rate.high,
        method: Method::Wilson,
    })
}

#[cfg(test)]
mod tests;
