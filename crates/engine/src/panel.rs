//! Weights of `fast`: rows regrouped by sixteen, so that one instruction serves sixteen
//! outputs, and their products with 8-bit activations. MXFP4 stays packed; other weights are
//! held as Q8_0.
//!
//! Axes: O outputs, K inputs in blocks of 32, N rows of activations. A panel holds, of sixteen
//! outputs and for one block after the other, four bytes of each output, then the next four.
//! Each output's integer sum over a block is exact; the sums are scaled and added in f32 from
//! the first block to the last. So an output depends on its own row and weights alone,
//! whatever N, the tile, the threads or the instruction set are.

use pack::{exponent, put_q8, q8_block};
use packing::{Fp4, Packing, Q8};
use rayon::prelude::*;

use crate::LoadError;
use crate::dot::{FP4_OFFSET, Sums, by_dot};
use crate::linear::{BLOCK, Shared};
use crate::mxfp4::BLOCK_BYTES;
use crate::pages::Pages;
use crate::quant::{Quantised, Rows};
use crate::simd::{Isa, Lanes, prefetch};

/// Outputs of a panel.
pub(crate) const WIDTH: usize = 16;

/// Rows of activations that a tile holds, where there are tiles.
pub(crate) const TILE: usize = 16;

/// How far ahead of its use a weight is asked for.
const AHEAD_BYTES: usize = 4096;

/// Bytes of one output's block of f16 scale and of 32 signed bytes, as GGUF has it.
pub(crate) const Q8_BYTES: usize = 2 + BLOCK;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// 4 bits a weight, a power of two for each block.
    Fp4,
    /// 8 bits a weight, an f16 for each block.
    Q8,
}

impl Format {
    /// By format: what unsigned weights have too much, where an instruction set wants them so.
    pub(crate) const OFFSETS: [i32; 2] = [FP4_OFFSET, 128];

    /// Bytes of a panel's block of weights, and of its scales.
    const fn sizes(self) -> (usize, usize) {
        match self {
            Format::Fp4 => (WIDTH * BLOCK_BYTES, WIDTH),
            Format::Q8 => (WIDTH * BLOCK, WIDTH * 2),
        }
    }
}

/// Weight rows, regrouped. The last panel of a group of rows is filled up with zeros.
pub(crate) struct Panels {
    format: Format,
    weights: Pages,
    scales: Pages,
    blocks: usize,
    panels: usize,
}

impl Panels {
    /// Bytes that `rows` rows of `blocks` blocks take.
    pub(crate) fn bytes(format: Format, rows: usize, blocks: usize) -> usize {
        let (weights, scales) = format.sizes();
        rows.div_ceil(WIDTH) * blocks * (weights + scales)
    }

    /// Regroups MXFP4: `groups` times `rows` rows, each of `blocks` blocks of 16 bytes and as
    /// many scales. Each group begins with a panel of its own.
    pub(crate) fn fp4(
        from: &[u8],
        exponents: &[u8],
        groups: usize,
        rows: usize,
        blocks: usize,
    ) -> Result<Panels, LoadError> {
        let per_group = rows.div_ceil(WIDTH);
        Panels::made(
            Format::Fp4,
            groups * per_group,
            blocks,
            |panel, weights, scales| {
                let (group, first) = (panel / per_group, panel % per_group * WIDTH);
                let lanes = WIDTH.min(rows - first);
                let row = (group * rows + first) * blocks;
                for lane in 0..lanes {
                    let row = row + lane * blocks;
                    let from = from[row * BLOCK_BYTES..][..blocks * BLOCK_BYTES]
                        .as_chunks::<BLOCK_BYTES>()
                        .0;
                    let to = weights.as_chunks_mut::<{ WIDTH * BLOCK_BYTES }>().0;
                    for (to, from) in to.iter_mut().zip(from) {
                        for (quad, from) in from.as_chunks::<4>().0.iter().enumerate() {
                            to[quad * 64 + lane * 4..][..4].copy_from_slice(from);
                        }
                    }
                    let scales = scales.as_chunks_mut::<WIDTH>().0;
                    for (to, &scale) in scales.iter_mut().zip(&exponents[row..][..blocks]) {
                        to[lane] = exponent(scale);
                    }
                }
            },
        )
    }

