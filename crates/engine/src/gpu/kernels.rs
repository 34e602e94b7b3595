//! The kernels by name, with the arguments of each, field by field as in kernels/kernels.cu,
//! and the PTX that was made of it (scripts/gpu-kernels.sh). Addresses are the device's.

/// PTX for sm_80; the driver compiles it for the GPU that is there.
pub(crate) const PTX: &str = include_str!("kernels/kernels.ptx");

/// Rows of activations that one thread block takes.
pub(crate) const TILE: usize = 64;
/// Outputs of one thread block with few rows, and of one warp with many.
pub(crate) const OUTS: usize = 16;
/// Warps of a thread block with many rows.
pub(crate) const MANY: usize = 8;
/// Positions in a page of keys and values.
pub(crate) const PAGE: usize = 16;
/// Positions that one warp attends to; a multiple of `PAGE`.
pub(crate) const SPLIT: usize = 128;
/// Query heads that one warp attends with: the rows of the tensor cores' product.
pub(crate) const HEADS: usize = 16;
/// The widest head.
pub(crate) const DIMS: usize = 64;
/// The most experts that `group` counts.
pub(crate) const EXPERTS: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    Norm,
    Linear,
    LinearMany,
    Route,
    Group,
    GateUp,
    Down,
    GateUpMany,
    DownMany,
    Place,
    Attend,
    Merge,
    Best,
}

impl Kernel {
    /// In the order of kernels/host.h.
    pub(crate) const ALL: [Kernel; 13] = [
        Kernel::Norm,
        Kernel::Linear,
        Kernel::LinearMany,
        Kernel::Route,
        Kernel::Group,
        Kernel::GateUp,
        Kernel::Down,
        Kernel::GateUpMany,
        Kernel::DownMany,
        Kernel::Place,
        Kernel::Attend,
        Kernel::Merge,
        Kernel::Best,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kernel::Norm => "norm",
            Kernel::Linear => "linear",
            Kernel::LinearMany => "linear_many",
            Kernel::Route => "route",
            Kernel::Group => "group",
            Kernel::GateUp => "gate_up",
            Kernel::Down => "down",
            Kernel::GateUpMany => "gate_up_many",
            Kernel::DownMany => "down_many",
            Kernel::Place => "place",
            Kernel::Attend => "attend",
            Kernel::Merge => "merge",
            Kernel::Best => "best",
        }
    }

    /// Threads of a block, as in the kernel's bounds.
    pub(crate) fn threads(self) -> u32 {
        match self {
            Kernel::Norm | Kernel::Group | Kernel::Best => 256,
            Kernel::LinearMany | Kernel::GateUpMany | Kernel::DownMany => 256,
            Kernel::Linear | Kernel::GateUp | Kernel::Down => 128,
            Kernel::Place | Kernel::Attend => 128,
            Kernel::Route | Kernel::Merge => 32,
        }
    }
}

/// A kernel's arguments, laid out as C does.
pub(crate) trait Args: Copy {}

macro_rules! args {
    ($name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub(crate) struct $name {
            $(pub(crate) $field: $kind),*
        }

        impl Args for $name {}
    };
}

args!(Norm {
    x: u64,
    down: u64,
    share: u64,
    gain: u64,
    pick: u64,
    hi: u64,
    lo: u64,
    width: u32,
    top_k: u32,
    eps: f32,
});

args!(Linear {
    w: u64,
    bias: u64,
    x: u64,
    x_lo: u64,
    y: u64,
    rows: u32,
    outs: u32,
    blocks: u32,
    add: u32,
});

args!(Route {
    logits: u64,
    chosen: u64,
    share: u64,
    experts: u32,
    top_k: u32,
});

args!(Group {
    chosen: u64,
    lists: u64,
    tiles: u64,
    experts: u32,
    rows: u32,
    top_k: u32,
    tiles_max: u32,
});

args!(Experts {
    values: u64,
    scales: u64,
    bias: u64,
    x: u64,
    x_lo: u64,
    lists: u64,
    tiles: u64,
    y: u64,
    hi: u64,
    lo: u64,
    outs: u32,
    blocks: u32,
    rows: u32,
    top_k: u32,
    limit: f32,
    alpha: f32,
});

args!(Place {
    qkv: u64,
    cos: u64,
    sin: u64,
    place: u64,
    q_hi: u64,
    q_lo: u64,
    keys: u64,
    values: u64,
    heads: u32,
    kv_heads: u32,
    dim: u32,
    wide: u32,
    scale: f32,
});

args!(Attend {
    q_hi: u64,
    q_lo: u64,
    keys: u64,
    values: u64,
    tiles: u64,
    members: u64,
    tables: u64,
    positions: u64,
    base: u64,
    partial: u64,
    tile_count: u32,
    table_pages: u32,
    heads: u32,
    kv_heads: u32,
    wide: u32,
    window: u32,
});

args!(Merge {
    partial: u64,
    positions: u64,
    base: u64,
    sinks: u64,
    hi: u64,
    lo: u64,
    first: u32,
    heads: u32,
    dim: u32,
    wide: u32,
    window: u32,
    width: u32,
});

args!(Best {
    logits: u64,
    best: u64,
    vocab: u32,
});

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn the_ptx_was_made_of_these_sources() {
        let mut digest = Sha256::new();
        digest.update(include_str!("kernels/kernels.cu"));
        digest.update(include_str!("kernels/lanes.h"));
        let made = crate::weights::hex(&digest.finalize());
        let first = PTX.lines().next().unwrap_or_default();
        assert!(
            first.contains(&made),
            "kernels.ptx is of other sources ({first}): run scripts/gpu-kernels.sh"
        );
        assert!(
            PTX.contains(".target sm_80"),
            "for Ampere and whatever came later"
        );
    }

    #[test]
    fn the_ptx_has_every_kernel_with_its_arguments_and_threads() {
        let sizes = [
            size_of::<Norm>(),
            size_of::<Linear>(),
            size_of::<Linear>(),
            size_of::<Route>(),
            size_of::<Group>(),
            size_of::<Experts>(),
            size_of::<Experts>(),
            size_of::<Experts>(),
            size_of::<Experts>(),
            size_of::<Place>(),
            size_of::<Attend>(),
            size_of::<Merge>(),
            size_of::<Best>(),
        ];
        for (kernel, size) in Kernel::ALL.into_iter().zip(sizes) {
            let name = kernel.name();
            let bytes = format!(".param .align 8 .b8 {name}_param_0[{size}]");
            let at = PTX.find(&format!(".visible .entry {name}(\n"));
            let entry = &PTX[at.unwrap_or_else(|| panic!("no entry {name}"))..];
            assert!(entry[..300].contains(&bytes), "{name}: not {size} bytes");
            let threads = format!(".maxntid {}, 1, 1", kernel.threads());
            assert!(entry[..300].contains(&threads), "{name}: not {threads}");
        }
    }
}
