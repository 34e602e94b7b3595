//! Answers requests: one shared prefix, computed once and kept for the next call; then steps
//! in which the rows of many replies and prompts go through the model together. A reply that
//! ends makes room for the next request.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::active::{self, Active, Stage, elapsed_ms};
use crate::backend::{self, Answer, Answers, Backend, Part, Shared};
use crate::config::Config;
use crate::crew::{Crew, Exchange};
use crate::digest::{Notes, digest};
use crate::draft::Draft;
use crate::harmony;
use crate::look::{Look, Looks};
use crate::margin::Margin;
use crate::prefixes::{Kept, Prefixes};
use crate::reply::Parser;
use crate::sampling::Sampler;
use crate::shelf::{self, Shelf};
use crate::step::{self, Step};
use crate::vocabulary::Vocabulary;
use crate::weights::Weights;
use crate::work::Done;
use crate::{
    Cancel, Device, Event, Finish, GenerateError, Incoming, LoadError, ModelInfo, Numerics,
    Placement, Prefix, Request,
};

/// Replies under way at once. More share each pass over the weights; fewer let the first
/// verdicts come sooner. A model that fits the processor's caches gains nothing from more.
pub(crate) const ACTIVE_MAX: usize = 32;
const ACTIVE_MAX_SMALL: usize = 8;
const SMALL_BYTES: u64 = 64 << 20;
/// Until the first reply of a call has ended, no more than these: a pass over fewer rows is
/// shorter, and the first verdict comes sooner by more than the last one is late. From memory,
/// a pass over few rows takes a fraction of the time of one over sixteen; on a GPU, nearly all of it.
const FIRST_LARGE: usize = 2;
const FIRST_SMALL: usize = ACTIVE_MAX_SMALL / 2;
const FIRST_GPU: usize = ACTIVE_MAX / 2;
/// Of those that may be under way, the share that deviate from their old replies beyond which no
/// others are begun: flips are among them, and would come behind all whose old reply is confirmed.
const DEVIATING: f64 = 0.25;

pub(crate) struct Loaded {
    backend: Backend,
    pub(crate) vocabulary: Vocabulary,
    /// Replies that one worker has under way at once.
    active_max: usize,
    /// And until the first of a call has ended; usually, and now.
    first_usual: usize,
    first_max: AtomicUsize,
    crew: Crew,
    ends: Ends,
    /// How those of the call under way fare.
    pub(crate) looks: Looks,
    /// Shared prefixes of earlier calls; holding them is the right to generate.
    prefixes: Mutex<Prefixes>,
    /// Where the last of them is kept between starts.
    shelf: Option<Shelf>,
}

/// When a reply ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// Where the model ends it.
    AsWritten,
    /// At `tokens_max` alone.
    AtTheBound,
}

pub(crate) fn load(dir: &Path, placement: Placement<'_>) -> Result<(ModelInfo, Loaded), LoadError> {
    // A GPU, and `fast`, copy what they need.
    let in_place = placement.device == Device::Cpu && placement.numerics == Numerics::Exact;
    let (info, mut loaded) = load_with(dir, in_place, placement.kept, |config, weights| {
        backend::load(dir, config, weights, placement)
    })?;
    if let Some(folder) = placement.kept.filter(|_| info.bytes >= SMALL_BYTES) {
        loaded.keep_prefix(folder, &info);
    }
    Ok((info, loaded))
}

