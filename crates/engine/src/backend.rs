//! Where the forward pass runs: on the processor or on a GPU, behind one face. It gives logits
//! for tokens and keeps sequences; who asks for them, and what for, is generate.rs's.

use std::borrow::Cow;
use std::path::Path;

use crate::attention::{Kv, Stretch};
use crate::config::Config;
use crate::gpu;
use crate::machine::Machine;
use crate::memory;
use crate::model::{self, CHUNK, Model, PREFIX_CHUNK};
use crate::sampling::greedy;
use crate::weights::Weights;
use crate::work::Done;
use crate::{Device, GenerateError, LoadError, Numerics, Placement};

pub(crate) enum Backend {
    Cpu(Box<Model>),
    Gpu(Box<gpu::Model>),
}

/// Keys and values of one sequence, where its backend keeps them.
pub(crate) enum Sequence {
    Cpu(Kv),
    Gpu(gpu::Kv),
}

/// What all sequences of a step follow: the first positions of some others, one behind the other.
/// On a GPU it is one whole sequence, or nothing.
#[derive(Default)]
pub(crate) struct Shared<'a> {
    stretches: Vec<(&'a Sequence, usize)>,
    len: usize,
}

/// Tokens that a step adds to one sequence.
pub(crate) struct Part<'a> {
    pub(crate) sequence: &'a mut Sequence,
    pub(crate) tokens: &'a [u32],
    /// After how many of the last tokens the logits are wanted.
    pub(crate) logits: usize,
}

/// What a step says of the rows that asked.
pub(crate) enum Answers<'a> {
    /// [rows, V]
    Cpu { logits: Vec<f32>, vocab: usize },
    /// On the device still, but for the best tokens.
    Gpu {
        answers: gpu::Answers<'a>,
        best: Vec<Option<u32>>,
    },
}

/// One row's answer.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    answers: &'a Answers<'a>,
    row: usize,
}

impl Sequence {
    pub(crate) fn len(&self) -> usize {
        match self {
            Sequence::Cpu(kv) => kv.len(),
            Sequence::Gpu(kv) => kv.len(),
        }
    }

    /// Whether others can follow a part of it: on a GPU there is room for one prefix, which is
    /// followed as a whole.
    pub(crate) fn is_followed_in_part(&self) -> bool {
        match self {
            Sequence::Cpu(_) => true,
            Sequence::Gpu(_) => false,
        }
    }

    /// Forgets all positions from `len` on for good.
    pub(crate) fn shorten(&mut self, len: usize) {
        match self {
            Sequence::Cpu(kv) => kv.shorten(len),
            Sequence::Gpu(kv) => kv.truncate(len),
        }
    }

    /// Forgets all positions from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        match self {
            Sequence::Cpu(kv) => kv.truncate(len),
            Sequence::Gpu(kv) => kv.truncate(len),
        }
    }

    /// Positions from `len` on may be forgotten again, until this is taken back; the processor's
    /// alone, on a GPU no more than a draft's.
    pub(crate) fn keep_back_to(&mut self, len: Option<usize>) {
        if let Sequence::Cpu(kv) = self {
            kv.keep_back_to(len);
        }
    }

    /// Declares positions complete that a step computed and `truncate` set aside.
    pub(crate) fn extend(&mut self, positions: usize) {
        match self {
            Sequence::Cpu(kv) => kv.extend(positions),
            Sequence::Gpu(kv) => kv.extend(positions),
        }
    }
}

impl<'a> Shared<'a> {
    /// In order, each with how many of its first positions are followed.
    pub(crate) fn new(stretches: Vec<(&'a Sequence, usize)>) -> Shared<'a> {
        let len = stretches.iter().map(|(_, len)| len).sum();
        Shared { stretches, len }
    }

    /// Positions in all.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All of them in one sequence; there is nothing to copy on a GPU.
    pub(crate) fn copy(&self) -> Sequence {
        Sequence::Cpu(Kv::joined(&self.on_cpu()))
    }

    pub(crate) fn on_cpu(&self) -> Vec<Stretch<'a>> {
        let on_cpu = |&(sequence, len): &(&'a Sequence, usize)| match sequence {
            Sequence::Cpu(kv) => Stretch::new(kv, len),
            Sequence::Gpu(_) => unreachable!("{OTHER}"),
        };
        self.stretches.iter().map(on_cpu).collect()
    }

    fn on_gpu(&self) -> Option<&'a gpu::Kv> {
        self.stretches.first().map(|(sequence, _)| match sequence {
            Sequence::Gpu(kv) => kv,
            Sequence::Cpu(_) => unreachable!("{OTHER}"),
        })
    }
}

