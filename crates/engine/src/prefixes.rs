//! Shared prefixes that were computed, each with its keys and values: an edit computes from
//! the first token on that differs from any of them, and going back to an earlier text computes
//! nothing. The oldest make room for new ones.

use crate::backend::Sequence;

/// Positions kept in all: those of the longest policy that memory is planned for.
pub(crate) const POSITIONS_MAX: usize = 4_096;

/// From the one used longest ago to the one used last.
#[derive(Default)]
pub(crate) struct Prefixes(Vec<Kept>);

pub(crate) struct Kept {
    /// Those that `kv` holds.
    pub tokens: Vec<u32>,
    pub kv: Sequence,
}

impl Prefixes {
    /// What is known of `tokens`, to be continued: one whole prefix, or a copy of as much as
    /// another has in common with it. Where there can be no copy, that one itself is cut.
    pub(crate) fn begin(&mut self, new: impl FnOnce() -> Sequence, tokens: &[u32]) -> &mut Kept {
        let common = |kept: &Kept| {
            let pairs = kept.tokens.iter().zip(tokens);
            pairs.take_while(|(a, b)| a == b).count()
        };
        // Of equally good ones the last, which was used last.
        let best = (0..self.0.len()).max_by_key(|&i| common(&self.0[i]));
        let kept = match best {
            Some(i) => {
                let same = common(&self.0[i]);
                let whole = same == self.0[i].tokens.len();
                let copy = match whole {
                    true => None,
                    false => self.0[i].kv.beginning(same),
                };
                match copy {
                    Some(kv) => Kept {
                        tokens: tokens[..same].to_vec(),
                        kv,
                    },
                    None => {
                        let mut kept = self.0.remove(i);
                        kept.tokens.truncate(same);
                        kept.kv.truncate(same);
                        kept
                    }
                }
            }
            None => Kept {
                tokens: Vec::new(),
                kv: new(),
            },
        };
        let mut room = POSITIONS_MAX.saturating_sub(tokens.len());
        let newest = self.0.iter().rev();
        let fitting = newest.take_while(|kept| {
            let fits = kept.tokens.len() <= room;
            room = room.saturating_sub(kept.tokens.len());
            fits
        });
        let dropped = self.0.len() - fitting.count();
        self.0.drain(..dropped);
        self.0.push(kept);
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// One that was computed elsewhere.
    pub(crate) fn add(&mut self, kept: Kept) {
        self.0.push(kept);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::attention::Kv;
    use crate::config::Config;
    use std::path::Path;

    fn config() -> Config {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity/alpha");
        Config::load(&dir).unwrap()
    }

    /// Computes what is missing, and says how much was there.
    fn bring(prefixes: &mut Prefixes, config: &Config, tokens: &[u32]) -> usize {
        let kept = prefixes.begin(|| Sequence::Cpu(Kv::new(config)), tokens);
        let reused = kept.tokens.len();
        assert_eq!(kept.kv.len(), reused);
        let row = vec![1.0; config.kv_heads * config.head_dim];
        let Sequence::Cpu(kv) = &mut kept.kv else {
            panic!("made on the processor");
        };
        for place in reused..tokens.len() {
            for layer in 0..config.windows.len() {
                kv.write(layer, place, &row, &row);
            }
        }
        kv.extend(tokens.len() - reused);
        kept.tokens = tokens.to_vec();
        reused
    }

    #[test]
    fn an_edit_keeps_what_stood_before_and_going_back_costs_nothing() {
        let (config, mut prefixes) = (config(), Prefixes::default());
        let text: Vec<u32> = (0..600).collect();
        let mut edited = text.clone();
        edited[300] = 9;
        let mut elsewhere = text.clone();
        elsewhere[500] = 9;
        assert_eq!(bring(&mut prefixes, &config, &text), 0);
        assert_eq!(bring(&mut prefixes, &config, &edited), 300);
        assert_eq!(bring(&mut prefixes, &config, &text), 600);
        assert_eq!(bring(&mut prefixes, &config, &elsewhere), 500);
        assert_eq!(bring(&mut prefixes, &config, &edited), 600);
        assert_eq!(bring(&mut prefixes, &config, &edited[..450]), 450);
        // A longer text goes on where a kept one ends.
        let longer: Vec<u32> = text.iter().copied().chain([1, 2, 3]).collect();
        assert_eq!(bring(&mut prefixes, &config, &longer), 600);
        assert_eq!(prefixes.0.len(), 4);
    }

    #[test]
    fn the_oldest_make_room() {
        let (config, mut prefixes) = (config(), Prefixes::default());
        let text = |first: u32, n: u32| -> Vec<u32> { (0..n).map(|i| first + i).collect() };
        for first in 0..5 {
            bring(&mut prefixes, &config, &text(1_000 * first, 1_000));
        }
        // Four of a thousand fit.
        assert_eq!(bring(&mut prefixes, &config, &text(1_000, 1_000)), 1_000);
        assert_eq!(bring(&mut prefixes, &config, &text(0, 1_000)), 0);
        let held = |prefixes: &Prefixes| {
            prefixes
                .0
                .iter()
                .map(|kept| kept.tokens.len())
                .sum::<usize>()
        };
        assert!(held(&prefixes) <= POSITIONS_MAX);
        // One that is longer than the bound is kept alone.
        bring(&mut prefixes, &config, &text(7, 5_000));
        assert_eq!(prefixes.0.len(), 1);
    }
}
