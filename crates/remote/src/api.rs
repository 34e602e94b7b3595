//! What is asked of a server and what it answers, in the terms of every server alike.

use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    Low,
    Medium,
    High,
}

impl Effort {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
        }
    }
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

/// What all requests of one call share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    pub effort: Effort,
    /// The system block's text, as our own harmony prompt has it; only raw completions send it.
    pub system: String,
    /// The developer message's text, heading included.
    pub developer: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub user: String,
    pub sampling: Sampling,
    pub tokens_max: u32,
    /// Beginnings of answers on two sides, for the margin.
    pub over: Vec<String>,
    pub under: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Analysis,
    Commentary,
    Final,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The first request's prefix is in the server's cache, as far as can be told.
    Warm {
        elapsed_ms: f64,
    },
    Text {
        index: usize,
        channel: Channel,
        text: String,
    },
    /// The request is asked again: what was written for it so far does not count.
    Again {
        index: usize,
    },
    Finished {
        index: usize,
        reply: Reply,
    },
    /// No answer; asking again later may bring one.
    Failed {
        index: usize,
        message: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The reasoning, whole, as the server gave it.
    pub analysis: String,
    /// The final message; absent when there was none.
    pub answer: Option<String>,
    pub finish: Finish,
    /// Log-odds; absent where the server gives no log-probabilities or none decided.
    pub margin: Option<f64>,
    pub prompt_tokens: u32,
    /// Prompt tokens that the server says it had in its cache.
    pub reused_tokens: u32,
    pub generated_tokens: u32,
    pub latency_ms: f64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    Stop,
    Length,
    /// The message format was broken.
    Malformed(String),
    /// The server will not answer this request, and would not next time: why.
    Refused(String),
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `/chat/completions`: the server renders the prompt.
    #[default]
    Chat,
    /// `/responses`: the server renders the prompt, and is told to keep nothing.
    Responses,
    /// `/completions` with our own harmony prompt, and the reply read by us.
    Completions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Vllm,
    LlamaServer,
    Ollama,
    LmStudio,
    Touchstone,
    /// Any other that speaks the interface.
    Other,
}

impl Kind {
    /// As its makers write it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Vllm => "vLLM",
            Kind::LlamaServer => "llama-server",
            Kind::Ollama => "Ollama",
            Kind::LmStudio => "LM Studio",
            Kind::Touchstone => "touchstone serve",
            Kind::Other => "OpenAI-compatible",
        }
    }
}

/// What a server says of itself and of the model that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The base of its interface, without any key.
    pub url: String,
    pub kind: Kind,
    pub api: Api,
    /// The model as it is asked for.
    pub model: String,
    /// The model as replies name it.
    pub answers_as: Option<String>,
    pub version: Option<String>,
    pub fingerprint: Option<String>,
    pub quantization: Option<String>,
    /// Of the weights, where the server says it: `touchstone serve` and Ollama do.
    pub digest: Option<String>,
    pub context_tokens: Option<u32>,
    /// A `touchstone serve` with the demonstration model.
    pub demonstration: bool,
    /// Whether the same question is promised the same answer.
    pub repeats: bool,
}

/// A model as a server lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub id: String,
    pub owner: Option<String>,
    pub context_tokens: Option<u32>,
    pub quantization: Option<String>,
    /// Only `touchstone serve` says these: SHA-256 of the weights, whether it is the
    /// demonstration model, and whether it is sure to repeat itself.
    pub digest: Option<String>,
    pub demonstration: bool,
    pub repeats: bool,
}

/// Bounds on everything that a server could take without end.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Requests in flight.
    pub concurrency: usize,
    pub connect: Duration,
    /// Between two pieces of a reply, the wait for the first included.
    pub idle: Duration,
    /// Of one attempt.
    pub total: Duration,
    /// Attempts at one request; refusals for load are bounded by `patience` instead.
    pub attempts_max: u32,
    pub backoff_first: Duration,
    pub backoff_most: Duration,
    /// How long one request waits in all while the server says that it is busy.
    pub patience: Duration,
    /// Of reasoning and answer together.
    pub text_bytes_max: usize,
    /// Of everything that comes for one request, log-probabilities included.
    pub wire_bytes_max: usize,
    /// So many requests without an answer, with none answered between: the server is gone.
    pub failures_in_a_row_max: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            concurrency: 8,
            connect: Duration::from_secs(10),
            // A cold 120b on a loaded server takes minutes to its first token.
            idle: Duration::from_secs(300),
            total: Duration::from_secs(1800),
            attempts_max: 5,
            backoff_first: Duration::from_millis(500),
            backoff_most: Duration::from_secs(30),
            patience: Duration::from_secs(600),
            // The longest bound on a reply is 8,192 tokens, some 40 KB.
            text_bytes_max: 1 << 20,
            wire_bytes_max: 128 << 20,
            failures_in_a_row_max: 4,
        }
    }
}
