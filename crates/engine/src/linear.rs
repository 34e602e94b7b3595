//! Products of activations with weight rows in f32: the kernel that all projections and
//! experts of `exact` share.
//!
//! Axes: N rows of activations, K inputs, O outputs. Weights are [O, K] as stored: bf16 stays
//! bf16, MXFP4 stays packed, both are widened in registers. K goes in blocks of 32, first the
//! even places, then the odd ones, over sixteen lanes that are summed at the end. So each
//! output depends on its own row and weights alone, whatever N, the tile or the threads are.

use candle_core::{CpuStorage, Layout};
use rayon::prelude::*;
use std::ops::Range;

use crate::simd::{Lanes, multiversion, prefetch};

/// Values of K that are taken together; the width of an MXFP4 block.
pub(crate) const BLOCK: usize = 32;

/// How far ahead of its use a weight is asked for: reading few rows waits for memory alone.
pub(crate) const AHEAD_BYTES: usize = 4096;

/// Multiplications worth a task of their own.
const GRAIN: usize = 1 << 18;

/// Rows of weights that can be read as blocks of 32 values.
///
/// # Safety
/// `block` may be called within the rows and blocks that the source was made for.
pub(crate) trait Source: Copy {
    unsafe fn block<L: Lanes>(self, row: usize, block: usize) -> (L, L);
    /// The source whose row 0 is this one's `row`.
    unsafe fn skip(self, row: usize) -> Self;
}

/// bf16, `blocks` × 32 values a row.
#[derive(Clone, Copy)]
pub(crate) struct Bf16 {
    pub base: *const u8,
    pub blocks: usize,
}

impl Source for Bf16 {
    #[inline(always)]
    unsafe fn block<L: Lanes>(self, row: usize, block: usize) -> (L, L) {
        // SAFETY: within the rows, by the trait's contract.
        unsafe {
            let at = self.base.add((row * self.blocks + block) * 2 * BLOCK);
            prefetch(at.wrapping_add(AHEAD_BYTES));
            L::bf16(at)
        }
    }
    #[inline(always)]
    unsafe fn skip(self, row: usize) -> Self {
        // SAFETY: as above.
        let base = unsafe { self.base.add(row * self.blocks * 2 * BLOCK) };
        Bf16 { base, ..self }
    }
}

/// f32 in the order of `interleave`.
#[derive(Clone, Copy)]
pub(crate) struct Plain {
    pub base: *const f32,
    pub blocks: usize,
}

impl Source for Plain {
    #[inline(always)]
    unsafe fn block<L: Lanes>(self, row: usize, block: usize) -> (L, L) {
        // SAFETY: within the rows, by the trait's contract.
        unsafe {
            let from = self.base.add((row * self.blocks + block) * BLOCK);
            (L::load(from), L::load(from.add(BLOCK / 2)))
        }
    }
    #[inline(always)]
    unsafe fn skip(self, row: usize) -> Self {
        // SAFETY: as above.
        let base = unsafe { self.base.add(row * self.blocks * BLOCK) };
        Plain { base, ..self }
    }
}

/// Blocks of an f32 scale and 32 signed bytes in the order of `interleave`.
#[derive(Clone, Copy)]
pub(crate) struct Scaled {
    pub base: *const u8,
    pub blocks: usize,
}

pub(crate) const SCALED_BYTES: usize = 4 + BLOCK;

impl Source for Scaled {
    #[inline(always)]
    unsafe fn block<L: Lanes>(self, row: usize, block: usize) -> (L, L) {
        // SAFETY: within the rows, by the trait's contract.
        unsafe {
            let at = self.base.add((row * self.blocks + block) * SCALED_BYTES);
            prefetch(at.wrapping_add(AHEAD_BYTES));
            L::bytes(at.add(4).cast(), at.cast::<f32>().read_unaligned())
        }
    }
    #[inline(always)]
    unsafe fn skip(self, row: usize) -> Self {
        // SAFETY: as above.
        let base = unsafe { self.base.add(row * self.blocks * SCALED_BYTES) };
        Scaled { base, ..self }
    }
}

/// What one call of the kernel works on: `rows` activations against `outs` weight rows.
#[derive(Clone, Copy)]
pub(crate) struct Product<S> {
    pub weights: S,
    pub outs: usize,
    /// [outs], or null.
    pub bias: *const f32,
    /// [rows, blocks × 32], in the order of `interleave`.
    pub x: *const f32,
    pub rows: usize,
    pub blocks: usize,
    /// Row r, output o goes to `y[r × stride + o]`.
    pub y: *mut f32,
    pub stride: usize,
}

/// # Safety
/// All pointers of `p` are valid for the sizes it names, and nothing else uses its outputs.
#[inline(always)]
pub(crate) unsafe fn product<L: Lanes, S: Source>(p: Product<S>) {
    // SAFETY: passed on.
    unsafe {
        if L::WIDE {
            sweep::<L, S, 4, 4>(p)
        } else {
            sweep::<L, S, 2, 2>(p)
        }
    }
}

#[inline(always)]
unsafe fn sweep<L: Lanes, S: Source, const R: usize, const O: usize>(p: Product<S>) {
    let mut o = 0;
    // SAFETY: tiles stay within p.rows and p.outs.
    unsafe {
        while o + O <= p.outs {
            down_rows::<L, S, R, O>(&p, o);
            o += O;
        }
        while o < p.outs {
            down_rows::<L, S, R, 1>(&p, o);
            o += 1;
        }
    }
}

