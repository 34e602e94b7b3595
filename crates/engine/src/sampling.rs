//! Choosing the next token. Greedy choices are ours, so that ties and damaged logits are
//! settled the same way everywhere; seeded draws are candle-transformers' and depend on
//! the seed, the logits and nothing else.

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling as Draw};

use crate::backend::Answer;
use crate::{GenerateError, Sampling};

pub struct Sampler {
    /// Absent where the likeliest token is taken.
    draws: Option<LogitsProcessor>,
}

impl Sampler {
    pub fn new(sampling: Sampling) -> Sampler {
        let draws = match sampling {
            Sampling::Seeded {
                seed,
                temperature,
                top_p,
            } if temperature > 0.0 && top_p > 0.0 => {
                let draw = if top_p < 1.0 {
                    Draw::TopP {
                        p: top_p,
                        temperature,
                    }
                } else {
                    Draw::All { temperature }
                };
                Some(LogitsProcessor::from_sampling(seed, draw))
            }
            Sampling::Greedy | Sampling::Seeded { .. } => None,
        };
        Sampler { draws }
    }

    /// The next token's id; fails where the logits are no numbers.
    pub(crate) fn choose(&mut self, answer: Answer<'_>) -> Result<u32, GenerateError> {
        let best = answer.best().ok_or_else(|| {
            GenerateError::Internal(
                "the model produced a logit that is not a number. The weights are damaged: \
                 fetch the checkpoint again."
                    .to_owned(),
            )
        })?;
        let Some(draws) = &mut self.draws else {
            return Ok(best);
        };
        let logits = answer.logits()?;
        Tensor::from_slice(&logits, logits.len(), &Device::Cpu)
            .and_then(|logits| draws.sample(&logits))
            .map_err(|error| GenerateError::Internal(format!("no token could be drawn: {error}")))
    }
}

/// The largest logit's id, the lowest of equals; absent where one is NaN. Piece by piece, so that
/// the compiler can look at many lanes at once: a vocabulary is long, and this is asked for each token.
pub(crate) fn greedy(logits: &[f32]) -> Option<u32> {
    const LANES: usize = 16;
    const PIECE: usize = 32 * LANES;
    let mut best = (0, f32::NEG_INFINITY);
    for (piece, values) in logits.chunks(PIECE).enumerate() {
        let mut most = [f32::NEG_INFINITY; LANES];
        let mut odd = [false; LANES];
        let (whole, rest) = values.as_chunks::<LANES>();
        let mut tail = [f32::NEG_INFINITY; LANES];
        tail[..rest.len()].copy_from_slice(rest);
        for values in whole.iter().chain([&tail]) {
            for lane in 0..LANES {
                let value = values[lane];
                most[lane] = if value > most[lane] {
                    value
                } else {
                    most[lane]
                };
                odd[lane] |= value.is_nan();
            }
        }
        if odd.contains(&true) {
            return None;
        }
        let most = most.into_iter().fold(f32::NEG_INFINITY, f32::max);
        if most > best.1 {
            let place = values.iter().position(|&value| value == most)?;
            best = ((piece * PIECE + place) as u32, most);
        }
    }
    Some(best.0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::backend::Answers;

    fn drawn(seed: u64, temperature: f64, top_p: f64) -> Vec<u32> {
        let logits = [1.0, 3.0, 2.0, 3.0, -1.0];
        let mut sampler = Sampler::new(Sampling::Seeded {
            seed,
            temperature,
            top_p,
        });
        (0..2000)
            .map(|_| choose(&mut sampler, &logits).unwrap())
            .collect()
    }

    fn choose(sampler: &mut Sampler, logits: &[f32]) -> Result<u32, GenerateError> {
        let answers = Answers::Cpu {
            logits: logits.to_vec(),
            vocab: logits.len(),
        };
        sampler.choose(answers.row(0))
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
    fn the_lowest_of_the_largest_is_found_wherever_it_stands() {
        let mut noise = crate::testing::Noise::new(31);
        for len in [1, 15, 16, 17, 511, 512, 513, 2000] {
            let logits = noise.values(len);
            let mut plain = (0, f32::NEG_INFINITY);
            for (id, &logit) in logits.iter().enumerate() {
                if logit > plain.1 {
                    plain = (id, logit);
                }
            }
            assert_eq!(greedy(&logits), Some(plain.0 as u32));
            for place in [0, len / 2, len - 1] {
                let mut logits = logits.clone();
                logits[place..].fill(9.0);
                assert_eq!(greedy(&logits), Some(place as u32), "{place} of {len}");
                logits[place] = f32::NAN;
                assert_eq!(greedy(&logits), None, "{place} of {len}");
            }
            assert_eq!(greedy(&vec![f32::NEG_INFINITY; len]), Some(0));
        }
    }

    #[test]
    fn ties_go_to_the_lowest_id_and_nan_is_an_error() {
        let mut sampler = Sampler::new(Sampling::Greedy);
        assert_eq!(choose(&mut sampler, &[1.0, 3.0, 2.0, 3.0]).unwrap(), 1);
        let error = choose(&mut sampler, &[1.0, f32::NAN]).unwrap_err();
        assert!(error.to_string().contains("damaged"));
        assert!(drawn(7, 0.0, 1.0).iter().all(|&id| id == 1));
    }
}