    /// Quantises rows of f32, each given by `row` in its own order, K values wide.
    pub(crate) fn quantised(
        rows: usize,
        k: usize,
        row: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Result<Panels, LoadError> {
        let blocks = k.div_ceil(BLOCK);
        Panels::made(
            Format::Q8,
            rows.div_ceil(WIDTH),
            blocks,
            |panel, weights, scales| {
                let mut values = vec![0.0; blocks * BLOCK];
                let first = panel * WIDTH;
                for lane in 0..WIDTH {
                    values.fill(0.0);
                    if first + lane < rows {
                        row(first + lane, &mut values[..k]);
                    }
                    for (block, values) in values.as_chunks::<BLOCK>().0.iter().enumerate() {
                        let (scale, q) = q8_block(values);
                        put_q8(weights, scales, block, lane, scale, |i| q[i]);
                    }
                }
            },
        )
    }

    /// Regroups rows of Q8_0 as GGUF has them.
    pub(crate) fn q8(from: &[u8], rows: usize, blocks: usize) -> Result<Panels, LoadError> {
        Panels::made(
            Format::Q8,
            rows.div_ceil(WIDTH),
            blocks,
            |panel, weights, scales| {
                for lane in 0..WIDTH {
                    let row = panel * WIDTH + lane;
                    for block in 0..blocks {
                        let nothing = [0; Q8_BYTES];
                        let from = match row < rows {
                            true => &from[(row * blocks + block) * Q8_BYTES..][..Q8_BYTES],
                            false => &nothing[..],
                        };
                        let scale = half::f16::from_le_bytes([from[0], from[1]]);
                        put_q8(weights, scales, block, lane, scale, |i| from[2 + i] as i8);
                    }
                }
            },
        )
    }

    /// `fill` writes each panel's weights and scales.
    fn made(
        format: Format,
        panels: usize,
        blocks: usize,
        fill: impl Fn(usize, &mut [u8], &mut [u8]) + Sync,
    ) -> Result<Panels, LoadError> {
        let (weight_bytes, scale_bytes) = format.sizes();
        let (weight_bytes, scale_bytes) = (weight_bytes * blocks, scale_bytes * blocks);
        let mut scales = vec![0; panels * scale_bytes];
        let weights = Pages::filled(panels * weight_bytes, |weights| {
            weights
                .par_chunks_exact_mut(weight_bytes)
                .zip(scales.par_chunks_exact_mut(scale_bytes))
                .enumerate()
                .for_each(|(panel, (weights, scales))| fill(panel, weights, scales));
        })?;
        let scales = Pages::filled(scales.len(), |to| to.copy_from_slice(&scales))?;
        Ok(Panels {
            format,
            weights,
            scales,
            blocks,
            panels,
        })
    }

    /// y[n, o] = x[n] · W[o] + bias[o] for `outs` outputs from `panel`'s first on.
    ///
    /// # Safety
    /// `y` has room for `rows` rows, `stride` apart, of `outs` numbers that nothing else uses;
    /// `bias` is null or has `outs` numbers; `x` has `rows` rows of these panels' blocks.
    pub(crate) unsafe fn multiply(&self, isa: Isa, panel: usize, outs: usize, x: Rows, to: Target) {
        assert!(
            panel + outs.div_ceil(WIDTH) <= self.panels,
            "outputs lie within the panels"
        );
        let (weight_bytes, scale_bytes) = self.format.sizes();
        let job = Job {
            weights: self.weights[panel * self.blocks * weight_bytes..].as_ptr(),
            scales: self.scales[panel * self.blocks * scale_bytes..].as_ptr(),
            blocks: self.blocks,
            outs,
            x,
            to,
        };
        // SAFETY: sizes were set when the panels were made; the rest is the caller's word.
        unsafe {
            match self.format {
                #[cfg(target_arch = "x86_64")]
                Format::Fp4 if self.on_tiles(isa, job.to.rows) => amx::product::<Fp4>(&job),
                #[cfg(target_arch = "x86_64")]
                Format::Q8 if self.on_tiles(isa, job.to.rows) => amx::product::<Q8>(&job),
                Format::Fp4 => fp4_product(isa, job),
                Format::Q8 => q8_product(isa, job),
            }
        }
    }

    /// Whether a product of so many rows is made on tiles.
    #[cfg(target_arch = "x86_64")]
    fn on_tiles(&self, isa: Isa, rows: usize) -> bool {
        isa == Isa::Amx && rows >= amx::rows_min(self.format)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn on_tiles(&self, _: Isa, _: usize) -> bool {
        false
    }

    /// Panels that make a task, at `rows` rows each.
    pub(crate) fn task(&self, isa: Isa, rows: usize) -> usize {
        let grain = match self.on_tiles(isa, rows) {
            true => TILE_GRAIN,
            false => GRAIN,
        };
        let least = if rows < many::ROWS_MIN {
            1
        } else {
            many::PANELS
        };
        (grain / (rows * self.blocks * BLOCK * WIDTH).max(1)).max(least)
    }

    /// Bytes in memory.
    pub(crate) fn size(&self) -> usize {
        self.weights.len() + self.scales.len()
    }

    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    pub(crate) fn panels(&self) -> usize {
        self.panels
    }
}

/// Where a product's results go: row n, output o to `y[n · stride + o]`.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub y: *mut f32,
    pub stride: usize,
    /// Of the first output on, or null.
    pub bias: *const f32,
    pub rows: usize,
}

#[derive(Clone, Copy)]
struct Job {
    weights: *const u8,
    scales: *const u8,
    blocks: usize,
    outs: usize,
    x: Rows,
    to: Target,
}

/// Panel by panel, as many rows at a time as the registers hold.
#[inline(always)]
unsafe fn product<S: Sums, P: Packing>(job: Job) {
    if job.to.rows > S::ROWS.max(many::ROWS_MIN - 1) {
        // SAFETY: passed on; so many rows are followed by as many as a tile has.
        return unsafe { many::product::<S, P>(&job) };
    }
    let mut out = 0;
    // SAFETY: tiles stay within the job's rows and outputs.
    unsafe {
        while out < job.outs {
            let mut row = 0;
            while row < job.to.rows {
                row += match S::ROWS.min(job.to.rows - row) {
                    8 => tile::<S, P, 8>(&job, row, out),
                    7 => tile::<S, P, 7>(&job, row, out),
                    6 => tile::<S, P, 6>(&job, row, out),
                    5 => tile::<S, P, 5>(&job, row, out),
                    4 => tile::<S, P, 4>(&job, row, out),
                    3 => tile::<S, P, 3>(&job, row, out),
                    2 => tile::<S, P, 2>(&job, row, out),
                    _ => tile::<S, P, 1>(&job, row, out),
                };
            }
            out += WIDTH;
        }
    }
}

/// The sums of a block before its products: less what the weights' offset counts too much.
#[inline(always)]
unsafe fn before<S: Sums, P: Packing>(job: &Job, block: usize, row: usize) -> S {
    // SAFETY: the caller keeps block and row within the job.
    unsafe {
        match P::offset::<S>() {
            0 => S::splat(0),
            offset => {
                debug_assert_eq!(offset, Format::OFFSETS[P::FORMAT as usize]);
                let less = job.x.less[P::FORMAT as usize];
                S::splat(*less.add(block * job.x.stride + row))
            }
        }
    }
}

/// R rows by sixteen outputs; says how many rows.
#[inline(always)]
unsafe fn tile<S: Sums, P: Packing, const R: usize>(job: &Job, row: usize, out: usize) -> usize {
    let (weight_bytes, scale_bytes) = P::FORMAT.sizes();
    let blocks = job.blocks;
    // SAFETY: the caller keeps row + R and out within the job.
    unsafe {
        let panel = out / WIDTH * blocks;
        let weights = job.weights.add(panel * weight_bytes);
        let scales = job.scales.add(panel * scale_bytes);
        let x = job.x.values.add(row * blocks * BLOCK);
        let mut totals = [S::Lanes::splat(0.0); R];
        for block in 0..blocks {
            let weights = weights.add(block * weight_bytes);
            let mut sums = [S::splat(0); R];
            for (r, sums) in sums.iter_mut().enumerate() {
                *sums = before::<S, P>(job, block, row + r);
            }
            for quarter in 0..4 {
                prefetch(weights.wrapping_add(AHEAD_BYTES + quarter * weight_bytes / 4));
                let (even, odd) = P::quads::<S>(weights, quarter);
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = x.add((r * blocks + block) * BLOCK + quarter * 4);
                    *sums = P::dot(*sums, even, x);
                    *sums = P::dot(*sums, odd, x.add(BLOCK / 2));
                }
            }
            let scale = P::scale::<S>(scales.add(block * scale_bytes));
            for (r, (total, sums)) in totals.iter_mut().zip(sums).enumerate() {
                let x_scale = *job.x.scales.add(block * job.x.stride + row + r);
                let scale = scale.mul(S::Lanes::splat(x_scale));
                *total = sums.to_lanes().mul_add(scale, *total);
            }
        }
        let bias = bias_of::<S::Lanes>(job, out);
        for (r, total) in totals.into_iter().enumerate() {
            put(job, row + r, out, total.add(bias));
        }
    }
    R
}

