//! Answers requests: one shared prefix, computed once and kept for the next call; then steps
//! in which the rows of many replies and prompts go through the model together. A reply that
//! ends makes room for the next request.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::attention::Kv;
use crate::config::Config;
use crate::crew::{Crew, Exchange};
use crate::draft::Draft;
use crate::gguf;
use crate::harmony;
use crate::machine::Machine;
use crate::margin::Margin;
use crate::memory;
use crate::model::{CHUNK, Model, PREFIX_CHUNK, Part};
use crate::prefixes::Prefixes;
use crate::reply::{Parser, Piece};
use crate::sampling::Sampler;
use crate::vocabulary::Vocabulary;
use crate::weights::Weights;
use crate::work::Done;
use crate::{
    Cancel, Channel, Event, Finish, GenerateError, Incoming, LoadError, ModelInfo, Numerics,
    Prefix, Reply, Request,
};

/// Replies under way at once. More share each pass over the weights; fewer let the first
/// verdicts come sooner. A model that fits the processor's caches gains nothing from more.
pub(crate) const ACTIVE_MAX: usize = 32;
const ACTIVE_MAX_SMALL: usize = 8;
const SMALL_BYTES: u64 = 64 << 20;
/// Until the first reply of a call has ended, this share of them: a pass over fewer rows is
/// shorter, and the first verdict comes sooner by more than the last one is late.
const FIRST_SHARE: usize = 2;

pub(crate) struct Loaded {
    model: Model,
    vocabulary: Vocabulary,
    /// Replies that one worker has under way at once.
    active_max: usize,
    crew: Crew,
    ends: Ends,
    /// Shared prefixes of earlier calls; holding them is the right to generate.
    prefixes: Mutex<Prefixes>,
}

/// When a reply ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// Where the model ends it.
    AsWritten,
    /// At `tokens_max` alone.
    AtTheBound,
}

/// A request under way.
struct Active {
    index: usize,
    incoming: Incoming,
    kv: Kv,
    /// Tokens not computed yet: the rest of the prompt, or the token chosen last.
    pending: Vec<u32>,
    draft: Draft,
    prompt_tokens: usize,
    generated: u32,
    parser: Parser,
    margin: Margin,
    sampler: Sampler,
    /// How it ended, once it has.
    finish: Finish,
    started: Instant,
}

/// What one pass computes of one reply.
struct Step {
    tokens: Vec<u32>,
    /// How many of them, at the end, a draft proposed.
    drafted: usize,
    /// How many of them, at the end, are asked what comes next.
    asked: usize,
}

impl Step {
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
        let room = room.min(left).min(positions - a.kv.len() - 1);
        let mut tokens = a.pending.clone();
        let proposal = a.draft.proposal(room);
        tokens.extend_from_slice(proposal);
        Step {
            drafted: proposal.len(),
            asked: tokens.len(),
            tokens,
        }
    }

    fn proposal(&self) -> &[u32] {
        &self.tokens[self.tokens.len() - self.drafted..]
    }
}

pub(crate) fn load(dir: &Path, numerics: Numerics) -> Result<(ModelInfo, Loaded), LoadError> {
    let config = Config::load(dir)?;
    let weights = Weights::open(dir)?;
    memory::check(&config, &weights, numerics, &Machine::here())
        .map_err(|why| LoadError(format!("{}: {why}", dir.display())))?;
    let hashed = digested(dir);
    // The vocabulary first, as its error is the better one where tokenizer.json is missing.
    let (vocabulary, model) = rayon::join(
        || Vocabulary::load(dir, config.vocab, &config.end_ids),
        || Model::load(config.clone(), &weights, numerics),
    );
    let (vocabulary, model) = (vocabulary?, model?);
    let name = dir.canonicalize().unwrap_or(dir.to_owned());
    let info = ModelInfo {
        name: name
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        digest: weights.digest(&hashed)?,
        device: "cpu".to_owned(),
        numerics,
        bytes: weights.bytes(),
        parameters: weights.parameters(),
        layers: config.windows.len() as u32,
        vocab: config.vocab as u32,
        context_tokens: config.context as u32,
    };
    if numerics == Numerics::Fast {
        weights.release();
    }
    let (active_max, crew) = if info.bytes < SMALL_BYTES {
        (ACTIVE_MAX_SMALL, Crew::each_alone())
    } else {
        (ACTIVE_MAX, Crew::all_together())
    };
    Ok((
        info,
        Loaded {
            model,
            vocabulary,
            active_max,
            crew,
            ends: Ends::AsWritten,
            prefixes: Mutex::default(),
        },
    ))
}

/// The small files that a checkpoint's digest covers beside its weights.
pub(crate) fn digested(dir: &Path) -> Vec<PathBuf> {
    match gguf::file_of(dir) {
        Some(_) => Vec::new(),
        None => vec![dir.join("config.json"), dir.join("tokenizer.json")],
    }
}

impl Loaded {
    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// From now on replies run to their bound, whatever the model says: random weights
    /// write no harmony, and a benchmark needs tokens all the same.
    pub(crate) fn run_to_the_bound(&mut self) {
        self.ends = Ends::AtTheBound;
    }

