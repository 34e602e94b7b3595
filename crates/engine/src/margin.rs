//! The margin: how far the model leaned to one side where its answer took sides.

use crate::backend::Answer;
use crate::reply::{Channel, Piece};
use crate::vocabulary::Vocabulary;
use crate::{Alternatives, GenerateError};
use std::collections::HashSet;

/// Follows a final message until the first token that belongs to one side only.
pub struct Margin {
    over: Vec<Vec<u8>>,
    under: Vec<Vec<u8>>,
    /// The final message so far.
    text: Vec<u8>,
    open: bool,
    /// Whether the piece that decided is of `over`.
    pub decided_over: Option<bool>,
    pub value: Option<f64>,
}

impl Margin {
    pub fn new(alternatives: &Alternatives) -> Margin {
        let bytes = |side: &[String]| side.iter().map(|a| a.clone().into_bytes()).collect();
        Margin {
            over: bytes(&alternatives.over),
            under: bytes(&alternatives.under),
            text: Vec::new(),
            open: !alternatives.over.is_empty() && !alternatives.under.is_empty(),
            decided_over: None,
            value: None,
        }
    }

    /// Whether a further piece may decide.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Takes the next piece of a reply, the channel that it continues, and the answer that it is
    /// judged by: only in the final message, and until it has decided.
    pub(crate) fn hear(
        &mut self,
        v: &Vocabulary,
        channel: Option<Channel>,
        piece: Piece<'_>,
        answer: Answer<'_>,
    ) -> Result<(), GenerateError> {
        if let (Piece::Text(bytes), Some(Channel::Final), true) = (piece, channel, self.open) {
            self.push(v, &answer.logits()?, bytes);
        }
        Ok(())
    }

    /// Takes the piece chosen next in the final message, and the logits it was chosen from.
    fn push(&mut self, v: &Vocabulary, logits: &[f32], piece: &[u8]) {
        if !self.open {
            return;
        }
        let mut next = self.text.clone();
        next.extend_from_slice(piece);
        match (fits(&self.over, &next), fits(&self.under, &next)) {
            (true, true) => self.text = next,
            (false, false) => self.open = false,
            (over, _) => {
                self.open = false;
                self.decided_over = Some(over);
                self.value = self.decide(v, logits);
            }
        }
    }

    fn decide(&self, v: &Vocabulary, logits: &[f32]) -> Option<f64> {
        let over = continuations(v, &self.over, &self.text);
        let under = continuations(v, &self.under, &self.text);
        let mass = |of: &HashSet<u32>, without: &HashSet<u32>| {
            let mut ids: Vec<u32> = of.difference(without).copied().collect();
            // A set's order is not the same twice, and sums depend on it.
            ids.sort_unstable();
            log_sum_exp(ids.iter().map(|&id| f64::from(logits[id as usize])))
        };
        let margin = mass(&over, &under) - mass(&under, &over);
        margin.is_finite().then_some(margin)
    }
}

/// Whether some alternative begins with the text, or the text with it.
fn fits(side: &[Vec<u8>], text: &[u8]) -> bool {
    side.iter()
        .any(|a| a.starts_with(text) || text.starts_with(a))
}

/// The pieces with which `text` still fits the side.
fn continuations(v: &Vocabulary, side: &[Vec<u8>], text: &[u8]) -> HashSet<u32> {
    let mut ids = HashSet::new();
    for alternative in side {
        let rest = match alternative.strip_prefix(text) {
            Some(rest) => rest,
            None if text.starts_with(alternative) => &[],
            None => continue,
        };
        ids.extend(v.beginning_with(rest));
        for end in 1..rest.len() {
            let exact = v.beginning_with(&rest[..end]).iter();
            ids.extend(exact.take_while(|&&id| v.is(id, &rest[..end])));
        }
    }
    ids
}

fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
    most + values.map(|v| (v - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::testing::o200k;

    /// The margin after an answer under logits that are the id modulo 7, checked against every
    /// piece of the vocabulary tried by the definition.
    fn check(over: &[&str], under: &[&str], answer: &str) -> Option<f64> {
        let sides = Alternatives {
            over: over.iter().map(|s| (*s).to_owned()).collect(),
            under: under.iter().map(|s| (*s).to_owned()).collect(),
        };
        let logits: Vec<f32> = (0..201_088).map(|id| (id % 7) as f32).collect();
        let mut margin = Margin::new(&sides);
        let mut text = Vec::new();
        for id in o200k().encode(answer).unwrap() {
            let piece = bytes(id).unwrap();
            let was_open = margin.open;
            margin.push(o200k(), &logits, piece);
            if let (true, Some(value)) = (was_open, margin.value) {
                assert!((value - by_definition(&sides, &text, &logits)).abs() < 1e-9);
            }
            text.extend_from_slice(piece);
        }
        margin.value
    }

    fn bytes(id: u32) -> Option<&'static [u8]> {
        match o200k().piece(id) {
            crate::reply::Piece::Text(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn by_definition(sides: &Alternatives, text: &[u8], logits: &[f32]) -> f64 {
        let mut sums = [0.0, 0.0];
        for id in 0..logits.len() as u32 {
            let Some(piece) = bytes(id) else { continue };
            let next = [text, piece].concat();
            let on = |side: &[String]| {
                side.iter()
                    .any(|a| a.as_bytes().starts_with(&next) || next.starts_with(a.as_bytes()))
            };
            let share = f64::from(logits[id as usize]).exp();
            match (on(&sides.over), on(&sides.under)) {
                (true, false) => sums[0] += share,
                (false, true) => sums[1] += share,
                _ => {}
            }
        }
        sums[0].ln() - sums[1].ln()
    }

    #[test]
    fn decides_at_the_first_token_of_one_side() {
        assert!(check(&["1"], &["0"], "1").is_some());
        assert!(check(&["1"], &["0"], "0 because").is_some());
        let (yes, no) = ("{\"violation\": 1", "{\"violation\": 0");
        assert!(check(&[yes], &[no], "{\"violation\": 1, \"rule_ids\": []}").is_some());
        assert!(check(&["VIOLATES", "SP2"], &["SAFE", "SP0"], "SP0").is_some());
        assert!(check(&["违规"], &["不违规"], "不违规：第二条").is_some());
    }

    #[test]
    fn nothing_decides_where_the_answer_leaves_both_sides() {
        assert_eq!(check(&["1"], &["0"], "```json"), None);
        assert_eq!(check(&["1"], &["0"], ""), None);
        assert_eq!(check(&["1"], &[], "1"), None);
        assert_eq!(check(&["same"], &["same"], "same"), None);
    }
}