/// Loads what text needs, and the model by `place`, while the weight files are hashed, unless what
/// they hash to is noted in `kept`.
pub(crate) fn load_with(
    dir: &Path,
    in_place: bool,
    kept: Option<&Path>,
    place: impl Fn(&Config, &Weights) -> Result<Backend, LoadError> + Send + Sync,
) -> Result<(ModelInfo, Loaded), LoadError> {
    let config = Config::load(dir)?;
    let weights = Weights::open(dir)?;
    let notes = Notes::read(kept.filter(|_| weights.bytes() >= SMALL_BYTES));
    if in_place && notes.know(&weights) {
        // Hashing would have brought them into memory.
        weights.ask_for();
    }
    let failed = AtomicBool::new(false);
    let read = || {
        // The vocabulary first, as its error is the better one where tokenizer.json is missing.
        let (vocabulary, backend) = rayon::join(
            || Vocabulary::load(dir, config.vocab, &config.end_ids),
            || place(&config, &weights),
        );
        let read = vocabulary.and_then(|vocabulary| Ok((vocabulary, backend?)));
        failed.store(read.is_err(), Ordering::Relaxed);
        read
    };
    let (read, digest) = std::thread::scope(|scope| {
        let hash = || digest(dir, &weights, in_place, notes, &failed);
        let hash = scope.spawn(hash);
        (read(), hash.join())
    });
    let (vocabulary, backend) = read?;
    let whole = digest.ok().transpose()?.flatten();
    let whole = whole.ok_or_else(|| {
        LoadError(format!(
            "{}: hashing the weights ended unexpectedly. The log has the cause.",
            dir.display()
        ))
    })?;
    let digest = backend.digest(whole);
    // What was copied need not be there twice.
    if !in_place {
        weights.release();
    }
    let name = dir.canonicalize().unwrap_or(dir.to_owned());
    let info = ModelInfo {
        name: name
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        digest,
        device: backend.device().to_owned(),
        numerics: backend.numerics(),
        bytes: weights.bytes(),
        parameters: weights.parameters(),
        layers: config.windows.len() as u32,
        vocab: config.vocab as u32,
        context_tokens: config.context as u32,
    };
    let (active_max, first_usual, crew) = match backend {
        Backend::Gpu(_) => (ACTIVE_MAX, FIRST_GPU, Crew::all_together()),
        Backend::Cpu(_) if info.bytes < SMALL_BYTES => {
            (ACTIVE_MAX_SMALL, FIRST_SMALL, Crew::each_alone())
        }
        Backend::Cpu(_) => (ACTIVE_MAX, FIRST_LARGE, Crew::all_together()),
    };
    Ok((
        info,
        Loaded {
            backend,
            vocabulary,
            active_max,
            first_usual,
            first_max: AtomicUsize::new(first_usual),
            crew,
            ends: Ends::AsWritten,
            looks: Looks::default(),
            prefixes: Mutex::default(),
            shelf: None,
        },
    ))
}

impl Loaded {
    pub(crate) fn backend(&self) -> &Backend {
        &self.backend
    }

    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// From now on replies run to their bound, whatever the model says: random weights
    /// write no harmony, and a benchmark needs tokens all the same.
    pub(crate) fn run_to_the_bound(&mut self) {
        self.ends = Ends::AtTheBound;
    }

    /// Whether replies begin together, for measuring, or most of them wait for the first to end.
    pub(crate) fn begin_together(&self, together: bool) {
        let first = if together {
            self.active_max
        } else {
            self.first_usual
        };
        self.first_max.store(first, Ordering::Relaxed);
    }

    pub(crate) fn keep_prefix(&mut self, folder: &Path, info: &ModelInfo) {
        let on_cpu = matches!(self.backend, Backend::Cpu(_));
        self.shelf = on_cpu.then(|| Shelf::new(folder, info));
        let shelf = self.shelf.as_ref();
        if let Some((tokens, kv)) = shelf.and_then(|shelf| shelf.take(self.backend.config())) {
            self.prefixes().add(tokens, kv);
        }
    }

    pub(crate) fn done(&self) -> Option<Done> {
        self.backend.done()
    }

    pub(crate) fn batch_max(&self) -> u32 {
        (self.active_max * self.crew.workers()) as u32
    }

    /// Forgets the shared prefixes of earlier calls.
    pub(crate) fn forget(&self) {
        self.prefixes().clear();
    }

