//! Models on servers, as hosts show them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A model on a server, and whether content may go there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ServerView {
    /// The base of its interface.
    pub url: String,
    pub host: String,
    pub model: Option<String>,
    pub leaves_machine: bool,
    pub encrypted: bool,
    /// Somebody allowed it, or it is this machine.
    pub allowed: bool,
    /// Added to the workspace, and not only named by touchstone.toml or an option.
    pub stored: bool,
    /// How it is spoken to.
    pub options: ServerOptions,
    /// What it said of itself, once it was asked.
    pub software: Option<String>,
    pub version: Option<String>,
    pub quantization: Option<String>,
    /// Whether the same question is promised the same answer.
    pub repeats: bool,
}

/// How a model on a server is spoken to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub struct ServerOptions {
    /// Raw completions with our own prompt, in place of chat.
    pub raw: bool,
    /// `/responses` in place of `/chat/completions`.
    pub responses: bool,
    /// Requests in flight.
    pub concurrency: Option<u32>,
    /// Money for a million tokens read, and written.
    pub price_prompt: Option<f64>,
    pub price_generated: Option<f64>,
    pub currency: Option<String>,
}

/// A model that a server lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FoundModel {
    pub id: String,
    pub address: String,
    pub context_tokens: Option<u32>,
}

/// A server that answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ServerCheck {
    pub server: ServerView,
    pub elapsed_ms: f64,
}

/// A host that content of the workspace may be sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct HostView {
    pub host: String,
    pub plain_http: bool,
}

/// What a server counted for a run's new outcomes, and what that costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Usage {
    #[ts(type = "number")]
    pub prompt_tokens: u64,
    /// Prompt tokens that the server had in its cache.
    #[ts(type = "number")]
    pub reused_tokens: u64,
    #[ts(type = "number")]
    pub generated_tokens: u64,
    /// Absent where no prices are configured.
    pub cost: Option<f64>,
    pub currency: Option<String>,
}
