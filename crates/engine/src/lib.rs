//! The model: loads a gpt-oss checkpoint and generates replies to batches of
//! conversations that share a prefix. It knows messages and tokens, never policies.

mod api;
mod attention;
mod config;
mod draft;
mod generate;
mod harmony;
mod linear;
mod margin;
mod model;
mod moe;
mod mxfp4;
mod sampling;
mod simd;
#[cfg(test)]
mod testing;
mod vocabulary;
mod weights;

pub use api::*;
pub use model::last_logits;
