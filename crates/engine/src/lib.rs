//! The model: loads a gpt-oss checkpoint and generates replies to batches of
//! conversations that share a prefix. It knows messages and tokens, never policies.

mod api;

pub use api::*;
