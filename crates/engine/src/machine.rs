//! The machine that runs: memory, disk, processor. Only what planning and benchmarks
//! need; nothing is changed here.

use std::path::Path;

use crate::simd::Isa;

/// States how much memory may be used, in bytes, in place of what the system says.
const MEMORY_VARIABLE: &str = "TOUCHSTONE_MEMORY_BYTES";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub cpu: String,
    /// Threads that the processor offers to this process.
    pub cores: u32,
    /// `avx512`, `avx2` or `portable`: the kernels chosen.
    pub instructions: String,
    pub os: String,
    pub memory_total_bytes: u64,
    /// What can be had without swapping: free memory and caches that can be dropped,
    /// within the limit of the control group.
    pub memory_available_bytes: u64,
}

impl Machine {
    pub fn here() -> Machine {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
        let (mut total, mut available) = (system.total_memory(), system.available_memory());
        if let Some(limits) = system.cgroup_limits() {
            total = total.min(limits.total_memory);
            // Pages of files count as used there, and can be dropped all the same.
            available = available.min(limits.total_memory.saturating_sub(limits.rss));
        }
        if let Some(stated) = stated() {
            available = stated;
        }
        let cpu = system.cpus().first();
        Machine {
            cpu: cpu.map_or_else(String::new, |cpu| cpu.brand().trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
            instructions: format!("{:?}", Isa::best()).to_lowercase(),
            os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            memory_total_bytes: total,
            memory_available_bytes: available,
        }
    }
}

/// Threads that the engine computes with.
pub(crate) fn threads() -> u32 {
    rayon::current_num_threads() as u32
}

fn stated() -> Option<u64> {
    std::env::var(MEMORY_VARIABLE).ok()?.trim().parse().ok()
}

/// Free bytes on the disk that holds `path`, or will; nothing where the system does not say.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|path| path.exists());
    let existing = match existing {
        Some(path) if !path.as_os_str().is_empty() => path.canonicalize().ok()?,
        _ => std::env::current_dir().ok()?,
    };
    let disks = sysinfo::Disks::new_with_refreshed_list();
    disks
        .iter()
        .filter(|disk| existing.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(sysinfo::Disk::available_space)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_machine_describes_itself() {
        let machine = Machine::here();
        assert!(machine.cores > 0 && machine.memory_total_bytes > 1 << 20);
        assert!(machine.memory_available_bytes > 0);
        let not_yet = std::env::temp_dir().join("no/such/folder");
        // Containers may hide the disk; where it is seen it has a size.
        assert!(free_bytes(&not_yet).is_none_or(|free| free > 0));
        assert_eq!(
            free_bytes(&not_yet).is_some(),
            free_bytes(not_yet.ancestors().nth(3).unwrap()).is_some()
        );
    }
}
