//! Flips and metrics: what changed between two runs, and how good a run is.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::certainty::Evidence;
use crate::run::Judged;
use crate::verdict::{Expected, Verdict};

/// A case whose verdict or label differs between two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Flip {
    pub case: String,
    pub from: Verdict,
    pub to: Verdict,
    pub kind: FlipKind,
    pub certainty: Certainty,
    /// By what it is real or noise; absent while no test was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub evidence: Option<Evidence>,
}

/// `Fixed`: now as expected. `Broken`: no longer as expected. `Changed`: neither
/// (nothing expected, or only the label or the kind of wrongness differs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FlipKind {
    Fixed,
    Broken,
    Changed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Certainty {
    Real,
    Noise,
    Undecided,
}

/// A rate with its 95 % Wilson interval; absent when its denominator is zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Rate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// The positive class is `violates`. Unparsed outcomes count as wrong in accuracy:
/// as missed violations where one was expected, and as neither positive nor negative
/// predictions otherwise (they enter no other denominator).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Metrics {
    pub cases: u32,
    /// Cases with an expectation and an outcome.
    pub judged: u32,
    pub unparsed: u32,
    pub true_positives: u32,
    pub false_positives: u32,
    pub true_negatives: u32,
    pub false_negatives: u32,
    pub precision: Option<Rate>,
    pub recall: Option<Rate>,
    /// Harmonic mean of precision and recall, 2·TP / (2·TP + FP + FN); given without
    /// an interval, and absent when nothing was expected or predicted to violate.
    pub f1: Option<f64>,
    pub false_positive_rate: Option<Rate>,
    pub accuracy: Option<Rate>,
}

/// The flip of one case between two judgements of it, if its verdict or label differs.
pub fn flip(
    before: (Verdict, Option<&str>),
    now: (Verdict, Option<&str>),
    expected: Option<Expected>,
) -> Option<FlipKind> {
    if before == now {
        return None;
    }
    let kind = match expected {
        None => FlipKind::Changed,
        Some(expected) => match (before.0.is(expected), now.0.is(expected)) {
            (false, true) => FlipKind::Fixed,
            (true, false) => FlipKind::Broken,
            (true, true) | (false, false) => FlipKind::Changed,
        },
    };
    Some(kind)
}

/// Confusion counts and rates with 95 % Wilson intervals.
pub fn metrics(judged: impl IntoIterator<Item = Judged>) -> Metrics {
    let mut cases = 0;
    let mut expecting = 0;
    let mut unparsed = 0;
    let (mut tp, mut fp, mut tn, mut fn_) = (0, 0, 0, 0);
    for Judged { verdict, expected } in judged {
        cases += 1;
        unparsed += u32::from(verdict == Verdict::Unparsed);
        expecting += u32::from(expected.is_some());
        match (expected, verdict) {
            (None, _) | (Some(Expected::Safe), Verdict::Unparsed) => {}
            (Some(Expected::Violates), Verdict::Violates) => tp += 1,
            (Some(Expected::Violates), Verdict::Safe | Verdict::Unparsed) => fn_ += 1,
            (Some(Expected::Safe), Verdict::Violates) => fp += 1,
            (Some(Expected::Safe), Verdict::Safe) => tn += 1,
        }
    }
    let f1_denominator = 2 * tp + fp + fn_;
    Metrics {
        cases,
        judged: expecting,
        unparsed,
        true_positives: tp,
        false_positives: fp,
        true_negatives: tn,
        false_negatives: fn_,
        precision: rate(tp, tp + fp),
        recall: rate(tp, tp + fn_),
        f1: (f1_denominator > 0).then(|| f64::from(2 * tp) / f64::from(f1_denominator)),
        false_positive_rate: rate(fp, fp + tn),
        accuracy: rate(tp + tn, expecting),
    }
}

/// A rate with its 95 % Wilson score interval (no continuity correction).
pub fn rate(successes: u32, trials: u32) -> Option<Rate> {
    /// The normal distribution's 97.5 % quantile.
    const Z: f64 = 1.959_963_984_540_054;
    if trials == 0 {
        return None;
    }
    let n = f64::from(trials);
    let p = f64::from(successes) / n;
    let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / (1.0 + Z * Z / n);
    // Rounding must not push an end past the rate itself, nor out of 0..=1.
    Some(Rate {
        value: p,
        low: (centre - half).clamp(0.0, p),
        high: (centre + half).clamp(p, 1.0),
    })
}

