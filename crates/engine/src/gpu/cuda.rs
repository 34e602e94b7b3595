//! NVIDIA's driver as a device. It is looked for when it is asked for, never linked: where it
//! is missing, or too old, the reason is a sentence and the rest of the program goes on.

use std::ffi::{CString, c_void};

use cudarc::driver::{DriverError, result, sys};

use super::device::{Device, Fault};
use super::kernels::{Kernel, PTX};

/// A GPU that could be used, or the reason why it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub name: String,
    /// 80 for sm_80.
    pub capability: u32,
    pub memory_bytes: u64,
}

/// The oldest GPUs with bf16 tensor cores.
const CAPABILITY_MIN: u32 = 80;

pub(crate) struct Cuda {
    name: String,
    context: sys::CUcontext,
    functions: Vec<sys::CUfunction>,
}

// SAFETY: a context and its functions may be used from any thread that makes the context
// current, which every call does.
unsafe impl Send for Cuda {}
// SAFETY: as above; the driver locks for itself.
unsafe impl Sync for Cuda {}

/// The GPUs of this machine, or why there are none.
pub(crate) fn devices() -> Result<Vec<Found>, Fault> {
    // SAFETY: looking for a library runs its initialisers, NVIDIA's at that.
    if !unsafe { sys::is_culib_present() } {
        return Err(Fault(
            "no NVIDIA driver was found (libcuda.so.1 or nvcuda.dll)".to_owned(),
        ));
    }
    result::init().map_err(|e| fault("the NVIDIA driver does not start", e))?;
    let asked = |e| fault("the NVIDIA driver does not say which GPUs there are", e);
    let count = result::device::get_count().map_err(asked)?;
    let found = (0..count).map(|i| {
        let device = result::device::get(i)?;
        // SAFETY: the device is one that the driver named.
        unsafe {
            use sys::CUdevice_attribute::{
                CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR,
                CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
            };
            let major = result::device::get_attribute(device, MAJOR)?;
            let minor = result::device::get_attribute(device, MINOR)?;
            Ok(Found {
                name: result::device::get_name(device)?,
                capability: (10 * major + minor) as u32,
                memory_bytes: result::device::total_mem(device)? as u64,
            })
        }
    });
    let found: Vec<Found> = found.collect::<Result<_, DriverError>>().map_err(asked)?;
    match found.is_empty() {
        true => Err(Fault("the NVIDIA driver knows no GPU".to_owned())),
        false => Ok(found),
    }
}

impl Cuda {
    /// The first GPU, with the kernels compiled for it.
    pub(crate) fn open() -> Result<Cuda, Fault> {
        let found = devices()?.swap_remove(0);
        if found.capability < CAPABILITY_MIN {
            return Err(Fault(format!(
                "{} has compute capability {}.{}; 8.0 is needed (Ampere, 2020, or later)",
                found.name,
                found.capability / 10,
                found.capability % 10
            )));
        }
        let failed = |e| fault(&format!("{} cannot be used", found.name), e);
        // SAFETY: the device exists; its primary context is kept as long as the process lives.
        let context = unsafe {
            let device = result::device::get(0).map_err(failed)?;
            let context = result::primary_ctx::retain(device).map_err(failed)?;
            result::ctx::set_current(context).map_err(failed)?;
            context
        };
        let ptx = CString::new(PTX).expect("PTX is text");
        let too_old = |e| {
            fault(
                "the NVIDIA driver cannot read the kernels (535 or later can)",
                e,
            )
        };
        // SAFETY: the image is PTX that ends in a zero.
        let module = unsafe { result::module::load_data(ptx.as_ptr().cast()) }.map_err(too_old)?;
        let functions = Kernel::ALL.map(|kernel| {
            let name = CString::new(kernel.name()).expect("names have no zeros");
            // SAFETY: the module was just loaded, and stays so.
            unsafe { result::module::get_function(module, name) }
        });
        Ok(Cuda {
            name: format!("cuda {} sm_{}", found.name, found.capability),
            context,
            functions: functions
                .into_iter()
                .collect::<Result<_, _>>()
                .map_err(failed)?,
        })
    }

    /// Makes the context this thread's.
    fn here(&self) -> Result<(), Fault> {
        // SAFETY: the context lives as long as the process.
        unsafe { result::ctx::set_current(self.context) }.map_err(|e| fault("the GPU is gone", e))
    }
}

impl Device for Cuda {
    fn name(&self) -> &str {
        &self.name
    }

    fn free_bytes(&self) -> Result<u64, Fault> {
        self.here()?;
        let (free, _) =
            result::mem_get_info().map_err(|e| fault("the GPU's memory cannot be asked for", e))?;
        Ok(free as u64)
    }

    fn allocate(&self, bytes: u64) -> Result<u64, Fault> {
        self.here()?;
        let failed = |e| {
            let bytes = crate::gib(bytes);
            fault(&format!("the GPU has no {bytes} of memory left"), e)
        };
        // SAFETY: the memory is new, and set before anyone reads it.
        unsafe {
            let address = result::malloc_sync(bytes as usize).map_err(failed)?;
            result::memset_d8_sync(address, 0, bytes as usize).map_err(failed)?;
            Ok(address)
        }
    }

    fn release(&self, address: u64, _: u64) {
        // SAFETY: the address came from `allocate`, and its owner is being dropped.
        let freed = self
            .here()
            .and_then(|()| unsafe { result::free_sync(address) }.map_err(|e| fault("", e)));
        if let Err(fault) = freed {
            tracing::warn!(%fault, "memory of the GPU was not given back");
        }
    }

    fn upload(&self, to: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.here()?;
        // SAFETY: the caller's buffer has room for the bytes.
        unsafe { result::memcpy_htod_sync(to, bytes) }
            .map_err(|e| fault("copying to the GPU failed", e))
    }

    fn download(&self, from: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        self.here()?;
        // SAFETY: the caller's buffer holds so many bytes.
        unsafe { result::memcpy_dtoh_sync(bytes, from) }
            .map_err(|e| fault("copying from the GPU failed", e))
    }

    fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Fault> {
        self.here()?;
        // SAFETY: both places are the caller's, and hold so many bytes.
        unsafe { result::memcpy_dtod_sync(to, from, bytes as usize) }
            .map_err(|e| fault("copying on the GPU failed", e))
    }

    unsafe fn launch(
        &self,
        kernel: Kernel,
        grid: [u32; 2],
        args: *const c_void,
        _: usize,
    ) -> Result<(), Fault> {
        self.here()?;
        let mut params = [args.cast_mut()];
        // SAFETY: the arguments are the kernel's, by the caller's word; the driver copies them.
        unsafe {
            result::launch_kernel(
                self.functions[kernel as usize],
                (grid[0], grid[1], 1),
                (kernel.threads(), 1, 1),
                0,
                result::stream::null(),
                &mut params,
            )
        }
        .map_err(|e| fault(&format!("the GPU does not start `{}`", kernel.name()), e))
    }
}

fn fault(what: &str, error: DriverError) -> Fault {
    Fault(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the machine has, asking is safe and has an answer.
    #[test]
    fn a_machine_without_a_gpu_says_so() {
        match devices() {
            Ok(found) => assert!(found.iter().all(|gpu| gpu.memory_bytes > 0)),
            Err(Fault(why)) => assert!(why.contains("NVIDIA driver"), "{why}"),
        }
    }
}
