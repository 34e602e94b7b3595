//! The margin from the log-probabilities that a server gives: how far the model leaned to
//! one side where its answer took sides. Only listed tokens count; where one side has
//! none of them there is no margin, for a bound is not a figure.

/// A token of the answer with the most likely ones at its place, itself among them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub bytes: Vec<u8>,
    pub likely: Vec<(Vec<u8>, f64)>,
}

/// Follows an answer until the first token that belongs to one side only.
#[derive(Debug)]
pub(crate) struct Margin {
    over: Vec<Vec<u8>>,
    under: Vec<Vec<u8>>,
    text: Vec<u8>,
    open: bool,
    pub(crate) value: Option<f64>,
}

impl Margin {
    pub(crate) fn new(over: &[String], under: &[String]) -> Margin {
        let bytes = |side: &[String]| side.iter().map(|text| text.clone().into_bytes()).collect();
        Margin {
            over: bytes(over),
            under: bytes(under),
            text: vec![],
            open: !over.is_empty() && !under.is_empty(),
            value: None,
        }
    }

    /// The answer went on in a way whose tokens are not known.
    pub(crate) fn close(&mut self) {
        self.open = false;
    }

    pub(crate) fn push(&mut self, piece: &Piece) {
        if !self.open {
            return;
        }
        let next = [self.text.as_slice(), &piece.bytes].concat();
        match (fits(&self.over, &next), fits(&self.under, &next)) {
            (true, true) => self.text = next,
            (false, false) => self.open = false,
            (true, false) | (false, true) => {
                self.open = false;
                self.value = self.decide(&piece.likely);
            }
        }
    }

    fn decide(&self, likely: &[(Vec<u8>, f64)]) -> Option<f64> {
        let (mut over, mut under) = (0.0, 0.0);
        for (bytes, logprob) in likely {
            let next = [self.text.as_slice(), bytes].concat();
            match (fits(&self.over, &next), fits(&self.under, &next)) {
                (true, false) => over += logprob.exp(),
                (false, true) => under += logprob.exp(),
                (true, true) | (false, false) => {}
            }
        }
        let margin = f64::ln(over) - f64::ln(under);
        margin.is_finite().then_some(margin)
    }
}

/// Whether some beginning begins with the text, or the text with it.
fn fits(side: &[Vec<u8>], text: &[u8]) -> bool {
    side.iter()
        .any(|beginning| beginning.starts_with(text) || text.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn piece(text: &str, likely: &[(&str, f64)]) -> Piece {
        let likely = likely
            .iter()
            .map(|(text, p)| (text.as_bytes().to_vec(), p.ln()));
        Piece {
            bytes: text.as_bytes().to_vec(),
            likely: likely.collect(),
        }
    }

    fn margin(over: &str, under: &str, pieces: &[Piece]) -> Option<f64> {
        let mut margin = Margin::new(&[over.to_owned()], &[under.to_owned()]);
        pieces.iter().for_each(|piece| margin.push(piece));
        margin.value
    }

    #[test]
    fn the_first_token_of_one_side_decides() {
        let found = margin(
            "1",
            "0",
            &[piece("0", &[("0", 0.8), ("1", 0.2), ("x", 0.0001)])],
        );
        assert!((found.unwrap() - f64::ln(0.2 / 0.8)).abs() < 1e-9);
        let open = piece("{\"violation\":", &[("{\"violation\":", 1.0)]);
        let digit = piece(" 1", &[(" 1", 0.9), (" 0", 0.1)]);
        let found = margin("{\"violation\": 1", "{\"violation\": 0", &[open, digit]);
        assert!((found.unwrap() - f64::ln(9.0)).abs() < 1e-9);
    }

    #[test]
    fn one_side_unlisted_or_an_answer_beside_both_is_no_margin() {
        assert_eq!(margin("1", "0", &[piece("1", &[("1", 0.99)])]), None);
        assert_eq!(
            margin("1", "0", &[piece("```", &[("1", 0.5), ("0", 0.5)])]),
            None
        );
    }
}