    /// A panic elsewhere leaves at worst a prefix that is too short.
    fn prefixes(&self) -> MutexGuard<'_, Prefixes> {
        self.prefixes.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut prefixes = self.prefixes();
        self.looks.begin();
        let (kept, computed) = self.prepare(&mut prefixes, prefix, cancel, on_event)?;
        let shared = kept.shared();
        let work = |exchange: &mut Exchange<'_>| self.work(&shared, exchange, cancel);
        self.crew.work(&work, next, on_event)?;
        let shelf = self
            .shelf
            .as_ref()
            .filter(|_| computed >= shelf::TOKENS_MIN);
        if let Some(Err(error)) = shelf.map(|shelf| shelf.put(&kept)) {
            tracing::warn!(%error, "the prefix could not be kept for the next start");
        }
        Ok(())
    }

    /// One worker's steps, until it has nothing and is given nothing.
    fn work(
        &self,
        shared: &Shared<'_>,
        exchange: &mut Exchange<'_>,
        cancel: &Cancel,
    ) -> Result<(), GenerateError> {
        let mut active: Vec<Active> = Vec::new();
        let mut events = Vec::new();
        let mut room = self.first_max.load(Ordering::Relaxed);
        loop {
            active.retain(|a| !a.incoming.cancel.is_cancelled());
            loop {
                // Those that begin with a look are looked at all together.
                let look = !active.is_empty() && active.iter().all(Active::is_about_to_look);
                let most = if look { self.active_max } else { room };
                let deviating = active.iter().filter(|a| a.deviates).count();
                let held = deviating as f64 > DEVIATING * self.active_max as f64;
                let most = if held { 0 } else { most };
                let wanted = most.saturating_sub(active.len());
                let given = exchange(std::mem::take(&mut events), wanted)?;
                if given.is_empty() {
                    break;
                }
                for (index, incoming) in given {
                    active.extend(self.admit(index, incoming, shared, &mut |e| events.push(e)));
                }
            }
            if active.is_empty() {
                return Ok(());
            }
            if !self.looks.pay() {
                let left = active.iter_mut().filter(|a| a.is_about_to_look());
                left.for_each(Active::look_no_more);
            }
            active::give_places(&mut active, room, room == self.active_max);
            let writing = |active: &[Active]| active.iter().filter(|a| a.is_writing()).count();
            let before = writing(&active);
            self.step(shared, &mut active, cancel, &mut |e| events.push(e))?;
            if writing(&active) < before {
                room = self.active_max;
            }
        }
    }

    /// Brings the prefix into the cache, from the first token on that differs from what is
    /// there; also says how many tokens were computed.
    fn prepare<'a>(
        &self,
        prefixes: &'a mut Prefixes,
        prefix: &Prefix,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(Kept<'a>, usize), GenerateError> {
        let started = Instant::now();
        let failed = |why| GenerateError::Internal(format!("developer message: {why}"));
        let tokens = harmony::prefix(&self.vocabulary, prefix).map_err(failed)?;
        let closing = harmony::user(&self.vocabulary, "").map_err(failed)?.len();
        let context = self.backend.config().context;
        if tokens.len() + closing >= context {
            return Err(GenerateError::TooLong(format!(
                "the policy's prompt is {} tokens long, which leaves no room for a case and a \
                 reply: the model's context is {context} tokens. Shorten the policy.",
                tokens.len()
            )));
        }
        let mut kept = prefixes.begin(|| self.backend.prefix(), &tokens);
        let reused = kept.len();
        for chunk in tokens[reused..].chunks(self.backend.chunk()) {
            let (shared, sequence) = kept.grow();
            let part = Part {
                sequence,
                tokens: chunk,
                logits: 0,
            };
            self.backend
                .forward(&shared, &mut [part], &|| cancel.is_cancelled())?;
            kept.push(chunk);
        }
        on_event(Event::PrefixReady {
            tokens: tokens.len() as u32,
            reused: reused as u32,
            elapsed_ms: elapsed_ms(started),
        });
        Ok((kept, tokens.len() - reused))
    }

    /// Begins a request, or finishes it at once where it cannot begin.
    fn admit(
        &self,
        index: usize,
        incoming: Incoming,
        shared: &Shared<'_>,
        on_event: &mut dyn FnMut(Event),
    ) -> Option<Active> {
        let request = &incoming.request;
        let tokens_max = request.tokens_max;
        let encoded = harmony::user(&self.vocabulary, &request.user);
        let pending = encoded.clone().unwrap_or_default();
        let draft = self.draft(request);
        let prompt_tokens = shared.len() + pending.len();
        let mut sequence = self.backend.sequence();
        let stage = match self.has_look(request, &draft, prompt_tokens) {
            true => {
                sequence.keep_back_to(Some(pending.len()));
                Stage::Looking(Box::new(Look::new(draft.clone(), &request.alternatives)))
            }
            false => Stage::Writing,
        };
        let mut active = Active {
            index,
            sequence,
            prompt_tokens,
            tokens: pending.clone(),
            pending,
            deviates: false,
            stage,
            draft: Draft::new(draft),
            generated: 0,
            parser: Parser::default(),
            margin: Margin::new(&request.alternatives),
            sampler: Sampler::new(request.sampling),
            finish: Finish::Stop,
            started: Instant::now(),
            incoming,
        };
        let context = self.backend.config().context;
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
    fn draft(&self, request: &Request) -> Vec<u32> {
        let tokens = request.draft.as_ref().and_then(|draft| {
            harmony::reply(&self.vocabulary, &draft.analysis, &draft.answer).ok()
        });
        tokens.unwrap_or_default()
    }

    /// One pass of the model: a row for each reply under way and for what its draft proposes,
    /// and of the prompts as many as a chunk holds; then the next tokens of each.
    fn step(
        &self,
        shared: &Shared<'_>,
        active: &mut Vec<Active>,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        let Some(steps) = step::steps(&self.backend, shared, active) else {
            return Ok(());
        };
        let pairs = active.iter_mut().zip(&steps);
        let mut parts: Vec<Part<'_>> = pairs
            .filter(|(_, step)| !step.tokens.is_empty())
            .map(|(a, step)| Part {
                sequence: &mut a.sequence,
                tokens: &step.tokens,
                logits: step.asked,
            })
            .collect();
        let answers = self
            .backend
            .forward(shared, &mut parts, &|| cancel.is_cancelled())?;
        if cancel.is_cancelled() {
            return Err(GenerateError::Cancelled);
        }
        let mut first = 0;
        let mut ended = Vec::with_capacity(active.len());
        for (a, step) in active.iter_mut().zip(&steps) {
            let rows = first..first + step.asked;
            first = rows.end;
            ended.push(self.read(a, step, &answers, rows, shared, on_event)?);
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
        answers: &Answers<'_>,
        mut rows: Range<usize>,
        shared: &Shared<'_>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<bool, GenerateError> {
        if a.is_looking() {
            return self.read_look(a, step, answers, rows, shared, on_event);
        }
        a.pending.drain(..step.tokens.len() - step.drafted);
        let Some(first) = rows.next() else {
            return Ok(false);
        };
        // What follows the first row was computed for tokens that are not chosen yet.
        a.sequence.truncate(a.sequence.len() - step.drafted);
        let mut ended = self.advance(a, answers.row(first), shared, on_event)?;
        let mut accepted = 0;
        for (&proposed, row) in step.proposal().iter().zip(rows) {
            if ended || a.pending != [proposed] {
                break;
            }
            a.pending.clear();
            a.sequence.extend(1);
            accepted += 1;
            ended = self.advance(a, answers.row(row), shared, on_event)?;
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
    pub(crate) fn advance(
        &self,
        a: &mut Active,
        answer: Answer<'_>,
        shared: &Shared<'_>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<bool, GenerateError> {
        let token = a.sampler.choose(answer)?;
        a.generated += 1;
        a.draft.follow(token);
        let piece = self.vocabulary.piece(token);
        let channel = a.parser.channel();
        a.margin.hear(&self.vocabulary, channel, piece, answer)?;
        let step = a.parser.push(piece);
        if let Some((channel, text)) = step.text {
            on_event(Event::Text {
                index: a.index,
                channel,
                text,
            });
        }
        let room = self.backend.config().context - shared.len() - a.sequence.len();
        let finish = match step.finish {
            Some(finish) if self.ends == Ends::AsWritten => Some(finish),
            Some(_) | None if a.generated >= a.incoming.request.tokens_max || room == 0 => {
                Some(Finish::Length)
            }
            Some(_) | None => None,
        };
        a.pending.push(token);
        a.tokens.push(token);
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
