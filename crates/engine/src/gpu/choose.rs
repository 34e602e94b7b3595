//! Whether a GPU computes: which there are, whether the first one passes its self-test, whether
//! a model fits it. Each refusal is a sentence with its reason.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use super::cuda::{self, Cuda};
use super::device::Device;
use super::kernels::PTX;
use super::model::Model;
use super::plan;
use super::selftest::{self, REPLY_TOKENS};
use crate::config::Config;
use crate::memory::Workload;
use crate::weights::{Weights, hex};

/// A GPU of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    pub name: String,
    /// `sm_90`, …
    pub architecture: String,
    pub memory_bytes: u64,
}

/// The GPUs that CUDA knows, or why there are none. Nothing is started on them.
pub fn gpus() -> Result<Vec<Gpu>, String> {
    let found = cuda::devices().map_err(|fault| fault.0)?;
    Ok(found
        .into_iter()
        .map(|found| Gpu {
            name: found.name,
            architecture: format!("sm_{}", found.capability),
            memory_bytes: found.memory_bytes,
        })
        .collect())
}

/// What a model takes on a GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuPlan {
    pub weights_bytes: u64,
    pub kv_bytes: u64,
    pub step_bytes: u64,
    /// With what is left to spare.
    pub total_bytes: u64,
    /// What fits: a policy and cases at once, of so many tokens.
    pub workload: Workload,
}

/// What of a checkpoint's folder fits a GPU with so many bytes free, or why nothing does.
pub fn gpu_plan(dir: &Path, free_bytes: u64) -> Result<GpuPlan, String> {
    let config = Config::load(dir).map_err(|error| error.0)?;
    let weights = Weights::open(dir).map_err(|error| error.0)?;
    let plan = plan::plan(&config, |name| weights.dtype(name), free_bytes)?;
    Ok(GpuPlan {
        weights_bytes: plan.weights_bytes,
        kv_bytes: plan.kv_bytes,
        step_bytes: plan.step_bytes,
        total_bytes: plan.total_bytes(),
        workload: plan.workload,
    })
}

/// The first GPU, opened and tested once a process; `pebble` is the demonstration model's
/// folder, if it is at hand.
fn tested(pebble: Option<&Path>) -> Result<Arc<dyn Device>, String> {
    static TESTED: OnceLock<Result<Arc<dyn Device>, String>> = OnceLock::new();
    let tested = TESTED.get_or_init(|| {
        let cuda = Cuda::open().map_err(|fault| fault.0)?;
        let device: Arc<dyn Device> = Arc::new(cuda);
        let passed = selftest::check(&device, pebble, REPLY_TOKENS)
            .map_err(|why| format!("{} is not used, because {why}", device.name()))?;
        tracing::info!(
            device = device.name(),
            ?passed,
            "the GPU passed its self-test"
        );
        Ok(device)
    });
    tested.clone()
}

/// A model on the first GPU, or why it cannot be there.
pub(crate) fn load(
    config: &Config,
    weights: &Weights,
    pebble: Option<&Path>,
) -> Result<Model, String> {
    let device = tested(pebble)?;
    let free = device.free_bytes().map_err(|fault| fault.0)?;
    let plan = plan::plan(config, |name| weights.dtype(name), free)?;
    Model::load(device, config.clone(), weights, plan).map_err(|error| error.0)
}

/// The digest of what judges: the checkpoint's, and where a device computes, what its bits
/// depend on, so that outcomes of different devices are never taken for each other's.
pub(crate) fn digest(checkpoint: &str, device: &str) -> String {
    let kernels = hex(&Sha256::digest(PTX));
    hex(&Sha256::digest(format!(
        "{checkpoint}\n{device}\n{kernels}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_is_another_judge() {
        let (a, b) = (digest("a", "cuda x sm_90"), digest("a", "cuda x sm_80"));
        assert_ne!(a, b);
        assert_ne!(a, digest("b", "cuda x sm_90"));
        assert_eq!((a.len(), a.clone()), (64, digest("a", "cuda x sm_90")));
    }
}
