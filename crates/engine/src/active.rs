//! A request under way: what was read and written of it, and whose turn it is.

use std::time::Instant;

use crate::backend::{Sequence, Shared};
use crate::draft::Draft;
use crate::look::{self, Look, Preview};
use crate::margin::Margin;
use crate::reply::Parser;
use crate::sampling::Sampler;
use crate::{Channel, Event, Finish, Incoming, Reply};

pub(crate) struct Active {
    pub(crate) index: usize,
    pub(crate) incoming: Incoming,
    pub(crate) sequence: Sequence,
    /// The prompt behind the prefix, and what was chosen since.
    pub(crate) tokens: Vec<u32>,
    /// Those of them that are not computed yet: the rest of the prompt, or the one chosen last.
    pub(crate) pending: Vec<u32>,
    pub(crate) stage: Stage,
    /// It deviates from its old reply.
    pub(crate) deviates: bool,
    pub(crate) draft: Draft,
    pub(crate) prompt_tokens: usize,
    pub(crate) generated: u32,
    pub(crate) parser: Parser,
    pub(crate) margin: Margin,
    pub(crate) sampler: Sampler,
    /// How it ended, once it has.
    pub(crate) finish: Finish,
    pub(crate) started: Instant,
}

pub(crate) enum Stage {
    /// Its old reply is put to the model.
    Looking(Box<Look>),
    /// It is to be written on, as soon as there is a place.
    Waiting(Option<Preview>),
    /// It is read, and then written.
    Writing,
}

impl Active {
    /// Whether only the token chosen last is to be computed.
    pub(crate) fn is_replying(&self) -> bool {
        self.is_writing() && self.generated > 0 && self.pending.len() == 1
    }

    pub(crate) fn is_writing(&self) -> bool {
        matches!(self.stage, Stage::Writing)
    }

    pub(crate) fn is_looking(&self) -> bool {
        matches!(self.stage, Stage::Looking(_))
    }

    /// Nothing of its look was computed yet.
    pub(crate) fn is_about_to_look(&self) -> bool {
        matches!(&self.stage, Stage::Looking(look) if !look.has_begun())
    }

    /// Goes without the look that it was about to begin.
    pub(crate) fn look_no_more(&mut self) {
        self.sequence.keep_back_to(None);
        self.stage = Stage::Waiting(None);
    }

    pub(crate) fn finish(&self, shared: &Shared<'_>, on_event: &mut dyn FnMut(Event)) {
        let reply = Reply {
            analysis: self.parser.text(Channel::Analysis).unwrap_or_default(),
            answer: self.parser.text(Channel::Final),
            finish: self.finish.clone(),
            margin: self.margin.value,
            prompt_tokens: self.prompt_tokens as u32,
            reused_tokens: shared.len() as u32,
            generated_tokens: self.generated,
            drafted_tokens: self.draft.drafted,
            accepted_tokens: self.draft.accepted,
            latency_ms: elapsed_ms(self.started),
        };
        on_event(Event::Finished {
            index: self.index,
            reply,
        });
    }
}

/// Gives places to those that wait, up to `most` that are written at once: by their previews,
/// which are all awaited unless there is room for everyone.
pub(crate) fn give_places(active: &mut [Active], most: usize, for_everyone: bool) {
    if !for_everyone && active.iter().any(Active::is_looking) {
        return;
    }
    let writing = active.iter().filter(|a| a.is_writing()).count();
    let waiting = active.iter_mut().filter_map(|a| match a.stage {
        Stage::Waiting(preview) => Some((preview, &mut a.stage)),
        Stage::Looking(_) | Stage::Writing => None,
    });
    let mut waiting: Vec<_> = waiting.collect();
    // Equals stay in the order of the queue.
    waiting.sort_by(|(a, _), (b, _)| look::first(*a, *b));
    for (_, stage) in waiting.into_iter().take(most.saturating_sub(writing)) {
        *stage = Stage::Writing;
    }
}

pub(crate) fn elapsed_ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
