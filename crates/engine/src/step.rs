//! What the next pass of the model computes of each reply under way: pieces of prompts, the
//! tokens chosen last with what their drafts propose, as far as a pass and the memory for keys
//! and values hold them.

use crate::active::{Active, Stage};
use crate::backend::{Backend, Shared};
use crate::look::Look;
use crate::model::CHUNK;

/// Rows of looks that are asked what comes next: a row's logits are as wide as the vocabulary.
/// Looks are had one after the other, so that all but one hold no more than a reply does.
pub(crate) const LOOKS_MAX: usize = CHUNK;

/// What one pass computes of one reply.
pub(crate) struct Step {
    pub(crate) tokens: Vec<u32>,
    /// How many of them, at the end, a draft proposed.
    pub(crate) drafted: usize,
    /// How many of them, at the end, are asked what comes next.
    pub(crate) asked: usize,
}

impl Step {
    /// Nothing yet.
    fn none() -> Step {
        Step {
            tokens: Vec::new(),
            drafted: 0,
            asked: 0,
        }
    }

    /// The next piece of a prompt.
    fn of_prompt(a: &Active, room: usize) -> Step {
        let tokens = a.pending[..a.pending.len().min(room)].to_vec();
        let asked = usize::from(!tokens.is_empty() && tokens.len() == a.pending.len());
        Step {
            tokens,
            drafted: 0,
            asked,
        }
    }

    /// The token chosen last, and a proposal within what the pass and the reply may hold.
    fn of_reply(a: &Active, room: usize, positions: usize) -> Step {
        let left = (a.incoming.request.tokens_max - a.generated) as usize;
        let room = room.min(left).min(positions - a.sequence.len() - 1);
        let mut tokens = a.pending.clone();
        let proposal = a.draft.proposal(room);
        tokens.extend_from_slice(proposal);
        Step {
            drafted: proposal.len(),
            asked: tokens.len(),
            tokens,
        }
    }

    /// The rest of the prompt, and of the old reply behind it what the pass holds.
    fn of_look(a: &Active, look: &Look, room: usize, asked: usize) -> Step {
        let prompt = match a.generated {
            0 => &a.pending[..],
            _ => &[],
        };
        if asked == 0 {
            return Step::none();
        }
        if prompt.len() > room.min(CHUNK) {
            return Step::of_prompt(a, room.min(CHUNK));
        }
        let last = usize::from(!prompt.is_empty());
        let rest = look.rest((room - prompt.len()).min(asked - last));
        Step {
            tokens: [prompt, rest].concat(),
            drafted: rest.len(),
            asked: rest.len() + last,
        }
    }

    pub(crate) fn proposal(&self) -> &[u32] {
        &self.tokens[self.tokens.len() - self.drafted..]
    }
}

/// What the next pass computes of each reply. Where a device's memory does not hold them
/// all, the younger ones wait; where nobody could go on, the youngest gives its place up
/// and is computed again later, to the same bits: there is no step then.
pub(crate) fn steps(
    backend: &Backend,
    shared: &Shared<'_>,
    active: &mut [Active],
) -> Option<Vec<Step>> {
    let replying = active.iter().filter(|a| a.is_replying()).count();
    // Nobody waits for a longer step where nobody replies yet, and an expert that is read
    // serves more rows of it.
    let mut room = match replying {
        0 => backend.prompt_rows(),
        _ => CHUNK.saturating_sub(replying),
    };
    let mut steps: Vec<Step> = Vec::with_capacity(active.len());
    let mut memory = backend.room();
    // The oldest one alone with all there is goes on, or says that it is not enough.
    let alone = active.iter().skip(1).all(|a| a.sequence.len() == 0);
    let mut waiting = false;
    let mut asked = LOOKS_MAX;
    for (i, a) in active.iter().enumerate() {
        let step = match &a.stage {
            Stage::Waiting(_) => Step::none(),
            Stage::Looking(look) => Step::of_look(a, look, room, asked),
            Stage::Writing if a.is_replying() => {
                Step::of_reply(a, room, backend.config().context - shared.len())
            }
            Stage::Writing if waiting => Step::none(),
            Stage::Writing => Step::of_prompt(a, room.min(CHUNK)),
        };
        if a.is_looking() {
            asked -= step.asked;
        }
        match memory.without(shared, &a.sequence, step.tokens.len()) {
            Some(left) => memory = left,
            None if alone && i == 0 => (),
            None => {
                waiting = true;
                steps.push(Step::none());
                continue;
            }
        }
        room -= step
            .tokens
            .len()
            .saturating_sub(usize::from(a.is_replying()));
        steps.push(step);
    }
    if !waiting || steps.iter().any(|step| !step.tokens.is_empty()) {
        return Some(steps);
    }
    if let Some(youngest) = active.iter_mut().rev().find(|a| a.sequence.len() > 0) {
        youngest.sequence = backend.sequence();
        youngest.pending.clone_from(&youngest.tokens);
    }
    None
}