#[inline(always)]
unsafe fn down_rows<L: Lanes, S: Source, const R: usize, const O: usize>(p: &Product<S>, o: usize) {
    let mut r = 0;
    // SAFETY: tiles stay within p.rows.
    unsafe {
        while r + R <= p.rows {
            tile::<L, S, R, O>(p, r, o);
            r += R;
        }
        while r + 2 <= p.rows {
            tile::<L, S, 2, O>(p, r, o);
            r += 2;
        }
        while r < p.rows {
            tile::<L, S, 1, O>(p, r, o);
            r += 1;
        }
    }
}

/// R rows by O outputs; the sums stay in registers.
#[inline(always)]
unsafe fn tile<L: Lanes, S: Source, const R: usize, const O: usize>(
    p: &Product<S>,
    r: usize,
    o: usize,
) {
    // SAFETY: the caller keeps r + R and o + O within the product.
    unsafe {
        let x = p.x.add(r * p.blocks * BLOCK);
        let weights = p.weights.skip(o);
        let mut sums = [[L::splat(0.0); O]; R];
        for block in 0..p.blocks {
            let mut w = [(L::splat(0.0), L::splat(0.0)); O];
            for (j, w) in w.iter_mut().enumerate() {
                *w = weights.block::<L>(j, block);
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let at = x.add((i * p.blocks + block) * BLOCK);
                let even = L::load(at);
                let odd = L::load(at.add(BLOCK / 2));
                for (sum, w) in sums.iter_mut().zip(w) {
                    *sum = w.1.mul_add(odd, w.0.mul_add(even, *sum));
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                let bias = if p.bias.is_null() {
                    0.0
                } else {
                    *p.bias.add(o + j)
                };
                *p.y.add((r + i) * p.stride + o + j) = sum.sum() + bias;
            }
        }
    }
}

#[inline(always)]
unsafe fn bf16_kernel<L: Lanes>(p: Product<Bf16>) {
    // SAFETY: passed on.
    unsafe { product::<L, Bf16>(p) }
}

#[inline(always)]
unsafe fn plain_kernel<L: Lanes>(p: Product<Plain>) {
    // SAFETY: passed on.
    unsafe { product::<L, Plain>(p) }
}

#[inline(always)]
unsafe fn scaled_kernel<L: Lanes>(p: Product<Scaled>) {
    // SAFETY: passed on.
    unsafe { product::<L, Scaled>(p) }
}

multiversion! { pub(crate) fn scaled_product = scaled_kernel(p: Product<Scaled>) }
multiversion! { pub(crate) fn bf16_product = bf16_kernel(p: Product<Bf16>) }
multiversion! { pub(crate) fn plain_product = plain_kernel(p: Product<Plain>) }

/// Copies a row so that each block of 32 has its even places first, then its odd ones;
/// what is missing to a whole block is zero.
pub(crate) fn interleave(row: &[f32], to: &mut [f32]) {
    debug_assert_eq!(to.len(), row.len().div_ceil(BLOCK) * BLOCK);
    let whole = row.len() / BLOCK * BLOCK;
    for (from, to) in row.chunks_exact(BLOCK).zip(to.chunks_exact_mut(BLOCK)) {
        let (even, odd) = to.split_at_mut(BLOCK / 2);
        for ((pair, even), odd) in from.chunks_exact(2).zip(even).zip(odd) {
            *even = pair[0];
            *odd = pair[1];
        }
    }
    if whole < row.len() {
        to[whole..].fill(0.0);
        for (i, &value) in row[whole..].iter().enumerate() {
            to[whole + i % 2 * (BLOCK / 2) + i / 2] = value;
        }
    }
}

/// `interleave` of N rows of K values.
pub(crate) fn interleave_rows(x: &[f32], k: usize) -> Vec<f32> {
    let wide = k.div_ceil(BLOCK) * BLOCK;
    let mut to = vec![0.0; x.len() / k * wide];
    for (row, to) in x.chunks_exact(k).zip(to.chunks_exact_mut(wide)) {
        interleave(row, to);
    }
    to
}

/// Calls `run` with ranges that cover 0..outs, in parallel where the work is worth it.
/// Ranges begin at multiples of four.
pub(crate) fn split(outs: usize, cost_per_out: usize, run: impl Fn(Range<usize>) + Sync) {
    let chunk = (GRAIN / cost_per_out.max(1)).max(4) & !3;
    if outs < 2 * chunk {
        return run(0..outs);
    }
    (0..outs.div_ceil(chunk))
        .into_par_iter()
        .for_each(|i| run(i * chunk..outs.min((i + 1) * chunk)));
}

/// A pointer that tasks share, each writing places of its own.
#[derive(Clone, Copy)]
pub(crate) struct Shared(pub *mut f32);

// SAFETY: whoever writes through it keeps its places apart.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn at(self, offset: usize) -> *mut f32 {
        self.0.wrapping_add(offset)
    }
}

/// The contiguous f32 rows, `width` wide, behind a candle operand.
pub(crate) fn rows_of<'a>(
    storage: &'a CpuStorage,
    layout: &Layout,
    width: usize,
) -> candle_core::Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) if layout.dims().last() == Some(&width) => Ok(&values[start..end]),
        _ => candle_core::bail!("expected contiguous rows of {width}, found {layout:?}"),
    }
}
