//! The engine's surface: load a checkpoint, generate replies.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::generate::{self, Loaded};
use crate::work::Done;

pub use crate::reply::{Channel, Finish};

/// A loaded model with its tokenizer and its cache of shared prefixes.
/// Shareable between threads; one generation runs at a time, others wait.
pub struct Engine {
    info: ModelInfo,
    loaded: Loaded,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// The checkpoint's folder name.
    pub name: String,
    /// SHA-256 over config, tokenizer and weights: 64 lower-case hexadecimal digits. On a GPU
    /// over what its results depend on as well: they are not the processor's to the bit.
    pub digest: String,
    /// `cpu`, or `cuda`, the GPU's name and its architecture.
    pub device: String,
    pub numerics: Numerics,
    /// Bytes of the weights in memory.
    pub bytes: u64,
    pub parameters: u64,
    pub layers: u32,
    pub vocab: u32,
    /// Longest sequence, in tokens, prompt and reply together.
    pub context_tokens: u32,
}

/// How products of weights and activations are computed. The same model says slightly
/// different things under the two, and each always says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numerics {
    /// Weights as they are, activations and sums in f32.
    #[default]
    Exact,
    /// Activations in 8 bits, experts as they are, other matrices in 8 bits. Several times as
    /// fast as `Exact`; docs/benchmarks.md has what it costs.
    Fast,
}

impl Numerics {
    pub fn name(self) -> &'static str {
        match self {
            Numerics::Exact => "exact",
            Numerics::Fast => "fast",
        }
    }
}

/// Where a model is to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    #[default]
    Cpu,
    /// An NVIDIA GPU where there is one that can, the processor elsewhere.
    Auto,
    /// An NVIDIA GPU, or nothing.
    Cuda,
}

/// Where to load a model to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Placement<'a> {
    pub device: Device,
    /// The demonstration model's folder, with which a GPU is tested before its first use; where
    /// it is not at hand, random weights of its shape serve.
    pub pebble: Option<&'a Path>,
    pub numerics: Numerics,
    /// A folder in which is kept between starts what costs a large model time: the digests of its
    /// files, and the last shared prefix.
    pub kept: Option<&'a Path>,
}

/// Why a checkpoint cannot be loaded: names the file, the tensor and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(pub String);

#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error("cancelled")]
    Cancelled,
    /// The shared prefix leaves no room for a reply.
    #[error("{0}")]
    TooLong(String),
    #[error("{0}")]
    Internal(String),
    /// Every other request was answered; these, by index, were not and say why. Only a judge
    /// behind a network has such.
    #[error("{} requests have no answer", .0.len())]
    Unanswered(Vec<(usize, String)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    Low,
    Medium,
    High,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    Greedy,
    Seeded {
        seed: u64,
        temperature: f64,
        top_p: f64,
    },
}

/// What all requests of one call share: the system block and the developer message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    pub effort: Effort,
    /// The developer message's text, without framing; encoded as ordinary text.
    pub developer: String,
}

/// One conversation to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The user message's text, without framing; encoded as ordinary text.
    pub user: String,
    pub sampling: Sampling,
    /// Bound on generated tokens.
    pub tokens_max: u32,
    pub alternatives: Alternatives,
    /// What the reply may well be: checked, never trusted.
    pub draft: Option<Draft>,
}

/// An earlier reply to the same conversation, under another policy. Where that pays it is put to
/// the model whole before anything is written, elsewhere piece by piece: what the model still says
/// costs few passes, and the reply is the same as without.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    pub analysis: String,
    pub answer: String,
}

/// A request that comes while others are answered, and the flag by which whoever sent it
/// gives it up: it then ends within a step, without an event, and makes room.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub request: Request,
    pub cancel: Cancel,
}

