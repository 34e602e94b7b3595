//! How many flips are to be expected among cases that are not judged yet.
//!
//! Cases are judged in groups, likely flips first. In each group the share of flips among
//! those judged says what the rest holds: a beta-binomial prediction, exact, summed over the
//! groups. Within a group the likelier cases come first as well, so that what is said errs
//! on the side of more flips, never of fewer.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Cases of one group: judged, of those flipped, and not judged yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Group {
    pub judged: u32,
    pub flipped: u32,
    pub left: u32,
}

/// Flips to be expected, with the interval that holds them nine times in ten.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FlipsLeft {
    pub expected: f64,
    pub low: u32,
    pub high: u32,
}

/// Before anything is known of a group: one case in ten flips, worth five cases. Edits of
/// real policies flipped 5 to 20 in a hundred.
const PRIOR: [f64; 2] = [0.5, 4.5];
const TAIL: f64 = 0.05;
/// Larger groups are predicted by their share alone: the interval of a thousand cases is
/// narrow enough.
const EXACT_MAX: u32 = 1_000;

/// Nothing while nothing was judged.
pub fn flips_left(groups: &[Group]) -> Option<FlipsLeft> {
    if groups.iter().all(|group| group.judged == 0) {
        return None;
    }
    let mut expected = 0.0;
    let mut sum = vec![1.0];
    let mut shift = 0;
    for group in groups.iter().filter(|group| group.left > 0) {
        let a = PRIOR[0] + f64::from(group.flipped);
        let b = PRIOR[1] + f64::from(group.judged - group.flipped);
        let mean = f64::from(group.left) * a / (a + b);
        expected += mean;
        if group.left > EXACT_MAX {
            shift += mean.round() as u32;
        } else {
            sum = convolved(&sum, &predicted(group.left, a, b));
        }
    }
    Some(FlipsLeft {
        expected,
        low: shift + quantile(&sum, TAIL),
        high: shift + quantile(&sum, 1.0 - TAIL),
    })
}

/// The beta-binomial distribution of flips among `left` cases.
fn predicted(left: u32, a: f64, b: f64) -> Vec<f64> {
    let n = f64::from(left);
    // P(k + 1) / P(k), from P(0): no factorial is ever formed.
    let mut ln = (0..left)
        .map(f64::from)
        .map(|i| ((b + i) / (a + b + i)).ln())
        .sum::<f64>();
    let mut found = vec![ln.exp()];
    for k in (0..left).map(f64::from) {
        ln += ((n - k) * (a + k) / ((k + 1.0) * (b + n - k - 1.0))).ln();
        found.push(ln.exp());
    }
    found
}

fn convolved(one: &[f64], other: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; one.len() + other.len() - 1];
    for (i, p) in one.iter().enumerate() {
        for (j, q) in other.iter().enumerate() {
            sum[i + j] += p * q;
        }
    }
    sum
}

fn quantile(distribution: &[f64], share: f64) -> u32 {
    let mut below = 0.0;
    let at = distribution.iter().position(|p| {
        below += p;
        below >= share - 1e-12
    });
    at.unwrap_or(distribution.len().saturating_sub(1)) as u32
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn group(judged: u32, flipped: u32, left: u32) -> Group {
        Group {
            judged,
            flipped,
            left,
        }
    }

    /// Reference values: scipy.stats.betabinom(left, a, b): pmf(0), pmf(3).
    #[test]
    fn the_prediction_agrees_with_scipy() {
        let found = predicted(10, 2.5, 7.5);
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        // mean n·a/(a+b), variance by its closed form.
        let mean: f64 = found
            .iter()
            .zip(0u32..)
            .map(|(p, k)| p * f64::from(k))
            .sum();
        assert!((mean - 2.5).abs() < 1e-12);
        let square: f64 = found
            .iter()
            .zip(0u32..)
            .map(|(p, k)| p * f64::from(k * k))
            .sum();
        let variance = 10.0 * 2.5 * 7.5 * 20.0 / (100.0 * 11.0);
        assert!((square - mean * mean - variance).abs() < 1e-9);
    }

    #[test]
    fn what_is_left_narrows_down() {
        assert_eq!(flips_left(&[group(0, 0, 50)]), None);
        let none = flips_left(&[group(20, 5, 0)]).unwrap();
        assert_eq!((none.expected, none.low, none.high), (0.0, 0, 0));
        let early = flips_left(&[group(4, 2, 6), group(0, 0, 50)]).unwrap();
        let late = flips_left(&[group(10, 5, 0), group(40, 0, 10)]).unwrap();
        assert!(early.expected > late.expected && early.high > late.high);
        assert!(late.expected < 0.2 && late.high <= 1, "{late:?}");
        assert!(early.low <= early.expected as u32 && early.expected <= f64::from(early.high));
        let many = flips_left(&[group(1_000, 100, 90_000)]).unwrap();
        assert!((8_000..10_000).contains(&many.low), "{many:?}");
    }
}
