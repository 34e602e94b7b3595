//! Models on OpenAI-compatible servers: vLLM, llama-server, Ollama, LM Studio, hosted ones,
//! and `touchstone serve`. It knows messages, servers and keys, never policies or verdicts;
//! whether content may leave the machine is decided by who calls it.

mod api;
mod body;
mod client;
mod endpoint;
mod fault;
mod generate;
mod harmony;
mod keys;
mod margin;
mod probe;
mod reply;
mod responses;
mod stream;
mod wire;

pub use api::*;
pub use client::{Client, Connect};
pub use endpoint::Endpoint;
pub use fault::Fault;
pub use keys::{Key, KeyError, Keys, Place};
