//! gpt-oss on a GPU: the same engine, with the forward pass in kernels of our own
//! (kernels/kernels.cu). EXPERIMENTAL: docs/gpu.md says what has been tested, and what has
//! never run on real hardware.
//!
//! `device.rs` is what the rest needs of a device; NVIDIA's driver is one, found at run time.

mod batch;
mod choose;
mod cuda;
mod device;
#[cfg(all(test, target_os = "linux"))]
mod emulated;
mod kernels;
mod layer;
mod model;
mod pages;
mod plan;
mod scratch;
mod selftest;
#[cfg(all(test, target_os = "linux"))]
mod tests;

pub use choose::{Gpu, GpuPlan, gpu_plan, gpus};
pub(crate) use choose::{digest, load};
pub(crate) use model::{Answers, Model, Part};
pub(crate) use pages::{Keep, Kv};