/// The bias of sixteen outputs from `out` on, or of as many as there are.
#[inline(always)]
unsafe fn bias_of<L: Lanes>(job: &Job, out: usize) -> L {
    let room = WIDTH.min(job.outs - out);
    // SAFETY: `room` numbers are there, if any are.
    unsafe {
        if job.to.bias.is_null() {
            return L::splat(0.0);
        }
        let from = job.to.bias.add(out);
        if room == WIDTH {
            return L::load(from);
        }
        let mut last = [0.0; WIDTH];
        std::ptr::copy_nonoverlapping(from, last.as_mut_ptr(), room);
        L::load(last.as_ptr())
    }
}

/// Stores as many of the sixteen outputs as there are.
#[inline(always)]
unsafe fn put<L: Lanes>(job: &Job, row: usize, out: usize, total: L) {
    let room = WIDTH.min(job.outs - out);
    // SAFETY: `room` outputs are there.
    unsafe {
        let to = job.to.y.add(row * job.to.stride + out);
        if room == WIDTH {
            total.store(to);
        } else {
            let mut last = [0.0; WIDTH];
            total.store(last.as_mut_ptr());
            std::ptr::copy_nonoverlapping(last.as_ptr(), to, room);
        }
    }
}

#[inline(always)]
unsafe fn fp4_kernel<S: Sums>(job: Job) {
    // SAFETY: passed on.
    unsafe { product::<S, Fp4>(job) }
}

