//! Choosing the next token. Greedy choices are the same everywhere; seeded ones depend on
//! the seed, the logits and nothing else.

use crate::Sampling;

pub struct Sampler {
    sampling: Sampling,
    /// SplitMix64's state, so that a seed's draws are fixed by this file.
    state: u64,
}

impl Sampler {
    pub fn new(sampling: Sampling) -> Sampler {
        let state = match sampling {
            Sampling::Greedy => 0,
            Sampling::Seeded { seed, .. } => seed,
        };
        Sampler { sampling, state }
    }

    /// The next token's id; fails where the logits are no numbers.
    pub fn choose(&mut self, logits: &[f32]) -> Result<u32, String> {
        let best = greedy(logits).ok_or(
            "the model produced a logit that is not a number. The weights are damaged: fetch \
             the checkpoint again.",
        )?;
        match self.sampling {
            Sampling::Seeded {
                temperature, top_p, ..
            } if temperature > 0.0 => Ok(self.draw(logits, best, temperature, top_p)),
            Sampling::Greedy | Sampling::Seeded { .. } => Ok(best),
        }
    }

    fn draw(&mut self, logits: &[f32], best: u32, temperature: f64, top_p: f64) -> u32 {
        let most = f64::from(logits[best as usize]);
        let weight = |&logit: &f32| ((f64::from(logit) - most) / temperature).exp();
        let mut weights: Vec<(u32, f64)> = (0..).zip(logits.iter().map(weight)).collect();
        let mut total: f64 = weights.iter().map(|(_, w)| w).sum();
        if top_p < 1.0 {
            // The fewest tokens that hold `top_p` of the mass, the likeliest first.
            weights.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let mut held = 0.0;
            let kept = weights.iter().take_while(|(_, w)| {
                let more = held < top_p * total;
                held += w;
                more
            });
            let kept = kept.count().max(1);
            weights.truncate(kept);
            total = weights.iter().map(|(_, w)| w).sum();
        }
        let mut left = self.uniform() * total;
        for &(id, weight) in &weights {
            left -= weight;
            if left < 0.0 {
                return id;
            }
        }
        best
    }

    /// Within 0..1, 53 bits.
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The largest logit's id, the lowest of equals; absent where one is NaN.
fn greedy(logits: &[f32]) -> Option<u32> {
    let mut best = (0, f32::NEG_INFINITY);
    for (id, &logit) in logits.iter().enumerate() {
        if logit.is_nan() {
            return None;
        }
        if logit > best.1 {
            best = (id as u32, logit);
        }
    }
    Some(best.0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn drawn(seed: u64, temperature: f64, top_p: f64) -> Vec<u32> {
        let logits = [1.0, 3.0, 2.0, 3.0, -1.0];
        let mut sampler = Sampler::new(Sampling::Seeded {
            seed,
            temperature,
            top_p,
        });
        (0..2000)
            .map(|_| sampler.choose(&logits).unwrap())
            .collect()
    }

    #[test]
    fn a_seed_repeats_its_draws_and_another_differs() {
        assert_eq!(drawn(1, 1.0, 1.0), drawn(1, 1.0, 1.0));
        assert_ne!(drawn(1, 1.0, 1.0), drawn(2, 1.0, 1.0));
    }

    #[test]
    fn draws_follow_the_softmax() {
        let ids = drawn(7, 1.0, 1.0);
        let share = |id| ids.iter().filter(|&&i| i == id).count() as f64 / ids.len() as f64;
        let total: f64 = [1.0, 3.0, 2.0, 3.0, -1.0]
            .iter()
            .map(|l: &f64| l.exp())
            .sum();
        for (id, logit) in [(0, 1.0_f64), (1, 3.0), (2, 2.0), (3, 3.0)] {
            assert!((share(id) - logit.exp() / total).abs() < 0.03);
        }
    }

    #[test]
    fn top_p_keeps_the_likeliest_only() {
        assert!(drawn(7, 1.0, 0.75).iter().all(|&id| id == 1 || id == 3));
        assert!(drawn(7, 1.0, 0.0).iter().all(|&id| id == 1));
    }

    #[test]
    fn ties_go_to_the_lowest_id_and_nan_is_an_error() {
        let mut sampler = Sampler::new(Sampling::Greedy);
        assert_eq!(sampler.choose(&[1.0, 3.0, 2.0, 3.0]), Ok(1));
        assert!(
            sampler
                .choose(&[1.0, f32::NAN])
                .unwrap_err()
                .contains("damaged")
        );
        assert!(drawn(7, 0.0, 1.0).iter().all(|&id| id == 1));
    }
}
