//! The host as a device, for tests: the very kernels of kernels/kernels.cu, compiled as C++ with
//! each thread as a fiber (kernels/fibers.h). Memory ends at a guard page, so that a kernel that
//! reads or writes past a buffer's end is a fault.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::ffi::{c_int, c_void};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use libloading::Library;

use super::device::{Device, Fault};
use super::kernels::Kernel;

/// In which order blocks and threads take their turns; no result may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turns {
    Upwards,
    Downwards,
}

pub(crate) struct Emulated {
    turns: Turns,
    /// What `free_bytes` says.
    free_bytes: u64,
    pub(crate) launches: AtomicU64,
}

impl Emulated {
    pub(crate) fn new(turns: Turns) -> Emulated {
        Emulated {
            turns,
            free_bytes: 16 << 30,
            launches: AtomicU64::new(0),
        }
    }

    pub(crate) fn with_memory(free_bytes: u64) -> Emulated {
        Emulated {
            free_bytes,
            ..Emulated::new(Turns::Upwards)
        }
    }
}

/// The kernels, compiled once a process.
fn library() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gpu/kernels");
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("kernels.so");
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "g++".to_owned());
        // -fno-math-errno and the like would be safe; -ffast-math is not: sums keep their order.
        let compiled = Command::new(&compiler)
            .args([
                "-std=c++17",
                "-O2",
                "-ftree-vectorize",
                "-march=native",
                "-ffp-contract=off",
                "-fno-math-errno",
            ])
            .args([
                "-U_FORTIFY_SOURCE",
                "-Wall",
                "-Werror",
                "-fPIC",
                "-shared",
                "-x",
                "c++",
            ])
            .arg(sources.join("kernels.cu"))
            .arg("-o")
            .arg(&out)
            .output()
            .unwrap_or_else(|e| panic!("{compiler} is needed to test the GPU's kernels: {e}"));
        let said = String::from_utf8_lossy(&compiled.stderr);
        assert!(compiled.status.success(), "{said}");
        // SAFETY: the library is ours and runs nothing when loaded.
        unsafe { Library::new(&out) }.unwrap()
    })
}

type RunGrid = unsafe extern "C" fn(u32, u32, u32, *const c_void, u64, c_int) -> c_int;
type Guarded = unsafe extern "C" fn(u64) -> *mut c_void;
type GiveBack = unsafe extern "C" fn(*mut c_void, u64);

fn function<F: Copy>(name: &str) -> F {
    // SAFETY: the types above are those of kernels/host.h.
    *unsafe { library().get::<F>(name.as_bytes()) }.expect("host.h defines it")
}

impl Device for Emulated {
    fn name(&self) -> &str {
        "emulated"
    }

    fn free_bytes(&self) -> Result<u64, Fault> {
        Ok(self.free_bytes)
    }

    fn allocate(&self, bytes: u64) -> Result<u64, Fault> {
        // SAFETY: as declared.
        let at = unsafe { function::<Guarded>("guarded")(bytes) } as u64;
        assert!(at != 0, "no memory");
        Ok(at)
    }

    fn release(&self, address: u64, bytes: u64) {
        // SAFETY: the memory came from `guarded`, with so many bytes.
        unsafe { function::<GiveBack>("give_back")(address as *mut c_void, bytes) }
    }

    fn upload(&self, to: u64, bytes: &[u8]) -> Result<(), Fault> {
        // SAFETY: addresses are the host's; the caller's buffer has room.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) };
        Ok(())
    }

    fn download(&self, from: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        let to = bytes.as_mut_ptr();
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to, bytes.len()) };
        Ok(())
    }

    fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Fault> {
        // SAFETY: as above; pages do not overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(from as *const u8, to as *mut u8, bytes as usize);
        }
        Ok(())
    }

    unsafe fn launch(
        &self,
        kernel: Kernel,
        grid: [u32; 2],
        args: *const c_void,
        bytes: usize,
    ) -> Result<(), Fault> {
        self.launches.fetch_add(1, Ordering::Relaxed);
        let run = function::<RunGrid>("run_grid");
        let downwards = c_int::from(self.turns == Turns::Downwards);
        // SAFETY: the arguments are the kernel's, by the caller's word.
        let ended = unsafe {
            run(
                kernel as u32,
                grid[0],
                grid[1],
                args,
                bytes as u64,
                downwards,
            )
        };
        match ended {
            0 => Ok(()),
            1 => Err(Fault(format!(
                "{kernel:?}: threads wait for each other for ever"
            ))),
            _ => Err(Fault(format!(
                "{kernel:?}: {bytes} bytes are no arguments of it"
            ))),
        }
    }
}
