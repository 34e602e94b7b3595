//! A draft: the tokens that a reply may well have. It proposes, follows what the model says
//! instead, finds its place again behind a deviation, and falls silent where it does not pay.
//! It decides nothing: every token of a reply is chosen from the model's own logits.

/// Tokens put to the model at once, to begin with and at most. Each is a row of the step,
/// so a wrong one costs about as much as a token of another reply.
const LENGTH: usize = 8;
pub(crate) const LENGTH_MAX: usize = 32;

/// A deviation is over where the last so many tokens stand in the draft as well.
const MATCH: usize = 3;

/// Below this share of confirmed tokens a draft costs more than it saves: a row verified
/// in a longer step takes about half of what a row of its own step does (docs/benchmarks.md).
const BREAK_EVEN: f64 = 0.5;
/// How many tokens must have been put to the model before that is judged.
const TRIAL: u32 = 24;

pub struct Draft {
    tokens: Vec<u32>,
    /// Where the reply stands in it; absent while the reply goes its own way.
    at: Option<usize>,
    /// Where it was lost: the place is looked for from here on first.
    lost: usize,
    recent: Vec<u32>,
    length: usize,
    /// Tokens proposed so far, and those of them that were right: by these it is judged.
    proposed: u32,
    right: u32,
    /// Tokens put to the model in all, and those that it confirmed.
    pub drafted: u32,
    pub accepted: u32,
}

impl Draft {
    pub fn new(tokens: Vec<u32>) -> Draft {
        Draft {
            tokens,
            at: Some(0),
            lost: 0,
            recent: Vec::new(),
            length: LENGTH,
            proposed: 0,
            right: 0,
            drafted: 0,
            accepted: 0,
        }
    }

    /// The tokens that probably come next, `room` at most.
    pub fn proposal(&self, room: usize) -> &[u32] {
        let pays =
            self.proposed < TRIAL || f64::from(self.right) >= BREAK_EVEN * f64::from(self.proposed);
        match self.at {
            Some(at) if pays => {
                let end = self.tokens.len().min(at + self.length.min(room));
                &self.tokens[at..end]
            }
            _ => &[],
        }
    }

    /// Takes the next token of the reply, whoever proposed it.
    pub fn follow(&mut self, token: u32) {
        self.recent.push(token);
        match self.at {
            Some(at) if self.tokens.get(at) == Some(&token) => self.at = Some(at + 1),
            Some(at) => {
                self.lost = at;
                self.at = None;
            }
            None => self.find(),
        }
    }

    /// Takes how a proposal fared: the next one is longer or shorter by that.
    pub fn verified(&mut self, proposed: usize, accepted: usize) {
        self.proposed += proposed as u32;
        self.right += accepted as u32;
        self.looked(proposed, accepted);
        self.length = if accepted == proposed {
            (2 * self.length).min(LENGTH_MAX)
        } else {
            (accepted + 1).next_power_of_two().clamp(2, LENGTH_MAX)
        };
    }

    /// Takes how many tokens were put to the model all at once, which says nothing of how it fares
    /// behind a deviation.
    pub fn looked(&mut self, tokens: usize, accepted: usize) {
        self.drafted += tokens as u32;
        self.accepted += accepted as u32;
    }

    /// Looks for the place where the draft says what the reply said last: behind the
    /// deviation first, as replies rarely go back.
    fn find(&mut self) {
        let Some(start) = self.recent.len().checked_sub(MATCH) else {
            return;
        };
        let last = &self.recent[start..];
        let mut places = self.tokens.windows(MATCH).enumerate().filter_map(|(i, w)| {
            let behind = i + MATCH;
            (w == last).then_some(behind)
        });
        let first = places.clone().next();
        self.at = places.find(|&place| place > self.lost).or(first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows `reply` as the engine does, and returns the passes it took.
    fn passes(draft: &mut Draft, reply: &[u32]) -> usize {
        let (mut said, mut passes) = (0, 0);
        while said < reply.len() {
            let proposal = draft.proposal(100).to_vec();
            let right = proposal.iter().zip(&reply[said..]);
            let accepted = right.take_while(|(a, b)| a == b).count();
            // One token more than was confirmed comes of each pass.
            let taken = (accepted + 1).min(reply.len() - said);
            for &token in &reply[said..said + taken] {
                draft.follow(token);
            }
            draft.verified(proposal.len(), accepted);
            said += taken;
            passes += 1;
        }
        passes
    }

    #[test]
    fn the_same_reply_takes_few_passes() {
        let reply: Vec<u32> = (0..100).collect();
        let mut draft = Draft::new(reply.clone());
        assert!(passes(&mut draft, &reply) <= 6);
        assert!(draft.accepted >= 94);
    }

    #[test]
    fn the_place_is_found_again_behind_a_deviation() {
        let reply: Vec<u32> = (0..100).collect();
        let mut draft_tokens = reply.clone();
        draft_tokens.splice(40..42, [900, 901, 902, 903, 904]);
        let mut draft = Draft::new(draft_tokens);
        let passes = passes(&mut draft, &reply);
        assert!(passes <= 20, "{passes}");
    }

    #[test]
    fn a_draft_that_is_wrong_falls_silent() {
        let reply: Vec<u32> = (0..200).map(|i| i % 7).collect();
        let mut draft = Draft::new((0..200).map(|i| i % 5).collect());
        passes(&mut draft, &reply);
        assert!(draft.proposal(100).is_empty());
        assert!(draft.drafted < 60, "{}", draft.drafted);
    }
}
