//! Two runs of the same cases. They are compared as pairs: the cases that both get right
//! or wrong say nothing about which is better, and as independent rates they would drown
//! what the others say.

use super::bootstrap::{Plan, Resamples};
use super::{Interval, Measure, Table};
use crate::flip::mcnemar_p;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use ts_rs::TS;

/// One case in two runs, with all its judgements in each.
pub type Pair = (Table, Table);

/// A measure in both runs, over the cases judged in both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Difference {
    pub measure: Measure,
    pub before: f64,
    pub now: f64,
    pub difference: f64,
    /// Of the difference, by the paired bootstrap.
    pub interval: Option<Interval>,
}

/// What a test of "no regression" says about a share of correct cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct NoRegression {
    /// Which share: accuracy, or recall, which is accuracy on the violating cases.
    pub measure: Measure,
    /// The loss that would still be borne, as a share of cases.
    pub margin: f64,
    /// Now less before.
    pub difference: f64,
    /// Cases that the test rests on.
    pub cases: u32,
    /// Of a loss of the margin or more: below 0.05, there is no regression.
    pub p_no_regression: f64,
    /// Of a change of the margin or more either way (two one-sided tests): below 0.05, the
    /// runs are equivalent.
    pub p_equivalent: f64,
    pub finding: Finding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Finding {
    /// No change as large as the margin, either way.
    Equivalent,
    /// No loss as large as the margin.
    NoRegression,
    /// A loss larger than the margin.
    Regression,
    /// Too few cases to tell.
    Inconclusive,
}

const SIGNIFICANCE: f64 = 0.05;

/// Every measure that is defined in both runs.
pub fn differences(pairs: &[Pair], plan: Plan) -> Vec<Difference> {
    let (before, now) = both(&mut pairs.iter().map(|pair| (pair, 1)));
    let judged = |(before, now): &Pair| before.total() + now.total() > 0;
    let resamples = Resamples::draw(pairs.iter().copied().filter(judged), plan);
    Measure::ALL
        .into_iter()
        .filter_map(|measure| {
            let (before, now) = (measure.of(&before)?, measure.of(&now)?);
            Some(Difference {
                measure,
                before,
                now,
                difference: now - before,
                interval: resamples.interval(0.95, |draw| difference(measure, draw)),
            })
        })
        .collect()
}

/// A measure's difference in one resample.
pub fn difference(measure: Measure, draw: &mut dyn Iterator<Item = (&Pair, u64)>) -> Option<f64> {
    let (before, now) = both(draw);
    Some(measure.of(&now)? - measure.of(&before)?)
}

fn both(draw: &mut dyn Iterator<Item = (&Pair, u64)>) -> Pair {
    let (mut before, mut now) = Pair::default();
    for ((a, b), times) in draw {
        before.add(a, times);
        now.add(b, times);
    }
    (before, now)
}

/// Exact McNemar over cases judged once in each run. Repeats of a case are not
/// independent, so with them there is no such test.
pub fn mcnemar(pairs: &[Pair]) -> Option<f64> {
    let discordant = Discordant::of(pairs)?;
    Some(mcnemar_p(discordant.broken, discordant.fixed))
}

/// Tests accuracy, and recall where a case is expected to violate, for a loss of `margin`
/// (a share between 0 and 1). Repeated cases are tested by their shares of right answers.
pub fn no_regression(pairs: &[Pair], margin: f64) -> Vec<NoRegression> {
    let violating = |(before, now): &Pair| {
        let part = |table: &Table| Table::of_counts([table.counts()[0], [0; 3]]);
        (part(before), part(now))
    };
    let recall: Vec<Pair> = pairs.iter().map(violating).collect();
    [(Measure::Accuracy, pairs), (Measure::Recall, &recall)]
        .into_iter()
        .filter_map(|(measure, pairs)| tested(measure, pairs, margin))
        .collect()
}

