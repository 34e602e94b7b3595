//! Whether a flip is real: the walk that decides it from pairs of repeats.
//!
//! A pair is one repeat under each of two revisions, with the same seed and with both texts
//! put in the same form. It shows the flip where both revisions say what their first runs
//! said. Were the two revisions alike, saying the old verdict with probability p, a pair
//! would show the flip with probability p(1 − p), a quarter at most. So the flip is noise
//! where a quarter of pairs or fewer would show it, and real where three quarters would;
//! Wald's sequential test between the two is a walk: one step up for a pair that shows the
//! flip, one down for a pair that doesn't, and the first lead of `LEAD` decides.
//!
//! A share p̂ of samples in each revision and Fisher's test between them were rejected: with
//! enough samples they call the smallest shift real, and repeated looks inflate their error.
//! Neither knows models; what is said is the caller's to find out.

use crate::flip::Certainty;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Errors of both kinds stay below 1 / (1 + 3^5) = 0.41 %: the chance that a walk with odds
/// of 1 to 3 against it ever gains so large a lead.
pub const LEAD: u32 = 5;
/// Pairs asked together: nothing is decided before the fifth.
pub const BATCH: u32 = 4;
/// A flip that as many pairs leave undecided is one that half of the repeats show.
pub const PAIRS_MAX: u32 = 32;

/// By what a flip was called real or noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum CertaintyTest {
    /// The texts differ in nothing but their form: white space, the order of list items,
    /// the numbering.
    Form,
    /// Pairs of seeded samples.
    Samples,
}

/// What was found about a flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Evidence {
    pub certainty: Certainty,
    pub test: CertaintyTest,
    /// Pairs that were looked at.
    pub pairs: u32,
    /// Of those, pairs that show the flip.
    pub shown: u32,
    /// Samples of the earlier revision that say what its run said.
    pub before_same: u32,
    /// Samples of the later revision that say what its run said.
    pub after_same: u32,
}

impl Evidence {
    pub fn of_form() -> Evidence {
        Evidence {
            certainty: Certainty::Noise,
            test: CertaintyTest::Form,
            pairs: 0,
            shown: 0,
            before_same: 0,
            after_same: 0,
        }
    }
}

/// Whether each side of a pair said what its run had said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    pub before_same: bool,
    pub after_same: bool,
}

/// Follows the pairs in order up to the one that decides; what comes after it is not
/// looked at, so that the batches in which they were asked make no difference.
pub fn walk(pairs: impl IntoIterator<Item = Pair>) -> Evidence {
    let mut found = Evidence {
        certainty: Certainty::Undecided,
        test: CertaintyTest::Samples,
        pairs: 0,
        shown: 0,
        before_same: 0,
        after_same: 0,
    };
    for pair in pairs {
        found.pairs += 1;
        found.shown += u32::from(pair.before_same && pair.after_same);
        found.before_same += u32::from(pair.before_same);
        found.after_same += u32::from(pair.after_same);
        let others = found.pairs - found.shown;
        if found.shown >= others + LEAD {
            found.certainty = Certainty::Real;
            break;
        }
        if others >= found.shown + LEAD {
            found.certainty = Certainty::Noise;
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    const SHOWS: Pair = Pair {
        before_same: true,
        after_same: true,
    };
    const HIDES: Pair = Pair {
        before_same: true,
        after_same: false,
    };

    fn check(pairs: &[Pair], certainty: Certainty, looked_at: u32) {
        let found = walk(pairs.iter().copied());
        assert_eq!((found.certainty, found.pairs), (certainty, looked_at));
    }

    #[test]
    fn the_first_lead_of_five_decides() {
        check(&[SHOWS; 8], Certainty::Real, 5);
        check(&[HIDES; 8], Certainty::Noise, 5);
        check(&[SHOWS; 4], Certainty::Undecided, 4);
        check(&[[SHOWS, HIDES]; 16].concat(), Certainty::Undecided, 32);
        let late = [vec![HIDES; 2], vec![SHOWS; 7], vec![HIDES; 9]].concat();
        check(&late, Certainty::Real, 9);
        let found = walk(late);
        assert_eq!(
            (found.shown, found.before_same, found.after_same),
            (7, 9, 7)
        );
    }

    /// How often walks of pairs that show the flip with a probability end in a certainty.
    fn shares(probability: f64) -> (f64, f64) {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let walks = 20_000;
        let (mut real, mut noise) = (0, 0);
        for _ in 0..walks {
            let mut pair = || {
                let drawn = f64::from(random.next_u32()) / f64::from(u32::MAX);
                if drawn < probability { SHOWS } else { HIDES }
            };
            let pairs: Vec<Pair> = (0..PAIRS_MAX).map(|_| pair()).collect();
            match walk(pairs).certainty {
                Certainty::Real => real += 1,
                Certainty::Noise => noise += 1,
                Certainty::Undecided => {}
            }
        }
        (
            f64::from(real) / f64::from(walks),
            f64::from(noise) / f64::from(walks),
        )
    }

    #[test]
    fn errors_stay_within_their_bound() {
        let bound = 1.0 / (1.0 + 3f64.powi(5)) + 0.001;
        // Two revisions that are alike, whatever they say: p(1 − p) of pairs show the flip.
        for p in [0.5, 0.3, 0.1, 0.01] {
            let (real, _) = shares(p * (1.0 - p));
            assert!(real <= bound, "alike at {p}: {real}");
        }
        let (_, noise) = shares(0.75);
        assert!(noise <= bound, "{noise}");
        // What greedy decoding shows nearly always is called real nearly always.
        assert!(shares(0.95).0 > 0.999, "{:?}", shares(0.95));
        assert!(shares(0.05).1 > 0.999, "{:?}", shares(0.05));
    }
}
