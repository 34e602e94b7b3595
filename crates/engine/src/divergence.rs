//! How far two ways of computing the same model lie apart: over replies that are given, what
//! each says of every next token.

use crate::backend::{Part, Shared};
use crate::generate::Loaded;
use crate::harmony;
use crate::model::CHUNK;
use crate::{Engine, GenerateError, Prefix};

/// Sums over the tokens of replies.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Divergence {
    pub tokens: u64,
    /// Tokens for which both put the same one first.
    pub same_first: u64,
    /// Kullback–Leibler divergence of the second from the first, in nats.
    pub kl_sum: f64,
    pub kl_max: f64,
}

impl Divergence {
    pub fn and(self, other: Divergence) -> Divergence {
        Divergence {
            tokens: self.tokens + other.tokens,
            same_first: self.same_first + other.same_first,
            kl_sum: self.kl_sum + other.kl_sum,
            kl_max: self.kl_max.max(other.kl_max),
        }
    }

    fn add(&mut self, first: &[f32], second: &[f32]) {
        let kl = kl(first, second);
        self.tokens += 1;
        self.same_first += u64::from(largest(first) == largest(second));
        self.kl_sum += kl;
        self.kl_max = self.kl_max.max(kl);
    }
}

/// A reply, whoever wrote it, and what it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub user: String,
    pub analysis: String,
    pub answer: String,
}

impl Engine {
    /// Puts the same replies to both.
    pub fn divergence(
        &self,
        other: &Engine,
        prefix: &Prefix,
        replies: &[Written],
    ) -> Result<Divergence, GenerateError> {
        let mut found = Divergence::default();
        for reply in replies {
            let vocab = self.info().vocab as usize;
            let sides = [self, other].map(|engine| scores(engine.loaded(), prefix, reply));
            let [first, second] = sides;
            let (first, second) = (first?, second?);
            if first.len() != second.len() {
                let message = "two models with other vocabularies cannot be compared";
                return Err(GenerateError::Internal(message.to_owned()));
            }
            let rows = first.chunks_exact(vocab).zip(second.chunks_exact(vocab));
            rows.for_each(|(first, second)| found.add(first, second));
        }
        Ok(found)
    }
}

/// The logits before each token of a reply: [tokens, V].
fn scores(loaded: &Loaded, prefix: &Prefix, reply: &Written) -> Result<Vec<f32>, GenerateError> {
    let (backend, vocabulary) = (loaded.backend(), loaded.vocabulary());
    let encoded = || {
        let mut tokens = harmony::prefix(vocabulary, prefix)?;
        tokens.extend(harmony::user(vocabulary, &reply.user)?);
        let written = harmony::reply(vocabulary, &reply.analysis, &reply.answer)?;
        let asked = written.len();
        tokens.extend(written);
        // Nothing is asked after the last one.
        tokens.pop();
        Ok((tokens, asked))
    };
    let (tokens, asked) = encoded().map_err(GenerateError::Internal)?;
    if tokens.len() >= backend.config().context {
        let message = format!(
            "a reply of {} tokens does not fit the context",
            tokens.len()
        );
        return Err(GenerateError::TooLong(message));
    }
    let first = tokens.len() - asked;
    let (mut sequence, mut logits) = (backend.sequence(), Vec::new());
    for start in (0..tokens.len()).step_by(CHUNK) {
        let end = tokens.len().min(start + CHUNK);
        let part = Part {
            sequence: &mut sequence,
            tokens: &tokens[start..end],
            logits: end.saturating_sub(first.max(start)),
        };
        let asked = part.logits;
        let answers = backend.forward(&Shared::default(), &mut [part], &|| false)?;
        for row in 0..asked {
            logits.extend_from_slice(&answers.row(row).logits()?);
        }
    }
    Ok(logits)
}

fn kl(p: &[f32], q: &[f32]) -> f64 {
    let whole = |logits: &[f32]| {
        let most = f64::from(logits[largest(logits)]);
        let sum: f64 = logits.iter().map(|&l| (f64::from(l) - most).exp()).sum();
        most + sum.ln()
    };
    let (p_whole, q_whole) = (whole(p), whole(q));
    let terms = p.iter().zip(q).map(|(&p, &q)| {
        let (p, q) = (f64::from(p) - p_whole, f64::from(q) - q_whole);
        p.exp() * (p - q)
    });
    terms.sum()
}

fn largest(logits: &[f32]) -> usize {
    // Ties go to the lower id.
    (0..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::{Effort, Numerics};
    use std::path::Path;

    #[test]
    fn the_divergence_is_that_of_the_definition() {
        let p = [0.0_f32, 2.0_f32.ln()];
        let expected = (1.0 / 3.0) * (2.0_f64 / 3.0).ln() + (2.0 / 3.0) * (4.0_f64 / 3.0).ln();
        assert!((kl(&p, &[0.0, 0.0]) - expected).abs() < 1e-7);
        assert!(kl(&[1.0, 5.0], &[3.0, 7.0]).abs() < 1e-7);
        assert_eq!(largest(&[1.0, 3.0, 3.0]), 1);
    }

    #[test]
    fn a_model_is_no_way_from_itself_and_a_little_from_its_fast_self() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity/babbler");
        let [exact, fast] =
            [Numerics::Exact, Numerics::Fast].map(|n| Engine::load_as(&dir, n).unwrap());
        let prefix = Prefix {
            effort: Effort::Low,
            developer: "Nothing that smells.".repeat(8),
        };
        let replies = [1, 40].map(|n| Written {
            user: "a case".to_owned(),
            analysis: " yes because the case is fine".repeat(n),
            answer: "1".to_owned(),
        });
        let same = exact.divergence(&exact, &prefix, &replies).unwrap();
        assert_eq!((same.kl_sum, same.same_first), (0.0, same.tokens));
        assert!(same.tokens > 100, "{same:?}");
        let apart = exact.divergence(&fast, &prefix, &replies).unwrap();
        assert_eq!(apart.tokens, same.tokens);
        assert!(apart.kl_sum > 0.0 && apart.kl_max < 0.5, "{apart:?}");
    }
}