fn tested(measure: Measure, pairs: &[Pair], margin: f64) -> Option<NoRegression> {
    let pairs: Vec<Pair> = pairs
        .iter()
        .copied()
        .filter(|(before, now)| before.total() > 0 && now.total() > 0)
        .collect();
    let (difference, loss, gain) = match Discordant::of(&pairs) {
        Some(counts) => (
            (f64::from(counts.fixed) - f64::from(counts.broken)) / f64::from(counts.cases),
            tango_p(counts, -margin),
            tango_p(counts.mirrored(), -margin),
        ),
        None => {
            let shares: Vec<f64> = pairs.iter().map(gain_in_case).collect();
            let (mean, loss) = t_p(&shares, -margin)?;
            let mirrored: Vec<f64> = shares.iter().map(|share| -share).collect();
            (mean, loss, t_p(&mirrored, -margin)?.1)
        }
    };
    let p_equivalent = loss.max(gain);
    let finding = if p_equivalent < SIGNIFICANCE {
        Finding::Equivalent
    } else if loss < SIGNIFICANCE {
        Finding::NoRegression
    } else if 1.0 - loss < SIGNIFICANCE {
        Finding::Regression
    } else {
        Finding::Inconclusive
    };
    Some(NoRegression {
        measure,
        margin,
        difference,
        cases: u32::try_from(pairs.len()).ok()?,
        p_no_regression: loss,
        p_equivalent,
        finding,
    })
}

/// A case's share of right answers now, less its share before.
fn gain_in_case((before, now): &Pair) -> f64 {
    now.correct() as f64 / now.total() as f64 - before.correct() as f64 / before.total() as f64
}

/// Cases that are right in one run alone.
#[derive(Debug, Clone, Copy)]
pub struct Discordant {
    pub broken: u32,
    pub fixed: u32,
    /// All cases, those right or wrong in both runs included.
    pub cases: u32,
}

impl Discordant {
    /// Nothing where a case was judged more than once, or no case was judged in both.
    fn of(pairs: &[Pair]) -> Option<Discordant> {
        let mut counts = Discordant {
            broken: 0,
            fixed: 0,
            cases: 0,
        };
        for (before, now) in pairs {
            match (before.total(), now.total()) {
                (1, 1) => counts.cases += 1,
                (0, _) | (_, 0) => continue,
                _ => return None,
            }
            match (before.correct(), now.correct()) {
                (1, 0) => counts.broken += 1,
                (0, 1) => counts.fixed += 1,
                _ => {}
            }
        }
        (counts.cases > 0).then_some(counts)
    }

    fn mirrored(self) -> Discordant {
        Discordant {
            broken: self.fixed,
            fixed: self.broken,
            cases: self.cases,
        }
    }
}

/// Tango's score test for paired shares (Statistics in Medicine 17, 1998, 891–908): the
/// one-sided p of "the true difference, now less before, is `bound` or less".
///
/// The variance is taken at the bound, not at the estimate, so that two runs without any
/// discordant case are not called equal on the strength of three cases, as a Wald or a
/// bootstrap test would have it.
pub fn tango_p(counts: Discordant, bound: f64) -> f64 {
    let n = f64::from(counts.cases);
    let (fixed, broken) = (f64::from(counts.fixed), f64::from(counts.broken));
    let a = 2.0 * n;
    let b = -fixed - broken + (2.0 * n - fixed + broken) * bound;
    let c = -broken * bound * (1.0 - bound);
    let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
    // The maximum-likelihood share of broken cases where the difference is `bound`. The two
    // forms are equal; each avoids subtracting what is nearly equal.
    let share = if b > 0.0 {
        -2.0 * c / (root + b)
    } else {
        (root - b) / (2.0 * a)
    };
    let variance = n * (2.0 * share + bound * (1.0 - bound));
    if variance <= 0.0 {
        return 0.5;
    }
    let score = (fixed - broken - n * bound) / variance.sqrt();
    Normal::standard().sf(score)
}

/// The mean, and the one-sided p of "the true mean is `bound` or less", by Student's t.
pub fn t_p(values: &[f64], bound: f64) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    if error == 0.0 {
        return None;
    }
    let student = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
    Some((mean, student.sf((mean - bound) / error)))
}