#[inline(always)]
unsafe fn q8_kernel<S: Sums>(job: Job) {
    // SAFETY: passed on.
    unsafe { product::<S, Q8>(job) }
}

by_dot! { fn fp4_product = fp4_kernel(job: Job) }
by_dot! { fn q8_product = q8_kernel(job: Job) }

/// Multiplications worth a task of their own.
const GRAIN: usize = 1 << 19;
/// On tiles, which are quicker and want more to begin.
const TILE_GRAIN: usize = 1 << 24;

/// A matrix in panels, its bias, and how many outputs it has.
#[derive(Clone, Copy)]
pub(crate) struct Dense<'a> {
    pub weights: &'a Panels,
    pub bias: Option<&'a [f32]>,
    pub outs: usize,
}

/// x: [N, K] → [N, O]
pub(crate) fn multiply(isa: Isa, matrix: Dense<'_>, x: &Quantised) -> Vec<f32> {
    let [y] = multiply_all(isa, [matrix], x);
    y
}

/// x: [N, K] → [N, O] of each matrix; all their pieces are shared out together.
pub(crate) fn multiply_all<const M: usize>(
    isa: Isa,
    matrices: [Dense<'_>; M],
    x: &Quantised,
) -> [Vec<f32>; M] {
    let rows = x.len();
    let mut results = matrices.map(|matrix| Vec::with_capacity(rows * matrix.outs));
    let mut tasks = Vec::new();
    for (matrix, y) in matrices.iter().zip(&mut results) {
        let (weights, outs) = (matrix.weights, matrix.outs);
        assert_eq!(
            (weights.blocks(), weights.panels()),
            (x.blocks(), outs.div_ceil(WIDTH))
        );
        assert!(matrix.bias.is_none_or(|bias| bias.len() == outs));
        let (step, to) = (weights.task(isa, rows) * WIDTH, Shared(y.as_mut_ptr()));
        tasks.extend(
            (0..outs)
                .step_by(step)
                .map(|first| (matrix, to, first, step)),
        );
    }
    let run = |&(matrix, to, first, step): &(&Dense<'_>, Shared, usize, usize)| {
        let target = Target {
            y: to.at(first),
            stride: matrix.outs,
            bias: matrix
                .bias
                .map_or(std::ptr::null(), |bias| bias[first..].as_ptr()),
            rows,
        };
        let outs = step.min(matrix.outs - first);
        // SAFETY: sizes are asserted above; tasks write disjoint outputs.
        unsafe {
            matrix
                .weights
                .multiply(isa, first / WIDTH, outs, x.from(0), target)
        };
    };
    match &tasks[..] {
        [task] => run(task),
        tasks => tasks.par_iter().for_each(run),
    }
    for (matrix, y) in matrices.iter().zip(&mut results) {
        // SAFETY: there is room, and the tasks wrote each output of each row.
        unsafe { y.set_len(rows * matrix.outs) };
    }
    results
}

#[cfg(target_arch = "x86_64")]
mod amx;
mod many;
mod pack;
mod packing;
#[cfg(test)]
#[path = "panel/tests.rs"]
mod tests;