/// Pages for keys and values, of layers with full attention and of sliding ones. Memory of the
/// processor grows as it must, and needs none.
#[derive(Clone, Copy)]
pub(crate) struct Room([usize; 2]);

impl Room {
    /// What is left when a sequence grows by `tokens`, if that is possible.
    pub(crate) fn without(
        self,
        shared: &Shared<'_>,
        sequence: &Sequence,
        tokens: usize,
    ) -> Option<Room> {
        let needs = match sequence {
            Sequence::Gpu(kv) if tokens > 0 => kv.needs(shared.on_gpu(), tokens),
            Sequence::Gpu(_) | Sequence::Cpu(_) => [0; 2],
        };
        let [full, sliding] = [0, 1].map(|kind| self.0[kind].checked_sub(needs[kind]));
        Some(Room([full?, sliding?]))
    }
}

/// A model where it is to be. That the processor computes in place of a GPU is told with the
/// reason to whoever listens to warnings.
pub(crate) fn load(
    dir: &Path,
    config: &Config,
    weights: &Weights,
    placement: Placement<'_>,
) -> Result<Backend, LoadError> {
    let fail = |why: String| LoadError(format!("{}: {why}", dir.display()));
    let cpu = || {
        memory::check(config, weights, placement.numerics, &Machine::here()).map_err(fail)?;
        let model = Model::load(config.clone(), weights, placement.numerics)?;
        Ok(Backend::Cpu(Box::new(model)))
    };
    let gpu = || {
        if placement.numerics == Numerics::Fast {
            return Err("fast numerics are the processor's alone".to_owned());
        }
        let model = gpu::load(config, weights, placement.pebble)?;
        Ok::<_, String>(Backend::Gpu(Box::new(model)))
    };
    match placement.device {
        Device::Cpu => cpu(),
        Device::Cuda => gpu().map_err(|why| {
            fail(format!(
                "cannot be loaded onto a GPU: {why}. Judge on the processor (device cpu)."
            ))
        }),
        Device::Auto => gpu().or_else(|why| {
            tracing::warn!("The processor computes, and no GPU: {why}.");
            cpu()
        }),
    }
}

impl Backend {
    /// `cpu`, or the GPU's name.
    pub(crate) fn device(&self) -> &str {
        match self {
            Backend::Cpu(_) => "cpu",
            Backend::Gpu(model) => model.device(),
        }
    }

    /// The digest of what judges, of a checkpoint's own.
    pub(crate) fn digest(&self, checkpoint: String) -> String {
        match self {
            Backend::Cpu(_) => checkpoint,
            Backend::Gpu(model) => gpu::digest(&checkpoint, model.device()),
        }
    }

    /// What the model was loaded for; a GPU knows exact ones only.
    pub(crate) fn numerics(&self) -> Numerics {
        match self {
            Backend::Cpu(model) => model.numerics,
            Backend::Gpu(_) => Numerics::Exact,
        }
    }

    /// What was done since this was asked last; nothing is counted on a GPU.
    pub(crate) fn done(&self) -> Option<Done> {
        match self {
            Backend::Cpu(model) => Some(model.work()),
            Backend::Gpu(_) => None,
        }
    }

    pub(crate) fn config(&self) -> &Config {
        match self {
            Backend::Cpu(model) => &model.config,
            Backend::Gpu(model) => &model.config,
        }
    }

    /// A prefix that others follow.
    pub(crate) fn prefix(&self) -> Sequence {
        match self {
            Backend::Cpu(model) => Sequence::Cpu(Kv::new(&model.config)),
            Backend::Gpu(model) => Sequence::Gpu(model.sequence(gpu::Keep::All)),
        }
    }

    /// A sequence that nobody follows.
    pub(crate) fn sequence(&self) -> Sequence {
        match self {
            Backend::Cpu(model) => Sequence::Cpu(Kv::sliding(&model.config)),
            Backend::Gpu(model) => Sequence::Gpu(model.sequence(gpu::Keep::Window)),
        }
    }

    /// What the memory for keys and values still holds.
    pub(crate) fn room(&self) -> Room {
        match self {
            Backend::Cpu(_) => Room([usize::MAX; 2]),
            Backend::Gpu(model) => Room(model.pages_left()),
        }
    }

    /// Tokens of a prefix that are computed in one step.
    pub(crate) fn chunk(&self) -> usize {
        match self {
            Backend::Cpu(_) => PREFIX_CHUNK,
            Backend::Gpu(model) => model.rows_max(),
        }
    }

