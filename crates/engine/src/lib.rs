//! The model: loads a gpt-oss checkpoint and generates replies to batches of
//! conversations that share a prefix. It knows messages and tokens, never policies.

mod active;
mod api;
mod attention;
mod backend;
pub mod bench;
mod checkpoint;
mod config;
mod crew;
mod digest;
mod divergence;
mod dot;
mod draft;
mod generate;
mod gguf;
mod gpu;
mod harmony;
mod layout;
mod linear;
mod look;
mod machine;
mod margin;
mod memory;
mod model;
mod moe;
mod mxfp4;
mod o200k;
mod pages;
mod panel;
mod prefixes;
mod projection;
mod quant;
mod reply;
mod sampling;
mod shelf;
mod simd;
mod step;
mod synth;
#[cfg(test)]
mod testing;
mod verify;
mod vocabulary;
mod weights;
mod work;

pub use api::*;
pub use backend::{last_logits, last_logits_at};
pub use checkpoint::{Checkpoint, Shape, inspect};
pub use divergence::{Divergence, Written};
pub use gguf::file_of as gguf_file;
pub use gpu::{Gpu, GpuPlan, gpu_plan, gpus};
pub use harmony::system as system_block;
pub use machine::{Machine, free_bytes};
pub use memory::{MemoryPlan, Workload, gib};
pub use synth::{Like, Synth, Synthesised, synth};
pub use verify::{
    Fault, FileDigest, MANIFEST, Manifest, ManifestFile, Verified, sha256_of, verify,
};
