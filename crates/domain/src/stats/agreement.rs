//! How far people, or other systems, agree in what they call the same cases.

use super::bootstrap::{Plan, Resamples};
use super::{Interval, Method};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// Chance-corrected agreement: 1 is perfect, 0 what chance would give.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Agreement {
    pub value: f64,
    pub interval: Option<Interval>,
    /// Cases that at least two have called something.
    pub cases: u32,
}

/// The normal distribution's 97.5 % quantile.
const Z: f64 = 1.959_963_984_540_054;

/// Cohen's kappa of two raters over the cases that both rated, with the asymptotic interval
/// (Fleiss, Cohen and Everitt 1969). Absent where neither ever varied.
pub fn cohen<T: Ord>(ratings: impl IntoIterator<Item = (T, T)>) -> Option<Agreement> {
    let mut table: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let mut names: BTreeMap<T, usize> = BTreeMap::new();
    let mut cases = 0u32;
    for (a, b) in ratings {
        let next = names.len();
        let a = *names.entry(a).or_insert(next);
        let next = names.len();
        let b = *names.entry(b).or_insert(next);
        *table.entry((a, b)).or_default() += 1.0;
        cases += 1;
    }
    let n = f64::from(cases);
    let (mut rows, mut columns) = (vec![0.0; names.len()], vec![0.0; names.len()]);
    for ((row, column), count) in &table {
        rows[*row] += count / n;
        columns[*column] += count / n;
    }
    let diagonal = |k: usize| table.get(&(k, k)).copied().unwrap_or_default() / n;
    let observed: f64 = (0..names.len()).map(diagonal).sum();
    let chance: f64 = rows.iter().zip(&columns).map(|(a, b)| a * b).sum();
    if cases == 0 || 1.0 - chance <= f64::EPSILON {
        return None;
    }
    let value = (observed - chance) / (1.0 - chance);
    let left: f64 = (0..names.len())
        .map(|k| diagonal(k) * (1.0 - (rows[k] + columns[k]) * (1.0 - value)).powi(2))
        .sum();
    let off: f64 = table
        .iter()
        .filter(|((row, column), _)| row != column)
        .map(|((row, column), count)| count / n * (columns[*row] + rows[*column]).powi(2))
        .sum();
    let variance = (left + (1.0 - value).powi(2) * off - (value - chance * (1.0 - value)).powi(2))
        / ((1.0 - chance).powi(2) * n);
    let half = Z * variance.max(0.0).sqrt();
    Some(Agreement {
        value,
        interval: Some(Interval {
            low: value - half,
            high: value + half,
            method: Method::Asymptotic,
        }),
        cases,
    })
}

/// Krippendorff's alpha for nominal values of any number of raters; each unit holds what
/// its raters said, those who said nothing left out. Units with one rating enter nowhere.
/// The interval is a bootstrap over units.
pub fn krippendorff<T: Ord + Clone>(units: &[Vec<T>], plan: Plan) -> Option<Agreement> {
    let mut names: BTreeMap<&T, usize> = BTreeMap::new();
    for value in units.iter().flatten() {
        let next = names.len();
        names.entry(value).or_insert(next);
    }
    let counted: Vec<Vec<u32>> = units
        .iter()
        .filter(|unit| unit.len() > 1)
        .map(|unit| {
            let mut counts = vec![0; names.len()];
            unit.iter().for_each(|value| counts[names[value]] += 1);
            counts
        })
        .collect();
    let value = alpha(&mut counted.iter().map(|unit| (unit, 1)))?;
    let cases = u32::try_from(counted.len()).ok()?;
    let resamples = Resamples::draw(counted, plan);
    Some(Agreement {
        value,
        interval: resamples.interval(0.95, |draw| alpha(draw)),
        cases,
    })
}

/// From how often each value was given to each unit.
pub fn alpha(units: &mut dyn Iterator<Item = (&Vec<u32>, u64)>) -> Option<f64> {
    let mut totals: Vec<f64> = Vec::new();
    let mut disagreeing = 0.0;
    for (counts, times) in units {
        let raters: f64 = counts.iter().copied().map(f64::from).sum();
        let squares: f64 = counts.iter().map(|count| f64::from(*count).powi(2)).sum();
        // Ordered pairs of unequal values, each unit weighing as many as it has raters.
        disagreeing += times as f64 * (raters * raters - squares) / (raters - 1.0);
        totals.resize(totals.len().max(counts.len()), 0.0);
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += times as f64 * f64::from(*count);
        }
    }
    let n: f64 = totals.iter().sum();
    let squares: f64 = totals.iter().map(|total| total * total).sum();
    let expected = (n * n - squares) / (n - 1.0);
    (n > 1.0 && expected > 0.0).then(|| 1.0 - disagreeing / expected)
}
