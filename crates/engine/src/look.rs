//! A look at an old reply: all of it is put to the model behind the new prompt, before anything
//! is written. What the model says as well is confirmed for the price of reading; where it
//! deviates, the rest still tells what verdict it would give behind the old reasoning: a
//! preview, which decides nothing but who is written first.

use std::cmp::Ordering as Order;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::active::{Active, Stage};
use crate::backend::{Answer, Answers, Backend, Shared};
use crate::generate::Loaded;
use crate::margin::Margin;
use crate::reply::Parser;
use crate::step::Step;
use crate::vocabulary::Vocabulary;
use crate::{Alternatives, Event, GenerateError, Request};

/// Longer replies are drafted piece by piece, without a preview: what sliding layers keep for a
/// look is planned for this many tokens.
pub(crate) const LOOK_MAX: usize = 2_048;

/// Below this share of confirmed tokens looks cost more than they save: a row read in a pass
/// over prompts takes 0.29 of what one written in a batch of sixteen does (docs/benchmarks.md).
const BREAK_EVEN: f64 = 0.3;
/// How many tokens must have been put to the model before that is judged.
const TRIAL: u32 = 512;

/// An old reply as far as it was put to the model. Of its tokens the last ends it and is never
/// computed; the logits before a token say what the model thinks of it.
pub(crate) struct Look {
    tokens: Vec<u32>,
    /// How many of them the sequence holds.
    computed: usize,
    /// How many of them the model was heard on.
    heard: usize,
    /// How many of them it says as well, from the first on.
    confirmed: usize,
    deviates: bool,
    parser: Parser,
    margin: Margin,
}

/// How one call's looks fare.
#[derive(Default)]
pub(crate) struct Looks {
    read: AtomicU32,
    confirmed: AtomicU32,
}

/// What the model would say behind the old reasoning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Preview {
    /// As a reply's.
    pub(crate) margin: f64,
    /// It is on the other side than the old reply.
    turned: bool,
}

impl Look {
    /// A look at a reply of these tokens.
    pub(crate) fn new(tokens: Vec<u32>, alternatives: &Alternatives) -> Look {
        Look {
            tokens,
            computed: 0,
            heard: 0,
            confirmed: 0,
            deviates: false,
            parser: Parser::default(),
            margin: Margin::new(alternatives),
        }
    }

    /// What of it is to be computed next, `room` tokens at most.
    pub(crate) fn rest(&self, room: usize) -> &[u32] {
        let end = (self.computed + room).min(self.tokens.len() - 1);
        &self.tokens[self.computed..end]
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.computed > 0 || self.heard > 0
    }

    /// Takes what the model thinks of the next token.
    fn hear(&mut self, vocabulary: &Vocabulary, answer: Answer<'_>) -> Result<(), GenerateError> {
        let piece = vocabulary.piece(self.tokens[self.heard]);
        self.heard += 1;
        let channel = self.parser.channel();
        self.margin.hear(vocabulary, channel, piece, answer)?;
        self.parser.push(piece);
        Ok(())
    }

    /// Nothing more can be learned of it.
    fn is_done(&self) -> bool {
        self.heard == self.tokens.len() || self.deviates && !self.margin.is_open()
    }

    fn preview(&self) -> Option<Preview> {
        let (margin, over) = (self.margin.value?, self.margin.decided_over?);
        let turned = (margin > 0.0) != over;
        self.deviates.then_some(Preview { margin, turned })
    }
}

impl Looks {
    pub(crate) fn begin(&self) {
        self.read.store(0, Ordering::Relaxed);
        self.confirmed.store(0, Ordering::Relaxed);
    }

    /// Whether another look is worth its price, after those that were had.
    pub(crate) fn pay(&self) -> bool {
        let [read, confirmed] = [&self.read, &self.confirmed].map(|n| n.load(Ordering::Relaxed));
        read < TRIAL || f64::from(confirmed) >= BREAK_EVEN * f64::from(read)
    }

    fn add(&self, read: usize, confirmed: usize) {
        self.read.fetch_add(read as u32, Ordering::Relaxed);
        self.confirmed
            .fetch_add(confirmed as u32, Ordering::Relaxed);
    }
}

/// Who is written first: whose verdict may turn, then whose is near, then who came first.
pub(crate) fn first(a: Option<Preview>, b: Option<Preview>) -> Order {
    let key = |preview: Option<Preview>| match preview {
        Some(preview) => (!preview.turned, preview.margin.abs()),
        None => (true, f64::INFINITY),
    };
    let (a, b) = (key(a), key(b));
    a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
}

impl Loaded {
    /// Whether a draft is put to the model whole: where it may, and where that pays.
    pub(crate) fn has_look(&self, request: &Request, draft: &[u32], prompt_tokens: usize) -> bool {
        let bounds = [
            LOOK_MAX,
            request.tokens_max as usize,
            self.backend()
                .config()
                .context
                .saturating_sub(prompt_tokens),
        ];
        let on_cpu = matches!(self.backend(), Backend::Cpu(_));
        on_cpu
            && draft.len() > 1
            && bounds.iter().all(|&most| draft.len() <= most)
            && self.looks.pay()
    }

    /// Reads what a step brought a look: the tokens that the model says as well, up to the one
    /// that it says instead, and what it thinks of those behind. Says whether the reply has ended.
    pub(crate) fn read_look(
        &self,
        a: &mut Active,
        step: &Step,
        answers: &Answers<'_>,
        rows: Range<usize>,
        shared: &Shared<'_>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<bool, GenerateError> {
        let Stage::Looking(mut look) = std::mem::replace(&mut a.stage, Stage::Writing) else {
            return Ok(false);
        };
        if a.generated == 0 {
            a.pending.drain(..step.tokens.len() - step.drafted);
        }
        look.computed += step.drafted;
        let held = a.sequence.len();
        let prompt = held - look.computed;
        if !look.deviates && !rows.is_empty() {
            // What follows was computed for tokens that are not chosen yet.
            a.sequence.truncate(prompt + look.heard);
        }
        let mut ended = false;
        for row in rows {
            let old = look.tokens[look.heard];
            look.hear(&self.vocabulary, answers.row(row))?;
            if !look.deviates {
                a.pending.clear();
                ended = self.advance(a, answers.row(row), shared, on_event)?;
                if a.pending == [old] {
                    look.confirmed += 1;
                    a.sequence.extend(usize::from(look.heard <= look.computed));
                } else {
                    look.deviates = true;
                }
            }
            if ended || look.is_done() {
                break;
            }
        }
        if !ended && !look.is_done() {
            a.sequence.extend(held - a.sequence.len());
            a.stage = Stage::Looking(look);
            return Ok(false);
        }
        let confirmed = look.confirmed.min(look.computed);
        a.sequence.truncate(prompt + confirmed);
        a.sequence.keep_back_to(None);
        a.draft.looked(look.computed, confirmed);
        self.looks.add(look.computed, confirmed);
        if ended {
            a.finish(shared, on_event);
            return Ok(true);
        }
        let preview = look.preview();
        if let Some(Preview { margin, .. }) = preview {
            on_event(Event::Preview {
                index: a.index,
                margin,
            });
        }
        a.deviates = look.deviates;
        a.stage = Stage::Waiting(preview);
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