/// Beginnings of final messages on two sides. The margin is the log-odds of `over`
/// against `under` at the first token of the final message that belongs to one side only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alternatives {
    pub over: Vec<String>,
    pub under: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The shared prefix is in the cache: its tokens, and how many of them were there already.
    PrefixReady {
        tokens: u32,
        reused: u32,
        elapsed_ms: f64,
    },
    /// Text generated for a request, by its index in the call.
    Text {
        index: usize,
        channel: Channel,
        text: String,
    },
    /// The model no longer says what a request's draft says. Behind the draft's reasoning it would
    /// answer with this margin all the same: the reply that is still to be written may say otherwise.
    Preview {
        index: usize,
        margin: f64,
    },
    Finished {
        index: usize,
        reply: Reply,
    },
    /// The request is asked again, and what was written for it so far does not count. Only a
    /// judge behind a network does so.
    Restarted {
        index: usize,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The analysis channel, whole.
    pub analysis: String,
    /// The final message; absent when the reply never reached the final channel.
    pub answer: Option<String>,
    pub finish: Finish,
    /// Log-odds; absent when no token decided.
    pub margin: Option<f64>,
    pub prompt_tokens: u32,
    pub reused_tokens: u32,
    pub generated_tokens: u32,
    /// Tokens of the draft that were put to the model, and those that it confirmed.
    pub drafted_tokens: u32,
    pub accepted_tokens: u32,
    pub latency_ms: f64,
}

/// Asks a generation to stop; it does within one step. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Engine {
    /// Loads a folder with config.json, *.safetensors and tokenizer.json, or a GGUF file, onto
    /// the processor, to be computed exactly.
    pub fn load(dir: &Path) -> Result<Engine, LoadError> {
        Engine::load_to(dir, Placement::default())
    }

    /// As `load`, with other numerics.
    pub fn load_as(dir: &Path, numerics: Numerics) -> Result<Engine, LoadError> {
        let placement = Placement {
            numerics,
            ..Placement::default()
        };
        Engine::load_to(dir, placement)
    }

    /// As `load`, onto the device that is asked for.
    pub fn load_to(dir: &Path, placement: Placement<'_>) -> Result<Engine, LoadError> {
        let (info, loaded) = generate::load(dir, placement)?;
        Ok(Engine { info, loaded })
    }

    pub(crate) fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Tokens of the prompt for one request: system block, developer and user message.
    pub fn prompt_tokens(&self, prefix: &Prefix, user: &str) -> u32 {
        self.loaded.prompt_tokens(prefix, user)
    }

    /// Answers all requests over one shared prefix, several at a time, in the given
    /// order of start; events come as they happen. Blocking: call it from a worker thread.
    pub fn generate(
        &self,
        prefix: &Prefix,
        requests: &[Request],
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        let mut waiting = requests.iter();
        let mut next = || {
            waiting.next().map(|request| Incoming {
                request: request.clone(),
                cancel: Cancel::default(),
            })
        };
        self.generate_from(prefix, &mut next, cancel, on_event)
    }

    /// As `generate`, with requests that come as they may: `next` is asked before each
    /// step in which there is room, and the call ends once it has nothing and all are
    /// answered. The index in events counts what `next` gave.
    pub fn generate_from(
        &self,
        prefix: &Prefix,
        next: &mut dyn FnMut() -> Option<Incoming>,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        self.loaded.generate(prefix, next, cancel, on_event)
    }

    /// Keeps the last shared prefix in a folder from now on.
    #[cfg(test)]
    pub(crate) fn keep_prefix(&mut self, folder: &Path) {
        self.loaded.keep_prefix(folder, &self.info);
    }

    /// Replies run to their bound, whatever the model says, for measuring.
    pub(crate) fn run_to_the_bound(&mut self) {
        self.loaded.run_to_the_bound();
    }

    /// Whether replies begin together, for measuring.
    pub(crate) fn begin_together(&self, together: bool) {
        self.loaded.begin_together(together);
    }

    /// Forgets the shared prefix of the last call, for measuring.
    pub(crate) fn forget(&self) {
        self.loaded.forget();
    }

    /// What the model did since this was asked last, for measuring.
    pub(crate) fn done(&self) -> Option<Done> {
        self.loaded.done()
    }

    /// Replies that are under way at once.
    pub(crate) fn batch_max(&self) -> u32 {
        self.loaded.batch_max()
    }
}
