//! Products of activations with weight rows: the kernel that all projections and experts
//! share, and the dense projection as a candle operation.
//!
//! Axes: N rows of activations, K inputs, O outputs. Weights are [O, K] as stored: bf16 stays
//! bf16, MXFP4 stays packed, both are widened in registers. K goes in blocks of 32, first the
//! even places, then the odd ones, over sixteen lanes that are summed at the end. So each
//! output depends on its own row and weights alone, whatever N, the tile or the threads are.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use rayon::prelude::*;
use std::ops::Range;

use crate::simd::{Isa, Lanes, multiversion, prefetch};
use crate::weights::Bytes;

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
struct Bf16 {
    base: *const u8,
    blocks: usize,
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

multiversion! { fn bf16_product = bf16_kernel(p: Product<Bf16>) }
multiversion! { fn plain_product = plain_kernel(p: Product<Plain>) }

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

enum Stored {
    /// Whole blocks of bf16, as in the file.
    Bf16(Bytes),
    /// f32 in the order of `interleave`.
    F32(Vec<f32>),
}

/// A dense projection, x · Wᵀ + b.
pub struct Linear {
    stored: Stored,
    bias: Option<Vec<f32>>,
    outs: usize,
    ins: usize,
    isa: Isa,
}

impl Linear {
    /// bf16 weights [outs, ins], little endian, row by row.
    pub(crate) fn bf16(bytes: Bytes, bias: Option<Vec<f32>>, outs: usize, ins: usize) -> Linear {
        let stored = if ins.is_multiple_of(BLOCK) {
            Stored::Bf16(bytes)
        } else {
            // Whole blocks let the kernel do without a tail.
            let wide = ins.div_ceil(BLOCK) * BLOCK;
            let mut padded = vec![0; outs * wide * 2];
            for (to, from) in padded
                .chunks_exact_mut(wide * 2)
                .zip(bytes.chunks_exact(ins * 2))
            {
                to[..ins * 2].copy_from_slice(from);
            }
            Stored::Bf16(Bytes::Owned(padded))
        };
        Linear {
            stored,
            bias,
            outs,
            ins,
            isa: Isa::best(),
        }
    }

    /// f32 weights [outs, ins].
    pub(crate) fn f32(weights: &[f32], bias: Option<Vec<f32>>, outs: usize, ins: usize) -> Linear {
        let stored = Stored::F32(interleave_rows(weights, ins));
        Linear {
            stored,
            bias,
            outs,
            ins,
            isa: Isa::best(),
        }
    }

    #[cfg(test)]
    pub(crate) fn set_isa(&mut self, isa: Isa) {
        self.isa = isa;
    }

    /// x: [N, K] → [N, O]
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op1_no_bwd(self)
    }

    fn multiply(&self, x: &[f32]) -> Vec<f32> {
        let rows = x.len() / self.ins;
        let blocks = self.ins.div_ceil(BLOCK);
        let x = interleave_rows(x, self.ins);
        let mut y = vec![0.0; rows * self.outs];
        let to = Shared(y.as_mut_ptr());
        split(self.outs, rows * self.ins, |outs| {
            let bias = match &self.bias {
                Some(bias) => bias[outs.start..].as_ptr(),
                None => std::ptr::null(),
            };
            // SAFETY: weights, bias and x were sized for outs, ins and rows when made; ranges
            // are disjoint, so are the outputs written.
            unsafe {
                let (x, y, stride) = (x.as_ptr(), to.at(outs.start), self.outs);
                match &self.stored {
                    Stored::Bf16(bytes) => {
                        let weights = Bf16 {
                            base: bytes.as_ptr(),
                            blocks,
                        }
                        .skip(outs.start);
                        let outs = outs.len();
                        let p = Product {
                            weights,
                            outs,
                            bias,
                            x,
                            rows,
                            blocks,
                            y,
                            stride,
                        };
                        bf16_product(self.isa, p);
                    }
                    Stored::F32(values) => {
                        let weights = Plain {
                            base: values.as_ptr(),
                            blocks,
                        }
                        .skip(outs.start);
                        let outs = outs.len();
                        let p = Product {
                            weights,
                            outs,
                            bias,
                            x,
                            rows,
                            blocks,
                            y,
                            stride,
                        };
                        plain_product(self.isa, p);
                    }
                }
            }
        });
        y
    }
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = rows_of(s, l, self.ins)?;
        let shape = Shape::from((x.len() / self.ins, self.outs));
        Ok((CpuStorage::F32(self.multiply(x)), shape))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise;

    /// Widths with and without whole blocks, numbers of outputs with and without whole tiles.
    const SHAPES: [(usize, usize); 4] = [(7, 33), (16, 64), (37, 100), (130, 192)];

    fn bf16_bytes(values: &[f32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|v| half::bf16::from_f32(*v).to_le_bytes())
            .collect()
    }

    #[test]
    fn agrees_with_a_plain_product_in_f64() {
        for (outs, ins) in SHAPES {
            let mut noise = Noise::new(3);
            let weights = noise.bf16_values(outs * ins);
            let bias = noise.values(outs);
            let x = noise.values(5 * ins);
            let linear = Linear::f32(&weights, Some(bias.clone()), outs, ins);
            let y = linear.multiply(&x);
            for (i, y) in y.iter().enumerate() {
                let (row, out) = (i / outs, i % outs);
                let terms = (0..ins)
                    .map(|k| f64::from(x[row * ins + k]) * f64::from(weights[out * ins + k]));
                let expected = terms.sum::<f64>() + f64::from(bias[out]);
                assert!(
                    (f64::from(*y) - expected).abs() < 1e-4,
                    "{y} is not {expected}"
                );
            }
        }
    }

    #[test]
    fn same_bits_for_every_batch_storage_and_instruction_set() {
        for (outs, ins) in SHAPES {
            let mut noise = Noise::new(4);
            let weights = noise.bf16_values(outs * ins);
            let x = noise.values(9 * ins);
            let mut plain = Linear::f32(&weights, None, outs, ins);
            let mut bf16 = Linear::bf16(Bytes::Owned(bf16_bytes(&weights)), None, outs, ins);
            let expected = plain.multiply(&x);
            for isa in Isa::available() {
                plain.set_isa(isa);
                bf16.set_isa(isa);
                assert_eq!(plain.multiply(&x), expected);
                assert_eq!(bf16.multiply(&x), expected);
                for rows in 1..9 {
                    assert_eq!(bf16.multiply(&x[..rows * ins]), expected[..rows * outs]);
                }
            }
        }
    }
}
