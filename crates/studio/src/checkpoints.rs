//! Checkpoints on disk: what they are, whether they fit, whether they are whole, and
//! random ones to measure with. Nothing here needs a workspace's database.

use crate::models;
use crate::view::{CheckpointView, Failure, FaultView, FormatBytes, MemoryView, VerifiedView};
use engine::{Cancel, Checkpoint, LoadError, Machine, MemoryPlan, Numerics, Synth, Synthesised};
use serde::Serialize;
use std::path::{Path, PathBuf};

pub use engine::{Like, Workload};

/// A model's folder: `pebble`, or a path, seen from `root`.
pub fn folder(root: &Path, given: &str) -> Result<PathBuf, Failure> {
    let path = root.join(given);
    // A broken checkpoint is still one to be looked at.
    if given != models::PEBBLE && path.join("config.json").is_file() {
        return Ok(path);
    }
    models::find(root, given)
        .map(|found| found.path)
        .map_err(Failure::model)
}

/// Pebble's folder, with which a GPU is tested; none where it cannot be found.
pub fn pebble(root: &Path) -> Option<PathBuf> {
    folder(root, models::PEBBLE).ok()
}

/// What a model's folder holds, and whether it fits; `digest` reads every byte.
pub fn info(
    root: &Path,
    given: &str,
    numerics: Numerics,
    workload: Workload,
    digest: Digest,
) -> Result<CheckpointView, Failure> {
    let path = folder(root, given)?;
    let (mut checkpoint, plan) = engine::inspect(&path, numerics, workload).map_err(model)?;
    if digest == Digest::Compute {
        checkpoint.hash().map_err(model)?;
    }
    let (id, demonstration) = match models::find(root, given) {
        Ok(found) => (found.id, found.demonstration),
        Err(_) => (path.to_string_lossy().into_owned(), false),
    };
    Ok(view(id, demonstration, checkpoint, &plan))
}

/// The GPUs that a model could judge on, each with what fits it, or why there are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GpusView {
    pub gpus: Vec<GpuView>,
    /// Why no GPU can be used.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GpuView {
    pub name: String,
    /// `sm_90`, …
    pub architecture: String,
    pub memory_bytes: u64,
    /// What the model needs there; absent where it does not fit.
    pub needed_bytes: Option<u64>,
    /// Cases at once, of so many tokens, over a policy of so many.
    pub cases: u32,
    pub case_tokens: u32,
    pub policy_tokens: u32,
    /// Why it does not fit.
    pub refusal: Option<String>,
}

/// What a GPU's driver and a desktop are taken to use of its memory.
const GPU_TAKEN_BYTES: u64 = 1 << 30;

/// What of a model's folder fits which GPU. Nothing is started on them.
pub fn gpus(path: &Path) -> GpusView {
    match engine::gpus() {
        Err(why) => GpusView {
            gpus: Vec::new(),
            problem: Some(why),
        },
        Ok(found) => GpusView {
            gpus: found.into_iter().map(|gpu| fitted(path, gpu)).collect(),
            problem: None,
        },
    }
}

fn fitted(path: &Path, gpu: engine::Gpu) -> GpuView {
    let free = gpu.memory_bytes.saturating_sub(GPU_TAKEN_BYTES);
    let plan = engine::gpu_plan(path, free);
    let workload = plan.as_ref().ok().map(|plan| plan.workload);
    GpuView {
        name: gpu.name,
        architecture: gpu.architecture,
        memory_bytes: gpu.memory_bytes,
        needed_bytes: plan.as_ref().ok().map(|plan| plan.total_bytes),
        cases: workload.map_or(0, |workload| workload.cases),
        case_tokens: workload.map_or(0, |workload| workload.case_tokens),
        policy_tokens: workload.map_or(0, |workload| workload.policy_tokens),
        refusal: plan.err(),
    }
}

/// Whether `info` reads every byte for the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    Skip,
    Compute,
}

/// Compares everything in a model's folder with what it should be.
pub fn verify(
    path: &Path,
    cancel: &Cancel,
    on_progress: &mut dyn FnMut(u64, u64),
) -> Result<VerifiedView, Failure> {
    let verified = engine::verify(path, cancel, on_progress);
    let verified = verified.map_err(|error| stopped(error, cancel))?;
    let faults = verified.faults.into_iter().map(|fault| FaultView {
        file: fault.file,
        tensor: fault.tensor,
        message: fault.message,
    });
    Ok(VerifiedView {
        path: path.to_string_lossy().into_owned(),
        files: verified.files,
        tensors: verified.tensors,
        compared: verified.compared,
        bytes: verified.bytes,
        faults: faults.collect(),
    })
}

/// Writes random weights in a published model's shape.
pub fn synth(
    request: &Synth,
    cancel: &Cancel,
    on_progress: &mut dyn FnMut(u64, u64),
) -> Result<Synthesised, Failure> {
    engine::synth(request, cancel, on_progress).map_err(|error| match cancel.is_cancelled() {
        true => stopped(error, cancel),
        false => Failure::input(error.to_string()),
    })
}

fn model(error: LoadError) -> Failure {
    Failure::model(error.to_string())
}

fn stopped(error: LoadError, cancel: &Cancel) -> Failure {
    match cancel.is_cancelled() {
        true => Failure::cancelled(),
        false => model(error),
    }
}

fn view(id: String, demonstration: bool, c: Checkpoint, plan: &MemoryPlan) -> CheckpointView {
    let mut formats: Vec<FormatBytes> = c
        .types
        .into_iter()
        .map(|(format, bytes)| FormatBytes { format, bytes })
        .collect();
    formats.sort_by_key(|format| std::cmp::Reverse(format.bytes));
    CheckpointView {
        id,
        name: c.name,
        demonstration,
        path: c.path.to_string_lossy().into_owned(),
        architecture: "gpt_oss".to_owned(),
        layers: c.shape.layers,
        hidden: c.shape.hidden,
        intermediate: c.shape.intermediate,
        heads: c.shape.heads,
        kv_heads: c.shape.kv_heads,
        head_dim: c.shape.head_dim,
        experts: c.shape.experts,
        experts_active: c.shape.experts_active,
        vocab: c.shape.vocab,
        context_tokens: c.shape.context_tokens,
        window_tokens: c.shape.window_tokens,
        parameters: c.parameters,
        parameters_active: c.parameters_active,
        formats,
        weight_files: c.files,
        disk_bytes: c.disk_bytes,
        tokenizer: c.tokenizer,
        licence: c.licence,
        card: c.card.map(|card| card.to_string_lossy().into_owned()),
        digest: c.digest,
        memory: memory(plan, &Machine::here()),
    }
}

fn memory(plan: &MemoryPlan, machine: &Machine) -> MemoryView {
    let available = machine.memory_available_bytes;
    let refusal = plan.refusal(available);
    MemoryView {
        policy_tokens: plan.workload.policy_tokens,
        cases: plan.workload.cases,
        case_tokens: plan.workload.case_tokens,
        weights_bytes: plan.weights_bytes(),
        vocabulary_bytes: plan.vocabulary_bytes,
        kv_policy_bytes: plan.kv_policy_bytes,
        kv_cases_bytes: plan.kv_cases_bytes,
        activations_bytes: plan.activations_bytes,
        kv_bytes_per_token: plan.kv_bytes_per_token,
        total_bytes: plan.total_bytes(),
        available_bytes: available,
        spare_bytes: available.saturating_sub(plan.total_bytes()),
        machine_bytes: machine.memory_total_bytes,
        cases_max: plan.cases_max(available),
        fits: refusal.is_none(),
        refusal,
    }
}
