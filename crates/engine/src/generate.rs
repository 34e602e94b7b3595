//! Answers requests: one shared prefix, computed once and kept for the next call; then steps
//! in which the rows of many replies and prompts go through the model together. A reply that
//! ends makes room for the next request.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::attention::Kv;
use crate::config::Config;
use crate::harmony::{self, Parser};
use crate::margin::Margin;
use crate::model::{CHUNK, Model, Part};
use crate::sampling::Sampler;
use crate::vocabulary::{Piece, Vocabulary};
use crate::weights::Weights;
use crate::{
    Cancel, Channel, Event, Finish, GenerateError, Incoming, LoadError, ModelInfo, Prefix, Reply,
};

/// Replies under way at once. More share each pass over the weights; fewer let the first
/// verdicts come sooner. A model that fits the processor's caches gains nothing from more.
const ACTIVE_MAX: usize = 32;
const ACTIVE_MAX_SMALL: usize = 16;
const SMALL_BYTES: u64 = 64 << 20;

pub(crate) struct Loaded {
    model: Model,
    vocabulary: Vocabulary,
    active_max: usize,
    /// The last shared prefix; holding it is the right to generate.
    prefix: Mutex<Cached>,
}

struct Cached {
    tokens: Vec<u32>,
    kv: Kv,
}

/// A request under way.
struct Active {
    index: usize,
    incoming: Incoming,
    kv: Kv,
    /// Tokens not computed yet: the rest of the prompt, or the token chosen last.
    pending: Vec<u32>,
    prompt_tokens: usize,
    generated: u32,
    parser: Parser,
    margin: Margin,
    sampler: Sampler,
    started: Instant,
}

pub(crate) fn load(dir: &Path) -> Result<(ModelInfo, Loaded), LoadError> {
    let config = Config::load(dir)?;
    let weights = Weights::open(dir)?;
    let hashed = [dir.join("config.json"), dir.join("tokenizer.json")];
    // The vocabulary first, as its error is the better one where tokenizer.json is missing.
    let (vocabulary, model) = rayon::join(
        || Vocabulary::load(dir, config.vocab, &config.end_ids),
        || Model::load(config.clone(), &weights),
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
        bytes: weights.bytes(),
        parameters: weights.parameters(),
        layers: config.windows.len() as u32,
        vocab: config.vocab as u32,
        context_tokens: config.context as u32,
    };
    let active_max = if info.bytes < SMALL_BYTES {
        ACTIVE_MAX_SMALL
    } else {
        ACTIVE_MAX
    };
    let prefix = Mutex::new(Cached {
        tokens: Vec::new(),
        kv: Kv::new(&config),
    });
    Ok((
        info,
        Loaded {
            model,
            vocabulary,
            active_max,
            prefix,
        },
    ))
}

impl Loaded {
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
        let mut cached = self.prefix.lock().unwrap_or_else(PoisonError::into_inner);
        self.prepare(&mut cached, prefix, cancel, on_event)?;
        let shared = &cached.kv;
        let mut begun = 0;
        let mut active: Vec<Active> = Vec::new();
        loop {
            active.retain(|a| !a.incoming.cancel.is_cancelled());
            while active.len() < self.active_max {
                let Some(incoming) = next() else {
                    break;
                };
                active.extend(self.admit(begun, incoming, shared, on_event));
                begun += 1;
            }
            if active.is_empty() {
                return Ok(());
            }
            self.step(shared, &mut active, cancel, on_event)?;
        }
    }

    /// Brings the prefix into the cache, from the first token on that differs.
    fn prepare(
        &self,
        cached: &mut Cached,
        prefix: &Prefix,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
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
        let same = cached
            .tokens
            .iter()
            .zip(&tokens)
            .take_while(|(a, b)| a == b)
            .count();
        let reused = same.min(cached.kv.len());
        cached.kv.truncate(reused);
        cached.tokens.truncate(reused);
        for chunk in tokens[reused..].chunks(CHUNK) {
            let part = Part {
                kv: &mut cached.kv,
                tokens: chunk,
                logits: false,
            };
            self.model
                .forward(None, &mut [part], &|| cancel.is_cancelled())?;
            cached.tokens.extend_from_slice(chunk);
        }
        on_event(Event::PrefixReady {
            tokens: tokens.len() as u32,
            reused: reused as u32,
            elapsed_ms: elapsed_ms(started),
        });
        Ok(())
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
        let active = Active {
            index,
            kv: Kv::new(&self.model.config),
            prompt_tokens: shared.len() + pending.len(),
            pending,
            generated: 0,
            parser: Parser::default(),
            margin: Margin::new(&request.alternatives),
            sampler: Sampler::new(request.sampling),
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
                active.finish(finish, shared, on_event);
                None
            }
            None => Some(active),
        }
    }

    /// One pass of the model: a row for each reply under way, and of the prompts as many as
    /// a chunk holds; then the next token of each.
    fn step(
        &self,
        shared: &Kv,
        active: &mut Vec<Active>,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        let mut room = CHUNK.saturating_sub(active.iter().filter(|a| a.generated > 0).count());
        let mut parts = Vec::new();
        // How many tokens of each are computed, and whose next token is at stake.
        let mut counts = vec![0; active.len()];
        let mut asking = Vec::new();
        for (i, a) in active.iter_mut().enumerate() {
            counts[i] = match a.generated {
                0 => a.pending.len().min(room),
                _ => 1,
            };
            if a.generated == 0 {
                room -= counts[i];
            }
            if counts[i] == 0 {
                continue;
            }
            let logits = counts[i] == a.pending.len();
            if logits {
                asking.push(i);
            }
            parts.push(Part {
                kv: &mut a.kv,
                tokens: &a.pending[..counts[i]],
                logits,
            });
        }
        let logits = self
            .model
            .forward(Some(shared), &mut parts, &|| cancel.is_cancelled())?;
        if cancel.is_cancelled() {
            return Err(GenerateError::Cancelled);
        }
        for (a, count) in active.iter_mut().zip(counts) {
            a.pending.drain(..count);
        }
        let mut ended = vec![false; active.len()];
        for (i, logits) in asking
            .iter()
            .zip(logits.chunks_exact(self.model.config.vocab))
        {
            ended[*i] = self.advance(&mut active[*i], logits, shared, on_event)?;
        }
        let mut ended = ended.into_iter();
        active.retain(|_| !ended.next().unwrap_or_default());
        Ok(())
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
            Some(finish) => Some(finish),
            None if a.generated >= a.incoming.request.tokens_max || room == 0 => {
                Some(Finish::Length)
            }
            None => None,
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
        a.finish(finish, shared, on_event);
        Ok(true)
    }
}

impl Active {
    fn finish(&self, finish: Finish, shared: &Kv, on_event: &mut dyn FnMut(Event)) {
        let reply = Reply {
            analysis: self.parser.text(Channel::Analysis).unwrap_or_default(),
            answer: self.parser.text(Channel::Final),
            finish,
            margin: self.margin.value,
            prompt_tokens: self.prompt_tokens as u32,
            reused_tokens: shared.len() as u32,
            generated_tokens: self.generated,
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