/// Two-sided exact McNemar: `broken` and `fixed` are the discordant counts.
pub fn mcnemar_p(broken: u32, fixed: u32) -> f64 {
    let trials = broken + fixed;
    let tail_end = broken.min(fixed);
    if broken == fixed {
        return 1.0;
    }
    // Terms in logarithms: 2^-n alone underflows beyond 1,074 discordant cases.
    let mut ln_term = -f64::from(trials) * std::f64::consts::LN_2;
    let mut tail = ln_term.exp();
    for k in 1..=tail_end {
        ln_term += (f64::from(trials - k + 1) / f64::from(k)).ln();
        tail += ln_term.exp();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    const V: Verdict = Verdict::Violates;
    const S: Verdict = Verdict::Safe;
    const U: Verdict = Verdict::Unparsed;

    #[test]
    fn a_flip_is_named_by_what_was_expected() {
        let check = |from, to, expected, wanted| {
            assert_eq!(flip((from, None), (to, None), expected), wanted);
        };
        check(V, V, Some(Expected::Safe), None);
        check(V, S, Some(Expected::Safe), Some(FlipKind::Fixed));
        check(V, S, Some(Expected::Violates), Some(FlipKind::Broken));
        check(V, U, Some(Expected::Violates), Some(FlipKind::Broken));
        check(U, V, Some(Expected::Violates), Some(FlipKind::Fixed));
        check(U, S, Some(Expected::Violates), Some(FlipKind::Changed));
        check(V, S, None, Some(FlipKind::Changed));
    }

    #[test]
    fn a_new_label_with_the_same_verdict_is_a_change() {
        assert_eq!(
            flip((V, Some("SP2")), (V, Some("SP3")), Some(Expected::Violates)),
            Some(FlipKind::Changed)
        );
        assert_eq!(flip((V, Some("SP2")), (V, Some("SP2")), None), None);
    }

    fn judged(verdict: Verdict, expected: Option<Expected>, times: usize) -> Vec<Judged> {
        vec![Judged { verdict, expected }; times]
    }

    #[test]
    fn metrics_count_by_hand() {
        let (violates, safe) = (Some(Expected::Violates), Some(Expected::Safe));
        let all = [
            judged(V, violates, 18),
            judged(S, violates, 3),
            judged(U, violates, 1),
            judged(V, safe, 2),
            judged(S, safe, 15),
            judged(U, safe, 1),
            judged(V, None, 4),
        ];
        let found = metrics(all.concat());
        assert_eq!((found.cases, found.judged, found.unparsed), (44, 40, 2));
        assert_eq!((found.true_positives, found.false_negatives), (18, 4));
        assert_eq!((found.false_positives, found.true_negatives), (2, 15));
        let close = |rate: Option<Rate>, value: f64| {
            assert!((rate.unwrap().value - value).abs() < 1e-12);
        };
        close(found.precision, 18.0 / 20.0);
        close(found.recall, 18.0 / 22.0);
        close(found.false_positive_rate, 2.0 / 17.0);
        close(found.accuracy, 33.0 / 40.0);
        assert!((found.f1.unwrap() - 36.0 / 42.0).abs() < 1e-12);
    }

    #[test]
    fn empty_denominators_give_no_rate() {
        let found = metrics([]);
        assert_eq!(found.precision, None);
        assert_eq!(found.f1, None);
        let only_safe = metrics(judged(S, Some(Expected::Safe), 3));
        assert_eq!(only_safe.precision, None);
        assert_eq!(only_safe.recall, None);
        assert_eq!(only_safe.false_positive_rate.unwrap().value, 0.0);
    }

    /// Reference values: scipy.stats.binomtest(k, n).proportion_ci(method="wilson").
    #[test]
    fn wilson_agrees_with_scipy() {
        for (k, n, low, high) in WILSON {
            let found = rate(k, n).unwrap();
            assert!((found.low - low).abs() < 1e-9, "{k}/{n}: {found:?}");
            assert!((found.high - high).abs() < 1e-9, "{k}/{n}: {found:?}");
        }
    }

    const WILSON: [(u32, u32, f64, f64); 6] = [
        (0, 10, 0.0, 0.27753279986288926),
        (1, 1, 0.20654931437723745, 1.0),
        (18, 20, 0.6989663547715128, 0.9721335187862319),
        (33, 40, 0.6805000966821229, 0.9125458625396408),
        (9, 10, 0.5958499732047615, 0.9821237869049271),
        (170, 892, 0.16615617702790325, 0.21766336540914222),
    ];

    /// Reference values: scipy.stats.binomtest(b, b + c, 0.5).pvalue.
    #[test]
    fn mcnemar_agrees_with_scipy() {
        for (b, c, p) in MCNEMAR {
            let found = mcnemar_p(b, c);
            assert!((found - p).abs() <= 1e-9 * p, "{b},{c}: {found} {p}");
        }
        assert_eq!(mcnemar_p(0, 0), 1.0);
    }

    const MCNEMAR: [(u32, u32, f64); 7] = [
        (0, 1, 1.0),
        (1, 5, 0.21875),
        (0, 10, 0.001953125),
        (8, 3, 0.2265625),
        (25, 12, 0.04703102743951604),
        (40, 41, 1.0),
        (900, 700, 6.319484959450105e-07),
    ];

    proptest! {
        #[test]
        fn a_rate_lies_in_its_interval(k in 0u32..200, more in 0u32..200) {
            let trials = k + more;
            prop_assume!(trials > 0);
            let found = rate(k, trials).unwrap();
            prop_assert!(0.0 <= found.low && found.low <= found.value);
            prop_assert!(found.value <= found.high && found.high <= 1.0);
        }

        #[test]
        fn mcnemar_is_a_symmetric_probability(b in 0u32..3000, c in 0u32..3000) {
            let p = mcnemar_p(b, c);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert_eq!(p, mcnemar_p(c, b));
        }
    }
}
