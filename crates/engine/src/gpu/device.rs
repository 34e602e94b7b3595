//! What the forward pass needs of a device: memory, copies, launches. The CUDA driver is one
//! (`cuda.rs`); the host, running the same kernels as fibers, is the other (`emulated.rs`,
//! tests only). Everything happens in the order in which it was asked for.

use std::ffi::c_void;
use std::sync::Arc;

use super::kernels::{Args, Kernel};
use crate::GenerateError;

/// What a device could not do, in the driver's words and ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Fault(pub String);

impl From<Fault> for GenerateError {
    fn from(fault: Fault) -> GenerateError {
        GenerateError::Internal(fault.0)
    }
}

pub(crate) trait Device: Send + Sync {
    /// As in a run's model: `cuda NVIDIA H200 sm_90`.
    fn name(&self) -> &str;
    /// Bytes that can be had now.
    fn free_bytes(&self) -> Result<u64, Fault>;
    /// Memory full of zeros, at a multiple of 16.
    fn allocate(&self, bytes: u64) -> Result<u64, Fault>;
    fn release(&self, address: u64, bytes: u64);
    fn upload(&self, to: u64, bytes: &[u8]) -> Result<(), Fault>;
    /// Waits for what was launched before.
    fn download(&self, from: u64, bytes: &mut [u8]) -> Result<(), Fault>;
    fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Fault>;
    /// # Safety
    /// `args` points to `bytes` bytes of the kernel's arguments, whose addresses are valid for
    /// what the kernel reads and writes of them.
    unsafe fn launch(
        &self,
        kernel: Kernel,
        grid: [u32; 2],
        args: *const c_void,
        bytes: usize,
    ) -> Result<(), Fault>;
}

/// Launches a kernel whose arguments are `args`; an empty grid is no launch.
///
/// # Safety
/// The addresses in `args` are valid for what the kernel reads and writes of them.
pub(crate) unsafe fn launch<A: Args>(
    device: &dyn Device,
    kernel: Kernel,
    grid: [usize; 2],
    args: &A,
) -> Result<(), Fault> {
    if grid[0] == 0 || grid[1] == 0 {
        return Ok(());
    }
    let grid = [grid[0] as u32, grid[1] as u32];
    let from = std::ptr::from_ref(args).cast();
    // SAFETY: `args` is a whole struct; its addresses are good by the caller's word.
    unsafe { device.launch(kernel, grid, from, size_of::<A>()) }
}

/// A piece of a device's memory, given back when dropped.
pub(crate) struct Buffer {
    device: Arc<dyn Device>,
    address: u64,
    bytes: u64,
}

impl Buffer {
    pub(crate) fn new(device: &Arc<dyn Device>, bytes: u64) -> Result<Buffer, Fault> {
        // Nothing is as good as one byte, and has an address.
        let bytes = bytes.max(1);
        Ok(Buffer {
            address: device.allocate(bytes)?,
            device: device.clone(),
            bytes,
        })
    }

    pub(crate) fn of(device: &Arc<dyn Device>, bytes: &[u8]) -> Result<Buffer, Fault> {
        let buffer = Buffer::new(device, bytes.len() as u64)?;
        buffer.write(0, bytes)?;
        Ok(buffer)
    }

    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        assert!(
            offset + bytes.len() as u64 <= self.bytes,
            "within the buffer"
        );
        match bytes.len() {
            0 => Ok(()),
            _ => self.device.upload(self.address + offset, bytes),
        }
    }

    pub(crate) fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        assert!(
            offset + bytes.len() as u64 <= self.bytes,
            "within the buffer"
        );
        match bytes.len() {
            0 => Ok(()),
            _ => self.device.download(self.address + offset, bytes),
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.device.release(self.address, self.bytes);
    }
}