    pub(crate) fn done(&self) -> Done {
        self.model.work()
    }

    pub(crate) fn batch_max(&self) -> u32 {
        (self.active_max * self.crew.workers()) as u32
    }

    /// Forgets the shared prefixes of earlier calls.
    pub(crate) fn forget(&self) {
        let mut prefixes = self.prefixes.lock().unwrap_or_else(PoisonError::into_inner);
        prefixes.clear();
    }

    pub(crate) fn prompt_tokens(&self, prefix: &Prefix, user: &str) -> u32 {
        let prefix_tokens = harmony::prefix(&self.vocabulary, prefix);
        let user_tokens = harmony::user(&self.vocabulary, user);
        match (prefix_tokens, user_tokens) {
            (Ok(prefix), Ok(user)) => (prefix.len() + user.len()) as u32,
            // A token stands for a byte at least; generation will give the reason.
            _ => (prefix.developer.len() + user.len()) as u32,
        }
    }

    pub(crate) fn generate(
        &self,
        prefix: &Prefix,
        next: &mut dyn FnMut() -> Option<Incoming>,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        // A panic elsewhere leaves at worst a prefix that is too short.
        let mut prefixes = self.prefixes.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = self.prepare(&mut prefixes, prefix, cancel, on_event)?;
        let work = |exchange: &mut Exchange<'_>| self.work(shared, exchange, cancel);
        self.crew.work(&work, next, on_event)
    }

    /// One worker's steps, until it has nothing and is given nothing.
    fn work(
        &self,
        shared: &Kv,
        exchange: &mut Exchange<'_>,
        cancel: &Cancel,
    ) -> Result<(), GenerateError> {
        let mut active: Vec<Active> = Vec::new();
        let mut events = Vec::new();
        let mut room = (self.active_max / FIRST_SHARE).max(1);
        loop {
            active.retain(|a| !a.incoming.cancel.is_cancelled());
            let given = exchange(std::mem::take(&mut events), room - active.len())?;
            let nothing_came = given.is_empty();
            for (index, incoming) in given {
                active.extend(self.admit(index, incoming, shared, &mut |e| events.push(e)));
            }
            if active.is_empty() {
                match nothing_came {
                    true => return Ok(()),
                    false => continue,
                }
            }
            let before = active.len();
            self.step(shared, &mut active, cancel, &mut |e| events.push(e))?;
            if active.len() < before {
                room = self.active_max;
            }
        }
    }

