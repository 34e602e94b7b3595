//! The bootstrap: units (cases with all their judgements) drawn anew with replacement.
//!
//! Equal units are drawn together: how often each pattern occurs among n draws is
//! multinomial, which is the same distribution as drawing n cases one by one and costs as
//! much as there are patterns, not cases. 100,000 cases with one verdict each have six.

use super::{Interval, Method};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Binomial, Distribution};
use std::collections::BTreeMap;

/// How to resample. The same plan over the same cases gives the same interval everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    pub resamples: u32,
}

/// 2,000 resamples leave a percentile end of a 95 % interval uncertain by about a
/// twentieth of the interval's width, below what anyone reads off it.
impl Default for Plan {
    fn default() -> Plan {
        Plan {
            seed: 20_251_029,
            resamples: 2_000,
        }
    }
}

/// Below this share of resamples in which a statistic is defined, its interval would
/// speak of another population.
const DEFINED_MIN: f64 = 0.95;

/// The distinct units, and how often each was drawn in each resample.
pub struct Resamples<U> {
    patterns: Vec<U>,
    draws: Vec<Vec<u64>>,
}

impl<U: Ord> Resamples<U> {
    pub fn draw(units: impl IntoIterator<Item = U>, plan: Plan) -> Resamples<U> {
        let (patterns, counts) = patterns(units);
        let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
        let draws = (0..plan.resamples)
            .map(|_| multinomial(&counts, &mut random))
            .collect();
        Resamples { patterns, draws }
    }

    /// Resamples that were drawn elsewhere: positions among `units`, with repetition.
    pub fn given(units: Vec<U>, picks: &[Vec<usize>]) -> Resamples<U> {
        let draws = picks
            .iter()
            .map(|picks| {
                let mut counts = vec![0; units.len()];
                picks.iter().for_each(|pick| counts[*pick] += 1);
                counts
            })
            .collect();
        Resamples {
            patterns: units,
            draws,
        }
    }
}

impl<U> Resamples<U> {
    /// The statistic in each resample in which it is defined, ascending.
    pub fn values<'a>(
        &'a self,
        statistic: impl Fn(&mut dyn Iterator<Item = (&'a U, u64)>) -> Option<f64>,
    ) -> Vec<f64> {
        let mut values: Vec<f64> = self
            .draws
            .iter()
            .filter_map(|draw| statistic(&mut self.patterns.iter().zip(draw.iter().copied())))
            .collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// The percentile interval with this confidence.
    pub fn interval<'a>(
        &'a self,
        confidence: f64,
        statistic: impl Fn(&mut dyn Iterator<Item = (&'a U, u64)>) -> Option<f64>,
    ) -> Option<Interval> {
        let values = self.values(statistic);
        if values.is_empty() || (values.len() as f64) < DEFINED_MIN * self.draws.len() as f64 {
            return None;
        }
        let tail = (1.0 - confidence) / 2.0;
        Some(Interval {
            low: quantile(&values, tail),
            high: quantile(&values, 1.0 - tail),
            method: Method::Bootstrap,
        })
    }
}

fn patterns<U: Ord>(units: impl IntoIterator<Item = U>) -> (Vec<U>, Vec<u64>) {
    let mut counts: BTreeMap<U, u64> = BTreeMap::new();
    for unit in units {
        *counts.entry(unit).or_default() += 1;
    }
    counts.into_iter().unzip()
}

/// As many draws as `counts` has units, each pattern as likely as it is frequent.
fn multinomial(counts: &[u64], random: &mut ChaCha8Rng) -> Vec<u64> {
    let mut units_left: u64 = counts.iter().sum();
    let mut draws_left = units_left;
    counts
        .iter()
        .map(|count| {
            let share = *count as f64 / units_left as f64;
            let drawn = Binomial::new(draws_left, share.min(1.0))
                .expect("a share of a whole is a probability")
                .sample(random);
            units_left -= count;
            draws_left -= drawn;
            drawn
        })
        .collect()
}

/// Linear interpolation between order statistics, as numpy and scipy do by default.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}