    /// Tokens of prompts that are computed in one step while no reply is under way.
    pub(crate) fn prompt_rows(&self) -> usize {
        match self {
            Backend::Cpu(_) => PREFIX_CHUNK,
            Backend::Gpu(_) => CHUNK,
        }
    }

    /// Appends each part's tokens to its sequence, which follows `shared`. Gives up between
    /// layers when `stop` says so; the sequences are then as before.
    pub(crate) fn forward(
        &self,
        shared: &Shared<'_>,
        parts: &mut [Part<'_>],
        stop: &dyn Fn() -> bool,
    ) -> Result<Answers<'_>, GenerateError> {
        match self {
            Backend::Cpu(model) => {
                let shared = shared.on_cpu();
                let mut parts: Vec<_> = parts
                    .iter_mut()
                    .map(|part| model::Part {
                        kv: match part.sequence {
                            Sequence::Cpu(kv) => kv,
                            Sequence::Gpu(_) => unreachable!("{OTHER}"),
                        },
                        tokens: part.tokens,
                        logits: part.logits,
                    })
                    .collect();
                Ok(Answers::Cpu {
                    logits: model.forward(&shared, &mut parts, stop)?,
                    vocab: model.config.vocab,
                })
            }
            Backend::Gpu(model) => {
                let mut parts: Vec<_> = parts
                    .iter_mut()
                    .map(|part| gpu::Part {
                        kv: match part.sequence {
                            Sequence::Gpu(kv) => kv,
                            Sequence::Cpu(_) => unreachable!("{OTHER}"),
                        },
                        tokens: part.tokens,
                        logits: part.logits,
                    })
                    .collect();
                let answers = model.forward(shared.on_gpu(), &mut parts, stop)?;
                let best = answers.best()?;
                Ok(Answers::Gpu { answers, best })
            }
        }
    }
}

const OTHER: &str = "a sequence stays with the backend that made it";

impl Answers<'_> {
    pub(crate) fn row(&self, row: usize) -> Answer<'_> {
        Answer { answers: self, row }
    }
}

impl<'a> Answer<'a> {
    /// The likeliest token, the lowest of equals; absent where a logit is not a number.
    pub(crate) fn best(self) -> Option<u32> {
        match self.answers {
            Answers::Cpu { logits, vocab } => greedy(&logits[self.row * vocab..][..*vocab]),
            Answers::Gpu { best, .. } => best[self.row],
        }
    }

    /// All logits of the row.
    pub(crate) fn logits(self) -> Result<Cow<'a, [f32]>, GenerateError> {
        match self.answers {
            Answers::Cpu { logits, vocab } => {
                Ok(Cow::Borrowed(&logits[self.row * vocab..][..*vocab]))
            }
            Answers::Gpu { answers, .. } => Ok(Cow::Owned(answers.logits(self.row..self.row + 1)?)),
        }
    }
}

/// The logits after the last of `tokens`, for parity checks: config.json and safetensors
/// suffice.
pub fn last_logits(dir: &Path, numerics: Numerics, tokens: &[u32]) -> Result<Vec<f32>, LoadError> {
    let placement = Placement {
        numerics,
        ..Placement::default()
    };
    last_logits_at(dir, tokens, placement)
}

/// As `last_logits`, on the device that is asked for.
pub fn last_logits_at(
    dir: &Path,
    tokens: &[u32],
    placement: Placement<'_>,
) -> Result<Vec<f32>, LoadError> {
    let config = Config::load(dir)?;
    let backend = load(dir, &config, &Weights::open(dir)?, placement)?;
    if tokens.is_empty() || tokens.len() > config.context {
        return Err(LoadError(format!(
            "{} tokens given; between 1 and {} are needed.",
            tokens.len(),
            config.context
        )));
    }
    if let Some(token) = tokens.iter().find(|&&token| token as usize >= config.vocab) {
        return Err(LoadError(format!(
            "token {token} is outside of the vocabulary: ids run from 0 to {}.",
            config.vocab - 1
        )));
    }
    let fail = |error: GenerateError| LoadError(error.to_string());
    let mut sequence = backend.sequence();
    let mut logits = Vec::new();
    let chunks = tokens.len().div_ceil(CHUNK);
    for (i, tokens) in tokens.chunks(CHUNK).enumerate() {
        let last = i + 1 == chunks;
        let part = Part {
            sequence: &mut sequence,
            tokens,
            logits: usize::from(last),
        };
        let answers = backend
            .forward(&Shared::default(), &mut [part], &|| false)
            .map_err(fail)?;
        if last {
            logits = answers.row(0).logits().map_err(fail)?.into_owned();
        }
    }
    Ok(logits)
}
