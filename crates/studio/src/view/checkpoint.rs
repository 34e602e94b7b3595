//! Models on this machine: what a folder holds, what fits here, what verifying, fetching
//! and measuring one gave.

use super::ModelView;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A checkpoint as its files describe it; nothing of it need be loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CheckpointView {
    /// As `ModelView::id`.
    pub id: String,
    pub name: String,
    pub demonstration: bool,
    pub path: String,
    /// `gpt_oss`: the one architecture that the engine runs.
    pub architecture: String,
    pub layers: u32,
    pub hidden: u32,
    pub intermediate: u32,
    pub heads: u32,
    pub kv_heads: u32,
    pub head_dim: u32,
    pub experts: u32,
    /// Experts that each token goes through.
    pub experts_active: u32,
    pub vocab: u32,
    pub context_tokens: u32,
    /// Of the layers that slide.
    pub window_tokens: Option<u32>,
    #[ts(type = "number")]
    pub parameters: u64,
    #[ts(type = "number")]
    pub parameters_active: u64,
    /// Bytes of weights by number format, the largest first.
    pub formats: Vec<FormatBytes>,
    pub weight_files: u32,
    #[ts(type = "number")]
    pub disk_bytes: u64,
    pub tokenizer: bool,
    pub licence: Option<String>,
    /// The model card's file.
    pub card: Option<String>,
    /// SHA-256 over config, tokenizer and weights, where it was asked for or is known.
    pub digest: Option<String>,
    pub memory: MemoryView,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FormatBytes {
    /// `MXFP4`, `BF16`, …
    pub format: String,
    #[ts(type = "number")]
    pub bytes: u64,
}

/// Memory planned from config and tensors, against what this machine has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct MemoryView {
    pub policy_tokens: u32,
    pub cases: u32,
    pub case_tokens: u32,
    #[ts(type = "number")]
    pub weights_bytes: u64,
    #[ts(type = "number")]
    pub vocabulary_bytes: u64,
    #[ts(type = "number")]
    pub kv_policy_bytes: u64,
    #[ts(type = "number")]
    pub kv_cases_bytes: u64,
    #[ts(type = "number")]
    pub activations_bytes: u64,
    #[ts(type = "number")]
    pub kv_bytes_per_token: u64,
    #[ts(type = "number")]
    pub total_bytes: u64,
    #[ts(type = "number")]
    pub available_bytes: u64,
    /// What is left of the available; nothing where it does not fit.
    #[ts(type = "number")]
    pub spare_bytes: u64,
    #[ts(type = "number")]
    pub machine_bytes: u64,
    /// Cases of this length that fit at once, up to the engine's most.
    pub cases_max: u32,
    pub fits: bool,
    /// Why it does not fit, with figures and a remedy.
    pub refusal: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct VerifiedView {
    pub path: String,
    pub files: u32,
    pub tensors: u32,
    /// Files that were compared with a digest stored beside them.
    pub compared: u32,
    #[ts(type = "number")]
    pub bytes: u64,
    pub faults: Vec<FaultView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FaultView {
    /// Relative to the model's folder.
    pub file: String,
    pub tensor: Option<String>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// What the Models screen shows before one is looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ModelsView {
    pub machine: MachineView,
    /// Where fetched models are kept.
    pub folder: String,
    #[ts(type = "number | null")]
    pub folder_free_bytes: Option<u64>,
    /// The hub that is asked where no other is named.
    pub endpoint: String,
    /// Models that Touchstone is made for.
    pub suggested: Vec<String>,
    pub installed: Vec<ModelView>,
    pub unfinished: Vec<UnfinishedView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct MachineView {
    pub cpu: String,
    pub cores: u32,
    /// The kernels chosen: `avx512`, `avx2`, `portable`.
    pub instructions: String,
    #[ts(type = "number")]
    pub memory_total_bytes: u64,
    #[ts(type = "number")]
    pub memory_available_bytes: u64,
}

/// A fetch that was cut or stopped; asking for the same again goes on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct UnfinishedView {
    pub path: String,
    pub request: FetchRequest,
    #[ts(type = "number")]
    pub done_bytes: u64,
    #[ts(type = "number")]
    pub total_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FetchRequest {
    /// `OWNER/MODEL` on the hub.
    pub repository: String,
    /// A branch, a tag or a commit; else `main`.
    pub revision: Option<String>,
    /// The hub's address; else `ModelsView::endpoint`.
    pub endpoint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FetchedView {
    /// As `ModelView::id`.
    pub id: String,
    pub path: String,
    pub commit: String,
    pub files: u32,
    #[ts(type = "number")]
    pub bytes: u64,
    /// Of these, what came over the network now.
    #[ts(type = "number")]
    pub fetched_bytes: u64,
}

/// How far fetching or verifying is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ModelProgress {
    pub file: Option<String>,
    #[ts(type = "number")]
    pub done_bytes: u64,
    #[ts(type = "number")]
    pub total_bytes: u64,
    #[ts(type = "number")]
    pub bytes_per_s: u64,
    pub left_ms: Option<f64>,
}

/// A short measurement of a model on this machine; medians.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SpeedView {
    pub model: String,
    pub threads: u32,
    pub repeats: u32,
    pub load_ms: f64,
    pub prompt_tokens: u32,
    pub prefill_tokens_per_s: f64,
    /// Of one reply alone.
    pub decode_tokens_per_s: f64,
}