    /// Brings the prefix into the cache, from the first token on that differs from what is there.
    fn prepare<'a>(
        &self,
        prefixes: &'a mut Prefixes,
        prefix: &Prefix,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<&'a Kv, GenerateError> {
        let started = Instant::now();
        let failed = |why| GenerateError::Internal(format!("developer message: {why}"));
        let tokens = harmony::prefix(&self.vocabulary, prefix).map_err(failed)?;
        let closing = harmony::user(&self.vocabulary, "").map_err(failed)?.len();
        let context = self.model.config.context;
        if tokens.len() + closing >= context {
            return Err(GenerateError::TooLong(format!(
                "the policy's prompt is {} tokens long, which leaves no room for a case and a \
                 reply: the model's context is {context} tokens. Shorten the policy.",
                tokens.len()
            )));
        }
        let kept = prefixes.begin(&self.model.config, &tokens);
        let reused = kept.tokens.len();
        for chunk in tokens[reused..].chunks(PREFIX_CHUNK) {
            let part = Part {
                kv: &mut kept.kv,
                tokens: chunk,
                logits: 0,
            };
            self.model
                .forward(None, &mut [part], &|| cancel.is_cancelled())?;
            kept.tokens.extend_from_slice(chunk);
        }
        on_event(Event::PrefixReady {
            tokens: tokens.len() as u32,
            reused: reused as u32,
            elapsed_ms: elapsed_ms(started),
        });
        Ok(&kept.kv)
    }

    /// Begins a request, or finishes it at once where it cannot begin.
    fn admit(
        &self,
        index: usize,
        incoming: Incoming,
        shared: &Kv,
        on_event: &mut dyn FnMut(Event),
    ) -> Option<Active> {
        let request = &incoming.request;
        let tokens_max = request.tokens_max;
        let encoded = harmony::user(&self.vocabulary, &request.user);
        let pending = encoded.clone().unwrap_or_default();
        let mut active = Active {
            index,
            kv: Kv::sliding(&self.model.config),
            prompt_tokens: shared.len() + pending.len(),
            pending,
            draft: self.draft(request),
            generated: 0,
            parser: Parser::default(),
            margin: Margin::new(&request.alternatives),
            sampler: Sampler::new(request.sampling),
            finish: Finish::Stop,
            started: Instant::now(),
            incoming,
        };
        let context = self.model.config.context;
        let refused = match encoded {
            Err(why) => Some(Finish::Malformed(format!("the case cannot be read: {why}"))),
            Ok(_) if active.prompt_tokens >= context => Some(Finish::PromptTooLong {
                prompt_tokens: active.prompt_tokens as u32,
                context_tokens: context as u32,
            }),
            Ok(_) if tokens_max == 0 => Some(Finish::Length),
            Ok(_) => None,
        };
        match refused {
            Some(finish) => {
                active.finish = finish;
                active.finish(shared, on_event);
                None
            }
            None => Some(active),
        }
    }

    /// The tokens of a request's draft; an unreadable one is none.
    fn draft(&self, request: &Request) -> Draft {
        let tokens = request.draft.as_ref().and_then(|draft| {
            harmony::reply(&self.vocabulary, &draft.analysis, &draft.answer).ok()
        });
        Draft::new(tokens.unwrap_or_default())
    }

    /// One pass of the model: a row for each reply under way and for what its draft proposes,
    /// and of the prompts as many as a chunk holds; then the next tokens of each.
    fn step(
        &self,
        shared: &Kv,
        active: &mut Vec<Active>,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        let replying = active.iter().filter(|a| a.generated > 0).count();
        let mut room = CHUNK.saturating_sub(replying);
        let mut steps: Vec<Step> = Vec::with_capacity(active.len());
        for a in active.iter() {
            let step = match a.generated {
                0 => Step::of_prompt(a, room),
                _ => Step::of_reply(a, room, self.model.config.context - shared.len()),
            };
            room -= step.tokens.len() - usize::from(a.generated > 0);
            steps.push(step);
        }
        let pairs = active.iter_mut().zip(&steps);
        let mut parts: Vec<Part<'_>> = pairs
            .filter(|(_, step)| !step.tokens.is_empty())
            .map(|(a, step)| Part {
                kv: &mut a.kv,
                tokens: &step.tokens,
                logits: step.asked,
            })
            .collect();
        let logits = self
            .model
            .forward(Some(shared), &mut parts, &|| cancel.is_cancelled())?;
        if cancel.is_cancelled() {
            return Err(GenerateError::Cancelled);
        }
        let mut rows = logits.chunks_exact(self.model.config.vocab);
        let mut ended = Vec::with_capacity(active.len());
        for (a, step) in active.iter_mut().zip(&steps) {
            let rows: Vec<&[f32]> = rows.by_ref().take(step.asked).collect();
            ended.push(self.read(a, step, &rows, shared, on_event)?);
        }
        let mut ended = ended.into_iter();
        active.retain(|_| !ended.next().unwrap_or_default());
        Ok(())
    }

    /// Reads what a step brought one reply: its next token, and those behind it as far as
    /// the draft was right. Says whether the reply has ended.
    fn read(
        &self,
        a: &mut Active,
        step: &Step,
        rows: &[&[f32]],
        shared: &Kv,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<bool, GenerateError> {
        a.pending.drain(..step.tokens.len() - step.drafted);
        let Some((first, others)) = rows.split_first() else {
            return Ok(false);
        };
        // What follows the first row was computed for tokens that are not chosen yet.
        a.kv.truncate(a.kv.len() - step.drafted);
        let mut ended = self.advance(a, first, shared, on_event)?;
        let mut accepted = 0;
        for (&proposed, logits) in step.proposal().iter().zip(others) {
            if ended || a.pending != [proposed] {
                break;
            }
            a.pending.clear();
            a.kv.extend(1);
            accepted += 1;
            ended = self.advance(a, logits, shared, on_event)?;
        }
        if step.drafted > 0 {
            a.draft.verified(step.drafted, accepted);
        }
        if ended {
            a.finish(shared, on_event);
        }
        Ok(ended)
    }

    /// Chooses a reply's next token and reads it; says whether the reply has ended.
    fn advance(
        &self,
        a: &mut Active,
        logits: &[f32],
        shared: &Kv,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<bool, GenerateError> {
        let token = a.sampler.choose(logits).map_err(GenerateError::Internal)?;
        a.generated += 1;
        a.draft.follow(token);
        let piece = self.vocabulary.piece(token);
        if let (Piece::Text(bytes), Some(Channel::Final)) = (piece, a.parser.channel()) {
            a.margin.push(&self.vocabulary, logits, bytes);
        }
        let step = a.parser.push(piece);
        if let Some((channel, text)) = step.text {
            on_event(Event::Text {
                index: a.index,
                channel,
                text,
            });
        }
        let room = self.model.config.context - shared.len() - a.kv.len();
        let finish = match step.finish {
            Some(finish) if self.ends == Ends::AsWritten => Some(finish),
            Some(_) | None if a.generated >= a.incoming.request.tokens_max || room == 0 => {
                Some(Finish::Length)
            }
            Some(_) | None => None,
        };
        a.pending.push(token);
        let Some(finish) = finish else {
            return Ok(false);
        };
        if let Some((channel, text)) = a.parser.flush() {
            on_event(Event::Text {
                index: a.index,
                channel,
                text,
            });
        }
        a.finish = finish;
        Ok(true)
    }
}

impl Active {
    fn finish(&self, shared: &Kv, on_event: &mut dyn FnMut(Event)) {
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

fn elapsed_ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
